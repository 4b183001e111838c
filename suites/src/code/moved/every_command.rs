//! Every command with a key in the server's table of commands is redirected.

use wire::{Command, Node, Slot};

use crate::cluster::Cluster;
use crate::code::sweep::{self, Offence, SweepPlan};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("moved/every-declared-command")
    .title("Every command with a key in the COMMAND table answers MOVED for another node's key and changes nothing")
    .must("moved-redirection")
    .covers(&["moved.every-declared-command"])
    .shape(2, 0)
    .commands(&["COMMAND GETKEYS"])
    .body(|cluster| Box::pin(every_declared_command(cluster)))];

/// The least number of commands to test; the oldest servers in use have some 160 with keys.
const LEAST: usize = 100;

async fn every_declared_command(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let node = cluster.non_owner(slot)?;
    let plan = sweep::plan(cluster, &node, &[1, 2, 3], LEAST).await?;
    plan.report_share(cluster);
    let mut keys = Vec::new();
    let calls = plan.calls_once(|nth, at| {
        keys.push(cluster.keys().named(slot, &format!("{nth}-{at}")));
        keys[keys.len() - 1].clone()
    });
    let moved = format!("MOVED {slot} {}", owner.endpoint);
    let offences = sweep::sweep(cluster, &node, &calls, &Expect::error(&moved)).await?;
    let unchanged = nothing_changed(cluster, &node, &owner, slot, &keys).await;
    judge(&node, &plan, &moved, &offences, unchanged)?;
    cluster.transcript().note(&node.address, format!("tested {} commands; {}", plan.commands(), plan.not_swept()));
    Ok(())
}

/// Requires that no key exists, neither on the node that got the commands nor on the owner.
async fn nothing_changed(cluster: &Cluster, node: &Node, owner: &Node, slot: Slot, keys: &[String]) -> Outcome {
    sweep::wait_for_none(cluster, node, slot).await?;
    let exists = Command::new([&b"EXISTS"[..]].into_iter().chain(keys.iter().map(String::as_bytes)));
    cluster.expect(owner, exists, Expect::Integer(0)).await?;
    Ok(())
}

fn judge(node: &Node, plan: &SweepPlan, moved: &str, offences: &[Offence], unchanged: Outcome) -> Outcome {
    if offences.is_empty() {
        return unchanged.map_err(|stop| stop.with_note("every command was redirected, but one of them had an effect"));
    }
    let left = unchanged.err().map_or_else(String::new, |stop| format!("; keys were left behind: {stop}"));
    Err(Stop::Mismatch(Box::new(Mismatch {
        to: Some(node.address.to_string()),
        expected: format!("error {moved} from each of {} commands", plan.commands()),
        received: sweep::list(offences),
        note: Some(format!("{}{left}", plan.not_swept())),
        ..Mismatch::default()
    })))
}
