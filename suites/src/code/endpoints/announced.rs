//! Addresses and ports that nodes announce at run time, on servers of the checks' own.

use wire::{Address, Node, Redirect, command};

use crate::cluster::Cluster;
use crate::code::motion::pair::pair;
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, field_of, text_of};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("endpoints/announced-port-spreads")
        .title("A changed cluster-announce-port appears in redirects, CLUSTER SLOTS and CLUSTER NODES of other nodes")
        .should("CLUSTER NODES")
        .covers(&["endpoints.announce-port"])
        .needs(&[Need::FreshNode])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(announced_port_spreads(cluster))),
    check("endpoints/announced-address-spreads")
        .title("A changed cluster-announce-ip appears in redirects, SLOTS and NODES of other nodes, and clearing it undoes that")
        .should("CLUSTER NODES")
        .covers(&["endpoints.announce-ip", "endpoints.address-change"])
        .needs(&[Need::FreshNode])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(announced_address_spreads(cluster))),
    check("endpoints/announced-address-may-be-a-name")
        .title("A host name as cluster-announce-ip appears in redirects, SLOTS and NODES of other nodes")
        .may("CLUSTER NODES")
        .covers(&["endpoints.announce-ip-hostname"])
        .needs(&[Need::FreshNode])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(announced_address_may_be_a_name(cluster))),
    check("endpoints/clients-get-addresses-of-their-own")
        .title("cluster-announce-client-ipv4 changes the address that clients get, and not the one that nodes use")
        .may("CLUSTER SLOTS")
        .covers(&["endpoints.announce-client-ip"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=8.1"])
        .body(|cluster| Box::pin(clients_get_addresses_of_their_own(cluster))),
    check("endpoints/availability-zone-spreads")
        .title("The availability zone of a node appears in CLUSTER SLOTS and SHARDS of all nodes until it is emptied")
        .may("CLUSTER SHARDS")
        .covers(&["endpoints.availability-zone"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(availability_zone_spreads(cluster))),
];

/// An address of this machine that no server announces by itself.
const OTHER_ADDRESS: &str = "127.0.0.2";
/// A name of this machine.
const OTHER_NAME: &str = "localhost";
/// A port that no server needs, since nobody connects to it.
const OTHER_PORT: &str = "6999";
/// The slot of the key `foo`.
const SLOT: &str = "12182";

async fn set(session: &mut Session, setting: &str, value: &str) -> Outcome {
    let reply = session.call(command!["CONFIG", "SET", setting, value]).await?;
    match reply.error() {
        Some(error) => Err(Stop::skip(format!("the server refuses CONFIG SET {setting}: {}", error.text))),
        None => Ok(()),
    }
}

async fn value(session: &mut Session, setting: &str) -> Outcome<String> {
    let reply = session.call(command!["CONFIG", "GET", setting]).await?;
    let found = field_of(reply.value(), setting).and_then(text_of);
    found.ok_or_else(|| Stop::skip(format!("the server does not show its setting {setting}")))
}

/// Waits until the target of a pair names its source by this address in MOVED, CLUSTER SLOTS and CLUSTER NODES.
async fn is_named(cluster: &Cluster, pair: &Route, client: &Address, bus: &Address) -> Outcome {
    let Route { source, target, .. } = pair;
    let mut viewer = cluster.session(target).await?;
    let spread = cluster.until(cluster.limits().converge, "the other node knows the new address", async || {
        let reply = viewer.expect(command!["GET", "foo"], Expect::error(format!("MOVED {SLOT}"))).await?;
        let Some(Ok(Redirect::Moved { address, .. })) = reply.error().and_then(|error| Redirect::parse(&error)) else {
            return Err(Stop::mismatch("MOVED with a slot and an endpoint", reply.to_string()));
        };
        same(Some(address.address("").to_string()), client, "MOVED", target)?;
        let entries = cluster.slots_view(target).await?;
        let listed = entries.iter().flat_map(|entry| &entry.nodes).find(|listed| listed.id == Some(source.id));
        let found = listed.map(|listed| format!("{}:{}", listed.endpoint.as_deref().unwrap_or_default(), listed.port));
        same(found, client, "CLUSTER SLOTS", target)?;
        let view = cluster.whole_view_of(target).await?;
        same(view.node(&source.id).map(|node| node.address.to_string()), bus, "CLUSTER NODES", target)
    });
    spread.await
}

fn same(found: Option<String>, wanted: &Address, reply: &str, asked: &Node) -> Outcome {
    ensure!(
        found.as_deref() == Some(&wanted.to_string()),
        format!("{wanted} in {reply} of {}", asked.address),
        "{}",
        or(found, "no address")
    );
    Ok(())
}

async fn announced_port_spreads(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    let own = pair.source.address.clone();
    let mut source = cluster.session(&pair.source).await?;
    let by_tls = cluster.live().access.tls.is_some();
    let setting = if by_tls { "cluster-announce-tls-port" } else { "cluster-announce-port" };
    let before = value(&mut source, setting).await?;
    is_named(cluster, &pair, &own, &own).await?;
    set(&mut source, setting, OTHER_PORT).await?;
    let other = Address::new(&own.host, OTHER_PORT.parse().unwrap_or_default());
    is_named(cluster, &pair, &other, &other).await?;
    set(&mut source, setting, &before).await?;
    is_named(cluster, &pair, &own, &own).await
}

async fn announced_address_spreads(cluster: &Cluster) -> Outcome {
    announce(cluster, OTHER_ADDRESS).await
}

async fn announced_address_may_be_a_name(cluster: &Cluster) -> Outcome {
    announce(cluster, OTHER_NAME).await
}

/// Makes a node announce another host, and then its own again.
async fn announce(cluster: &Cluster, host: &str) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    let own = pair.source.address.clone();
    let mut source = cluster.session(&pair.source).await?;
    let before = value(&mut source, "cluster-announce-ip").await?;
    is_named(cluster, &pair, &own, &own).await?;
    set(&mut source, "cluster-announce-ip", host).await?;
    let other = Address::new(host, own.port);
    is_named(cluster, &pair, &other, &other).await?;
    set(&mut source, "cluster-announce-ip", &before).await?;
    is_named(cluster, &pair, &own, &own).await
}

async fn clients_get_addresses_of_their_own(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    let own = pair.source.address.clone();
    let mut source = cluster.session(&pair.source).await?;
    let before = value(&mut source, "cluster-announce-client-ipv4").await?;
    set(&mut source, "cluster-announce-client-ipv4", OTHER_ADDRESS).await?;
    let other = Address::new(OTHER_ADDRESS, own.port);
    // CLUSTER NODES shows clients the address for clients.
    is_named(cluster, &pair, &other, &other).await?;
    cluster
        .session(&pair.target)
        .await?
        .expect(command!["CLUSTER", "INFO"], Expect::Contains("cluster_state:ok".into()))
        .await?;
    set(&mut source, "cluster-announce-client-ipv4", &before).await?;
    is_named(cluster, &pair, &own, &own).await
}

async fn availability_zone_spreads(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    let mut source = cluster.session(&pair.source).await?;
    for zone in ["zone-a", "zone-b", ""] {
        set(&mut source, "availability-zone", zone).await?;
        let wanted = Some(zone).filter(|zone| !zone.is_empty());
        let spread = cluster.until(cluster.limits().converge, "both nodes know the availability zone", async || {
            for asked in [&pair.source, &pair.target] {
                let entries = cluster.slots_view(asked).await?;
                let listed =
                    entries.iter().flat_map(|entry| &entry.nodes).find(|listed| listed.id == Some(pair.source.id));
                let metadata = listed.map(|listed| listed.metadata.clone()).unwrap_or_default();
                let found =
                    metadata.iter().find(|(name, _)| name == "availability-zone").map(|(_, zone)| zone.as_str());
                zone_is(found, wanted, "CLUSTER SLOTS", asked)?;
                let shards = cluster.shards_view(asked).await?;
                let listed = shards.iter().flat_map(|shard| &shard.nodes).find(|listed| listed.id == pair.source.id);
                let extra = listed.map(|listed| listed.extra.clone()).unwrap_or_default();
                let found = extra.iter().find(|(name, _)| name == "availability-zone").map(|(_, zone)| zone);
                zone_is(found.and_then(text_of).as_deref(), wanted, "CLUSTER SHARDS", asked)?;
            }
            Ok(())
        });
        spread.await?;
    }
    source.expect(command!["CLUSTER", "NODES"], Expect::Kind(Kind::Text)).await.map(drop)
}

fn zone_is(found: Option<&str>, wanted: Option<&str>, reply: &str, asked: &Node) -> Outcome {
    let found = found.filter(|zone| !zone.is_empty());
    ensure!(
        found == wanted,
        format!("{} in {reply} of {}", or(wanted, "no availability zone"), asked.address),
        "{}",
        or(found, "no availability zone")
    );
    Ok(())
}
