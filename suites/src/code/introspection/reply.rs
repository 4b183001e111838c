//! The reply of COMMAND, which all checks of the suite begin with.

use wire::command;

use crate::cluster::Cluster;
use crate::commands::CommandTable;
use crate::outcome::{Outcome, Stop};

/// Asks a node for its table of commands.
///
/// # Errors
///
/// A mismatch, if the reply is not such a table.
pub(super) async fn table(cluster: &Cluster) -> Outcome<CommandTable> {
    let node = cluster.some_primary()?;
    let reply = cluster.call(&node, command!["COMMAND"]).await?;
    CommandTable::parse(reply.value())
        .map_err(|why| Stop::mismatch(format!("a table of commands in reply to COMMAND from {}", node.address), why))
}
