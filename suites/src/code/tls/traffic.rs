//! What clients rely on, where all connections use TLS: those of clients, of replication, and of the cluster bus.
//!
//! `rct conform --tls only` runs all other checks on such a cluster, too.

use wire::{Address, ConnectOptions, Node, Redirect, command};

use crate::cluster::Cluster;
use crate::code::failover::observe::{follows, successor};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("tls/writes-reach-replicas")
        .title("Where all connections use TLS, a write to a primary appears on its replicas")
        .should("TLS")
        .covers(&["security.tls-cluster"])
        .shape(3, 1)
        .needs(&[Need::TlsOnly])
        .body(|cluster| Box::pin(writes_reach_replicas(cluster))),
    check("tls/slots-move-with-their-keys")
        .title("Where all connections use TLS, MIGRATE moves keys, and clients that follow redirects find them")
        .should("TLS")
        .covers(&["security.tls-cluster"])
        .shape(3, 1)
        .needs(&[Need::TlsOnly, Need::MoveSlot])
        .body(|cluster| Box::pin(slots_move_with_their_keys(cluster))),
    check("tls/a-replica-takes-over")
        .title(
            "Where all connections use TLS, a replica takes over from a killed primary, which returns as its replica",
        )
        .should("TLS")
        .covers(&["security.tls-cluster"])
        .shape(3, 1)
        .needs(&[Need::TlsOnly, Need::KillNode, Need::RestartNode])
        .body(|cluster| Box::pin(a_replica_takes_over(cluster))),
];

/// More than one record of TLS, which has at most 16 KiB.
const LARGE: usize = 100_000;

async fn writes_reach_replicas(cluster: &Cluster) -> Outcome {
    let large = "x".repeat(LARGE);
    for primary in cluster.primaries() {
        let slot = cluster.slot_of(&primary)?;
        let (short, long) = (cluster.keys().named(slot, "short"), cluster.keys().named(slot, "long"));
        let sent = [(command!["SET", &short, "v"], Expect::Ok), (command!["SET", &long, &large], Expect::Ok)];
        cluster.expect_all(&primary, &sent).await?;
        let shown = [(command!["GET", &short], Expect::text("v")), (command!["GET", &long], Expect::text(&large))];
        for replica in cluster.replicas_of(&primary) {
            let mut reader = cluster.readonly_session(&replica).await?;
            let limit = cluster.limits().replicate;
            let reached =
                cluster.until(limit, "the replica has both values", async || reader.expect_all(&shown).await.map(drop));
            reached.await?;
        }
    }
    Ok(())
}

async fn slots_move_with_their_keys(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let key = route.key(cluster, "moved");
    cluster.expect(source, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.move_slot(*slot, source, target).await?;
    for start in cluster.primaries() {
        is_read(cluster, &start, target, &key, "v").await?;
    }
    cluster.move_slot(*slot, target, source).await
}

async fn a_replica_takes_over(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    let key = cluster.keys().fresh(slot);
    cluster.expect(&primary, command!["SET", &key, "before"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    cluster.kill(&primary).await?;
    let successor = successor(cluster, &primary).await?;
    for start in cluster.running().into_iter().filter(|node| node.primary.is_none()) {
        let limit = cluster.limits().converge;
        let served = cluster.until(limit, "the successor serves the key", async || {
            is_read(cluster, &start, &successor, &key, "before").await
        });
        served.await?;
    }
    cluster.expect(&successor, command!["SET", &key, "after"], Expect::Ok).await?;
    cluster.restart(&primary, Restart::WithData).await?;
    follows(cluster, &primary, &successor).await?;
    let mut reader = cluster.readonly_session(&primary).await?;
    reader.expect(command!["GET", &key], Expect::text("after")).await.map(drop)
}

/// Requires that a client which starts at a node reads a key at its owner after at most one redirect.
///
/// The client connects to the address that MOVED names, and verifies the certificate of the server there.
async fn is_read(cluster: &Cluster, start: &Node, owner: &Node, key: &str, value: &str) -> Outcome {
    let get = command!["GET", key];
    let reply = cluster.session(start).await?.call(&get).await?;
    let address = match reply.error().map(|error| Redirect::parse(&error)) {
        None => start.address.clone(),
        Some(Some(Ok(Redirect::Moved { address, .. }))) => address.address(&start.address.host),
        Some(_) => return Err(Stop::mismatch(format!("{value:?} or MOVED to {}", owner.endpoint), reply.to_string())),
    };
    ensure!(
        address == Address::new(&owner.endpoint.host, owner.endpoint.port),
        format!("{get} led from {} to {}", start.address, owner.endpoint),
        "{address}"
    );
    let options = ConnectOptions { address: address.clone(), ..cluster.options(start) };
    match cluster.open(owner, &options).await {
        Ok(mut session) => session.expect(&get, Expect::text(value)).await.map(drop),
        Err(error) => Err(cluster.live().judge(&owner.address, error, "(following a redirect)").await),
    }
}
