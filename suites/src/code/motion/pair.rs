//! Two servers of a check's own that form a cluster, so that the check may do to them what would harm others.

use wire::{Slot, command};

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
    let settings: Vec<(String, String)> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let spare = || Spare { settings: settings.clone(), ..Spare::default() };
    let source = cluster.start_spare(spare()).await?;
    let target = cluster.start_spare(spare()).await?;
    let mut session = cluster.session(&source).await?;
    let all = Slot::all().fold(command!["CLUSTER", "ADDSLOTS"], |command, slot| command.arg(slot.to_string()));
    session.expect(all, Expect::Ok).await?;
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
