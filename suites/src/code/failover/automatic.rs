//! A primary dies and one of its replicas takes over: roles, slots, epochs, redirects, and the times of each.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use wire::{Node, Slot, command};

use super::scene::Scene;
use super::watch::{agreed, epoch_rose, flags_of, follows, highest_epoch, owned, redirected};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

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
    let (scene, second) = Scene::draw_with_two_replicas(cluster).await?;
    let survivors = scene.survivors();
    let before = highest_epoch(cluster, &cluster.nodes()).await?;
    cluster.kill(&scene.primary).await?;
    let winner = follow(cluster, &scene, &second).await?;
    let loser = if winner.id == second.id { &scene.replica } else { &second };

    owned(cluster, &survivors, &winner, &scene.primary.slots).await?;
    replicates(cluster, &survivors, loser, &winner).await?;
    epoch_rose(cluster, &survivors, &winner, before).await?;
    redirected(cluster, &survivors, &winner, &scene.primary, &scene.primary.slots).await?;
    dead_is_flagged(cluster, &survivors, &scene.primary).await?;
    serves(cluster, &winner, &scene.primary).await?;
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

/// Polls the survivors from the death of the primary to the first write that its successor takes, reports when each
/// step was seen, and gives the successor.
async fn follow(cluster: &Cluster, scene: &Scene, second: &Node) -> Outcome<Node> {
    let (survivors, candidates) = (scene.survivors(), [&scene.replica, second]);
    let timeline = RefCell::new(Timeline::default());
    let key = cluster.keys().fresh(cluster.slot_of(&scene.primary)?);
    let died = Instant::now();
    let winner = cluster
        .until(cluster.limits().failover, "a replica serves the dead primary's slots", async || {
            let (mut winner, mut others) = (None, None);
            for viewer in &survivors {
                let view = cluster.view_of(viewer).await?;
                let mut seen = timeline.borrow_mut();
                if let Some(dead) = view.node(&scene.primary.id) {
                    note(&mut seen.suspected, dead.is_suspected() || dead.is_failed(), died);
                    note(&mut seen.failed, dead.is_failed(), died);
                }
                let owner = view.owner(scene.primary.slots[0].start).map(|node| node.id);
                match candidates.iter().find(|candidate| owner == Some(candidate.id)) {
                    Some(candidate) => winner = Some((*candidate).clone()),
                    None => others = Some(format!("{owner:?} in the view of {}", viewer.address)),
                }
                note(&mut seen.promoted, winner.is_some(), died);
            }
            let winner = winner.ok_or_else(|| Stop::mismatch("a replica as the slots' owner", "none in any view"))?;
            ensure!(others.is_none(), format!("the owner {}", winner.id), "{}", others.unwrap_or_default());
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
                let of = format!("the primary {} of {} in the view of {}", primary.id, replica.address, viewer.address);
                ensure!(found == Some(primary.id), of, "{found:?}");
            }
            Ok(())
        })
        .await?;
    follows(cluster, replica, primary).await
}

/// Waits until the dead node is flagged as failed and owns nothing in the views of all.
async fn dead_is_flagged(cluster: &Cluster, viewers: &[Node], dead: &Node) -> Outcome {
    cluster
        .until(cluster.limits().failover, "the dead primary is flagged fail without slots", async || {
            for viewer in viewers {
                let flags = flags_of(cluster, viewer, dead).await?;
                let has = |flag: &str| flags.iter().any(|own| own == flag);
                let right = has("fail") && !has("fail?") && (has("master") || has("slave"));
                let of = format!("{} flagged fail and master or slave by {}", dead.address, viewer.address);
                ensure!(right, of, "{}", flags.join(","));
                let slots = cluster.view_of(viewer).await?.node(&dead.id).map(|node| node.slots.clone());
                let of = format!("no slots of {} in the view of {}", dead.address, viewer.address);
                ensure!(slots.as_ref().is_some_and(Vec::is_empty), of, "{slots:?}");
            }
            Ok(())
        })
        .await
}

/// How many of the slots are written to and read from.
const SLOTS_SERVED: usize = 64;

/// Waits until keys in slots from all over the dead primary's ranges can be written and read.
async fn serves(cluster: &Cluster, winner: &Node, dead: &Node) -> Outcome {
    let slots = super::watch::slots_of(&dead.slots);
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
                let expected = format!("slot {slot} written and read at {}", winner.address);
                ensure!(right, expected, "{} and {}", pair[0], pair[1]);
            }
            Ok(())
        })
        .await
}
