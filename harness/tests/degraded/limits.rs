//! Limits of the environment are not the server's fault.

use crate::stock::{primaries, up};
use crate::suites::{check, suite};
use crate::support::{ask, conform, problems, refuses};

#[test]
fn case_d1_d2_maxclients_and_maxmemory_break_checks_and_fail_none() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    for address in &cluster.addresses {
        ask(address, "CONFIG SET maxclients 20");
    }
    let address = &primaries(&cluster)[0];
    let selection = ["--calm", "--target", address, "--run", "redirect", "--run", "crossslot/m*", "--run", "slots"];
    let (status, record) = conform(folder.path(), &selection);
    assert_eq!((status, problems(&record)), (0, Default::default()), "{record:#}");

    for address in &cluster.addresses {
        ask(address, "CONFIG SET maxclients 1000");
        ask(address, "CONFIG SET maxmemory 1");
    }
    let (status, record) = conform(folder.path(), &selection);
    assert_eq!(status, 3, "{record:#}");
    assert_eq!(problems(&record).keys().collect::<Vec<_>>(), ["broken"], "{record:#}");
    let checks = record["checks"].as_array().unwrap();
    assert!(checks.iter().any(|check| check["reason"].as_str().is_some_and(|reason| reason.contains("maxmemory"))));

    // A check that disturbs may set limits of its own, and this one does not.
    let disturb = ["--allow-disruption", "--target", address, "--run", "failover/manual-refuses-queued-transaction"];
    let (status, record) = conform(folder.path(), &disturb);
    assert_eq!((status, problems(&record).len()), (3, 1), "{record:#}");
    assert!(record["checks"][0]["reason"].as_str().unwrap().contains("maxmemory"), "{record:#}");
}

/// A check whose second connection is idle for some time, and one with a large reply.
const CLOSED: &str = r#"
[[check]]
id = "idle"
title = "A connection that was idle still works"
level = "must"
spec = "PING"
steps = [
  { send = { command = "PING", to = "owner", on = "idle", expect = { text = "PONG" } } },
  { send = { command = "BLPOP {key} 4", to = "owner", expect = "null" } },
  { send = { command = "PING", to = "owner", on = "idle", expect = { text = "PONG" } } },
]
[[check]]
id = "large"
title = "A script returns a large text"
level = "must"
spec = "EVAL"
steps = [
  { send = { command = ["EVAL", "return #string.rep('x', 2000000)", "0"], to = "owner", expect = { integer = 2000000 } } },
  { send = { command = ["EVAL", "return string.rep('x', 2000000)", "0"], to = "owner", expect = "ok" } },
]
"#;

#[test]
fn case_d_connections_that_settings_close_break_checks_and_too_few_clients_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    for address in &cluster.addresses {
        ask(address, "CONFIG SET timeout 1");
        ask(address, "CONFIG SET client-output-buffer-limit \"normal 1000000 0 0\"");
    }
    let suite = suite(folder.path(), CLOSED);
    let target = ["--target", &cluster.addresses[0]];
    let (status, record) = conform(folder.path(), &[&target[..], &["--suite", &suite, "--run", "mine"]].concat());
    assert_eq!((status, problems(&record).len()), (3, 1), "{record:#}");
    for (id, setting) in [("mine/idle", "(timeout)"), ("mine/large", "client-output-buffer-limit normal 1000000 0 0")] {
        let reason = check(&record, id)["reason"].as_str().unwrap();
        assert!(reason.contains(setting), "{reason}");
        assert!(record["warnings"].to_string().contains(setting), "{record:#}");
    }

    // The links between the nodes count as clients, so that no client is let in.
    for address in &cluster.addresses {
        ask(address, "CONFIG SET maxclients 10");
    }
    refuses(folder.path(), &[&["conform"], &target[..], &["--run", "redirect"]].concat(), 3, &["maxclients"]);
}
