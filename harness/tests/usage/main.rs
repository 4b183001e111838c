//! Wrong usage of `rct`: a message of one or two lines that says what to do, and the right exit status.
//!
//! No test here needs a server. Tests that need one are in the test binary `rct`.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod parts;
mod runs;
#[path = "../rct/support.rs"]
#[expect(dead_code, reason = "the tests that need a server use the rest")]
mod support;
mod widths;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::{rct, refuses, run, text};

fn script(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn selections_that_select_nothing() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--run", "no-such-suite"], 4, &["no check fits", "rct list"]);
    refuses(folder.path(), &["conform", "--skip", "*"], 4, &["no check is selected"]);
    refuses(folder.path(), &["list", "nothing/*"], 4, &["no check fits"]);
    refuses(folder.path(), &["explain", "slots/no-such-check"], 4, &["no check is called"]);
}

#[test]
fn unknown_words() {
    let folder = tempfile::tempdir().unwrap();
    refuses(folder.path(), &["conform", "--level", "maybe"], 2, &["possible values", "must"]);
    refuses(folder.path(), &["conform", "--shape", "3"], 2, &["write PRIMARIES+REPLICAS"]);
    refuses(folder.path(), &["conform", "--target", "nowhere"], 2, &["takes local, compose"]);
    refuses(folder.path(), &["conform", "--target", "127.0.0.1:1", "--map", "x"], 2, &["--map", "ADDRESS=REACHABLE"]);
    refuses(folder.path(), &["conform", "--known", "missing.toml"], 2, &["missing.toml"]);
    refuses(folder.path(), &["report", "missing"], 2, &["missing"]);
    refuses(folder.path(), &["conform", "--checks-as-of", "9.9.9"], 2, &["no version \"9.9.9\"", "0.1.0"]);
    std::fs::write(folder.path().join("old.toml"), "").unwrap();
    refuses(folder.path(), &["conform", "--write-known", "old.toml"], 2, &["--write-known does not replace old.toml"]);
}

#[test]
fn options_for_addresses_are_refused_with_other_targets() {
    let folder = tempfile::tempdir().unwrap();
    let options: [&[&str]; 4] = [
        &["--map", "10.0.0.5:6379=127.0.0.1:7000"],
        &["--tls-ca", "x.pem"],
        &["--tls-server-name", "x"],
        &["--tls-insecure"],
    ];
    for option in options {
        let arguments = [&["up", "--once"], option].concat();
        refuses(folder.path(), &arguments, 2, &[option[0], "for a cluster given by address"]);
    }
    let plain = ["conform", "--target", "127.0.0.1:1", "--tls-server-name", "x"];
    refuses(folder.path(), &plain, 2, &["rediss://"]);
}

#[test]
fn suite_files_with_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let head = "suite = \"s\"\n[[check]]\nid = \"a\"\ntitle = \"t\"\nlevel = \"must\"\nspec = \"x\"\n";
    let step = "steps = [{ send = { command = \"PING\", to = \"owner\", expect = \"ok\" } }]\n";
    std::fs::write(folder.path().join("twice.toml"), format!("{head}{step}{}{step}", &head[12..])).unwrap();
    refuses(folder.path(), &["conform", "--suite", "twice.toml"], 2, &["twice.toml:", "already has the id s/a"]);
    std::fs::write(folder.path().join("typo.toml"), format!("{head}{}", step.replace("owner", "ownr"))).unwrap();
    refuses(folder.path(), &["lint", "typo.toml"], 2, &["typo.toml:7:", "unknown variant `ownr`", "`non-owner`"]);
    std::fs::write(folder.path().join("fine.toml"), format!("{head}{step}")).unwrap();
    assert!(run(folder.path(), &["lint", "fine.toml"]).status.success());
    refuses(folder.path(), &["lint", "no-such-file.toml"], 2, &["no-such-file.toml"]);
    let both = format!("{head}{}{}{step}", step.replace("owner", "ownr"), head[12..].replace("must", "mist"));
    std::fs::write(folder.path().join("both.toml"), both).unwrap();
    let all = ["both.toml:7:", "`ownr`", "both.toml:11:", "`mist`", "found 2 mistakes in 1 file"];
    refuses(folder.path(), &["lint", "both.toml"], 2, &all);
}

