//! Routing, storage and shard channels hash names like CLUSTER KEYSLOT.

use wire::{Slot, command};

use super::keyslot::{keyslot, slot_of};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("slots/routing-agrees")
        .title("MOVED and CLUSTER KEYSLOT name the correct slot for keys of every kind")
        .must("moved-redirection")
        .covers(&["slots.routing-agrees"])
        .shape(2, 0)
        .body(|cluster| Box::pin(routing_agrees(cluster))),
    check("slots/storage-agrees")
        .title("COUNTKEYSINSLOT and GETKEYSINSLOT find a written key in its slot, for keys of every kind")
        .must("CLUSTER COUNTKEYSINSLOT")
        .covers(&["slots.storage-agrees"])
        .body(|cluster| Box::pin(storage_agrees(cluster))),
    check("slots/shard-channels-hash-like-keys")
        .title("A shard channel belongs to the same slot as a key of its name")
        .must("SSUBSCRIBE")
        .covers(&["slots.channel-same-hash"])
        .shape(2, 0)
        .commands(&["SSUBSCRIBE", "SPUBLISH"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(shard_channels_hash_like_keys(cluster))),
];

async fn routing_agrees(cluster: &Cluster) -> Outcome {
    let (run, check) = (cluster.keys().run_prefix(), cluster.keys().check());
    let mut keys = names(run, check);
    // Only read, so that it need not begin as the run's keys do.
    if cluster.live().abilities().await.may_use_any_key() {
        keys.push(format!("{{user1000}}{run}{check}").into_bytes());
    }
    for key in keys {
        let slot = Slot::of(&key);
        let wrong = cluster.non_owner(slot)?;
        let sent = [(keyslot(&key), slot_of(&key)), (command!["EXISTS", &key], Expect::error(format!("MOVED {slot}")))];
        cluster.expect_all(&wrong, &sent).await?;
    }
    Ok(())
}

/// The number of attempts, each in another slot, because another client might use the same slot at the same time.
const ATTEMPTS: u32 = 3;

async fn storage_agrees(cluster: &Cluster) -> Outcome {
    for kind in 0..names("", "").len() {
        let mut attempt = 0;
        while let Err(stop) = store(cluster, kind, attempt).await {
            attempt += 1;
            if attempt == ATTEMPTS {
                return Err(stop);
            }
        }
    }
    Ok(())
}

async fn store(cluster: &Cluster, kind: usize, attempt: u32) -> Outcome {
    let key = names(cluster.keys().run_prefix(), &format!("{}:{attempt}", cluster.keys().check())).swap_remove(kind);
    cluster.keys().adopt(&key);
    let slot = Slot::of(&key);
    if cluster.is_open(slot) {
        return Ok(());
    }
    let owner = cluster.owner(slot)?;
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let list = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), KEYS_LISTED.to_string()];
    let replies = cluster.pipeline(&owner, &[count.clone(), command!["SET", &key, "v"], count, list]).await?;
    let (before, after) = (replies[0].integer(), replies[2].integer());
    let printed = key.escape_ascii();
    ensure!(
        replies[1].is_ok() && before.is_some() && after == before.map(|count| count + 1),
        format!("slot {slot} of {} to count one more key after SET {printed}", owner.address),
        "{} before, {} in reply to SET, {} after",
        replies[0],
        replies[1],
        replies[2]
    );
    let listed = replies[3].items().unwrap_or_default().iter().any(|item| wire::bytes_of(item) == Some(&key));
    ensure!(
        listed || after > Some(KEYS_LISTED),
        format!("{printed} in reply to CLUSTER GETKEYSINSLOT {slot} from {}", owner.address),
        "{}",
        replies[3]
    );
    Ok(())
}

/// The largest number of keys that are listed; if the slot has more, the list is not judged.
const KEYS_LISTED: i64 = 1_000;

async fn shard_channels_hash_like_keys(cluster: &Cluster) -> Outcome {
    for channel in names(cluster.keys().run_prefix(), cluster.keys().check()) {
        let slot = Slot::of(&channel);
        if cluster.is_open(slot) {
            continue;
        }
        let moved = || Expect::error(format!("MOVED {slot}"));
        let (owner, wrong) = (cluster.owner(slot)?, cluster.non_owner(slot)?);
        let (publish, subscribe) = (command!["SPUBLISH", &channel, "m"], command!["SSUBSCRIBE", &channel]);
        cluster.expect(&owner, &publish, Expect::Kind(Kind::Integer)).await?;
        cluster.expect_all(&wrong, &[(publish, moved()), (subscribe.clone(), moved())]).await?;
        cluster.session(&owner).await?.expect(subscribe, Expect::NoError).await?;
    }
    Ok(())
}

/// Names of every kind that the hash function treats differently. All begin with the prefix of the run; `check` makes
/// them unique to the check.
fn names(run: &str, check: &str) -> Vec<Vec<u8>> {
    let kinds: [(&[u8], &[u8]); 16] = [
        (b"", b""),
        (b"", b"FOO"),
        (b"", "ключ".as_bytes()),
        (b"", b"\x00\xff\x80"),
        (b"", b"\r\n"),
        (b"{user1000}", b""),
        (b"before{tag}", b""),
        (b"", b"{last}"),
        (b"{}", b"{bar}"),
        (b"{{", b"}}zap"),
        (b"{bar}", b"{zap}"),
        (b"{", b""),
        (b"}", b"{c}d"),
        (b"{{}", b""),
        (b"{\x00}", b""),
        (b"\\{a\\}", b"\\}"),
    ];
    kinds.iter().map(|(before, after)| [run.as_bytes(), before, check.as_bytes(), after].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cover_keys_with_and_without_tags() {
        let tagged = names("p", "c").iter().filter(|name| wire::slot::hash_tag(name).len() < name.len()).count();
        assert!((6..12).contains(&tagged), "{tagged}");
    }
}
