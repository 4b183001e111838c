//! What open connections see when their node changes its role.

use wire::command;

use crate::check::{CodeCheck, Level, Need, Shape};
use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[CodeCheck {
    id: "readonly/connections-follow-a-role-change",
    title: "After a failover the promoted node serves its READONLY connections in full, and the demoted one redirects \
            all but READONLY reads, queued transactions included",
    level: Level::Must,
    spec: "scaling-reads-using-replica-nodes",
    statements: &["readonly.after-promotion", "readonly.after-demotion", "transactions.role-changed"],
    shape: Shape::new(3, 1),
    needs: &[Need::ChangeRoles],
    servers: &[],
    source: (file!(), line!()),
    body: |cluster| Box::pin(connections_follow_a_role_change(cluster)),
}];

async fn connections_follow_a_role_change(cluster: &Cluster) -> Outcome {
    let old = cluster.some_primary()?;
    let new = cluster.replica_of(&old)?;
    let slot = cluster.slot_of(&old)?;
    let (key, queued) = (cluster.keys().named(slot, "key"), cluster.keys().named(slot, "queued"));
    cluster.expect(&old, command!["SET", &key, "before"], Expect::Ok).await?;
    cluster.replicated(&old).await?;

    let (get, set) = (command!["GET", &key], command!["SET", &key, "after"]);
    let mut promoted = cluster.readonly_session(&new).await?;
    promoted.expect(&get, Expect::text("before")).await?;
    promoted.expect(&set, Expect::moved(slot, &old)).await?;
    let mut demoted = cluster.session(&old).await?;
    demoted.expect(&get, Expect::text("before")).await?;
    let mut demoted_readonly = cluster.readonly_session(&old).await?;
    demoted_readonly.expect(&get, Expect::text("before")).await?;
    let mut transaction = cluster.session(&old).await?;
    transaction.expect(command!["MULTI"], Expect::Ok).await?;
    transaction.expect(command!["SET", &queued, "v"], Expect::Queued).await?;
    transaction.expect(&get, Expect::Queued).await?;

    let time = cluster.failover(&new, None).await?;
    cluster.measure("manual failover", time);

    transaction.expect(command!["EXEC"], Expect::moved(slot, &new)).await?;
    demoted.expect(&get, Expect::moved(slot, &new)).await?;
    demoted.expect(&set, Expect::moved(slot, &new)).await?;
    demoted_readonly.expect(&set, Expect::moved(slot, &new)).await?;
    promoted.expect(&get, Expect::text("before")).await?;
    promoted.expect(&set, Expect::Ok).await?;
    promoted.expect(command!["EXISTS", &queued], Expect::Integer(0)).await?;
    // The demoted node may have to load the data of its new primary first.
    let served =
        cluster.until(cluster.limits().restart, "the demoted node serves its READONLY connection", async || {
            demoted_readonly.expect(&get, Expect::text("after")).await
        });
    served.await?;
    demoted.expect(&get, Expect::moved(slot, &new)).await?;
    Ok(())
}