#[test]
fn lint_accepts_the_suite_files_of_a_checkout() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = run(workspace, &["lint", "suites/checks"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("no mistakes"), "{}", text(&output.stdout));
}

#[test]
fn programs_that_are_not_servers() {
    let folder = tempfile::tempdir().unwrap();
    let conform = |server: &str| ["conform".to_owned(), "--server".to_owned(), server.to_owned()];
    let refuse = |server: &str, status: i32, parts: &[&str]| {
        let arguments = conform(server);
        refuses(folder.path(), &arguments.each_ref().map(String::as_str), status, parts);
    };
    refuse("/no/such/server", 2, &["/no/such/server"]);
    refuse("/bin/true", 2, &["/bin/true"]);
    let version =
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 'Redis server v=7.0.15 sha=0:0 malloc=libc bits=64' && exit 0\n";
    refuse(&script(folder.path(), "exits", &format!("{version}echo out of luck; exit 1\n")), 3, &["out of luck"]);
    let output = rct(folder.path()).args(["conform"]).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stderr).contains("--server"), "{}", text(&output.stderr));
}

#[test]
fn defects_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let listed = text(&run(folder.path(), &["list", "--defects"]).stdout);
    let missing: Vec<&str> = defects::all().map(|defect| defect.name).filter(|name| !listed.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(run(folder.path(), &["list", "--defects", "no-defect-*"]).status.code(), Some(4));
}
#[test]
fn hooks_that_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let program = |name: &str, text: &str| script(folder.path(), name, text);
    let (fine, odd) = (program("fine", "#!/bin/sh\necho kill restart\n"), program("odd", "#!/bin/sh\necho kil\n"));
    let failing = program("failing", "#!/bin/sh\necho no config >&2; exit 1\n");
    let given = ["conform", "--target", "127.0.0.1:1", "--allow-disruption", "--fault-hook"];
    for (arguments, said) in [
        (vec!["conform", "--target", "127.0.0.1:1", "--fault-hook", &fine], "--allow-disruption"),
        (vec!["conform", "--allow-disruption", "--fault-hook", &fine], "is for a cluster given by address"),
        ([&given[..], &["./absent"]].concat(), "cannot be used: it cannot be run: No such file"),
        ([&given[..], &[odd.as_str()]].concat(), "offers \"kil\"; faults are: kill, stop"),
        ([&given[..], &[failing.as_str()]].concat(), "no config"),
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{said}: {}", text(&output.stderr));
    }
}

#[test]
fn events_that_cannot_come() {
    let folder = tempfile::tempdir().unwrap();
    let load = |more: &[&'static str]| [&["load", "--target", "127.0.0.1:1"], more].concat();
    for (more, said) in [
        (&["--fault", "explode @1s"][..], "\"explode\" is no action; actions are kill, pause"),
        (&["--fault", "kill primary"], "an event ends with its instant, such as @10s"),
        (&["--fault", "kill primary @10s"], "comes after the end of the load at 10 s"),
        (&["--fault", "kill primary @5s"], "--allow-disruption permits that"),
        (&["--fault", "kill primary @5s", "--fault-hook", "./x"], "--allow-disruption"),
    ] {
        refuses(folder.path(), &load(more), 2, &[said]);
    }
    let workload = "[[command]]\nsend = 'GET {key}'\n[[event]]\naction = 'pause'\nat = '1s'\n";
    std::fs::write(folder.path().join("w.toml"), workload).unwrap();
    refuses(folder.path(), &load(&["--workload", "w.toml"]), 2, &["cannot read \"pause @1s\": it needs a time"]);
}
