//! Replies that a user may not have, and servers that do not say what they are, or are too old.

use std::os::unix::fs::PermissionsExt;

use crate::stock::{primaries, up};
use crate::support::{ask, conform, rct, refuses, text};

#[test]
fn case_a5_b6_load_needs_one_slot_map_and_conform_takes_the_product_from_hello() {
    let folder = tempfile::tempdir().unwrap();
    let cluster = up(folder.path());
    for address in &cluster.addresses {
        let user = "ACL SETUSER some on >pw ~* &* +@all";
        ask(address, &format!("{user} -info -cluster|nodes"));
        ask(address, &format!("{} -info -cluster|nodes -cluster|slots", user.replace("some", "fewer")));
    }
    let address = &primaries(&cluster)[0];
    for user in ["some", "fewer"] {
        let target = format!("redis://{user}:pw@{address}");
        let load = ["load", "--clients", "4", "--requests", "1000", "--target", &target];
        let output = rct(folder.path()).args(load).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{user}: {}", text(&output.stderr));
        let (_, record) = conform(folder.path(), &["--target", &target, "--run", "redirect"]);
        assert_eq!(record["target"]["servers"][0]["product"], "redis", "{record:#}");
        assert_eq!(record["counts"]["fail"], 0, "{record:#}");
    }
    let target = format!("redis://some:pw@{address}");
    let (_, record) = conform(folder.path(), &["--target", &target, "--run", "redirect", "--product", "valkey:9.1"]);
    assert_eq!(record["target"]["servers"][0]["product"], "valkey", "{record:#}");
    assert_eq!(record["target"]["servers"][0]["version"], "9.1.0", "{record:#}");
}

#[test]
fn case_f1_releases_before_the_rules_are_refused_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("redis-server");
    std::fs::write(&program, "#!/bin/sh\necho 'Redis server v=5.0.14 sha=0 malloc=libc bits=64 build=0'\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let sentence = "rct: rct judges servers from 6.0 on; this is redis 5.0.14";
    refuses(folder.path(), &["conform", "--server", program.to_str().unwrap()], 2, &[sentence]);
    refuses(folder.path(), &["conform", "--product", "redis:7.2"], 2, &["--product"]);
    refuses(folder.path(), &["conform", "--target", "127.0.0.1:1", "--product", "redis"], 2, &["NAME:VERSION"]);
}
