//! Questions of rct itself to the nodes, on one connection to each node that stays open between questions.
//!
//! Waits ask often. A new connection for each question would leave thousands of closed connections, and a kernel that
//! tracks connections drops packets when its table is full.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;
use wire::{Address, Command, ConnectOptions, Connection, Reply, WireError, command};

/// The limit for a kept connection to answer PING; one on which packets are lost never answers.
const PROOF_LIMIT: Duration = Duration::from_secs(1);

/// The connections that no question uses at present, one at most for each address.
#[derive(Default)]
pub(super) struct Questions {
    idle: RefCell<BTreeMap<Address, Connection>>,
}

impl Questions {
    /// Asks a node once.
    ///
    /// A kept connection must answer PING first, so that no question is sent twice.
    pub(super) async fn ask(&self, options: &ConnectOptions, question: &Command) -> Result<Reply, WireError> {
        let kept = self.idle.borrow_mut().remove(&options.address);
        let mut connection = match works(kept).await {
            Some(connection) => connection,
            None => Connection::open(options).await?,
        };
        let reply = connection.call(question).await?;
        self.idle.borrow_mut().insert(options.address.clone(), connection);
        Ok(reply)
    }

    /// Closes the kept connections, so that the next question also shows whether a node accepts a new client.
    pub(super) fn forget(&self) {
        self.idle.borrow_mut().clear();
    }
}

/// The connection, if it answers PING, and not with a late reply to an earlier question. An error that names PING is an
/// answer too: the user may not run it, or the server does not have it.
async fn works(kept: Option<Connection>) -> Option<Connection> {
    let mut connection = kept?;
    let pong = timeout(PROOF_LIMIT, connection.call(&command!["PING"])).await.ok()?.ok()?;
    let answers_ping = match pong.error() {
        Some(error) => error.text.to_lowercase().contains("ping"),
        None => pong.text().as_deref() == Some("PONG"),
    };
    answers_ping.then_some(connection)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const OWN: &str = "*1\r\n$6\r\nDBSIZE\r\n";
    const PING: &str = "*1\r\n$4\r\nPING\r\n";

    /// Serves connections one after the other, each by a script of what comes and what is answered, or until its client
    /// goes.
    async fn scripted(connections: &'static [&'static [(&'static str, &'static str)]]) -> ConnectOptions {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            for script in connections {
                serve(&mut listener.accept().await.unwrap().0, script).await;
            }
        });
        ConnectOptions { reply_timeout: Duration::from_secs(5), ..ConnectOptions::new(Address::new("127.0.0.1", port)) }
    }

    async fn serve(stream: &mut TcpStream, script: &[(&str, &str)]) {
        for (expected, reply) in script {
            let mut came = vec![0; expected.len()];
            if stream.read_exact(&mut came).await.is_err() {
                return;
            }
            assert_eq!(String::from_utf8_lossy(&came), *expected);
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    }

    async fn size(questions: &Questions, options: &ConnectOptions) -> Option<i64> {
        questions.ask(options, &command!["DBSIZE"]).await.unwrap().integer()
    }

    #[tokio::test]
    async fn a_connection_is_kept_and_proves_itself_before_each_further_question() {
        let options = scripted(&[&[(OWN, ":1\r\n"), (PING, "+PONG\r\n"), (OWN, ":2\r\n")]]).await;
        let questions = Questions::default();
        assert_eq!(size(&questions, &options).await, Some(1));
        assert_eq!(size(&questions, &options).await, Some(2));
    }

    #[tokio::test]
    async fn a_closed_connection_is_replaced() {
        let options = scripted(&[&[(OWN, ":1\r\n")], &[(OWN, ":2\r\n")]]).await;
        let questions = Questions::default();
        assert_eq!(size(&questions, &options).await, Some(1));
        assert_eq!(size(&questions, &options).await, Some(2));
    }

    #[tokio::test]
    async fn a_reply_too_many_is_not_taken_for_that_of_the_next_question() {
        let options = scripted(&[&[(OWN, ":1\r\n:9\r\n"), (PING, "+PONG\r\n")], &[(OWN, ":2\r\n")]]).await;
        let questions = Questions::default();
        assert_eq!(size(&questions, &options).await, Some(1));
        assert_eq!(size(&questions, &options).await, Some(2));
    }

    #[tokio::test]
    async fn after_forgetting_a_node_must_let_a_new_client_in() {
        let options = scripted(&[
            &[(OWN, ":1\r\n"), (PING, "+PONG\r\n"), (OWN, ":2\r\n")],
            &[(OWN, "-NOAUTH Authentication required.\r\n")],
        ])
        .await;
        let questions = Questions::default();
        assert_eq!(size(&questions, &options).await, Some(1));
        questions.forget();
        assert_eq!(size(&questions, &options).await, None);
    }
}
