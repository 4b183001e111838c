//! Endpoints of a cluster without special settings: each reply names a node in the same way, and leads to it.

use wire::{Address, ConnectOptions, Node, Redirect, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::{list, or};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("endpoints/replies-name-the-same-address")
        .title("CLUSTER SLOTS, SHARDS, NODES, ROLE and redirects name each node by the address that it announces")
        .must("CLUSTER SLOTS")
        .covers(&["endpoints.default-ip"])
        .shape(2, 0)
        .body(|cluster| Box::pin(replies_name_the_same_address(cluster))),
    check("endpoints/endpoints-lead-to-their-node")
        .title("A client that connects to an endpoint of CLUSTER SLOTS reaches the node with that id")
        .should("CLUSTER SLOTS")
        .covers(&["endpoints.nat-mapping-usable"])
        .shape(2, 0)
        .body(|cluster| Box::pin(endpoints_lead_to_their_node(cluster))),
    check("endpoints/moved-never-names-its-sender")
        .title("MOVED never names the endpoint of the node that sends it, on primaries and replicas")
        .should("moved-redirection")
        .covers(&["endpoints.moved-not-to-self"])
        .shape(2, 0)
        .body(|cluster| Box::pin(moved_never_names_its_sender(cluster))),
    check("endpoints/bus-port-follows-the-port")
        .title("CLUSTER NODES names the port of the cluster bus, which is the client port plus 10000 if nothing else is set")
        .should("CLUSTER NODES")
        .covers(&["endpoints.bus-port-default"])
        .body(|cluster| Box::pin(bus_port_follows_the_port(cluster))),
    check("endpoints/a-new-node-has-no-address")
        .title("A node that has met no other node shows no address of its own in CLUSTER NODES")
        .should("CLUSTER NODES")
        .covers(&["endpoints.own-ip-before-meet"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(a_new_node_has_no_address(cluster))),
];

/// Skips the check unless the nodes name each other by IP address.
async fn needs_addresses(cluster: &Cluster, node: &Node) -> Outcome {
    match cluster.config(node, "cluster-preferred-endpoint-type").await {
        Ok(kind) if kind != "ip" => Err(Stop::skip(format!("the nodes name each other by {kind}, not by address"))),
        _ => Ok(()),
    }
}

async fn replies_name_the_same_address(cluster: &Cluster) -> Outcome {
    let topology = cluster.topology();
    let by_tls = cluster.live().access.tls.is_some();
    for node in cluster.visited() {
        needs_addresses(cluster, &node).await?;
        for entry in cluster.slots_view(&node).await? {
            for listed in &entry.nodes {
                let Some(known) = listed.id.and_then(|id| topology.node(&id)) else { continue };
                let found = listed.endpoint.as_deref().map(|host| Address::new(host, listed.port));
                names(found.as_ref(), known, "CLUSTER SLOTS", &node)?;
            }
        }
        if cluster.has_shards().await? {
            for listed in cluster.shards_view(&node).await?.iter().flat_map(|shard| &shard.nodes) {
                let Some(known) = topology.node(&listed.id) else { continue };
                let ports = if by_tls { [listed.tls_port, listed.port] } else { [listed.port, listed.tls_port] };
                let port = ports.into_iter().flatten().next().unwrap_or_default();
                for host in [&listed.endpoint, &listed.ip] {
                    let found = host.as_deref().map(|host| Address::new(host, port));
                    names(found.as_ref(), known, "CLUSTER SHARDS", &node)?;
                }
            }
        }
        for listed in cluster.view_of(&node).await?.nodes {
            let Some(known) = topology.node(&listed.id) else { continue };
            names(Some(&listed.address), known, "CLUSTER NODES", &node)?;
        }
        if let Some(primary) = node.primary.and_then(|id| topology.node(&id)) {
            let reply = cluster.expect(&node, command!["ROLE"], Expect::Kind(Kind::Array)).await?;
            let items = reply.items().unwrap_or_default();
            let ports = cluster.replication_ports(&node, &primary.address).await;
            let port = items.get(2).and_then(|port| if let wire::Value::Int(port) = port { Some(*port) } else { None });
            let is_named = items.get(1).and_then(text_of).as_deref() == Some(&primary.address.host)
                && port.is_some_and(|port| ports.iter().any(|known| i64::from(*known) == port));
            ensure!(
                is_named,
                format!("the primary {} in reply to ROLE from {}", primary.address, node.address),
                "{reply}"
            );
        }
    }
    Ok(())
}

fn names(found: Option<&Address>, known: &Node, reply: &str, asked: &Node) -> Outcome {
    ensure!(
        found == Some(&known.address),
        format!("{} as the address of {} in {reply} of {}", known.address, known.id, asked.address),
        "{}",
        or(found, "no address")
    );
    Ok(())
}

async fn endpoints_lead_to_their_node(cluster: &Cluster) -> Outcome {
    let asked = cluster.some_primary()?;
    needs_addresses(cluster, &asked).await?;
    for entry in cluster.slots_view(&asked).await? {
        for listed in entry.nodes {
            let (Some(host), Some(id)) = (&listed.endpoint, listed.id) else { continue };
            let address = Address::new(host, listed.port);
            let options = ConnectOptions { address: address.clone(), ..cluster.options(&asked) };
            let mut session = match cluster.open(&asked, &options).await {
                Ok(session) => session,
                Err(error) => return Err(Stop::skip(format!("rct cannot connect to the endpoint {address}: {error}"))),
            };
            let reply = session.expect(command!["CLUSTER", "MYID"], Expect::NoError).await?;
            ensure!(
                reply.text().as_deref() == Some(id.as_str()),
                format!("the node {id} at {address}, which CLUSTER SLOTS of {} names", asked.address),
                "{reply}"
            );
        }
    }
    Ok(())
}

async fn moved_never_names_its_sender(cluster: &Cluster) -> Outcome {
    for owner in cluster.visited_primaries() {
        let slot = cluster.slot_of(&owner)?;
        let key = cluster.keys().unwritten(slot);
        for node in cluster.visited().into_iter().filter(|node| node.id != owner.id) {
            let reply = cluster.expect(&node, command!["GET", &key], Expect::error("MOVED")).await?;
            let address = match reply.error().and_then(|error| Redirect::parse(&error)) {
                Some(Ok(Redirect::Moved { address, .. })) => address.address("").to_string(),
                _ => return Err(Stop::mismatch("MOVED with a slot and an endpoint", reply.to_string())),
            };
            ensure!(
                address != node.endpoint.to_string() && address != node.address.to_string(),
                format!("MOVED to another node than {}, which sends it", node.address),
                "{reply}"
            );
        }
    }
    Ok(())
}

/// The distance from the client port to the port of the cluster bus.
const BUS: u32 = 10_000;

async fn bus_port_follows_the_port(cluster: &Cluster) -> Outcome {
    let asked = cluster.some_primary()?;
    let text = cluster.expect(&asked, command!["CLUSTER", "NODES"], Expect::Kind(Kind::Text)).await?;
    let text = text.text().unwrap_or_default().into_owned();
    let mut compared = 0;
    for node in cluster.visited() {
        let setting =
            async |name: &str| cluster.config(&node, name).await.ok().and_then(|value| value.parse::<u32>().ok());
        let set = [setting("cluster-announce-bus-port").await, setting("cluster-port").await];
        // Nodes that speak TLS with each other count from the TLS port.
        let by_tls = cluster.config(&node, "tls-cluster").await.is_ok_and(|value| value == "yes");
        let base = if by_tls { "tls-port" } else { "port" };
        let Some(port) = setting(base).await.filter(|port| *port > 0) else { continue };
        let wanted = set.into_iter().flatten().find(|port| *port > 0).unwrap_or(port + BUS);
        let line = text.lines().find(|line| line.starts_with(node.id.as_str())).unwrap_or_default();
        let place = line.split(' ').nth(1).unwrap_or_default();
        let found = place.split('@').nth(1).map(|rest| rest.split(',').next().unwrap_or_default());
        compared += 1;
        ensure!(
            found == Some(&wanted.to_string()),
            format!("@{wanted} after the port of {} in CLUSTER NODES of {}", node.address, asked.address),
            "{place}"
        );
    }
    if compared == 0 {
        return Err(Stop::skip("no node shows its port"));
    }
    Ok(())
}

async fn a_new_node_has_no_address(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    if !cluster.config(&node, "cluster-announce-ip").await?.is_empty() {
        return Err(Stop::skip("the target gives new nodes an address to announce"));
    }
    let mut session = cluster.session(&node).await?;
    let reply = session.expect(command!["CLUSTER", "NODES"], Expect::Kind(Kind::Text)).await?;
    let text = reply.text().unwrap_or_default();
    let places: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    ensure!(
        places.len() == 1 && places[0].starts_with(':'),
        format!("one line with an empty host in CLUSTER NODES of {}", node.address),
        "{}",
        list(places)
    );
    Ok(())
}
