//! The structure of the workspace: no circles of files, layers that keep apart, and crates that depend one way.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod circles;
mod imports;
mod modules;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use imports::Imports;
use modules::Crate;

/// Which crates of the workspace each crate may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("rct-wire", &[]),
    ("rct-loadgen", &["rct-wire"]),
    ("rct-suites", &["rct-wire"]),
    ("rct-defects", &["rct-wire"]),
    ("rct-targets", &["rct-wire", "rct-suites", "rct-defects"]),
    ("rct", &["rct-wire", "rct-loadgen", "rct-suites", "rct-defects", "rct-targets"]),
];

#[test]
fn no_file_imports_a_file_that_imports_it_back() {
    let mut report = String::new();
    for root in crate_roots() {
        let imports = Imports::of(&Crate::read(&workspace(), &root));
        for circle in circles::circles(&imports) {
            report += &circles::describe(&circle, &imports);
        }
    }
    assert!(report.is_empty(), "files import each other; move what they share into a file of its own\n{report}");
}

#[test]
fn the_runner_and_the_reports_do_not_import_each_other() {
    let imports = Imports::of(&Crate::read(&workspace(), &workspace().join("harness/src/lib.rs")));
    let layer = |file: &str| {
        let inside = file.strip_prefix("harness/src/").unwrap_or_default();
        ["runner", "report"].into_iter().find(|&layer| inside.split(['/', '.']).next() == Some(layer))
    };
    let across = |from: &str, to: &str| layer(from).zip(layer(to)).is_some_and(|(from, to)| from != to);
    let found: Vec<_> = imports.pairs().filter(|(from, to)| across(from, to)).collect();
    assert!(found.is_empty(), "runner/ and report/ must not import each other: {found:#?}");
}

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 1, "the workspace has several crates");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = CRATES.iter().find(|(known, _)| *known == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("crate {name} has no line in CRATES"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let on = dependency["name"].as_str().unwrap();
            let is_ours = !dependency["path"].is_null();
            assert!(!is_ours || allowed.contains(&on), "crate {name} must not depend on {on}");
        }
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The root files of all libraries, binaries and integration tests.
fn crate_roots() -> Vec<PathBuf> {
    let mut roots = Vec::new();
    for folder in folders(&workspace()) {
        roots.extend(["src/lib.rs", "src/main.rs"].map(|file| folder.join(file)));
        roots.extend(folders(&folder.join("tests")).into_iter().map(|folder| folder.join("main.rs")));
    }
    roots.retain(|root| root.is_file());
    assert!(roots.len() > 5, "found only {roots:?}");
    roots
}

/// The folders in a folder, in order; none if there is no such folder.
fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}
