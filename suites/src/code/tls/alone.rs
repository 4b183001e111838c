//! Nodes whose only port for clients is one for TLS: every reply that names a node has this port.

use wire::command;

use super::client::{Client, malformed};
use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::or;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("tls/only-tls-ports-are-listed-without-another-port")
        .title("Where nodes have no port without TLS, CLUSTER SLOTS, NODES and SHARDS list their TLS ports")
        .should("CLUSTER SHARDS")
        .covers(&["endpoints.tls-only-port-zero"])
        .shape(3, 1)
        .needs(&[Need::TlsOnly])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(only_tls_ports_are_listed(cluster))),
    check("tls/redirects-name-tls-ports-without-another-port")
        .title("Where nodes have no port without TLS, MOVED and ASK name their TLS ports")
        .should("moved-redirection")
        .covers(&["endpoints.tls-only-port-zero"])
        .shape(3, 1)
        .needs(&[Need::TlsOnly, Need::MoveSlot])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(redirects_name_tls_ports(cluster))),
];

async fn only_tls_ports_are_listed(cluster: &Cluster) -> Outcome {
    let ask = command!["CLUSTER", "SHARDS"];
    for asked in cluster.nodes() {
        Client::Tls.gets_its_ports_in_slots(cluster, &asked, &command!["CLUSTER", "SLOTS"]).await?;
        Client::Tls.gets_its_ports_in_nodes(cluster, &asked).await?;
        let reply = cluster.expect(&asked, &ask, Expect::Kind(Kind::Array)).await?;
        let shards = wire::parse_shards(reply.value()).map_err(|error| malformed(&ask, &error))?;
        for node in cluster.nodes() {
            let listed = shards.iter().flat_map(|shard| &shard.nodes).find(|listed| listed.id == node.id);
            let found = listed.map_or((None, None), |listed| (listed.tls_port, listed.port));
            // Nobody can connect to port 0, so it means the same as no port.
            ensure!(
                found.0 == Some(node.endpoint.port) && matches!(found.1, None | Some(0)),
                format!("tls-port {} and no port of {} in {ask} of {}", node.endpoint.port, node.id, asked.address),
                "tls-port {} and port {}",
                or(found.0, "missing"),
                or(found.1, "missing")
            );
        }
    }
    Ok(())
}

async fn redirects_name_tls_ports(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let get = command!["GET", route.key(cluster, "none")];
    for asked in cluster.nodes().into_iter().filter(|node| node.id != source.id) {
        let moved = format!("MOVED {slot} {}", Client::Tls.address_of(cluster, source)?);
        cluster.expect(&asked, &get, Expect::error(moved)).await?;
    }
    cluster.open_slot(*slot, source, target).await?;
    let ask = format!("ASK {slot} {}", Client::Tls.address_of(cluster, target)?);
    let asked = cluster.expect(source, &get, Expect::error(ask)).await;
    cluster.close_slot(*slot, source, target).await?;
    asked.map(drop)
}
