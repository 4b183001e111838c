//! Slots that somebody else is moving: rct leaves them out, and leaves them as they are.

use crate::degraded_cluster::{degrade, nodes_of};
use crate::stock::{primaries, up};
use crate::suites::{check, suite};
use crate::support::{Cluster, ask, conform, problems, until};

/// A slot that is open between two primaries, with one key that has moved already.
pub(crate) struct Open {
    pub(crate) slot: u16,
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Opens a slot as an interrupted reshard leaves it.
pub(crate) fn open_slot(cluster: &Cluster) -> Open {
    let primaries = primaries(cluster);
    let slot = ask(&primaries[0], "CLUSTER KEYSLOT operator");
    let slot = slot.trim_matches(|c: char| !c.is_ascii_digit()).split('\r').next().unwrap().parse().unwrap();
    let from = primaries.iter().find(|node| ask(node, "SET operator v").starts_with("+OK")).unwrap().clone();
    let to = primaries.iter().find(|node| **node != from).unwrap().clone();
    let id = |node: &str| ask(node, "CLUSTER MYID").lines().nth(1).unwrap().to_owned();
    assert_eq!(ask(&to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(&from))), "+OK\r\n+OK\r\n");
    assert_eq!(ask(&from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(&to))), "+OK\r\n+OK\r\n");
    let port = to.rsplit(':').next().unwrap();
    assert_eq!(ask(&from, &format!("MIGRATE 127.0.0.1 {port} operator 0 5000")), "+OK\r\n+OK\r\n");
    Open { slot, from, to }
}

/// Waits until CLUSTER NODES of all nodes is as before, except for epochs, handshakes and times.
fn until_as_before(addresses: &[String], before: &[String]) {
    until("CLUSTER NODES is as before", || match nodes_of(addresses) {
        now if now == before => Ok(()),
        now => Err(format!("{before:#?} before, {now:#?} now")),
    });
}

/// A check that closes the slot of the operator, as checks that reset nodes do.
const CLOSING: &str = r#"
[[check]]
id = "close"
title = "SETSLOT STABLE closes a slot"
level = "must"
spec = "CLUSTER SETSLOT"
needs = ["move-slot"]
steps = [{ send = { command = "CLUSTER SETSLOT NUMBER STABLE", to = "every-primary", expect = "ok" } }]
"#;

#[test]
fn case_c1_c2_open_slots_are_left_out_and_stay_open() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let open = open_slot(&cluster);
    let before = nodes_of(&cluster.addresses);
    assert!(before.iter().any(|nodes| nodes.contains("->-")), "{before:#?}");

    let sweeps = ["--run", "consistency/owner-serves", "--run", "moved/every-slot", "--run", "topology/nodes*"];
    let (status, record) = conform(folder.path(), &[&["--target", &open.from, "--calm"], &sweeps[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    let slots = record["target"]["open_slots"].as_array().unwrap();
    let shown = |node: &str, direction: &str, peer: &str| {
        slots.iter().any(|shown| {
            (&shown["slot"], &shown["node"], &shown["direction"], &shown["peer"])
                == (&open.slot.into(), &node.into(), &direction.into(), &peer.into())
        })
    };
    assert!(shown(&open.from, "migrating", &open.to) && shown(&open.to, "importing", &open.from), "{slots:?}");
    let told = record["warnings"].to_string();
    assert!(told.contains(&format!("{} migrates the slot {} to {}", open.from, open.slot, open.to)), "{told}");

    let suite = suite(folder.path(), &CLOSING.replace("NUMBER", &open.slot.to_string()));
    let more = ["--suite", &suite, "--run", "mine", "--run", "moved/ipv6-endpoint"];
    let disrupt = ["--target", &open.from, "--allow-disruption", "--run", "failover/manual-refuses-queued-transaction"];
    let (status, record) = conform(folder.path(), &[&disrupt[..], &more[..]].concat());
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
    assert_eq!(record["counts"]["pass"], 2, "{record:#}");
    let skipped = check(&record, "failover/manual-refuses-queued-transaction");
    assert!(skipped["reason"].as_str().unwrap().contains(&format!("is moving slot {}", open.slot)), "{skipped:#}");
    until_as_before(&cluster.addresses, &before);
    assert!(ask(&open.from, "GET operator").starts_with(&format!("-ASK {} {}", open.slot, open.to)));
}

#[test]
#[ignore = "slow: the whole catalogue by address, twice"]
fn case_a1_a2_a3_c1_c2_a_damaged_cluster_gets_verdicts_and_stays_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    let open = open_slot(&cluster);
    let degraded = degrade(folder.path(), &cluster);
    let before = nodes_of(&degraded.alive);
    for more in [&[][..], &["--allow-disruption"]] {
        let (status, record) = conform(folder.path(), &[&["--target", &open.from], more].concat());
        assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");
        until_as_before(&degraded.alive, &before);
    }
}
