//! Nodes that no longer answer: whether the server or something else is to blame.

use std::time::{Duration, Instant};

use wire::{Address, Connection, Node, WireError, command};

use super::LiveCluster;
use crate::control::NodeState;
use crate::outcome::{Mismatch, Stop};

/// How long a process may still seem to run after it closed its sockets, while it frees its memory.
const EXIT_LAG: Duration = Duration::from_millis(500);

/// The pause between two looks at whether it has ended.
const EXIT_PAUSE: Duration = Duration::from_millis(5);

impl LiveCluster {
    /// Whether a node answers PING on a new connection, rather than that it takes no more clients.
    pub async fn answers(&self, announced: &Address) -> bool {
        match Connection::open(&self.options(announced)).await {
            Ok(mut connection) => connection.call(&command!["PING"]).await.is_ok_and(|reply| !is_full(&reply)),
            Err(_) => false,
        }
    }

    /// Whether a node runs as another process than when rct came or asked for the last time, and for no longer than
    /// `span`.
    pub async fn started_again(&self, node: &Node, span: Duration) -> bool {
        let Ok(info) = self.info(node, "server").await else { return false };
        let Some(now) = info.get("run_id") else { return false };
        let before = self.run_ids.borrow_mut().insert(node.address.clone(), now.clone());
        // Servers count whole seconds.
        let seconds = info.get("uptime_in_seconds").and_then(|seconds| seconds.parse().ok());
        let is_young = seconds.is_some_and(|seconds| Duration::from_secs(seconds) <= span + Duration::from_secs(1));
        is_young && before.is_some_and(|before| before != *now)
    }

    /// Forgets as which process a node ran, because the check started it again.
    pub fn forget_process(&self, node: &Address) {
        self.run_ids.borrow_mut().remove(node);
    }

    /// Decides whether the server or something else is to blame for a failed connection; see [`crate::Session::judge`].
    pub async fn judge(&self, announced: &Address, error: WireError, sent: &str) -> Stop {
        let broke_protocol = matches!(error, WireError::Protocol(_));
        if broke_protocol || (error.is_lost() && self.answers(announced).await) {
            return Stop::Mismatch(Box::new(Mismatch {
                sent: Some(sent.to_owned()),
                to: Some(self.describe_node(announced)),
                expected: "a well-formed reply within the limit".to_owned(),
                received: error.to_string(),
                note: (!broke_protocol).then(|| "the node answers PING on a new connection".to_owned()),
                ..Mismatch::default()
            }));
        }
        if let WireError::Refused { command: "HELLO", error, .. } = &error
            && error.text.starts_with("ERR unknown command")
        {
            return Stop::skip(format!("this server has no RESP3: it answers HELLO with {}", error.text));
        }
        if error.is_lost() {
            self.wait_for_the_end_of(announced).await;
        }
        Stop::Broken(self.describe_lost_node(announced, &error))
    }

    /// Waits until a process that closed its sockets has ended, so that messages can say how it ended.
    async fn wait_for_the_end_of(&self, announced: &Address) {
        let given_up = Instant::now() + EXIT_LAG;
        while matches!(self.control.state(announced), NodeState::Running) && Instant::now() < given_up {
            tokio::time::sleep(EXIT_PAUSE).await;
        }
    }

    fn describe_lost_node(&self, announced: &Address, error: &WireError) -> String {
        let state = match self.control.state(announced) {
            NodeState::Running => "its process still runs".to_owned(),
            NodeState::Paused => "its process is paused".to_owned(),
            NodeState::CutOff => "it is cut off from the other nodes".to_owned(),
            NodeState::Ended(how) => format!("its process has ended ({how})"),
            NodeState::Unknown => "it does not answer on a new connection".to_owned(),
        };
        let mut text = format!("rct lost the node {announced}: {error}; {state}");
        if let Some(log) = self.control.log_tail(announced) {
            text.push_str("; the last lines of its log:\n");
            text.push_str(&log);
        }
        text
    }
}

/// Whether a node says that it takes no more clients.
fn is_full(reply: &wire::Reply) -> bool {
    reply.error().is_some_and(|error| error.text.contains("max number of clients"))
}
