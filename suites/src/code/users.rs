//! Connections of temporary users, and connections without authentication.

use wire::{Access, ConnectOptions, Node, Protocol, command};

use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

/// Creates a user with these rules on one node, runs `act` on a connection of that user, and deletes the user.
///
/// # Errors
/// What `act` gives; skip, if the server refuses to create users.
pub(super) async fn as_user(
    cluster: &Cluster,
    node: &Node,
    rules: &[&str],
    act: impl AsyncFnOnce(&mut Session) -> Outcome,
) -> Outcome {
    let name = &cluster.keys().plain();
    let make = rules.iter().fold(command!["ACL", "SETUSER", name, "on", "nopass"], |make, rule| make.arg(rule));
    cluster.adopt_user(node, name);
    if let Some(error) = cluster.call(node, make).await?.error() {
        return Err(Stop::skip(format!("the server refuses ACL SETUSER: {}", error.text)));
    }
    let acted = async {
        let mut session = cluster.session(node).await?;
        session.expect(command!["AUTH", name, "any"], Expect::Ok).await?;
        act(&mut session).await
    };
    let acted = acted.await;
    cluster.expect(node, command!["ACL", "DELUSER", name], Expect::Integer(1)).await?;
    acted
}

/// Runs `act` on a connection without authentication to a node that requires it.
///
/// If the node requires none, it gets a password for that time.
///
/// # Errors
/// What `act` gives; skip, if the server refuses a password or does not show it.
pub(super) async fn without_authentication(
    cluster: &Cluster,
    node: &Node,
    act: impl AsyncFnOnce(&mut Session) -> Outcome,
) -> Outcome {
    let is_open = unauthenticated(cluster, node).await?.call(command!["PING"]).await?.error().is_none();
    if is_open {
        cluster.set_password(node, &cluster.keys().plain()).await?;
    }
    let acted = async { act(&mut unauthenticated(cluster, node).await?).await };
    let acted = acted.await;
    if is_open {
        cluster.take_password(node).await?;
    }
    acted
}

async fn unauthenticated(cluster: &Cluster, node: &Node) -> Outcome<Session> {
    let options = cluster.options(node);
    let access = Access { username: None, password: None, ..options.access.clone() };
    let options = ConnectOptions { access, protocol: Protocol::Resp2, ..options };
    match cluster.open(node, &options).await {
        Ok(session) => Ok(session),
        Err(error) => Err(cluster.live().judge(&node.address, error, "(opening a connection without AUTH)").await),
    }
}
