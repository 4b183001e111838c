//! Clusters of a check's own, with one server or two, so that the check may do to them what would harm others.

use wire::{Command, Node, Slot, command};

use super::route::Route;
use crate::cluster::Cluster;
use crate::code::failover::observe::state_is;
use crate::control::Spare;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Starts two servers with these settings. The source owns all slots, and the slot of the route is that of `foo`.
///
/// # Errors
/// As [`Cluster::start_spare`]; a mismatch, if they do not form a cluster in time.
pub(in crate::code) async fn pair(cluster: &Cluster, settings: &[(&str, &str)]) -> Outcome<Route> {
    let source = cluster.start_spare(spare(settings)).await?;
    let target = cluster.start_spare(spare(settings)).await?;
    let mut session = cluster.session(&source).await?;
    session.expect(add_all_slots(), Expect::Ok).await?;
    // Their epochs are equal, and the source must keep its slots.
    session.expect(command!["CLUSTER", "BUMPEPOCH"], Expect::NoError).await?;
    let meet = command!["CLUSTER", "MEET", &target.address.host, target.address.port.to_string()];
    let both = [source.clone(), target.clone()];
    cluster
        .until(cluster.limits().restart, "the two servers form a cluster that serves all slots", async || {
            session.expect(&meet, Expect::Ok).await?;
            state_is(cluster, &both, "ok").await
        })
        .await?;
    Ok(Route { slot: Slot::of("foo"), source, target })
}

/// Starts one server with these settings, which owns all slots.
///
/// # Errors
/// As [`Cluster::start_spare`]; a mismatch, if it does not serve its slots in time.
pub(in crate::code) async fn alone(cluster: &Cluster, settings: &[(&str, &str)]) -> Outcome<Node> {
    let node = cluster.start_spare(spare(settings)).await?;
    cluster.session(&node).await?.expect(add_all_slots(), Expect::Ok).await?;
    let nodes = [node.clone()];
    let ready = cluster
        .until(cluster.limits().restart, "the server serves all slots", async || state_is(cluster, &nodes, "ok").await);
    ready.await?;
    Ok(node)
}

fn spare(settings: &[(&str, &str)]) -> Spare {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Spare { settings, ..Spare::default() }
}

fn add_all_slots() -> Command {
    Slot::all().fold(command!["CLUSTER", "ADDSLOTS"], |command, slot| command.arg(slot.to_string()))
}
