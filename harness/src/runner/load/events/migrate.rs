//! Moves slots under load from one primary to another: many slots at a time, as operators do.

use futures_util::future::try_join_all;
use suites::until::until;
use suites::{LiveCluster, Outcome, Stop, ensure};
use wire::{Command, Node, NodeId, Reply, Slot, bytes_of, command, items_of};

use super::link::Link;

/// The most keys that one MIGRATE moves. Few, because clients of both nodes wait for it.
const MIGRATE_KEYS: usize = 100;
/// How many slots are open at a time on one pair of connections, whose commands for them go out together.
const SLOTS_AT_ONCE: usize = 4;
/// How many pairs of connections move slots at most. Valkey answers SETSLOT once the replicas have it, which takes
/// milliseconds, and executes no further command of the connection meanwhile.
const LANES: usize = 64;

/// Moves slots with SETSLOT and MIGRATE, and waits until every node knows their new owner.
///
/// # Errors
/// The first step that a node refused.
pub(super) async fn migrate(live: &LiveCluster, slots: &[Slot], from: &Node, to: &Node) -> Outcome {
    epochs_spread(live).await?;
    let lanes = slots.chunks(slots.len().div_ceil(LANES).max(SLOTS_AT_ONCE)).map(async |share| {
        let (mut source, mut target) = (Link::open(live, from).await?, Link::open(live, to).await?);
        for some in share.chunks(SLOTS_AT_ONCE) {
            migrate_some(live, some, (&mut source, from), (&mut target, to)).await?;
        }
        Ok::<_, Stop>(())
    });
    try_join_all(lanes).await?;
    owned(live, slots, to.id).await
}

/// Waits until every node knows the config epochs of all primaries: otherwise a slot could be lost with its keys.
async fn epochs_spread(live: &LiveCluster) -> Outcome {
    let what = "every node knows the config epochs of all primaries";
    until(live.limits.converge, live.limits.poll, what, async || live.epochs_are_known().await).await
}

/// Moves a few slots: each step for all of them, before the next step.
async fn migrate_some(
    live: &LiveCluster,
    slots: &[Slot],
    (source, from): (&mut Link<'_>, &Node),
    (target, to): (&mut Link<'_>, &Node),
) -> Outcome {
    let set = |state: &str, peer: NodeId| -> Vec<Command> {
        slots.iter().map(|slot| command!["CLUSTER", "SETSLOT", slot.to_string(), state, peer]).collect()
    };
    target.demand_all(&set("IMPORTING", from.id)).await?;
    source.demand_all(&set("MIGRATING", to.id)).await?;
    move_keys(live, slots, source, to).await?;
    target.demand_all(&set("NODE", to.id)).await?;
    // A source without slots may already be a replica of the target, and then refuses this.
    source.send_all(&set("NODE", to.id)).await?;
    Ok(())
}

/// Moves all keys of some slots. A key that a client deletes meanwhile is no mistake.
async fn move_keys(live: &LiveCluster, slots: &[Slot], source: &mut Link<'_>, to: &Node) -> Outcome {
    let list = |slot: &Slot| command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), MIGRATE_KEYS.to_string()];
    let mut slots = slots.to_vec();
    while !slots.is_empty() {
        let lists = source.demand_all(&slots.iter().map(list).collect::<Vec<_>>()).await?;
        let keys = lists.iter().map(|reply| reply.items().unwrap_or_default().iter().filter_map(bytes_of).collect());
        let keys: Vec<Vec<&[u8]>> = keys.collect();
        // One after the other, so that the source serves clients in between.
        for keys in keys.iter().filter(|keys| !keys.is_empty()) {
            source.demand(migrate_command(live, keys, to)).await?;
        }
        slots = slots.into_iter().zip(keys).filter(|(_, keys)| !keys.is_empty()).map(|(slot, _)| slot).collect();
    }
    Ok(())
}

fn migrate_command(live: &LiveCluster, keys: &[&[u8]], to: &Node) -> Command {
    let (host, port) = (&to.address.host, to.address.port.to_string());
    let timeout = live.limits.reply.as_millis().to_string();
    let mut migrate = command!["MIGRATE", host, port, "", "0", timeout];
    if let Some(password) = &live.access.password {
        migrate = match &live.access.username {
            Some(user) => migrate.arg("AUTH2").arg(user).arg(password.expose()),
            None => migrate.arg("AUTH").arg(password.expose()),
        };
    }
    keys.iter().fold(migrate.arg("KEYS"), |migrate: Command, key| migrate.arg(key))
}

/// Moves slots with CLUSTER MIGRATESLOTS, and waits until every node knows their new owner.
///
/// # Errors
/// A node refused the migration, or it failed.
pub(super) async fn migrate_atomically(live: &LiveCluster, slots: &[Slot], from: &Node, to: &Node) -> Outcome {
    let mut source = Link::open(live, from).await?;
    let mut ask = command!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE"];
    for run in slots.chunk_by(|one, other| one.number() + 1 == other.number()) {
        if let (Some(first), Some(last)) = (run.first(), run.last()) {
            ask = ask.arg(first.to_string()).arg(last.to_string());
        }
    }
    source.demand(ask.arg("NODE").arg(to.id)).await?;
    let moved = until(live.limits.failover, live.limits.poll, "the slots have moved", async || {
        let reply = source.demand(command!["CLUSTER", "GETSLOTMIGRATIONS"]).await?;
        match latest_migration(&reply).as_deref() {
            Some("success") => Ok(None),
            Some(state @ ("failed" | "cancelled")) => Ok(Some(format!("the migration ended as {state}: {reply}"))),
            other => Err(Stop::mismatch("a migration that has ended", other.unwrap_or("no migration"))),
        }
    });
    match moved.await? {
        None => owned(live, slots, to.id).await,
        Some(failure) => Err(Stop::broken(failure)),
    }
}

/// The state of the first migration in the reply to CLUSTER GETSLOTMIGRATIONS, which lists the latest first.
fn latest_migration(reply: &Reply) -> Option<String> {
    let fields = items_of(reply.items()?.first()?)?;
    let text = |value| bytes_of(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let at = fields.iter().position(|field| text(field).as_deref() == Some("state"))?;
    text(fields.get(at + 1)?)
}

/// Waits until every running node names this owner of all slots.
async fn owned(live: &LiveCluster, slots: &[Slot], owner: NodeId) -> Outcome {
    until(live.limits.converge, live.limits.poll, "every node knows the new owner of the slots", async || {
        let view = live.agreed_view().await?;
        let owners = view.slot_owners();
        let missing = slots.iter().filter(|slot| owners[usize::from(slot.number())] != Some(owner)).count();
        ensure!(missing == 0, format!("{owner} as the owner of {} slots", slots.len()), "{missing} with another owner");
        live.set_topology(view);
        Ok(())
    })
    .await
}
