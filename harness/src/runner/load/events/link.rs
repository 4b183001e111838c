//! A connection to a node, for the many commands of one event.

use suites::{LiveCluster, Outcome, Stop};
use wire::{Command, Connection, Node, Reply};

/// A connection to a node.
pub(super) struct Link<'a> {
    live: &'a LiveCluster,
    node: &'a Node,
    connection: Connection,
}

impl<'a> Link<'a> {
    pub(super) async fn open(live: &'a LiveCluster, node: &'a Node) -> Outcome<Self> {
        match Connection::open(&live.options(&node.address)).await {
            Ok(connection) => Ok(Self { live, node, connection }),
            Err(error) => Err(live.judge(&node.address, error, "(opening a connection)").await),
        }
    }

    /// Sends commands at once, and returns their replies, which may be errors.
    pub(super) async fn send_all(&mut self, commands: &[Command]) -> Outcome<Vec<Reply>> {
        match self.connection.pipeline(commands).await {
            Ok(replies) => Ok(replies),
            Err(error) => {
                let sent = commands.first().map(brief).unwrap_or_default();
                Err(self.live.judge(&self.node.address, error, &sent).await)
            }
        }
    }

    /// Sends commands at once that must be answered without an error.
    pub(super) async fn demand_all(&mut self, commands: &[Command]) -> Outcome<Vec<Reply>> {
        let replies = self.send_all(commands).await?;
        for (command, reply) in commands.iter().zip(&replies) {
            if let Some(error) = reply.error() {
                let expected = format!("no error from {} to {}", self.node.address, brief(command));
                return Err(Stop::mismatch(expected, error.to_string()));
            }
        }
        Ok(replies)
    }

    /// Sends a command that must be answered without an error.
    pub(super) async fn demand(&mut self, command: Command) -> Outcome<Reply> {
        let mut replies = self.demand_all(&[command]).await?;
        replies.pop().ok_or_else(|| Stop::broken(format!("{} answered nothing", self.node.address)))
    }
}

/// The first words of a command, without keys and passwords.
fn brief(command: &Command) -> String {
    command.to_string().split(' ').take(3).collect::<Vec<_>>().join(" ")
}
