//! Waits until a cluster that was just formed is at rest: every node's view is the planned one, every replica in sync.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use wire::{Command, Slot, Topology, command};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::form::meet;
use crate::bootstrap::member::Member;
use crate::bootstrap::node_view::{NodeView, questions};

/// The pause between two looks at a node. n looks at n nodes each are work for everybody, so it grows with their square.
const POLL: Duration = Duration::from_millis(4);
const POLL_PER_PAIR: Duration = Duration::from_micros(50);
/// How long a node may not know another before it is told again to meet it: a greeting that goes unanswered for about a
/// second is given up by the server, without a word.
const MEET_AGAIN: Duration = Duration::from_millis(1_500);
/// How many differences a message names.
const DIFFERENCES_SHOWN: usize = 4;

/// Waits until all nodes are as expected at the same time.
///
/// # Errors
///
/// [`BringUpError::Late`] after `limit`, with what still differs; [`BringUpError::Astray`] as soon as it cannot succeed any more.
pub(crate) async fn settle(
    expected: &Topology,
    members: &mut [Member<'_>],
    limit: Duration,
) -> Result<(), BringUpError> {
    let deadline = Instant::now() + limit;
    let pause = POLL.max(POLL_PER_PAIR * u32::try_from(members.len().pow(2)).unwrap_or(u32::MAX));
    loop {
        let singly =
            members.iter_mut().enumerate().map(|(position, member)| one(expected, position, member, deadline, pause));
        let mut differences: Vec<String> = try_join_all(singly).await?.into_iter().flatten().collect();
        if differences.is_empty() {
            // Each was as expected at some moment; now all at once.
            differences = together(expected, members).await?;
        }
        if differences.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(late(&differences, limit));
        }
        tokio::time::sleep(pause).await;
    }
}

/// Looks at one node until it is as expected; at the deadline gives what differs.
async fn one(
    expected: &Topology,
    position: usize,
    member: &mut Member<'_>,
    deadline: Instant,
    pause: Duration,
) -> Result<Option<String>, BringUpError> {
    let planned = &expected.nodes[position];
    let replicas = expected.replicas_of(&planned.id).count();
    let mut nudged = replicas == 0;
    let mut met = Instant::now();
    loop {
        let look = look(member).await?;
        if let Some(defector) = look.defector(expected) {
            return Err(BringUpError::Astray(defector));
        }
        if !nudged && look.is_healthy() && look.attached_replicas() == replicas {
            nudge(member, planned.slots.first().map(|range| range.start)).await?;
            nudged = true;
        }
        let difference = look.difference(expected);
        if difference.is_none() || Instant::now() > deadline {
            return Ok(difference);
        }
        if met.elapsed() > MEET_AGAIN {
            let meetings: Vec<Command> = look.strangers(expected).map(|node| meet(&node.address)).collect();
            member.ask_all(&meetings).await?;
            met = Instant::now();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Looks at all nodes at once, and gives what differs.
async fn together(expected: &Topology, members: &mut [Member<'_>]) -> Result<Vec<String>, BringUpError> {
    let looks: Vec<NodeView> = try_join_all(members.iter_mut().map(look)).await?;
    let mut differences: Vec<String> = looks.iter().filter_map(|look| look.difference(expected)).collect();
    let epochs: BTreeSet<Option<&str>> = looks.iter().map(NodeView::current_epoch).collect();
    if epochs.len() > 1 {
        differences.push("the nodes know different current epochs".to_owned());
    }
    for (node, look) in expected.nodes.iter().zip(&looks) {
        let primary = node.primary.and_then(|id| expected.nodes.iter().position(|node| node.id == id));
        let behind = primary.is_some_and(|primary| look.offset() < looks[primary].offset());
        if behind {
            differences.push(format!("{} has not read all of its primary's writes yet", node.address));
        }
    }
    Ok(differences)
}

async fn look(member: &mut Member<'_>) -> Result<NodeView, BringUpError> {
    let replies = member.ask_all(&questions()).await?;
    NodeView::read(member.address, &replies).map_err(|problem| member.refused("CLUSTER NODES", problem))
}

/// Writes a key and removes it: a replica that has never received a write is left out of CLUSTER SLOTS.
async fn nudge(member: &mut Member<'_>, slot: Option<Slot>) -> Result<(), BringUpError> {
    let Some(slot) = slot else { return Ok(()) };
    let key = format!("{{{}}}rct", slot.tag(0));
    member.ask_all(&[command!["SET", &key, "1"], command!["DEL", &key]]).await.map(drop)
}

/// Gives all nodes the same settings (CONFIG SET).
pub(crate) async fn set_everywhere(
    members: &mut [Member<'_>],
    settings: &[(&str, String)],
) -> Result<(), BringUpError> {
    let commands: Vec<_> = settings.iter().map(|(name, value)| command!["CONFIG", "SET", name, value]).collect();
    let set = join_all(members.iter_mut().map(|member| member.ask_all(&commands))).await;
    set.into_iter().try_for_each(|replies| replies.map(drop))
}

fn late(differences: &[String], limit: Duration) -> BringUpError {
    let mut shown = differences[..differences.len().min(DIFFERENCES_SHOWN)].join(", ");
    if differences.len() > DIFFERENCES_SHOWN {
        shown.push_str(&format!(", and {} more", differences.len() - DIFFERENCES_SHOWN));
    }
    BringUpError::Late { limit_s: limit.as_secs(), differences: shown }
}
