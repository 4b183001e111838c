//! Redirects after changes of the cluster: a failover, a moved slot, a primary without slots, and failing snapshots.

use std::time::Instant;

use wire::{Command, Node, Slot, command};

use super::target;
use crate::cluster::Cluster;
use crate::code::failover::observe::successor;
use crate::code::state::wait_for_state;
use crate::code_check::{CodeCheck, check};
use crate::control::{Restart, Spare};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::words::view;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("moved/no-dead-target")
        .title("No node redirects to the old primary after a failover, not even the old primary when it is back")
        .must("hash-slots-configuration-propagation")
        .covers(&["moved.no-dead-target"])
        .shape(3, 1)
        .needs(&[Need::KillNode])
        .body(|cluster| Box::pin(no_dead_target(cluster))),
    check("moved/fresh-after-reshard")
        .title("Every node redirects to a moved slot's new owner, even a node that got no SETSLOT command")
        .must("live-reconfiguration")
        .covers(&["moved.fresh-after-reshard"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(fresh_after_reshard(cluster))),
    check("moved/slotless-primary-redirects")
        .title("A primary without slots redirects every slot to its owner")
        .must("moved-redirection")
        .covers(&["moved.slotless-primary-redirects"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(slotless_primary_redirects(cluster))),
    check("moved/before-misconf")
        .title("A node answers MOVED rather than MISCONF to a write for another node while snapshots fail")
        .should("moved-redirection")
        .covers(&["moved.before-oom", "errors.precedence-moved-type"])
        .needs(&[Need::FreshNode])
        .servers(&["redis", "valkey"])
        .body(|cluster| Box::pin(before_misconf(cluster))),
];

/// The number of the dead primary's slots that are tested on every node.
const SLOTS_ASKED: usize = 64;

async fn no_dead_target(cluster: &Cluster) -> Outcome {
    let victim = cluster.some_primary()?;
    // Without a replica, no node could take over.
    cluster.replica_of(&victim)?;
    let mut slots = cluster.slots_of(&victim);
    while slots.len() > SLOTS_ASKED {
        slots.swap_remove(cluster.random_below(slots.len()));
    }
    cluster.kill(&victim).await?;
    let killed = Instant::now();
    let successor = successor(cluster, &victim).await?;
    cluster.measure("failover", killed.elapsed());
    for node in cluster.nodes().iter().filter(|node| node.id != victim.id) {
        wait_for_state(cluster, node, "ok").await?;
        all_lead_to(cluster, node, &successor, &slots).await?;
    }
    cluster.restart(&victim, Restart::WithData).await?;
    cluster
        .until(cluster.limits().restart, "the returned node redirects to the new primary", async || {
            all_lead_to(cluster, &victim, &successor, &slots).await
        })
        .await
}

/// Requires that a node redirects each slot to the new owner, or serves it if it is the new owner.
async fn all_lead_to(cluster: &Cluster, node: &Node, owner: &Node, slots: &[Slot]) -> Outcome {
    let commands: Vec<Command> =
        slots.iter().map(|slot| command!["EXISTS", cluster.keys().named(*slot, "k")]).collect();
    let replies = cluster.pipeline(node, &commands).await?;
    for ((slot, command), reply) in slots.iter().zip(&commands).zip(&replies) {
        let expect = if node.id == owner.id {
            Expect::Integer(0)
        } else {
            Expect::error(format!("MOVED {slot} {}", cluster.live().endpoint_named_by(&node.address, owner)))
        };
        if !expect.admits(reply) {
            return Err(Stop::Mismatch(Box::new(Mismatch {
                sent: Some(command.to_string()),
                to: Some(format!("{} ({} was promoted)", node.address, owner.address)),
                expected: expect.to_string(),
                received: reply.to_string(),
                ..Mismatch::default()
            })));
        }
    }
    Ok(())
}

async fn fresh_after_reshard(cluster: &Cluster) -> Outcome {
    let from = cluster.some_primary()?;
    let slot = cluster.slot_of(&from)?;
    let to = cluster.non_owner(slot)?;
    let key = cluster.keys().named(slot, "k");
    cluster.expect(&from, command!["SET", &key, "v"], Expect::Ok).await?;
    let started = Instant::now();
    // Only these two nodes get SETSLOT; the call then waits until the others know the new owner too.
    cluster.move_slot(slot, &from, &to).await?;
    cluster.measure("slot known everywhere", started.elapsed());
    for node in cluster.nodes() {
        wait_for_state(cluster, &node, "ok").await?;
        let expect =
            if node.id == to.id { Expect::text("v") } else { Expect::error(format!("MOVED {slot} {}", to.endpoint)) };
        cluster.expect(&node, command!["GET", &key], expect).await?;
    }
    Ok(())
}

async fn slotless_primary_redirects(cluster: &Cluster) -> Outcome {
    let spare = joined_spare(cluster, Spare::default()).await?;
    target::sweep_all_slots(cluster, &spare).await
}

/// Starts a node, joins it to the cluster without slots, and waits until it knows all owners and reports cluster_state:ok.
async fn joined_spare(cluster: &Cluster, spare: Spare) -> Outcome<Node> {
    let spare = cluster.start_spare(spare).await?;
    cluster.meet(&spare).await?;
    let owners = cluster.topology().slot_owners();
    cluster
        .until(cluster.limits().converge, "the new node knows the owner of every slot", async || {
            let seen = cluster.view_of(&spare).await?;
            let expected = format!("the owners of all slots in CLUSTER NODES of {}", spare.address);
            ensure!(seen.slot_owners() == owners, expected, "{}", view(&seen));
            Ok(())
        })
        .await?;
    wait_for_state(cluster, &spare, "ok").await?;
    Ok(spare)
}

async fn before_misconf(cluster: &Cluster) -> Outcome {
    let mut settings = vec![("save".to_owned(), "3600 1".to_owned())];
    if !cluster.server().is("redis <7.0") {
        settings.push(("enable-protected-configs".to_owned(), "yes".to_owned()));
    }
    let spare = joined_spare(cluster, Spare { settings, ..Spare::default() }).await?;
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let key = cluster.keys().fresh(slot);
    break_snapshots(cluster, &spare).await?;
    let moved = Expect::error(format!("MOVED {slot} {}", owner.endpoint));
    for command in [command!["SET", &key, "v"], command!["GET", &key]] {
        cluster.expect(&spare, command, moved.clone()).await?;
    }
    Ok(())
}

/// Makes the snapshots of a node fail, and waits until the node refuses commands because of it.
///
/// The snapshot gets a name that no file can have. PING shows the refusal, because it needs no key.
async fn break_snapshots(cluster: &Cluster, node: &Node) -> Outcome {
    let set = cluster.call(node, command!["CONFIG", "SET", "dbfilename", "."]).await?;
    if let Some(error) = set.error() {
        return Err(Stop::skip(format!("the server refuses CONFIG SET dbfilename: {}", error.text)));
    }
    cluster.call(node, command!["BGSAVE"]).await?;
    let refused = cluster
        .until(cluster.limits().converge, "the node answers MISCONF because its snapshot failed", async || {
            cluster.expect(node, command!["PING"], Expect::error("MISCONF")).await?;
            Ok(())
        })
        .await;
    // The check does not judge whether a server refuses writes while snapshots fail.
    refused.map_err(|stop| match stop {
        Stop::Mismatch(_) => Stop::skip("the server accepts commands while its snapshots fail"),
        other => other,
    })
}
