//! Blocking reads on replicas outside of a transaction; `transactions.toml` has those inside one.

use wire::command;

use crate::cluster::Cluster;
use crate::code::readonly::reads::client_flags;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[check("transactions/replica-wakes-blocked-reads")
    .title("A blocked XREAD on a replica in READONLY mode wakes when data is replicated")
    .should("XREAD")
    .covers(&["transactions.replica-block-readonly"])
    .shape(1, 1)
    .servers(&["redis >=6.2", "valkey"])
    .in_resp2()
    .body(|cluster| Box::pin(replica_wakes_blocked_reads(cluster)))];

async fn replica_wakes_blocked_reads(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let mut reader = cluster.readonly_session(&replica).await?;
    let id = reader.expect(command!["CLIENT", "ID"], Expect::AtLeast(1)).await?.integer().unwrap_or_default();
    let read = command!["XREAD", "BLOCK", "0", "STREAMS", &key, "$"];
    reader.send(&read).await?;

    let list = command!["CLIENT", "LIST", "ID", id.to_string()];
    let blocked = cluster.until(cluster.limits().reply, "the reader is blocked", async || {
        let list = cluster.expect(&replica, &list, Expect::Kind(Kind::Text)).await?;
        let flags = client_flags(&list.text().unwrap_or_default(), id)?;
        ensure!(flags.contains('b'), "the flag b of a blocked connection in CLIENT LIST", "flags={flags}");
        Ok(())
    });
    blocked.await?;

    cluster.expect(&primary, command!["XADD", &key, "1-1", "field", "value"], Expect::text("1-1")).await?;
    let reply = reader.receive().await?;
    let fields = Expect::Items(vec![Expect::text("field"), Expect::text("value")]);
    let entry = Expect::Items(vec![Expect::text("1-1"), fields]);
    let stream = Expect::Items(vec![Expect::text(&key), Expect::Items(vec![entry])]);
    reader.require(read.to_string(), &Expect::Items(vec![stream]), &reply)
}
