//! Waits until a new cluster has settled: every node has the planned view, and every replica is in sync.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use wire::{Command, Slot, Topology, command};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::form::meet;
use crate::bootstrap::member::Member;
use crate::bootstrap::node_view::{NodeView, questions};

/// The pause between two questions to a node. It grows with the pairs of nodes, because each view describes all nodes.
const POLL: Duration = Duration::from_millis(4);
const POLL_PER_PAIR: Duration = Duration::from_micros(50);
/// How long a node may not know another one before rct sends CLUSTER MEET again.
///
/// A server gives up a handshake that has no answer for about a second, and does not say so.
const MEET_AGAIN: Duration = Duration::from_millis(1_500);
/// How many differences a message names.
const DIFFERENCES_SHOWN: usize = 4;

/// Waits until all nodes have the expected view at the same time.
///
/// # Errors
///
/// [`BringUpError::NotSettled`] after `limit`, with what still differs; [`BringUpError::RolesChanged`] as soon as a
/// replica has taken over from its primary.
pub(crate) async fn settle(
    expected: &Topology,
    members: &mut [Member<'_>],
    limit: Duration,
) -> Result<(), BringUpError> {
    let deadline = Instant::now() + limit;
    let pause = POLL.max(POLL_PER_PAIR * u32::try_from(members.len().pow(2)).unwrap_or(u32::MAX));
    loop {
        let singly = members
            .iter_mut()
            .enumerate()
            .map(|(position, member)| settle_one(expected, position, member, deadline, pause));
        let mut differences: Vec<String> = try_join_all(singly).await?.into_iter().flatten().collect();
        if differences.is_empty() {
            // Each node had the expected view at some moment. Now all must have it at once.
            differences = compare_all(expected, members).await?;
        }
        if differences.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(not_settled(&differences, limit));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Waits until one node has the expected view; returns the difference at the deadline.
async fn settle_one(
    expected: &Topology,
    position: usize,
    member: &mut Member<'_>,
    deadline: Instant,
    pause: Duration,
) -> Result<Option<String>, BringUpError> {
    let planned = &expected.nodes[position];
    let replicas = expected.replicas_of(&planned.id).count();
    let mut has_written = replicas == 0;
    let mut last_meeting = Instant::now();
    loop {
        let view = view_of(member).await?;
        if let Some(primary) = view.unexpected_primary(expected) {
            return Err(BringUpError::RolesChanged(primary));
        }
        if !has_written && view.is_healthy() && view.attached_replicas() == replicas {
            write_and_delete(member, planned.slots.first().map(|range| range.start)).await?;
            has_written = true;
        }
        let difference = view.difference(expected);
        if difference.is_none() || Instant::now() > deadline {
            return Ok(difference);
        }
        if last_meeting.elapsed() > MEET_AGAIN {
            let meetings: Vec<Command> = view.unknown_nodes(expected).map(|node| meet(&node.address)).collect();
            member.ask_all(&meetings).await?;
            last_meeting = Instant::now();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Asks all nodes at once, and returns what differs.
async fn compare_all(expected: &Topology, members: &mut [Member<'_>]) -> Result<Vec<String>, BringUpError> {
    let views: Vec<NodeView> = try_join_all(members.iter_mut().map(view_of)).await?;
    let mut differences: Vec<String> = views.iter().filter_map(|view| view.difference(expected)).collect();
    let epochs: BTreeSet<Option<&str>> = views.iter().map(NodeView::current_epoch).collect();
    if epochs.len() > 1 {
        differences.push("the nodes know different current epochs".to_owned());
    }
    for (node, view) in expected.nodes.iter().zip(&views) {
        let primary = node.primary.and_then(|id| expected.nodes.iter().position(|node| node.id == id));
        let behind = primary.is_some_and(|primary| view.offset() < views[primary].offset());
        if behind {
            differences.push(format!("{} has not read all writes of its primary yet", node.address));
        }
    }
    Ok(differences)
}

async fn view_of(member: &mut Member<'_>) -> Result<NodeView, BringUpError> {
    let replies = member.ask_all(&questions()).await?;
    NodeView::read(member.address, &replies).map_err(|problem| member.refused("CLUSTER NODES", problem))
}

/// Writes a key and deletes it, because a server lists a replica in CLUSTER SLOTS only after it has received a write.
async fn write_and_delete(member: &mut Member<'_>, slot: Option<Slot>) -> Result<(), BringUpError> {
    let Some(slot) = slot else { return Ok(()) };
    let key = format!("{{{}}}rct", slot.tag(0));
    member.ask_all(&[command!["SET", &key, "1"], command!["DEL", &key]]).await.map(drop)
}

/// Sets the same settings on all nodes (CONFIG SET).
pub(crate) async fn set_everywhere(
    members: &mut [Member<'_>],
    settings: &[(&str, String)],
) -> Result<(), BringUpError> {
    let commands: Vec<_> = settings.iter().map(|(name, value)| command!["CONFIG", "SET", name, value]).collect();
    let set = join_all(members.iter_mut().map(|member| member.ask_all(&commands))).await;
    set.into_iter().try_for_each(|replies| replies.map(drop))
}

fn not_settled(differences: &[String], limit: Duration) -> BringUpError {
    let mut shown = differences[..differences.len().min(DIFFERENCES_SHOWN)].join(", ");
    if differences.len() > DIFFERENCES_SHOWN {
        shown.push_str(&format!(", and {} more", differences.len() - DIFFERENCES_SHOWN));
    }
    BringUpError::NotSettled { limit_s: limit.as_secs(), differences: shown }
}
