//! Every command with two or more keys in the server's table of commands rejects keys of two slots.

use wire::{Node, Slot};

use crate::cluster::Cluster;
use crate::code::sweep::{self, SweepPlan};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("crossslot/every-declared-command")
        .title("Every command with several keys in the COMMAND table rejects keys of two slots of one node")
        .should("multi-keys-operations")
        .covers(&["crossslot.every-declared-command"])
        .commands(&["COMMAND GETKEYS"])
        .body(|cluster| Box::pin(two_slots_of_one_node(cluster))),
    check("crossslot/every-declared-command-over-two-nodes")
        .title("Every command with several keys in the COMMAND table rejects keys of two nodes")
        .should("multi-keys-operations")
        .covers(&["crossslot.every-declared-command"])
        .shape(2, 0)
        .commands(&["COMMAND GETKEYS"])
        .body(|cluster| Box::pin(slots_of_two_nodes(cluster))),
];

/// The least number of commands to test; the oldest servers in use have some 50 with several keys.
const LEAST: usize = 35;

async fn two_slots_of_one_node(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (first, second) = cluster.two_slots_of(&node)?;
    every_command(cluster, &node, first, second).await
}

async fn slots_of_two_nodes(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let first = cluster.slot_of(&node)?;
    let second = cluster.slot_of(&cluster.non_owner(first)?)?;
    every_command(cluster, &node, first, second).await
}

/// Tests every command with two and with three keys, of which the last is in the foreign slot.
///
/// With three keys it finds servers that compare only the first two.
async fn every_command(cluster: &Cluster, node: &Node, own: Slot, foreign: Slot) -> Outcome {
    let plan = sweep::plan(cluster, node, &[2, 3], LEAST).await?;
    let calls = plan.calls(|count| {
        let fresh = |nth| cluster.keys().fresh(if nth + 1 == count { foreign } else { own });
        (0..count).map(fresh).collect()
    });
    let offences = sweep::sweep(cluster, node, &calls, &Expect::error("CROSSSLOT")).await?;
    let mut unchanged = Ok(());
    for slot in [own, foreign] {
        unchanged = unchanged.and(sweep::wait_for_none(cluster, node, slot).await);
    }
    if offences.is_empty() {
        cluster.transcript().note(&node.address, format!("tested {} commands with several keys", plan.commands()));
        return unchanged.map_err(|stop| stop.with_note("every command was refused, but one of them had an effect"));
    }
    Err(mismatch(node, &plan, own, foreign, &offences))
}

fn mismatch(node: &Node, plan: &SweepPlan, own: Slot, foreign: Slot, offences: &[sweep::Offence]) -> Stop {
    Stop::Mismatch(Box::new(Mismatch {
        to: Some(format!("{} (owns slot {own})", node.address)),
        expected: format!(
            "error CROSSSLOT from each of {} commands for keys of slots {own} and {foreign}",
            plan.commands()
        ),
        received: sweep::list(offences),
        ..Mismatch::default()
    }))
}
