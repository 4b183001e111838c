//! The automatic failover of a dead primary: new roles, slots, epochs and redirects, and the time of each step.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use wire::{Node, Slot, command};

use super::observe::{agreed, epoch_rose, flags_of, follows, highest_epoch, owned, redirected};
use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/replica-takes-over")
    .title("Exactly one replica takes over a dead primary's slots with a greater epoch, and every node reports it")
    .must("replica-election-and-promotion")
    .covers(&[
        "failover.auto-promotes",
        "failover.epoch-bump",
        "failover.all-nodes-redirect",
        "failover.old-flagged-fail",
        "failover.single-winner",
        "failover.report-timeline",
    ])
    .shape(3, 1)
    .needs(&[Need::KillNode, Need::ChangeRoles])
    .body(|cluster| Box::pin(replica_takes_over(cluster)))];

async fn replica_takes_over(cluster: &Cluster) -> Outcome {
    let (participants, second) = Participants::draw_with_two_replicas(cluster).await?;
    let survivors = participants.survivors();
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    cluster.kill(&participants.primary).await?;
    let winner = follow(cluster, &participants, &second).await?;
    let loser = if winner.id == second.id { &participants.replica } else { &second };

    owned(cluster, &survivors, &winner, &participants.primary.slots).await?;
    replicates(cluster, &survivors, loser, &winner).await?;
    epoch_rose(cluster, &survivors, &winner, before).await?;
    redirected(cluster, &survivors, &winner, &participants.primary, &participants.primary.slots).await?;
    dead_is_flagged(cluster, &survivors, &participants.primary).await?;
    serves(cluster, &winner, &participants.primary).await?;
    agreed(cluster).await.map(drop)
}

/// When each step of a failover was first seen, counted from the death of the primary.
#[derive(Default)]
struct Timeline {
    suspected: Option<Duration>,
    failed: Option<Duration>,
    promoted: Option<Duration>,
    agreed: Option<Duration>,
}

/// Observes the other nodes from the death of the primary to the first write on its successor, and returns the successor.
///
/// The time of each step goes into the report.
async fn follow(cluster: &Cluster, participants: &Participants, second: &Node) -> Outcome<Node> {
    let (survivors, candidates) = (participants.survivors(), [&participants.replica, second]);
    let timeline = RefCell::new(Timeline::default());
    let key = cluster.keys().fresh(cluster.slot_of(&participants.primary)?);
    let died = Instant::now();
    let winner = cluster
        .until(cluster.limits().failover, "a replica serves the dead primary's slots", async || {
            let (mut winner, mut others) = (None, None);
            for viewer in &survivors {
                let view = cluster.view_of(viewer).await?;
                let mut seen = timeline.borrow_mut();
                if let Some(dead) = view.node(&participants.primary.id) {
                    note(&mut seen.suspected, dead.is_suspected() || dead.is_failed(), died);
                    note(&mut seen.failed, dead.is_failed(), died);
                }
                let owner = view.owner(participants.primary.slots[0].start).map(|node| node.id);
                match candidates.iter().find(|candidate| owner == Some(candidate.id)) {
                    Some(candidate) => winner = Some((*candidate).clone()),
                    None => others = Some(format!("{} in CLUSTER NODES of {}", or(owner, "no owner"), viewer.address)),
                }
                note(&mut seen.promoted, winner.is_some(), died);
            }
            let winner = winner.ok_or_else(|| {
                Stop::mismatch(
                    "a replica as the owner of the slots",
                    "no replica as the owner in CLUSTER NODES of any node",
                )
            })?;
            ensure!(
                others.is_none(),
                format!("{} as the owner in CLUSTER NODES of all nodes", winner.id),
                "{}",
                others.unwrap_or_default()
            );
            note(&mut timeline.borrow_mut().agreed, true, died);
            cluster.expect(&winner, command!["SET", &key, "v"], Expect::Ok).await?;
            Ok(winner)
        })
        .await?;
    let Timeline { suspected, failed, promoted, agreed } = timeline.into_inner();
    let steps = [("suspected", suspected), ("failed", failed), ("promoted", promoted), ("agreed", agreed)];
    for (name, time) in steps.into_iter().chain([("served", Some(died.elapsed()))]) {
        if let Some(time) = time {
            cluster.measure(name, time);
        }
    }
    Ok(winner)
}

