//! Makes the calls of a sweep, so that a server with the defect looked for is not harmed by it.
//!
//! A server that routes a command wrongly would execute it. So every call is first made inside a transaction that is
//! discarded: what is queued there, while the others are refused, is not routed. Such a command is then called only
//! with an expiry of a millisecond behind it, and what it wrote goes by itself.

use std::fmt;

use wire::{Command, Node, Slot, bytes_of, command};

use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// Calls without an answer after which a sweep asks no more.
const SILENT: usize = 3;
/// The keys of a slot that are looked through for those of the check.
const KEYS_LISTED: usize = 10_000;

/// One call of a sweep.
#[derive(Debug, Clone)]
pub(in crate::code) struct Call {
    /// The command's name in the server's table.
    pub(in crate::code) name: String,
    /// The command.
    pub(in crate::code) command: Command,
    /// Whether more arguments may follow.
    pub(in crate::code) open: bool,
}

/// A command that was not answered as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::code) struct Offence {
    name: String,
    received: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.name, self.received)
    }
}

/// The commands and what they received, each command once.
pub(in crate::code) fn list(offences: &[Offence]) -> String {
    let mut firsts: Vec<&Offence> = Vec::new();
    for offence in offences {
        if firsts.iter().all(|first| first.name != offence.name) {
            firsts.push(offence);
        }
    }
    firsts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Makes all calls at a node and gives those that were not answered as expected.
///
/// # Errors
/// Broken, where the node is lost.
pub(in crate::code) async fn sweep(
    cluster: &Cluster,
    node: &Node,
    calls: &[Call],
    expect: &Expect,
) -> Outcome<Vec<Offence>> {
    let queued = rehearse(cluster, node, calls).await?;
    let (mut routed, mut doubtful) = (Vec::new(), Vec::new());
    for (call, queued) in calls.iter().zip(queued) {
        if queued { doubtful.push(fleeting(call)) } else { routed.push(call.clone()) }
    }
    let mut offences = ask(cluster, node, &routed, expect).await?;
    let (closed, open): (Vec<Call>, Vec<Call>) = doubtful.into_iter().partition(|call| !call.open);
    offences.extend(ask(cluster, node, &open, expect).await?);
    offences.extend(closed.iter().map(|call| Offence::new(call, "QUEUED inside MULTI".to_owned())));
    Ok(offences)
}

/// Waits until a node holds none of the check's keys of a slot, which it need not own.
///
/// # Errors
/// A mismatch that names the keys, after the limit on a reply.
pub(in crate::code) async fn wait_for_none(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome {
    cluster
        .until(cluster.limits().reply, "the node holds none of the check's keys", async || {
            let left = leftovers(cluster, node, slot).await?;
            crate::ensure!(
                left.is_empty(),
                format!("no key in slot {slot} of {}", node.address),
                "{}",
                left.join(", ")
            );
            Ok(())
        })
        .await
}

/// The check's own keys that a node holds in a slot, which it need not own.
///
/// # Errors
/// A mismatch, where the server does not list them.
pub(in crate::code) async fn leftovers(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<Vec<String>> {
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_LISTED.to_string()];
    let reply = cluster.expect(node, list, Expect::Kind(crate::expect::Kind::Array)).await?;
    let keys = reply.items().unwrap_or_default().iter().filter_map(bytes_of).map(String::from_utf8_lossy);
    Ok(keys.filter(|key| key.contains(cluster.keys().prefix())).map(|key| key.into_owned()).collect())
}

/// Which calls are queued inside a transaction; none, where most are, since the server then routes only at EXEC.
async fn rehearse(cluster: &Cluster, node: &Node, calls: &[Call]) -> Outcome<Vec<bool>> {
    let inner = calls.iter().map(|call| call.command.clone());
    let commands: Vec<Command> = [command!["MULTI"]].into_iter().chain(inner).chain([command!["DISCARD"]]).collect();
    let replies = match cluster.session(node).await?.pipeline(&commands).await {
        Ok(replies) => replies,
        // What gets no answer inside a transaction will be found by the calls themselves.
        Err(Stop::Mismatch(_)) => return Ok(vec![false; calls.len()]),
        Err(stop) => return Err(stop),
    };
    let queued: Vec<bool> = replies[1..=calls.len()].iter().map(|reply| reply.error().is_none()).collect();
    let count = queued.iter().filter(|queued| **queued).count();
    let tells = replies[0].is_ok() && count * 2 <= calls.len();
    Ok(if tells { queued } else { vec![false; calls.len()] })
}

/// The call with an expiry of a millisecond, for the commands that know one.
fn fleeting(call: &Call) -> Call {
    Call { command: call.command.clone().arg("PX").arg("1"), ..call.clone() }
}

async fn ask(cluster: &Cluster, node: &Node, calls: &[Call], expect: &Expect) -> Outcome<Vec<Offence>> {
    let commands: Vec<Command> = calls.iter().map(|call| call.command.clone()).collect();
    match cluster.session(node).await?.pipeline(&commands).await {
        Ok(replies) => {
            let wrong = calls.iter().zip(&replies).filter(|(_, reply)| !expect.admits(reply));
            Ok(wrong.map(|(call, reply)| Offence::new(call, reply.to_string())).collect())
        }
        // One of them got no answer; which one is seen only by asking one after the other.
        Err(Stop::Mismatch(_)) => ask_singly(cluster, node, calls, expect).await,
        Err(stop) => Err(stop),
    }
}

async fn ask_singly(cluster: &Cluster, node: &Node, calls: &[Call], expect: &Expect) -> Outcome<Vec<Offence>> {
    let mut session = cluster.session(node).await?;
    let mut offences = Vec::new();
    let mut silent = 0;
    for call in calls {
        match session.call(&call.command).await {
            Ok(reply) if expect.admits(&reply) => {}
            Ok(reply) => offences.push(Offence::new(call, reply.to_string())),
            Err(Stop::Mismatch(mismatch)) => {
                offences.push(Offence::new(call, mismatch.received));
                silent += 1;
                if silent == SILENT {
                    break;
                }
                session = cluster.session(node).await?;
            }
            Err(stop) => return Err(stop),
        }
    }
    Ok(offences)
}

impl Offence {
    fn new(call: &Call, received: String) -> Self {
        Self { name: call.name.clone(), received }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offending_command_is_listed_once() {
        let offence = |name: &str, received: &str| Offence { name: name.into(), received: received.into() };
        let offences = [offence("MSETEX", "OK"), offence("MSETEX", "(integer) 1"), offence("LCS", "null")];
        assert_eq!(list(&offences), "MSETEX: OK; LCS: null");
    }

    #[test]
    fn a_doubtful_call_carries_an_expiry() {
        let call = Call { name: "MSETEX".into(), command: command!["MSETEX", "1", "k", "1"], open: true };
        assert_eq!(fleeting(&call).command.to_string(), "MSETEX 1 k 1 PX 1");
    }
}
