//! `cluster-preferred-endpoint-type`: nodes are named by host name, or not at all.

use wire::{Node, NullKind, Protocol, Slot, command};

use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("endpoints/hostnames-are-preferred")
        .title("With endpoint type hostname, SLOTS, SHARDS, MOVED and ASK name a node by its host name, or by ? without one")
        .should("CLUSTER SLOTS")
        .covers(&["endpoints.hostname-mode", "endpoints.hostname-missing"])
        .shape(3, 0)
        .needs(&[Need::SetConfig, Need::MoveSlot])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(hostnames_are_preferred(cluster))),
    check("endpoints/hostnames-spread")
        .title("A host name that one node announces appears on all nodes, and disappears when it is cleared")
        .should("CLUSTER NODES")
        .covers(&["endpoints.hostname-propagates"])
        .shape(2, 1)
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(hostnames_spread(cluster))),
    check("endpoints/unknown-endpoints-are-empty")
        .title("With endpoint type unknown-endpoint, SLOTS has a null and redirects have no host, in RESP2 and RESP3")
        .should("CLUSTER SLOTS")
        .covers(&["endpoints.unknown-endpoint", "resp3.null"])
        .shape(2, 0)
        .needs(&[Need::SetConfig, Need::MoveSlot])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(unknown_endpoints_are_empty(cluster))),
    check("endpoints/bad-names-are-refused")
        .title("CONFIG SET refuses malformed and too long host names and unknown endpoint types, and keeps the earlier value")
        .may("CONFIG SET")
        .covers(&["endpoints.hostname-validation"])
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(bad_names_are_refused(cluster))),
];

/// The setting with the host name of a node.
const HOSTNAME: &str = "cluster-announce-hostname";
/// The setting with the kind of endpoint.
const KIND: &str = "cluster-preferred-endpoint-type";
/// A host name for the time of a check.
const NAME: &str = "node-1.rct.example";

/// Gives a node a host name, and waits until all nodes know it.
async fn name(cluster: &Cluster, node: &Node, hostname: &str) -> Outcome {
    cluster.set_config(node, HOSTNAME, hostname).await?;
    knows(cluster, node, Some(hostname).filter(|name| !name.is_empty())).await
}

async fn knows(cluster: &Cluster, node: &Node, hostname: Option<&str>) -> Outcome {
    let spread = cluster.until(cluster.limits().converge, "all nodes know the host name", async || {
        for viewer in cluster.nodes() {
            let view = cluster.view_of(&viewer).await?;
            let found = view.node(&node.id).and_then(|node| node.hostname.as_deref());
            ensure!(
                found == hostname,
                format!("{} for {} in CLUSTER NODES of {}", or(hostname, "no host name"), node.address, viewer.address),
                "{}",
                or(found, "no host name")
            );
        }
        Ok(())
    });
    spread.await
}

async fn hostnames_spread(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    if node.hostname.is_some() {
        return Err(Stop::skip("the nodes announce host names of their own"));
    }
    name(cluster, &node, NAME).await?;
    name(cluster, &node, "other.rct.example").await?;
    name(cluster, &node, "").await
}

async fn hostnames_are_preferred(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let third = route.third(cluster)?;
    if cluster.nodes().iter().any(|node| node.hostname.is_some()) {
        return Err(Stop::skip("the nodes announce host names of their own"));
    }
    name(cluster, target, NAME).await?;
    cluster.set_config(source, KIND, "hostname").await?;
    for (owner, host) in [(target, NAME), (&third, "?")] {
        let key = cluster.keys().unwritten(cluster.slot_of(owner)?);
        let moved = format!("MOVED {} {host}:{}", Slot::of(&key), owner.address.port);
        cluster.session(source).await?.expect(command!["GET", &key], Expect::error(moved)).await?;
        listed(cluster, source, owner, Some(host)).await?;
    }
    let ip = slots_metadata(cluster, source, target, "ip").await?;
    ensure!(
        ip.as_deref() == Some(&target.address.host),
        format!("ip {} in the metadata of {} in CLUSTER SLOTS", target.address.host, target.address),
        "{}",
        or(ip, "no ip")
    );
    cluster.open_slot(*slot, source, target).await?;
    let ask = format!("ASK {slot} {NAME}:{}", target.address.port);
    let asked =
        cluster.session(source).await?.expect(command!["GET", route.key(cluster, "none")], Expect::error(ask)).await;
    cluster.close_slot(*slot, source, target).await?;
    asked?;
    name(cluster, target, "").await
}

