//! The suite `keyslot` in Rust: CLUSTER KEYSLOT on nodes of every kind, compared with the hash function of rct.

use wire::{Command, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: [&[CodeCheck]; 1] = [&[
    check("keyslot/agrees-with-our-own-slots")
        .title("CLUSTER KEYSLOT agrees with rct on the slots of random byte strings full of braces")
        .must("hash-tags")
        .covers(&["keyslot.agrees-with-client"])
        .body(|cluster| Box::pin(agrees_with_our_own_slots(cluster))),
    check("keyslot/leaves-no-key")
        .title("CLUSTER KEYSLOT works for a key that does not exist, and does not create it")
        .must("CLUSTER KEYSLOT")
        .covers(&["keyslot.key-need-not-exist"])
        .body(|cluster| Box::pin(leaves_no_key(cluster))),
    check("keyslot/answers-while-down")
        .title("A node without slots, whose cluster state is fail, still answers CLUSTER KEYSLOT")
        .should("CLUSTER KEYSLOT")
        .covers(&["keyslot.works-when-down", "keyslot.any-node"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(answers_while_down(cluster))),
    check("keyslot/without-cluster-support")
        .title("A server without cluster support refuses CLUSTER KEYSLOT, or answers it since Valkey 9.1")
        .may("CLUSTER KEYSLOT")
        .covers(&["keyslot.standalone"])
        .needs(&[Need::StandaloneNode])
        .body(|cluster| Box::pin(without_cluster_support(cluster))),
]];

/// The number of random keys.
const RANDOM_KEYS: usize = 10_000;
/// The length of the longest random key, in bytes.
const RANDOM_KEY_BYTES: usize = 64;

async fn agrees_with_our_own_slots(cluster: &Cluster) -> Outcome {
    const ALPHABET: &[u8] = b"{{{{}}}}ab\x00\xff\r\n ";
    let sent: Vec<(Command, Expect)> = (0..RANDOM_KEYS)
        .map(|_| {
            let mut key = cluster.random_bytes(cluster.random_below(RANDOM_KEY_BYTES + 1));
            key.iter_mut().for_each(|byte| *byte = ALPHABET[usize::from(*byte) % ALPHABET.len()]);
            keyslot(&key)
        })
        .collect();
    cluster.expect_all(&cluster.some_primary()?, &sent).await?;
    Ok(())
}

async fn leaves_no_key(cluster: &Cluster) -> Outcome {
    let owner = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&owner)?);
    let missing = || (command!["EXISTS", &key], Expect::Integer(0));
    // Another check compares the slot itself.
    let asked = || (command!["CLUSTER", "KEYSLOT", &key], Expect::Kind(Kind::Integer));
    let sent = [missing(), asked(), missing(), asked(), missing()];
    cluster.expect_all(&owner, &sent).await?;
    Ok(())
}

async fn answers_while_down(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare::default()).await?;
    let sent = [
        (command!["CLUSTER", "INFO"], Expect::Contains("cluster_state:fail\r\n".to_owned())),
        (command!["CLUSTER", "SLOTS"], Expect::Length(0)),
        keyslot(b"foo"),
        keyslot(b"{user1000}.following"),
        keyslot(b""),
        (command!["EXISTS", "foo"], Expect::error("CLUSTERDOWN")),
        keyslot(b"bar"),
    ];
    cluster.expect_all(&node, &sent).await?;
    Ok(())
}

async fn without_cluster_support(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare { standalone: true, ..Spare::default() }).await?;
    let (command, computed) = keyslot(b"foo");
    let server = cluster.server();
    let expect = if server.is("redis") || server.is("valkey <9.1") {
        Expect::error("ERR")
    } else if server.is("valkey") {
        computed
    } else {
        Expect::AnyOf(vec![Expect::Kind(Kind::Error), computed])
    };
    // CLUSTER INFO must fail too, which shows that the server has no cluster support.
    let sent = [(command!["CLUSTER", "INFO"], Expect::error("ERR")), (command, expect)];
    cluster.expect_all(&node, &sent).await?;
    Ok(())
}

fn keyslot(key: &[u8]) -> (Command, Expect) {
    (command!["CLUSTER", "KEYSLOT", key], Expect::Integer(Slot::of(key).number().into()))
}
