//! Forms a cluster from servers that have just started, by CLUSTER commands.
//!
//! Two delays of the servers would make this slow:
//!
//! * A server processes handshakes and sends pings ten times a second. So each step that waits for another node costs
//!   up to 100 ms. The steps here are ordered so that three such ticks suffice.
//! * A server that starts as a primary reports `cluster_state:fail` for two seconds, so that a primary which returns
//!   takes no writes before it hears of its successor. A replica has no such delay.
//!
//! To avoid the second delay, each future primary first replicates an extra server, the *warmer*, until it reports
//! `cluster_state:ok`. CLUSTER RESET then makes it a primary with a new id and no slots, and the same transaction gives
//! it the slots and the epoch of the plan.

use std::time::Duration;

use futures_util::future::{join, try_join_all};
use wire::{Command, NodeId, Slot, SlotRange, command};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::member::Member;
use crate::bootstrap::plan::ClusterPlan;

/// The pause between two questions to a node that is about to learn of another.
const POLL: Duration = Duration::from_millis(3);
/// The number of nodes from which on the pause grows with them: otherwise the questions to all nodes, on few cores, take
/// the time that the nodes need to learn of each other.
const POLLED_FAST: usize = 8;
/// The limit on each step that waits for one node to learn of another.
const STEP_LIMIT: Duration = Duration::from_secs(30);

