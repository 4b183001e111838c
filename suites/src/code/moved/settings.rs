//! Redirects under special settings: users, memory limits, and announced endpoints.

use wire::{Address, Node, Redirect, Slot, command};

use crate::cluster::Cluster;
use crate::code::users::{as_user, without_authentication};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("moved/after-permissions")
        .title("A node answers NOPERM, not a redirect, if the user lacks the permission")
        .must("ACL")
        .covers(&["moved.after-auth", "security.acl-keys-before-moved"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .commands(&["ACL"])
        .body(|cluster| Box::pin(after_permissions(cluster))),
    check("moved/after-authentication")
        .title("A node answers NOAUTH, not a redirect, to a client that is not authenticated")
        .must("AUTH")
        .covers(&["moved.after-auth"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(after_authentication(cluster))),
    check("moved/before-oom-and-noreplicas")
        .title("A node answers MOVED rather than OOM or NOREPLICAS to a write for another node")
        .must("moved-redirection")
        .covers(&["moved.before-oom", "errors.precedence-moved-type"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(before_oom_and_noreplicas(cluster))),
    check("moved/empty-endpoint")
        .title("A redirect has an empty host if the endpoint is unknown, so that the client keeps its current host")
        .must("moved-redirection")
        .covers(&["moved.empty-endpoint"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(empty_endpoint(cluster))),
    check("moved/ipv6-endpoint")
        .title("A redirect names an IPv6 endpoint without brackets, and the port follows the last colon")
        .must("moved-redirection")
        .covers(&["moved.parse-last-colon", "endpoints.ipv6"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(ipv6_endpoint(cluster))),
];

/// A slot with its owner, and another primary with one of its own slots.
struct Place {
    slot: Slot,
    owner: Node,
    node: Node,
    own: Slot,
}

impl Place {
    fn draw(cluster: &Cluster) -> Outcome<Self> {
        let owner = cluster.some_primary()?;
        let slot = cluster.slot_of(&owner)?;
        let node = cluster.non_owner(slot)?;
        let own = cluster.slot_of(&node)?;
        Ok(Self { slot, owner, node, own })
    }

    fn moved(&self) -> Expect {
        Expect::error(format!("MOVED {} {}", self.slot, self.owner.endpoint))
    }
}

async fn after_permissions(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    let (remote, own) = (cluster.keys().fresh(place.slot), cluster.keys().fresh(place.own));
    let refused = Expect::error("NOPERM");
    as_user(cluster, &place.node, &["~no-such-key", "+@all"], async |user| {
        user.expect(command!["GET", &own], refused.clone()).await?;
        user.expect(command!["GET", &remote], refused.clone()).await?;
        user.expect(command!["SET", &remote, "v"], refused.clone()).await?;
        Ok(())
    })
    .await?;
    as_user(cluster, &place.node, &["~*", "-@all", "+get"], async |user| {
        user.expect(command!["SET", &remote, "v"], refused.clone()).await?;
        user.expect(command!["GET", &remote], place.moved()).await?;
        Ok(())
    })
    .await
}

async fn after_authentication(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    let (remote, own) = (cluster.keys().fresh(place.slot), cluster.keys().fresh(place.own));
    without_authentication(cluster, &place.node, async |client| {
        for command in [command!["GET", &own], command!["GET", &remote], command!["SET", &remote, "v"]] {
            client.expect(command, Expect::error("NOAUTH")).await?;
        }
        Ok(())
    })
    .await
}

async fn before_oom_and_noreplicas(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    let (remote, own) = (cluster.keys().fresh(place.slot), cluster.keys().fresh(place.own));
    let node = &place.node;
    cluster.set_config(node, "maxmemory-policy", "noeviction").await?;
    for (setting, value, error) in [("maxmemory", "1", "OOM"), ("min-replicas-to-write", "99", "NOREPLICAS")] {
        let before = cluster.config(node, setting).await?;
        cluster.set_config(node, setting, value).await?;
        cluster.expect(node, command!["SET", &own, "v"], Expect::error(error)).await?;
        cluster.expect(node, command!["SET", &remote, "v"], place.moved()).await?;
        cluster.set_config(node, setting, &before).await?;
    }
    Ok(())
}

async fn empty_endpoint(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    cluster.set_config(&place.node, "cluster-preferred-endpoint-type", "unknown-endpoint").await?;
    let key = cluster.keys().fresh(place.slot);
    let wanted = format!("MOVED {} :{}", place.slot, place.owner.address.port);
    let reply = cluster.expect(&place.node, command!["GET", &key], Expect::error(&wanted)).await?;
    // The host of the sender leads to the owner only if both have the same host and publish their real ports.
    let dialled = cluster.options(&place.node).address.host;
    if reached_as_announced(cluster, &place.owner) && dialled == place.owner.address.host {
        leads_to(cluster, &reply, &dialled, &place.owner).await?;
    }
    Ok(())
}

fn reached_as_announced(cluster: &Cluster, node: &Node) -> bool {
    cluster.options(node).address == node.address
}

/// Makes the owner announce its IPv4 address as an IPv6 address, by which the other nodes still reach it.
async fn ipv6_endpoint(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    let Address { host, port } = &place.owner.address;
    if host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(Stop::skip(format!("the check needs a node that announces an IPv4 address, not {host}")));
    }
    let key = cluster.keys().fresh(place.slot);
    let before = cluster.config(&place.owner, "cluster-announce-ip").await?;
    let mapped = format!("::ffff:{host}");
    cluster.set_config(&place.owner, "cluster-announce-ip", &mapped).await?;
    let wanted = Expect::error(format!("MOVED {} {mapped}:{port}", place.slot));
    let followed = async {
        let reply = cluster
            .until(cluster.limits().converge, "the redirect names the IPv6 endpoint", async || {
                cluster.expect(&place.node, command!["GET", &key], wanted.clone()).await
            })
            .await?;
        if !reached_as_announced(cluster, &place.owner) {
            return Ok(());
        }
        leads_to(cluster, &reply, "", &place.owner).await
    };
    let followed = followed.await;
    // Not only at the end of the check: the other nodes must have forgotten it when the next check starts.
    cluster.set_config(&place.owner, "cluster-announce-ip", &before).await?;
    let forgotten = cluster
        .until(cluster.limits().converge, "all nodes know the address as before", async || {
            cluster.expect(&place.node, command!["GET", &key], place.moved()).await?;
            for node in cluster.nodes() {
                let view = cluster.live().view_of(&node).await?;
                let found = view.node(&place.owner.id).map(|owner| &owner.address);
                ensure!(
                    found == Some(&place.owner.address),
                    format!("the address {} in CLUSTER NODES of {}", place.owner.address, node.address),
                    "{}",
                    or(found, "no such node")
                );
            }
            Ok(())
        })
        .await;
    followed?;
    forgotten?;
    cluster.refresh().await?;
    Ok(())
}

/// Requires that the owner answers at the endpoint of a redirect, read as clients read it.
async fn leads_to(cluster: &Cluster, reply: &wire::Reply, dialled: &str, owner: &Node) -> Outcome {
    let redirect = reply.error().and_then(|error| Redirect::parse(&error));
    let Some(Ok(Redirect::Moved { address, .. })) = redirect else {
        return Err(Stop::mismatch("error MOVED with a slot and an endpoint", reply.to_string()));
    };
    let options = wire::ConnectOptions { address: address.address(dialled), ..cluster.options(owner) };
    let mut session = match cluster.open(owner, &options).await {
        Ok(session) => session,
        Err(error) => return Err(Stop::skip(format!("rct cannot connect to the endpoint of the redirect: {error}"))),
    };
    let reply = session.expect(command!["CLUSTER", "MYID"], Expect::NoError).await?;
    let found = reply.text().unwrap_or_default();
    ensure!(
        found == owner.id.to_string(),
        format!("the node {} at {}, which the redirect names", owner.id, options.address),
        "{}",
        or(Some(found).filter(|id| !id.is_empty()), "no node id")
    );
    Ok(())
}
