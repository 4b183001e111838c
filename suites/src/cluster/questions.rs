//! Questions that change nothing, on one connection a node that is kept from one to the next.
//!
//! Waits ask often. With a connection each, a run would leave thousands of closed ones behind, and a kernel that tracks
//! connections drops packets once its table of them is full.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tokio::time::timeout;
use wire::{Address, Command, ConnectOptions, Connection, Reply, WireError, command};

/// The connections that no question uses just now, at most one for each address that was asked.
#[derive(Default)]
pub(super) struct Questions {
    idle: RefCell<BTreeMap<Address, Connection>>,
}

impl Questions {
    /// Asks a node once. What was kept proves first that it still works, so that no question is sent twice.
    pub(super) async fn ask(&self, options: &ConnectOptions, question: &Command) -> Result<Reply, WireError> {
        let kept = self.idle.borrow_mut().remove(&options.address);
        let mut connection = match works(kept, options).await {
            Some(connection) => connection,
            None => Connection::open(options).await?,
        };
        let reply = connection.call(question).await?;
        self.idle.borrow_mut().insert(options.address.clone(), connection);
        Ok(reply)
    }
}

/// The connection, if it answers PING as a connection does on which no reply is left over.
async fn works(kept: Option<Connection>, options: &ConnectOptions) -> Option<Connection> {
    let mut connection = kept?;
    let pong = timeout(options.connect_timeout, connection.call(&command!["PING"])).await.ok()?.ok()?;
    (pong.text().as_deref() == Some("PONG")).then_some(connection)
}
