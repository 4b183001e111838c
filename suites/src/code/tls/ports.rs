//! Nodes with both ports: a client with TLS gets the TLS port of each node, and a client without TLS the other one.

use wire::{Command, command};

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
    check("tls/views-list-the-ports-of-the-client")
        .title(
            "CLUSTER SLOTS and CLUSTER NODES list TLS ports to a client with TLS, and the other ports to other clients",
        )
        .must("CLUSTER SLOTS")
        .covers(&["endpoints.tls-client-tls-ports"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(views_list_the_ports_of_the_client(cluster))),
    check("tls/moved-names-the-port-of-the-client")
        .title("MOVED names the TLS port of the owner to a client with TLS, and its other port to other clients")
        .must("moved-redirection")
        .covers(&["endpoints.tls-client-tls-ports"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(moved_names_the_port_of_the_client(cluster))),
    check("tls/ask-names-the-port-of-the-client")
        .title("ASK names the TLS port of the new owner to a client with TLS, and its other port to other clients")
        .must("ask-redirection")
        .covers(&["endpoints.tls-client-tls-ports"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts, Need::MoveSlot])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(ask_names_the_port_of_the_client(cluster))),
    check("tls/shards-list-both-ports")
        .title("CLUSTER SHARDS lists the TLS port and the other port of every node to every client")
        .should("CLUSTER SHARDS")
        .covers(&["endpoints.tls-shards-both"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(shards_list_both_ports(cluster))),
    check("tls/scripts-list-tls-ports-to-clients-with-tls")
        .title("CLUSTER SLOTS in a script lists the TLS ports if the client that runs the script uses TLS")
        .should("CLUSTER SLOTS")
        .covers(&["endpoints.tls-from-script"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(scripts_list_the_ports_of(cluster, Client::Tls))),
    check("tls/scripts-list-other-ports-to-other-clients")
        .title("CLUSTER SLOTS in a script lists the ports without TLS if the client that runs the script uses none")
        .should("CLUSTER SLOTS")
        .covers(&["endpoints.tls-from-script"])
        .shape(3, 1)
        .needs(&[Need::TlsPorts])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(scripts_list_the_ports_of(cluster, Client::Plain))),
];

async fn views_list_the_ports_of_the_client(cluster: &Cluster) -> Outcome {
    for asked in cluster.nodes() {
        for client in Client::BOTH {
            client.gets_its_ports_in_slots(cluster, &asked, &command!["CLUSTER", "SLOTS"]).await?;
            client.gets_its_ports_in_nodes(cluster, &asked).await?;
        }
    }
    Ok(())
}

async fn moved_names_the_port_of_the_client(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let slot = cluster.slot_of(&owner)?;
    let key = cluster.keys().unwritten(slot);
    for asked in cluster.nodes().into_iter().filter(|node| node.id != owner.id) {
        for client in Client::BOTH {
            let moved = format!("MOVED {slot} {}", client.address_of(cluster, &owner)?);
            client.session(cluster, &asked).await?.expect(command!["GET", &key], Expect::error(moved)).await?;
        }
    }
    Ok(())
}

async fn ask_names_the_port_of_the_client(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    cluster.open_slot(*slot, source, target).await?;
    let asked = async {
        for client in Client::BOTH {
            let ask = format!("ASK {slot} {}", client.address_of(cluster, target)?);
            let get = command!["GET", route.key(cluster, "none")];
            client.session(cluster, source).await?.expect(get, Expect::error(ask)).await?;
        }
        Ok(())
    };
    let asked: Outcome = asked.await;
    cluster.close_slot(*slot, source, target).await?;
    asked
}

async fn shards_list_both_ports(cluster: &Cluster) -> Outcome {
    let ask = command!["CLUSTER", "SHARDS"];
    for asked in cluster.nodes() {
        for client in Client::BOTH {
            let reply = client.session(cluster, &asked).await?.expect(&ask, Expect::Kind(Kind::Array)).await?;
            let shards = wire::parse_shards(reply.value()).map_err(|error| malformed(&ask, &error))?;
            for node in cluster.nodes() {
                let [with, without] = [Client::Tls, Client::Plain].map(|client| client.address_of(cluster, &node));
                let wanted = (Some(with?.port), Some(without?.port));
                let listed = shards.iter().flat_map(|shard| &shard.nodes).find(|listed| listed.id == node.id);
                let found = listed.map_or((None, None), |listed| (listed.tls_port, listed.port));
                let shown = |ports: (Option<u16>, Option<u16>)| {
                    format!("tls-port {} and port {}", or(ports.0, "missing"), or(ports.1, "missing"))
                };
                ensure!(
                    found == wanted,
                    format!("{} of {} in CLUSTER SHARDS of {}, {client}", shown(wanted), node.id, asked.address),
                    "{}",
                    shown(found)
                );
            }
        }
    }
    Ok(())
}

async fn scripts_list_the_ports_of(cluster: &Cluster, client: Client) -> Outcome {
    for asked in cluster.nodes() {
        client.gets_its_ports_in_slots(cluster, &asked, &slots_in_a_script()).await?;
    }
    Ok(())
}

fn slots_in_a_script() -> Command {
    command!["EVAL", "return redis.call('CLUSTER', 'SLOTS')", "0"]
}
