//! Decides before the load which shards the events affect, and whether the target and the cluster can take them.
//!
//! A node is chosen when its event begins, because roles may have changed by then.

use std::time::Duration;

use loadgen::shards::Shards;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use suites::{Fault as Ability, LiveCluster};
use wire::{Node, Slot, SlotRange, Topology};

use super::fault::{Action, Fault, FaultError, MoveBy, On};

/// The server that has atomic slot migration.
const ATOMIC_FROM: &str = "valkey >=9.0";

/// An event whose shards are decided.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its number, from 1, in the order of the instants.
    pub number: usize,
    /// What the user asked for.
    pub fault: Fault,
    /// The shards that it affects, from 0: those of its nodes, or for moved slots the source and the target.
    pub shards: Vec<usize>,
}

/// Checks events against the planned end of the load, in the order of their instants.
///
/// # Errors
/// [`FaultError::TooLate`], for the first event that comes after it.
pub fn check_instants(faults: &[Fault], end: Option<Duration>) -> Result<(), FaultError> {
    let Some(end) = end else { return Ok(()) };
    match faults.iter().find(|fault| fault.at >= end) {
        Some(late) => Err(FaultError::TooLate { text: late.to_string(), end_s: end.as_secs_f64() }),
        None => Ok(()),
    }
}

/// Decides which shards the events affect; `seed` selects them where the user names none.
///
/// # Errors
/// The first event that the target or the cluster cannot take.
pub fn plan(faults: &[Fault], live: &LiveCluster, shards: &Shards, seed: u64) -> Result<Vec<Planned>, FaultError> {
    let mut faults = faults.to_vec();
    faults.sort_by_key(|fault| fault.at);
    let planned = (1..).zip(faults).map(|(number, fault)| {
        let impossible = |reason| FaultError::Impossible { text: fault.to_string(), reason };
        let mut random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
        able(&fault.action, live).map_err(impossible)?;
        let shards = affected(&fault.action, &live.topology(), shards, &mut random).map_err(impossible)?;
        Ok(Planned { number, fault, shards })
    });
    planned.collect()
}

/// Whether the target can perform an action.
fn able(action: &Action, live: &LiveCluster) -> Result<(), String> {
    if let Some(reason) = &live.findings.cannot_restore {
        return Err(format!("rct could not restore the cluster afterwards: {reason}"));
    }
    let needed = match action {
        Action::Kill(..) => Ability::Kill,
        Action::Pause(..) => Ability::Pause,
        Action::Restart(_) | Action::Stop(..) | Action::RollingRestart => Ability::Restart,
        Action::Isolate(..) => Ability::Isolate,
        Action::AddNode => Ability::Spare,
        Action::Move(_, MoveBy::Atomic) if !live.server.is(ATOMIC_FROM) => {
            return Err(format!("{} has no CLUSTER MIGRATESLOTS; use by=migrate", live.server));
        }
        Action::Failover(..) | Action::Move(..) | Action::RemoveNode(_) => return Ok(()),
    };
    if live.control.offers(needed) {
        return Ok(());
    }
    let hint = match needed {
        Ability::Spare => "",
        _ if live.findings.is_external => "; --fault-hook names a program that can",
        _ => "; --target compose and --target containers can",
    };
    Err(format!("this target cannot {needed}{hint}"))
}

