//! Every command on terminals of 80 and 120 columns: no line is wider, and what it looks like.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use unicode_width::UnicodeWidthStr;

use crate::support::rct;

const WIDTHS: [u16; 2] = [80, 120];

/// Runs `rct` on a terminal of this width, and returns what the terminal got, without its colours.
fn on_terminal(columns: u16, folder: &Path, arguments: &[&str]) -> String {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    tcsetwinsize(&controller, Winsize { ws_row: 40, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::from(open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap());
    let mut command: Command = rct(folder);
    command.args(arguments).env("NO_COLOR", "1").stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    // The terminal stays open as long as anybody has its other end.
    drop(command);
    let mut got = Vec::new();
    let mut controller = File::from(controller);
    let mut part = [0; 4096];
    // A terminal that nobody has any more gives an error, on Linux EIO.
    while let Ok(count @ 1..) = controller.read(&mut part) {
        got.extend_from_slice(&part[..count]);
    }
    child.wait().unwrap();
    String::from_utf8(got).unwrap().replace("\r\n", "\n")
}

/// Writes the runs that the commands show.
fn runs(folder: &Path) {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/published");
    let runs = [
        ("conform", published.join("valkey-9.1.2.json")),
        ("older", published.join("redis-7.0.15.json")),
        ("load", Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/usage/load_run.json")),
    ];
    for (name, file) in runs {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::copy(&file, folder.join(name).join("run.json")).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    }
    std::fs::write(folder.join("wrong.toml"), WRONG).unwrap();
}

/// A suite file with a mistake.
const WRONG: &str = r#"
suite = "mine"
[[check]]
id = "a"
title = "A node answers PING with the message that PING carries, also if the message is longer than one line"
level = "must"
spec = "PING"
steps = [{ sent = { command = "PING", to = "owner", expect = "ok" } }]
"#;

/// All commands that need no server.
const COMMANDS: [&[&str]; 22] = [
    &["--help"],
    &["conform", "-h"],
    &["conform", "--help"],
    &["load", "-h"],
    &["load", "--help"],
    &["up", "--help"],
    &["list", "--help"],
    &["list"],
    &["list", "--defects"],
    &["explain", "moved/blocked-clients"],
    &["explain", "no/such-check"],
    &["lint", "wrong.toml"],
    &["lint", "missing.toml"],
    &["report", "conform"],
    &["report", "load"],
    &["compare", "older", "conform"],
    &["compare", "load", "load"],
    &["compare", "load", "load", "--fail-if", "response.p99 > 1.10x"],
    &["matrix", "older/run.json", "conform/run.json", "--out", "page.html"],
    &["conform", "--run", "no-such-suite"],
    &["load", "--fault", "kil primary @3s"],
    &["clean", "--help"],
];

#[test]
fn no_line_is_wider_than_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    runs(folder.path());
    for (columns, arguments) in WIDTHS.iter().flat_map(|width| COMMANDS.map(|arguments| (*width, arguments))) {
        let text = on_terminal(columns, folder.path(), arguments);
        assert!(!text.trim().is_empty(), "rct {} printed nothing", arguments.join(" "));
        let wide: Vec<&str> = text.lines().filter(|line| line.width() > usize::from(columns)).collect();
        assert!(wide.is_empty(), "rct {} on {columns} columns:\n{}", arguments.join(" "), wide.join("\n"));
    }
}

#[test]
fn results_are_readable_on_both_widths() {
    let folder = tempfile::tempdir().unwrap();
    runs(folder.path());
    let shown: [(&str, &[&str]); 3] = [
        ("report_of_load", &["report", "load"]),
        ("compare_of_load", &["compare", "load", "load"]),
        ("unknown_fault", &["load", "--fault", "kil primary @3s"]),
    ];
    for (columns, (name, arguments)) in WIDTHS.iter().flat_map(|width| shown.map(|row| (*width, row))) {
        insta::assert_snapshot!(format!("{name}_{columns}"), on_terminal(columns, folder.path(), arguments));
    }
}

#[test]
fn pipes_get_whole_lines() {
    let folder = tempfile::tempdir().unwrap();
    runs(folder.path());
    let output = rct(folder.path()).args(["list", "--defects"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line.width() > 120), "every line is short:\n{text}");
}
