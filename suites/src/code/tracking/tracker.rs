//! Connections with CLIENT TRACKING, and what they are told.

use wire::{Node, Protocol, command};

use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;
use crate::session::Session;

/// A RESP3 connection to a node with CLIENT TRACKING on, and with these options.
pub(super) async fn tracker(cluster: &Cluster, node: &Node, options: &[&str]) -> Outcome<Session> {
    let mut session = cluster.session_in(node, Protocol::Resp3).await?;
    let tracking = options.iter().fold(command!["CLIENT", "TRACKING", "ON"], wire::Command::arg);
    session.expect(tracking, Expect::Ok).await?;
    Ok(session)
}

/// Requires that the next push tells the connection to forget exactly this key, or all keys.
pub(super) async fn invalidated(session: &mut Session, key: Option<&str>) -> Outcome {
    let what = key.map_or(Expect::Null, |key| Expect::Items(vec![Expect::text(key)]));
    let push = session.expect_push(Expect::Items(vec![what])).await?;
    let kind = push.push_kind().unwrap_or_default();
    ensure!(kind == "invalidate", format!("a push invalidate from {}", session.address()), "a push {kind}");
    Ok(())
}

/// Reads a key on a connection, and expects this value.
pub(super) async fn read(session: &mut Session, key: &str, value: Expect) -> Outcome {
    session.expect(command!["GET", key], value).await.map(drop)
}
