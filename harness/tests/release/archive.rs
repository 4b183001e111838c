//! What an archive contains, and where `cargo binstall` expects it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::release::{VERSION, archive, checkout, rehearse};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn in_folder(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
    output
}

#[test]
fn a_rehearsed_archive_contains_all_that_a_user_needs() {
    let folder = tempfile::tempdir().unwrap();
    let rehearsed = rehearse(folder.path(), &["--tag", &format!("v{VERSION}")]);
    assert!(rehearsed.status.success(), "{}", text(&rehearsed.stderr));
    let archive = archive();
    let printed: Vec<String> = text(&rehearsed.stdout).lines().map(str::to_owned).collect();
    let path = folder.path().join(&archive).display().to_string();
    assert_eq!(printed, [path.clone(), format!("{path}.sha256")]);

    in_folder(folder.path(), "sha256sum", &["--check", &format!("{archive}.sha256")]);
    in_folder(folder.path(), "tar", &["xzf", &archive]);
    let unpacked = folder.path().join(archive.trim_end_matches(".tar.gz"));
    let names = |part: &str| {
        let entries = fs::read_dir(unpacked.join(part)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let all = ["CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT", "README.md", "completions", "known", "man", "rct"];
    assert_eq!(names(""), all.map(str::to_owned).into());
    assert_eq!(names("completions"), ["_rct", "rct.bash", "rct.fish"].map(str::to_owned).into());
    assert!(names("known").contains("valkey-9.1.toml"), "{:?}", names("known"));

    let help = text(&in_folder(&unpacked, "./rct", &["--help"]).stdout);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let pages = commands.map(|line| format!("rct-{}.1", line.split_whitespace().next().unwrap()));
    let wanted: BTreeSet<String> = pages.filter(|page| page != "rct-help.1").chain(["rct.1".to_owned()]).collect();
    assert!(wanted.len() > 10, "the commands were not found in:\n{help}");
    assert_eq!(names("man/man1"), wanted);
    let page = fs::read_to_string(unpacked.join("man/man1/rct-conform.1")).unwrap();
    for part in [".TH rct-conform 1", "allow\\-disruption", "Example"] {
        assert!(page.contains(part), "{part:?} is not in:\n{page}");
    }

    let binstall = binstall();
    let fill = |template: &str| {
        let filled = binstall[template].as_str().unwrap().replace("{ target-arch }", std::env::consts::ARCH);
        filled.replace("{ version }", VERSION).replace("{ bin }", "rct")
    };
    assert_eq!(fill("pkg-url"), format!("{{ repo }}/releases/download/v{VERSION}/{archive}"));
    assert!(folder.path().join(fill("bin-dir")).is_file(), "{}", fill("bin-dir"));
}

/// What harness/Cargo.toml tells `cargo binstall`.
fn binstall() -> toml::Value {
    let manifest = fs::read_to_string(checkout().join("harness/Cargo.toml")).unwrap();
    let manifest: toml::Value = toml::from_str(&manifest).unwrap();
    manifest["package"]["metadata"]["binstall"].clone()
}

#[test]
fn a_release_that_does_not_fit_together_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |more: &[&str], status: i32, part: &str| {
        let output = rehearse(folder.path(), more);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(status), 0), "{said}");
        assert!(said.contains(part) && said.trim_end().lines().count() <= 3, "{part:?} is not in:\n{said}");
    };
    refused(&["--tag", "v9.9.9"], 1, "the tag v9.9.9 does not belong to version");
    refused(&["--rct", "/bin/true"], 1, "Cargo.toml has");
    refused(&["--rct", "/var/empty/rct"], 3, "there is no program /var/empty/rct");
    refused(&["--target", "x86_64-pc-windows-msvc"], 2, "rct runs on Linux");
    refused(&["--tags"], 2, "there is no option --tags");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "a refused release leaves no file");
}
