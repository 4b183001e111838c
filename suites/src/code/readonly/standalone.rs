//! READONLY and redirects of servers without cluster support.

use wire::{Node, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("readonly/standalone-answer")
        .title("A server without cluster support refuses READONLY, or answers OK if it can redirect connections")
        .may("READONLY")
        .covers(&["readonly.standalone"])
        .needs(&[Need::StandaloneNode])
        .body(|cluster| Box::pin(standalone_answer(cluster))),
    check("readonly/standalone-replica-redirects")
        .title("A standalone replica answers REDIRECT with its primary's address after CLIENT CAPA redirect")
        .may("CLIENT CAPA")
        .covers(&["readonly.capa-redirect"])
        .needs(&[Need::StandaloneNode])
        .commands(&["CLIENT CAPA"])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(standalone_replica_redirects(cluster))),
];

async fn standalone_answer(cluster: &Cluster) -> Outcome {
    let expect = if cluster.server().is("valkey >=8.0") { Expect::Ok } else { Expect::error("ERR") };
    let mut session = cluster.session(&start(cluster).await?).await?;
    session.expect(command!["READONLY"], expect).await?;
    session.expect(command!["GET", "key"], Expect::Null).await?;
    Ok(())
}

async fn standalone_replica_redirects(cluster: &Cluster) -> Outcome {
    let (primary, replica) = (start(cluster).await?, start(cluster).await?);
    let (host, port) = (&primary.address.host, primary.address.port.to_string());
    let mut plain = cluster.session(&replica).await?;
    plain.expect(command!["REPLICAOF", host, &port], Expect::Ok).await?;
    cluster.session(&primary).await?.expect(command!["SET", "key", "v"], Expect::Ok).await?;
    let linked = cluster.until(cluster.limits().restart, "the replica has its primary's data", async || {
        plain.expect(command!["GET", "key"], Expect::text("v")).await
    });
    linked.await?;

    let redirect = Expect::error(format!("REDIRECT {}", primary.address));
    let mut capable = cluster.session(&replica).await?;
    capable.expect(command!["CLIENT", "CAPA", "redirect"], Expect::Ok).await?;
    capable.expect(command!["GET", "key"], redirect.clone()).await?;
    capable.expect(command!["SET", "key", "w"], redirect.clone()).await?;
    capable.expect(command!["READONLY"], Expect::Ok).await?;
    capable.expect(command!["GET", "key"], Expect::text("v")).await?;
    capable.expect(command!["SET", "key", "w"], redirect).await?;
    plain.expect(command!["SET", "key", "w"], Expect::error("READONLY")).await?;
    Ok(())
}

/// Starts a standalone server.
///
/// All such servers have the same id in the view of rct, so checks open new sessions to each.
async fn start(cluster: &Cluster) -> Outcome<Node> {
    cluster.start_spare(Spare { standalone: true, ..Spare::default() }).await
}
