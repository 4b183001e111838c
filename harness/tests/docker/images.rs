//! The images of a release: the program alone, and the program with a server.
//!
//! `RCT_ARCHIVE` names an archive of script/release to make them from, instead of a new one.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::{docker, image, with_engine};

/// The most bytes of the image with the program alone.
const SIZE_LIMIT: u64 = 20_000_000;
/// The name of the images, which the test removes.
const NAME: &str = "rct-test-release";

/// Runs a script of the checkout, and returns the lines that it prints.
///
/// It gets no variable by which cargo describes the package under test, because they make cargo build `ring` again.
fn script(name: &str, arguments: &[&str]) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../script").join(name);
    let mut command = Command::new("bash");
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("CARGO_PKG_") || variable == "CARGO_MANIFEST_DIR" {
            command.env_remove(variable);
        }
    }
    let output = command.arg(script).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// Runs a container that ends with a status, and returns what it prints.
fn run(status: i32, arguments: &[&str]) -> String {
    let output = docker(&[&["run", "--rm"], arguments].concat()).unwrap();
    let said = said(&output);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    said
}

#[test]
#[ignore = "it builds a release, which takes minutes"]
fn the_images_of_a_release_give_verdicts_in_full() {
    with_engine(|| {
        let server = image("valkey-9.1");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let archive = std::env::var("RCT_ARCHIVE").unwrap_or_else(|_| script("release", &["--out", path]).remove(0));
        let with_server = format!("{NAME}:valkey");
        let images = script("images", &["--tag", NAME, "--server", &server, "--save", path, &archive]);
        assert_eq!(images, [NAME, &with_server]);

        // The saved images are the ones that run, and no image stays.
        let remove = || docker(&["image", "rm", NAME, &with_server]).unwrap();
        remove();
        for file in ["rct-image", "rct-valkey-image"] {
            let file = format!("{path}/{file}-{}.tar.gz", std::env::consts::ARCH);
            let loaded = docker(&["load", "--input", &file]).unwrap();
            assert!(loaded.status.success(), "{}", said(&loaded));
        }
        let judged = std::panic::catch_unwind(|| judge(&with_server));
        remove();
        if let Err(failure) = judged {
            std::panic::resume_unwind(failure);
        }
    });
}

fn judge(with_server: &str) {
    let size = docker(&["image", "inspect", "--format", "{{.Size}}", NAME]).unwrap();
    let size: u64 = String::from_utf8(size.stdout).unwrap().trim().parse().unwrap();
    assert!(size < SIZE_LIMIT, "the image has {size} bytes");
    assert_eq!(run(0, &[NAME, "--version"]).trim(), format!("rct {}", env!("CARGO_PKG_VERSION")));

    // No library of the image resolves names, so the program does.
    let hosts = ["--add-host", "named.example:127.0.0.1", NAME, "conform", "--target"];
    let resolved = run(3, &[hosts.as_slice(), &["named.example:1"]].concat());
    assert!(resolved.contains("cannot connect to named.example:1: Connection refused"), "{resolved}");
    let unknown = run(3, &[hosts.as_slice(), &["unknown.invalid:1"]].concat());
    assert!(unknown.contains("cannot resolve the name \"unknown.invalid\""), "{unknown}");

    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/known").canonicalize().unwrap();
    let known = format!("{}:/known:ro", known.display());
    let verdict = run(0, &["-v", &known, with_server, "conform", "--known", "/known/valkey-9.1.toml"]);
    assert!(verdict.lines().any(|line| line.starts_with("PASS: ")), "{verdict}");
    // Any user can run it.
    let verdict = run(0, &["--user", "1000:1000", with_server, "conform", "--run", "slots"]);
    assert!(verdict.contains("results/"), "{verdict}");
}
