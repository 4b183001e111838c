//! Keys expire by the clock of their owner, and a replica agrees with it.

use std::time::Duration;

use wire::{bytes_of, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[check("keyspace/replica-agrees-about-expiry")
    .title("A replica knows when a key expires, hides it from then on, and deletes it when the primary does")
    .should("how-redis-replication-deals-with-expires-on-keys")
    .covers(&["keyspace.expire-events"])
    .shape(1, 1)
    .body(|cluster| Box::pin(replica_agrees_about_expiry(cluster)))];

/// The time to live of the key: long enough for a replica to show it.
const LIFE: Duration = Duration::from_millis(400);
/// How often a replica must hide an expired key.
const READS: usize = 5;
/// The most keys of a slot that are listed.
const KEYS_OF_SLOT: &str = "10000";

async fn replica_agrees_about_expiry(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.slot_of(&primary)?;
    let (key, kept) = (cluster.keys().fresh(slot), cluster.keys().fresh(slot));
    let life = i64::try_from(LIFE.as_millis()).unwrap_or(i64::MAX);
    let mut reader = cluster.readonly_session(&replica).await?;
    let writes = [
        (command!["SET", &kept, "v", "EX", "1000"], Expect::Ok),
        (command!["SET", &key, "v", "PX", life.to_string()], Expect::Ok),
    ];
    cluster.expect_all(&primary, &writes).await?;
    cluster.replicated(&primary).await?;
    let left = reader.expect(command!["PTTL", &kept], Expect::Kind(Kind::Integer)).await?.integer().unwrap_or(-1);
    ensure!(
        (1..=1_000_000).contains(&left),
        format!("at most 1000 s and more than 0 in reply to PTTL {kept} from the replica {}", replica.address),
        "{left} ms"
    );
    if cluster.may_have("PEXPIRETIME").await? && !cluster.server().is("redis <7.0") {
        let when = command!["PEXPIRETIME", &kept];
        let wanted = cluster.expect(&primary, &when, Expect::AtLeast(1)).await?.integer().unwrap_or_default();
        reader.expect(when, Expect::Integer(wanted)).await?;
    }
    let hidden = cluster.until(LIFE + cluster.limits().replicate, "the replica hides the expired key", async || {
        reader.expect(command!["GET", &key], Expect::Null).await
    });
    hidden.await?;
    let again = vec![(command!["GET", &key], Expect::Null); READS];
    reader.expect_all(&again).await?;
    // The primary deletes the key at the latest when a client asks for it.
    cluster.expect(&primary, command!["EXISTS", &key], Expect::Integer(0)).await?;
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_OF_SLOT];
    let deleted = cluster.until(cluster.limits().replicate, "the replica deletes the expired key", async || {
        let reply = cluster.expect(&replica, &list, Expect::Kind(Kind::Array)).await?;
        let keys: Vec<&[u8]> = reply.items().unwrap_or_default().iter().filter_map(bytes_of).collect();
        ensure!(
            !keys.contains(&key.as_bytes()) && keys.contains(&kept.as_bytes()),
            format!("{kept}, but not {key}, among the keys of slot {slot} on {}", replica.address),
            "{reply}"
        );
        Ok(())
    });
    deleted.await
}
