//! Tables of commands and the answers to them, in which names stand for ids and slots.

use wire::{Command, Node};

use super::own::own_state;
use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// An expected answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Okay,
    /// An error with the first word ERR.
    Refused,
    /// The first answer on the named servers, and the second one on all others.
    On(&'static str, &'static Answer, &'static Answer),
}

impl Answer {
    /// The expectation on this server.
    fn expect(self, cluster: &Cluster) -> Expect {
        match self {
            Self::Okay => Expect::Ok,
            Self::Refused => Expect::error("ERR"),
            Self::On(servers, there, elsewhere) => {
                (if cluster.server().is(servers) { *there } else { *elsewhere }).expect(cluster)
            }
        }
    }
}

/// What names such as `{nobody}` in a line stand for.
pub(super) type Names<'a> = &'a [(&'a str, &'a str)];

/// A well-formed node id that no node has.
pub(super) const NOBODY: &str = "0123456789012345678901234567890123456789";

/// The command of a line.
fn filled(line: &str, names: Names<'_>) -> Outcome<Command> {
    let all = names.iter().chain(&[("{nobody}", NOBODY)]);
    let line = all.fold(line.to_owned(), |line, (name, value)| line.replace(name, value));
    Command::parse(line).map_err(|error| Stop::broken(error.to_string()))
}

/// Sends the lines to a node, one after the other, and requires each answer.
///
/// # Errors
/// The first answer that is not as expected.
pub(super) async fn answers(cluster: &Cluster, node: &Node, names: Names<'_>, lines: &[(&str, Answer)]) -> Outcome {
    for (line, answer) in lines {
        cluster.expect(node, filled(line, names)?, answer.expect(cluster)).await?;
    }
    Ok(())
}

/// Requires that a node refuses each of the lines, and that none of them changes what the node says of itself and of
/// others.
///
/// # Errors
/// The first line that is accepted or has an effect.
pub(super) async fn refuses(cluster: &Cluster, node: &Node, names: Names<'_>, lines: &[&str]) -> Outcome {
    let before = own_state(cluster, node).await?;
    for line in lines {
        let command = filled(line, names)?;
        cluster.expect(node, &command, Expect::error("ERR")).await?;
        let after = own_state(cluster, node).await?;
        ensure!(
            after == before,
            format!("CLUSTER NODES of {} as before {command}, which it refused: {before}", node.address),
            "{after}"
        );
    }
    Ok(())
}
