//! The calls of a sweep, made so that they do not damage a server with the defect.
//!
//! A server that does not route a command would execute it. So each call is first queued in a transaction that is
//! discarded. If the server queues a command while it refuses the others, it does not route that command. Such a command
//! is called only with an expiry of one millisecond, so that what it writes disappears by itself.

use std::fmt;

use wire::{Command, Node, Slot, bytes_of, command};

use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// The number of calls without a reply after which a sweep ends.
const SILENT: usize = 3;
/// The largest number of keys of a slot that are searched for those of the check.
const KEYS_LISTED: usize = 10_000;

/// One call of a sweep.
#[derive(Debug, Clone)]
pub(in crate::code) struct Call {
    /// The command's name in the server's table.
    pub(in crate::code) name: String,
    /// The command.
    pub(in crate::code) command: Command,
    /// Whether the command accepts more arguments.
    pub(in crate::code) open: bool,
}

/// A command with a wrong reply.
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

/// The commands and their replies, each command once.
pub(in crate::code) fn list(offences: &[Offence]) -> String {
    let mut firsts: Vec<&Offence> = Vec::new();
    for offence in offences {
        if firsts.iter().all(|first| first.name != offence.name) {
            firsts.push(offence);
        }
    }
    firsts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Makes all calls on a node, and returns those whose reply was not as expected.
///
/// # Errors
/// Broken, if the node is lost.
pub(in crate::code) async fn sweep(
    cluster: &Cluster,
    node: &Node,
    calls: &[Call],
    expect: &Expect,
) -> Outcome<Vec<Offence>> {
    let own = cluster.live().as_named_by(&node.address, expect);
    let expect = own.as_ref().unwrap_or(expect);
    let queued = rehearse(cluster, node, calls).await?;
    let (mut routed, mut doubtful) = (Vec::new(), Vec::new());
    for (call, queued) in calls.iter().zip(queued) {
        if queued { doubtful.push(fleeting(call)) } else { routed.push(call.clone()) }
    }
    let mut offences = ask(cluster, node, &routed, expect).await?;
    let (closed, open): (Vec<Call>, Vec<Call>) = doubtful.into_iter().partition(|call| !call.open);
    offences.extend(ask(cluster, node, &open, expect).await?);
    offences.extend(closed.iter().map(|call| Offence::new(call, "QUEUED in a transaction".to_owned())));
    Ok(offences)
}

/// Waits until a node has none of the check's keys in a slot, which the node need not own.
///
/// # Errors
/// A mismatch with the keys, after the limit `reply`.
pub(in crate::code) async fn wait_for_none(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome {
    cluster
        .until(cluster.limits().reply, "the node has no key of the check in this slot", async || {
            let left = leftovers(cluster, node, slot).await?;
            crate::ensure!(
                left.is_empty(),
                format!("no key of the check in slot {slot} of {}", node.address),
                "{}",
                left.join(", ")
            );
            Ok(())
        })
        .await
}

/// The check's own keys that a node has in a slot, which the node need not own.
///
/// # Errors
/// A mismatch, if the server does not list keys.
pub(in crate::code) async fn leftovers(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<Vec<String>> {
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_LISTED.to_string()];
    let reply = cluster.expect(node, list, Expect::Kind(crate::expect::Kind::Array)).await?;
    let keys = reply.items().unwrap_or_default().iter().filter_map(bytes_of).map(String::from_utf8_lossy);
    Ok(keys.filter(|key| cluster.keys().owns(key)).map(|key| key.into_owned()).collect())
}

/// Which calls the server queues in a transaction.
///
/// If it queues most of them, it routes only at EXEC, and the result is that none is queued.
async fn rehearse(cluster: &Cluster, node: &Node, calls: &[Call]) -> Outcome<Vec<bool>> {
    let inner = calls.iter().map(|call| call.command.clone());
    let commands: Vec<Command> = [command!["MULTI"]].into_iter().chain(inner).chain([command!["DISCARD"]]).collect();
    let replies = match cluster.session(node).await?.exchange(&commands).await {
        Ok(replies) => replies,
        // The calls themselves will show which command got no reply.
        Err(Stop::Mismatch(_)) => return Ok(vec![false; calls.len()]),
        Err(stop) => return Err(stop),
    };
    let queued: Vec<bool> = replies[1..=calls.len()].iter().map(|reply| reply.error().is_none()).collect();
    let count = queued.iter().filter(|queued| **queued).count();
    let tells = replies[0].is_ok() && count * 2 <= calls.len();
    Ok(if tells { queued } else { vec![false; calls.len()] })
}

/// The call with an expiry of one millisecond, for commands that support one.
fn fleeting(call: &Call) -> Call {
    Call { command: call.command.clone().arg("PX").arg("1"), ..call.clone() }
}

async fn ask(cluster: &Cluster, node: &Node, calls: &[Call], expect: &Expect) -> Outcome<Vec<Offence>> {
    let commands: Vec<Command> = calls.iter().map(|call| call.command.clone()).collect();
    let mut session = cluster.session(node).await?;
    match session.exchange(&commands).await {
        Ok(replies) => {
            // A command that our user may not run says nothing, but does not keep the others from being judged.
            let may_run = |call: &Call, reply: &wire::Reply| session.permit(&call.command, reply).is_ok();
            let wrong =
                calls.iter().zip(&replies).filter(|(call, reply)| !expect.admits(reply) && may_run(call, reply));
            Ok(wrong.map(|(call, reply)| Offence::new(call, reply.to_string())).collect())
        }
        // One call got no reply; separate calls show which one.
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
