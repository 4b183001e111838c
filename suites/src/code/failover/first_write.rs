//! CLUSTER FAILOVER before anything was written: primary and replica may still be at the replication offset 0.

use wire::command;

use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("failover/manual-before-any-write")
    .title("A manual failover works on a new cluster to which nobody has written")
    .must("manual-failover")
    .covers(&["failover.manual-at-offset-zero"])
    .shape(3, 1)
    .needs(&[Need::NewCluster, Need::ChangeRoles])
    .body(|cluster| Box::pin(before_any_write(cluster)))];

async fn before_any_write(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let replication = cluster.info(&primary, &command!["INFO", "replication"]).await?;
    let offset = or(replication.get("master_repl_offset"), "unknown");
    // A primary replicates a PING every few seconds, and newer servers do so at once. Servers that are known to hang do
    // it at the offset 0 only, which is past then.
    if cluster.server().is("redis <6.2.2") && offset != "0" {
        return Err(Stop::skip("the primary has replicated a PING since the cluster was started"));
    }
    // `Cluster::failover` would write a key first where servers are known to hang.
    cluster.expect(&replica, command!["CLUSTER", "FAILOVER"], Expect::Ok).await?;
    let promoted = cluster.promoted(&replica).await;
    promoted.map_err(|stop| {
        stop.with_note(format!("nobody has written to the cluster; the replication offset is {offset}"))
    })
}
