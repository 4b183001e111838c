//! Redirects under other settings: users, limits, and the endpoint that they name.

use wire::{Address, Node, Redirect, Slot, command};

use crate::cluster::Cluster;
use crate::code::users::{as_nobody, as_user};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("moved/after-permissions")
        .title("A node answers NOPERM, not a redirect, if the user lacks the permission")
        .must("ACL")
        .covers(&["moved.after-auth"])
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
        .covers(&["moved.parse-last-colon"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(ipv6_endpoint(cluster))),
];

/// A slot, its owner, another primary, and one of that one's own slots.
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
    as_nobody(cluster, &place.node, async |nobody| {
        for command in [command!["GET", &own], command!["GET", &remote], command!["SET", &remote, "v"]] {
            nobody.expect(command, Expect::error("NOAUTH")).await?;
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
    // The sender's host leads to the owner only where both share it, and ports are not published elsewhere.
    let dialled = cluster.options(&place.node).address.host;
    if reached_as_announced(cluster, &place.owner) && dialled == place.owner.address.host {
        leads_to(cluster, &reply, &dialled, &place.owner).await?;
    }
    Ok(())
}

fn reached_as_announced(cluster: &Cluster, node: &Node) -> bool {
    cluster.options(node).address == node.address
}

/// The owner announces its IPv4 address in the form of IPv6, by which the other nodes reach it as before.
async fn ipv6_endpoint(cluster: &Cluster) -> Outcome {
    let place = Place::draw(cluster)?;
    let Address { host, port } = &place.owner.address;
    if host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(Stop::skip(format!("the node announces {host}, which is no IPv4 address")));
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
    // Now, not only at the end: the other nodes must have unlearned it when the next check starts.
    cluster.set_config(&place.owner, "cluster-announce-ip", &before).await?;
    followed?;
    cluster
        .until(cluster.limits().converge, "all nodes name the endpoint as before", async || {
            cluster.expect(&place.node, command!["GET", &key], place.moved()).await?;
            for node in cluster.nodes() {
                let view = cluster.live().view_of(&node).await?;
                let found = view.node(&place.owner.id).map(|owner| &owner.address);
                ensure!(
                    found == Some(&place.owner.address),
                    place.owner.address.to_string(),
                    "{found:?} on {}",
                    node.address
                );
            }
            Ok(())
        })
        .await?;
    cluster.refresh().await?;
    Ok(())
}

/// The endpoint of a redirect, read as clients read it, is where the owner answers.
async fn leads_to(cluster: &Cluster, reply: &wire::Reply, dialled: &str, owner: &Node) -> Outcome {
    let redirect = reply.error().and_then(|error| Redirect::parse(&error));
    let Some(Ok(Redirect::Moved { address, .. })) = redirect else {
        return Err(Stop::mismatch("MOVED with a slot and an endpoint", reply.to_string()));
    };
    let options = wire::ConnectOptions { address: address.address(dialled), ..cluster.options(owner) };
    let mut session = match cluster.open(owner, &options).await {
        Ok(session) => session,
        Err(error) => return Err(Stop::skip(format!("cannot follow the redirect from here: {error}"))),
    };
    let reply = session.expect(command!["CLUSTER", "MYID"], Expect::NoError).await?;
    let found = reply.text().unwrap_or_default();
    ensure!(found == owner.id.to_string(), format!("the owner {} at {}", owner.id, options.address), "{found}");
    Ok(())
}
