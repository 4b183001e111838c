//! The suite `introspection`: what COMMAND says of each command is true. The suite `connection` compares single commands.

use wire::command;

use crate::cluster::Cluster;
use crate::code_check::CodeCheck;
use crate::commands::CommandTable;
use crate::outcome::{Outcome, Stop};

mod fan_out;
mod key_rights;
mod key_specs;
mod table;

pub(super) const CHECKS: [&[CodeCheck]; 4] = [table::CHECKS, key_specs::CHECKS, key_rights::CHECKS, fan_out::CHECKS];

/// Asks a node for its table of commands.
///
/// # Errors
/// A mismatch, if the reply is not such a table.
async fn table(cluster: &Cluster) -> Outcome<CommandTable> {
    let node = cluster.some_primary()?;
    let reply = cluster.call(&node, command!["COMMAND"]).await?;
    CommandTable::parse(reply.value())
        .map_err(|why| Stop::mismatch(format!("a table of commands in reply to COMMAND from {}", node.address), why))
}
