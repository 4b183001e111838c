//! Libraries of functions that a check loads. The cluster deletes them at the end of the check.

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// The name of the check's library, with which the names of its functions begin.
pub(super) fn name(cluster: &Cluster) -> String {
    cluster.keys().plain().chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// Loads the check's library on a primary. `{lib}` in the code stands for its name.
///
/// # Errors
/// A mismatch, if the node does not answer with the name.
pub(super) async fn load(cluster: &Cluster, node: &Node, code: &str) -> Outcome {
    let name = name(cluster);
    let code = format!("#!lua name={name}\n{}", code.replace("{lib}", &name));
    cluster.adopt_library(&name);
    cluster.expect(node, command!["FUNCTION", "LOAD", "REPLACE", &code], Expect::text(&name)).await.map(drop)
}

/// The command that calls a function of the check's library: `FCALL` or `FCALL_RO`, the end of the function's name, the
/// declared keys and the arguments.
pub(super) fn call(cluster: &Cluster, word: &str, function: &str, keys: &[&str], args: &[&str]) -> Command {
    let start = command![word, format!("{}_{function}", name(cluster)), keys.len().to_string()];
    keys.iter().chain(args).fold(start, |command, word| command.arg(word))
}