fn note(step: &mut Option<Duration>, seen: bool, since: Instant) {
    if seen {
        step.get_or_insert_with(|| since.elapsed());
    }
}

/// Waits until all of `viewers` know `replica` as a replica of `primary`, and its link is up.
async fn replicates(cluster: &Cluster, viewers: &[Node], replica: &Node, primary: &Node) -> Outcome {
    cluster
        .until(cluster.limits().failover, "the other replica follows the promoted one", async || {
            for viewer in viewers {
                let found = cluster.view_of(viewer).await?.node(&replica.id).and_then(|node| node.primary);
                let of = format!(
                    "{} as the primary of {} in CLUSTER NODES of {}",
                    primary.id, replica.address, viewer.address
                );
                ensure!(found == Some(primary.id), of, "{}", or(found, "no primary"));
            }
            Ok(())
        })
        .await?;
    follows(cluster, replica, primary).await
}

/// Waits until all viewers flag the dead node as failed and show it without slots.
async fn dead_is_flagged(cluster: &Cluster, viewers: &[Node], dead: &Node) -> Outcome {
    cluster
        .until(
            cluster.limits().failover,
            "all nodes flag the dead primary as fail and show it without slots",
            async || {
                for viewer in viewers {
                    let flags = flags_of(cluster, viewer, dead).await?;
                    let has = |flag: &str| flags.iter().any(|own| own == flag);
                    let right = has("fail") && !has("fail?") && (has("master") || has("slave"));
                    let of = format!(
                        "the flags fail and master or slave for {} in CLUSTER NODES of {}",
                        dead.address, viewer.address
                    );
                    ensure!(right, of, "the flags {}", list(&flags));
                    let slots = cluster.view_of(viewer).await?.node(&dead.id).map(|node| node.slots.clone());
                    let of = format!("no slots of {} in CLUSTER NODES of {}", dead.address, viewer.address);
                    ensure!(
                        slots.as_ref().is_some_and(Vec::is_empty),
                        of,
                        "the slots {}",
                        or(slots.as_deref().map(list), "of no such node")
                    );
                }
                Ok(())
            },
        )
        .await
}

/// The number of slots in which a key is written and read.
const SLOTS_SERVED: usize = 64;

/// Waits until keys can be written and read in slots of all ranges of the dead primary.
async fn serves(cluster: &Cluster, winner: &Node, dead: &Node) -> Outcome {
    let slots = super::observe::slots_of(&dead.slots);
    let step = (slots.len() / SLOTS_SERVED).max(1);
    let keys: Vec<(Slot, String)> = slots
        .iter()
        .step_by(step)
        .chain(slots.last())
        .map(|slot| (*slot, cluster.keys().named(*slot, "served")))
        .collect();
    let commands: Vec<wire::Command> =
        keys.iter().flat_map(|(slot, key)| [command!["SET", key, slot.to_string()], command!["GET", key]]).collect();
    cluster
        .until(cluster.limits().failover, "the promoted replica serves all slots", async || {
            let replies = cluster.pipeline(winner, &commands).await?;
            for ((slot, _), pair) in keys.iter().zip(replies.chunks(2)) {
                let right = Expect::Ok.admits(&pair[0]) && Expect::text(slot.to_string()).admits(&pair[1]);
                let expected = format!("SET and GET of a key in slot {slot} to succeed on {}", winner.address);
                ensure!(right, expected, "{} and {}", pair[0], pair[1]);
            }
            Ok(())
        })
        .await
}
