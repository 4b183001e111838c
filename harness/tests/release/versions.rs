//! The version stands in Cargo.toml; what else names a release agrees with it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::release::{VERSION, checkout};

/// What stands before the version of a release in pages and examples.
const BEFORE: [&str; 3] = ["rct@v", "download/v", "RCT_VERSION: v"];

#[test]
fn pages_and_examples_name_the_release_of_this_checkout() {
    let mut found = 0;
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let named = BEFORE.iter().filter_map(|before| line.split_once(before));
            for (_, rest) in named.filter(|(_, rest)| rest.starts_with(|letter: char| letter.is_ascii_digit())) {
                found += 1;
                let is_this = rest.strip_prefix(VERSION).is_some_and(|after| !after.starts_with(['.', '-']));
                assert!(is_this, "{}:{}: not v{VERSION}: {line}", path.display(), number + 1);
            }
        }
    }
    assert!(found >= 3, "only {found} places name a release");
}

/// README.md, and the files of docs/ and .github/examples/.
fn files() -> Vec<PathBuf> {
    let folders = ["docs", ".github/examples"].map(|folder| fs::read_dir(checkout().join(folder)).unwrap());
    let paths = folders.into_iter().flatten().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.is_file()).chain([checkout().join("README.md")]).collect()
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let notes = Command::new("bash").arg(checkout().join("script/release")).arg("--notes").output().unwrap();
    let (notes, status) = (String::from_utf8(notes.stdout).unwrap(), notes.status);
    let changes = fs::read_to_string(checkout().join("CHANGELOG.md")).unwrap();
    let (_, newest) = changes.split_once(&format!("\n## {VERSION}")).unwrap();
    let section = newest.split("\n## ").next().unwrap().split_once('\n').unwrap().1;
    assert!(status.success() && section.contains("\n* "), "{section}");
    assert_eq!(notes.trim(), section.trim());
}