/// Requires this endpoint of a node in CLUSTER SLOTS and CLUSTER SHARDS of another node.
async fn listed(cluster: &Cluster, asked: &Node, node: &Node, host: Option<&str>) -> Outcome {
    let entries = cluster.slots_view(asked).await?;
    let found = entries.iter().flat_map(|entry| &entry.nodes).find(|listed| listed.id == Some(node.id));
    let endpoint = found.and_then(|listed| listed.endpoint.as_deref());
    ensure!(
        endpoint == host,
        format!("the endpoint {} of {} in CLUSTER SLOTS of {}", or(host, "null"), node.address, asked.address),
        "{}",
        or(endpoint, "null")
    );
    if cluster.has_shards().await? {
        let shards = cluster.shards_view(asked).await?;
        let found = shards.iter().flat_map(|shard| &shard.nodes).find(|listed| listed.id == node.id);
        let endpoint = found.and_then(|listed| listed.endpoint.as_deref()).filter(|endpoint| !endpoint.is_empty());
        ensure!(
            endpoint == host,
            format!("the endpoint {} of {} in CLUSTER SHARDS of {}", or(host, "null"), node.address, asked.address),
            "{}",
            or(endpoint, "null")
        );
    }
    Ok(())
}

async fn slots_metadata(cluster: &Cluster, asked: &Node, node: &Node, field: &str) -> Outcome<Option<String>> {
    let entries = cluster.slots_view(asked).await?;
    let found = entries.iter().flat_map(|entry| &entry.nodes).find(|listed| listed.id == Some(node.id));
    let metadata = found.map(|listed| listed.metadata.clone()).unwrap_or_default();
    Ok(metadata.into_iter().find(|(name, _)| name == field).map(|(_, value)| value))
}

async fn unknown_endpoints_are_empty(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    cluster.set_config(source, KIND, "unknown-endpoint").await?;
    let key = cluster.keys().unwritten(cluster.slot_of(target)?);
    let moved = format!("MOVED {} :{}", Slot::of(&key), target.address.port);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut session = cluster.session_in(source, protocol).await?;
        session.expect(command!["GET", &key], Expect::error(&moved)).await?;
        let reply = session.call(command!["CLUSTER", "SLOTS"]).await?;
        let entry = reply.items().and_then(|entries| wire::items_of(entries.first()?));
        let endpoint = entry.and_then(|entry| wire::items_of(entry.get(2)?)?.first().cloned());
        let null = if protocol == Protocol::Resp2 { NullKind::Bulk } else { NullKind::Null };
        let bytes = if null == NullKind::Bulk { &b"$-1\r\n"[..] } else { b"_\r\n" };
        let is_null =
            matches!(endpoint, Some(wire::Value::Nil)) && reply.bytes().windows(bytes.len()).any(|part| part == bytes);
        ensure!(is_null, format!("a null endpoint in CLUSTER SLOTS of {}", source.address), "{reply}");
    }
    listed(cluster, source, target, None).await?;
    cluster.open_slot(*slot, source, target).await?;
    let ask = format!("ASK {slot} :{}", target.address.port);
    let asked =
        cluster.session(source).await?.expect(command!["GET", route.key(cluster, "none")], Expect::error(ask)).await;
    cluster.close_slot(*slot, source, target).await?;
    asked.map(drop)
}

async fn bad_names_are_refused(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let before = [cluster.config(&node, HOSTNAME).await?, cluster.config(&node, KIND).await?];
    let long = "a".repeat(256);
    let rows =
        [(HOSTNAME, "two words"), (HOSTNAME, "name!"), (HOSTNAME, "a,b"), (HOSTNAME, &long), (KIND, "no-such-type")];
    for (setting, value) in rows {
        // A server that accepts it gets its earlier value back.
        if cluster.set_config(&node, setting, value).await.is_ok() {
            return Err(Stop::mismatch(
                format!("an error to CONFIG SET {setting} {value:?} from {}", node.address),
                "OK",
            ));
        }
    }
    let after = [cluster.config(&node, HOSTNAME).await?, cluster.config(&node, KIND).await?];
    ensure!(after == before, format!("{} as before on {}", before.join(", "), node.address), "{}", after.join(", "));
    Ok(())
}