/// Gives every node its slots, epoch and role, introduces the nodes to each other, and returns their ids.
///
/// The nodes need not agree when this returns: [`crate::bootstrap::settle`] waits for that.
pub(crate) async fn form(
    plan: &ClusterPlan,
    members: &mut [Member<'_>],
    warmer: Option<&mut Member<'_>>,
) -> Result<Vec<NodeId>, BringUpError> {
    let (primaries, replicas) = members.split_at_mut(plan.primaries().count());
    let (prepared_primaries, prepared_replicas) =
        join(prepare_primaries(plan, primaries, warmer), prepare_replicas(plan, replicas)).await;
    prepared_primaries?;
    prepared_replicas?;
    introduce(plan, members).await
}

/// Does what [`form`] does, with the first future replica as the warmer; that one is then reset, too.
///
/// A cluster without replicas has no warmer, so this takes the two seconds that primaries need.
pub(crate) async fn form_without_extra_server(
    plan: &ClusterPlan,
    members: &mut [Member<'_>],
) -> Result<Vec<NodeId>, BringUpError> {
    let (primaries, replicas) = members.split_at_mut(plan.primaries().count());
    match replicas.first_mut() {
        None => prepare_primaries(plan, primaries, None).await?,
        Some(warmer) => {
            // Nobody needs the warmer's data, and sending it would delay the reset.
            let before = delay_data(warmer).await?;
            warm_up(plan, primaries, warmer).await?;
            warmer.ask(&command!["CLUSTER", "RESET", "HARD"]).await?;
            warmer.ask_all(&before).await?;
        }
    }
    prepare_replicas(plan, replicas).await?;
    introduce(plan, members).await
}

async fn introduce(plan: &ClusterPlan, members: &mut [Member<'_>]) -> Result<Vec<NodeId>, BringUpError> {
    let ids = try_join_all(members.iter_mut().map(own_id)).await?;
    try_join_all(members.iter_mut().enumerate().map(|(position, member)| introduce_one(plan, &ids, position, member)))
        .await?;
    // A server learns its own address from the nodes that meet it, so a single node has to meet itself.
    if let [only] = members {
        only.ask(&meet(only.address)).await?;
    }
    Ok(ids)
}

async fn prepare_primaries(
    plan: &ClusterPlan,
    primaries: &mut [Member<'_>],
    warmer: Option<&mut Member<'_>>,
) -> Result<(), BringUpError> {
    let Some(warmer) = warmer else {
        let prepared = primaries
            .iter_mut()
            .zip(&plan.nodes)
            .map(async |(member, planned)| member.ask_all(&[set_epoch(planned.epoch), add_slots(planned.slots)]).await);
        return try_join_all(prepared).await.map(drop);
    };
    warm_up(plan, primaries, warmer).await?;
    warmer.kill_without_waiting();
    Ok(())
}

/// Makes a server wait for an hour before it sends its data to a replica; returns the commands that undo that.
async fn delay_data(member: &mut Member<'_>) -> Result<Vec<Command>, BringUpError> {
    let mut before = Vec::new();
    for (name, value) in [("repl-diskless-sync", "yes"), ("repl-diskless-sync-delay", "3600")] {
        let reply = member.ask(&command!["CONFIG", "GET", name]).await?;
        let own = reply.items().and_then(|items| wire::bytes_of(items.get(1)?)).unwrap_or_default().to_vec();
        before.push(command!["CONFIG", "SET", name, own]);
        member.ask(&command!["CONFIG", "SET", name, value]).await?;
    }
    Ok(before)
}

/// Lets every future primary replicate the warmer until it reports a healthy cluster, and then makes it a primary.
async fn warm_up(
    plan: &ClusterPlan,
    primaries: &mut [Member<'_>],
    warmer: &mut Member<'_>,
) -> Result<(), BringUpError> {
    // A node without slots does not count as a primary.
    warmer.ask(&command!["CLUSTER", "ADDSLOTS", "0"]).await?;
    let warmer_id = own_id(warmer).await?;
    let meet = meet(warmer.address);
    let prepared = primaries.iter_mut().zip(&plan.nodes).map(async |(member, planned)| {
        member.ask(&meet).await?;
        replicate(member, warmer_id, pause(plan)).await?;
        until_healthy(member, pause(plan)).await?;
        let reset = command!["CLUSTER", "RESET", "HARD"];
        let transaction =
            [command!["MULTI"], reset, set_epoch(planned.epoch), add_slots(planned.slots), command!["EXEC"]];
        let replies = member.ask_all(&transaction).await?;
        let error = replies.last().and_then(|all| all.items()?.iter().find_map(wire::error_of));
        error.map_or(Ok(()), |error| Err(member.refused("CLUSTER RESET", error.text)))
    });
    try_join_all(prepared).await.map(drop)
}

/// Gives each future replica its epoch, and then lets them meet each other, while the primaries warm up.
///
/// The epoch comes first because a node that knows another one refuses SET-CONFIG-EPOCH.
async fn prepare_replicas(plan: &ClusterPlan, replicas: &mut [Member<'_>]) -> Result<(), BringUpError> {
    let planned = &plan.nodes[plan.primaries().count()..];
    let epochs = replicas.iter_mut().zip(planned).map(async |(member, own)| member.ask(&set_epoch(own.epoch)).await);
    try_join_all(epochs).await?;
    let met = replicas.iter_mut().enumerate().map(async |(position, member)| {
        let meetings: Vec<Command> = planned[position + 1..].iter().map(|other| meet(&other.address)).collect();
        member.ask_all(&meetings).await
    });
    try_join_all(met).await.map(drop)
}

/// Introduces a node to the others.
///
/// Of each two nodes only one meets the other. If both did, each would close one of its links and need one more tick.
async fn introduce_one(
    plan: &ClusterPlan,
    ids: &[NodeId],
    position: usize,
    member: &mut Member<'_>,
) -> Result<(), BringUpError> {
    let planned = &plan.nodes[position];
    let met: Vec<Command> = match planned.copies {
        None => plan.primaries().skip(position + 1).map(|other| meet(&plan.nodes[other].address)).collect(),
        Some(_) => plan.primaries().map(|other| meet(&plan.nodes[other].address)).collect(),
    };
    member.ask_all(&met).await?;
    match planned.copies {
        None => Ok(()),
        Some(primary) => replicate(member, ids[primary], pause(plan)).await,
    }
}

/// Makes a node the replica of a node that it has been told to meet, as soon as it knows that node.
async fn replicate(member: &mut Member<'_>, primary: NodeId, pause: Duration) -> Result<(), BringUpError> {
    let replicate = command!["CLUSTER", "REPLICATE", primary];
    let steps = async {
        while member.try_ask(&replicate).await?.error().is_some() {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    };
    within(steps, "a node does not know its primary").await
}

async fn until_healthy(member: &mut Member<'_>, pause: Duration) -> Result<(), BringUpError> {
    let info = command!["CLUSTER", "INFO"];
    let steps = async {
        while !member.ask(&info).await?.text().unwrap_or_default().contains("cluster_state:ok") {
            tokio::time::sleep(pause).await;
        }
        Ok(())
    };
    within(steps, "a node does not report cluster_state:ok").await
}

/// The pause between two questions to one node while this cluster is formed.
fn pause(plan: &ClusterPlan) -> Duration {
    POLL * u32::try_from(plan.nodes.len().div_ceil(POLLED_FAST)).unwrap_or(u32::MAX)
}

async fn within(steps: impl Future<Output = Result<(), BringUpError>>, what: &str) -> Result<(), BringUpError> {
    let late = |_| BringUpError::NotSettled { limit_s: STEP_LIMIT.as_secs(), differences: what.to_owned() };
    tokio::time::timeout(STEP_LIMIT, steps).await.map_err(late)?
}

async fn own_id(member: &mut Member<'_>) -> Result<NodeId, BringUpError> {
    let reply = member.ask(&command!["CLUSTER", "MYID"]).await?;
    let id = reply.text().unwrap_or_default().parse();
    id.map_err(|error: wire::topology::NodeIdError| member.refused("CLUSTER MYID", error.to_string()))
}

/// The command that introduces a node to the node at an address.
pub(crate) fn meet(address: &wire::Address) -> Command {
    command!["CLUSTER", "MEET", &address.host, address.port.to_string()]
}

fn set_epoch(epoch: u64) -> Command {
    command!["CLUSTER", "SET-CONFIG-EPOCH", epoch.to_string()]
}

/// The command that gives a node its slots. It is ADDSLOTS because ADDSLOTSRANGE came with Redis 7.0.
fn add_slots(slots: Option<SlotRange>) -> Command {
    let numbers = slots.iter().flat_map(SlotRange::slots).map(|slot: Slot| slot.to_string());
    numbers.fold(command!["CLUSTER", "ADDSLOTS"], Command::arg)
}
