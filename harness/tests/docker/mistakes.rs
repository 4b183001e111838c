//! Mistakes and failures with containers: a message of one or two lines that says what to do, and status 2 or 3.

use std::path::Path;
use std::process::Command;

use crate::common::{ending, image, rct, with_engine};

fn up<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["up", "--once", "--target", "compose"], more].concat()
}

fn assert_said(command: Command, status: i32, words: &[&str]) {
    let (code, said) = ending(command);
    assert_eq!(code, Some(status), "{said}");
    assert!((1..=2).contains(&said.trim_end().lines().count()), "one or two lines: {said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in: {said}");
    }
}

#[test]
fn without_an_engine_there_is_advice() {
    let folder = tempfile::tempdir().unwrap();
    let mut none = rct(folder.path(), &up(&[]));
    none.env("PATH", "/var/empty");
    assert_said(none, 3, &["docker is not on PATH", "--target local"]);
    let mut silent = rct(folder.path(), &up(&[]));
    silent
        .env("DOCKER_HOST", "unix:///var/empty/docker.sock")
        .env("PATH", stub(folder.path(), "Cannot connect to the Docker daemon"));
    assert_said(silent, 3, &["cannot be used", "start the engine"]);
    let mut forbidden = rct(folder.path(), &up(&[]));
    forbidden.env("PATH", stub(folder.path(), "permission denied while trying to connect to the socket"));
    assert_said(forbidden, 3, &["permission denied", "usermod"]);
}

#[test]
fn wrong_usage_has_status_2() {
    let folder = tempfile::tempdir().unwrap();
    let absent = rct(folder.path(), &up(&["--compose-file", "absent.yml"]));
    assert_said(absent, 2, &["absent.yml", "No such file"]);
    std::fs::write(folder.path().join("fixed.yml"), "services: {}\n").unwrap();
    let fixed = rct(folder.path(), &up(&["--compose-file", "fixed.yml", "--image", "x"]));
    assert_said(fixed, 2, &["RCT_IMAGE"]);
    assert_said(rct(folder.path(), &["up", "--once", "--image", "x"]), 2, &["--target compose"]);
    assert_said(rct(folder.path(), &["up", "--once", "--compose-file", "x"]), 2, &["--target compose"]);
}

#[test]
fn a_failed_bring_up_says_why() {
    with_engine(|| {
        let image = image("redis-7.0");
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let named = |name: &'static str| rct(folder.path(), &up(&["--compose-file", name]));

        // A registry that refuses at once, instead of one that is far away.
        let missing = rct(folder.path(), &up(&["--image", "127.0.0.1:9/no-such-image"]));
        assert_said(missing, 3, &["there is no image", "script/node-image"]);

        file("broken.yml", "services: [\n");
        assert_said(named("broken.yml"), 2, &["broken.yml"]);

        file("unpublished.yml", &format!("services:\n  node:\n    image: {image}\n"));
        assert_said(named("unpublished.yml"), 3, &["publishes a port", "127.0.0.1::6379"]);

        let ends = "    command: [\"--no-such-setting\", \"1\"]\n    ports: [\"127.0.0.1::6379\"]\n";
        file("ends.yml", &format!("services:\n  node:\n    image: {image}\n{ends}"));
        assert_said(named("ends.yml"), 3, &["ended at once with exit status 1"]);

        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        file("taken.yml", &format!("services:\n  node:\n    image: {image}\n    ports: [\"127.0.0.1:{port}:6379\"]\n"));
        assert_said(named("taken.yml"), 3, &["published port is taken"]);
    });
}

/// A program `docker` that fails with a message.
fn stub(folder: &Path, message: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let stub = bin.join("docker");
    std::fs::write(&stub, format!("#!/bin/sh\necho '{message}' >&2\nexit 1\n")).unwrap();
    std::fs::set_permissions(&stub, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:/usr/bin:/bin", bin.display())
}