/// The shards that an action affects.
fn affected(action: &Action, view: &Topology, shards: &Shards, random: &mut StdRng) -> Result<Vec<usize>, String> {
    let all: Vec<usize> = (0..shards.count()).collect();
    let with_replica: Vec<usize> =
        all.iter().copied().filter(|&shard| replicas(view, shards, shard).next().is_some()).collect();
    let on = match action {
        Action::Kill(on, _) | Action::Pause(on, _) | Action::Restart(on) | Action::Isolate(on, _) => on,
        Action::Stop(on, _) | Action::Failover(_, on) | Action::RemoveNode(on) => on,
        Action::Move(slots, _) => return source_and_target(*slots, view, shards, random),
        Action::AddNode | Action::RollingRestart => return Ok(all),
    };
    let shard = match (action, on) {
        (Action::Failover(..), On::Primary | On::Replica) | (_, On::Replica) => {
            pick(&with_replica, random).ok_or("no shard has a replica")?
        }
        (_, On::Primary) => pick(&all, random).ok_or("no node serves a slot")?,
        (_, On::Shard(number)) => {
            let known = all.get(number - 1).copied();
            known.ok_or_else(|| format!("the cluster has {} shards, which count from 1", shards.count()))?
        }
        (_, On::Node(address)) => {
            let node = view.nodes.iter().find(|node| node.address == *address);
            let node =
                node.ok_or_else(|| format!("the cluster has no node {address}; nodes are {}", addresses(view)))?;
            match shard_of(view, shards, node) {
                Some(shard) => shard,
                None if matches!(action, Action::Failover(..)) => return Err(format!("{address} serves no slot")),
                // A node without slots affects no shard.
                None => return Ok(Vec::new()),
            }
        }
    };
    if matches!(action, Action::Failover(..)) && !with_replica.contains(&shard) {
        return Err(format!("shard {} has no replica", shard + 1));
    }
    if matches!(action, Action::RemoveNode(_)) && shards.count() < 2 {
        return Err("no other shard could take over the slots".to_owned());
    }
    Ok(vec![shard])
}

/// A source that has more slots than are to move, and another shard as the target.
fn source_and_target(slots: u16, view: &Topology, shards: &Shards, random: &mut StdRng) -> Result<Vec<usize>, String> {
    let has_enough =
        |shard: &usize| primary(view, shards, *shard).map_or(0, |node| slots_of(node).count()) > usize::from(slots);
    let sources: Vec<usize> = (0..shards.count()).filter(has_enough).collect();
    let source = pick(&sources, random).ok_or_else(|| format!("no primary has more than {slots} slots"))?;
    let targets: Vec<usize> = (0..shards.count()).filter(|&shard| shard != source).collect();
    let target = pick(&targets, random).ok_or("slots can only move between two primaries")?;
    Ok(vec![source, target])
}

fn pick(from: &[usize], random: &mut StdRng) -> Option<usize> {
    (!from.is_empty()).then(|| from[random.random_range(0..from.len())])
}

/// The primary of a shard in a view: the node that owns most of its slots, since some may have moved away.
pub(super) fn primary<'a>(view: &'a Topology, shards: &Shards, shard: usize) -> Option<&'a Node> {
    let own = |node: &Node| slots_of(node).filter(|&slot| shards.of_slot(slot) == Some(shard)).count();
    view.nodes.iter().filter(|node| own(node) > 0).max_by_key(|node| own(node))
}

/// A slot of a shard that its primary owns.
pub(super) fn slot_of(view: &Topology, shards: &Shards, shard: usize) -> Option<Slot> {
    slots_of(primary(view, shards, shard)?).find(|&slot| shards.of_slot(slot) == Some(shard))
}

/// The replicas of a shard in a view that a client can use.
pub(super) fn replicas<'a>(view: &'a Topology, shards: &Shards, shard: usize) -> impl Iterator<Item = &'a Node> {
    let primary = primary(view, shards, shard).map(|node| node.id);
    view.nodes.iter().filter(move |node| primary.is_some() && node.primary == primary && node.is_usable())
}

/// The shard of a node: that of most of the slots which it or its primary serves.
pub(super) fn shard_of(view: &Topology, shards: &Shards, node: &Node) -> Option<usize> {
    let primary = node.primary.and_then(|id| view.node(&id)).unwrap_or(node);
    let mut counts = vec![0; shards.count()];
    slots_of(primary).filter_map(|slot| shards.of_slot(slot)).for_each(|shard| counts[shard] += 1);
    (0..counts.len()).filter(|&shard| counts[shard] > 0).max_by_key(|&shard| counts[shard])
}

/// All slots of a node, in order.
pub(super) fn slots_of(node: &Node) -> impl Iterator<Item = Slot> {
    node.slots.iter().flat_map(SlotRange::slots)
}

fn addresses(view: &Topology) -> String {
    view.nodes.iter().map(|node| node.address.to_string()).collect::<Vec<_>>().join(", ")
}
