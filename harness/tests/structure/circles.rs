//! Circles: files that import each other, directly or through others.

use std::collections::BTreeSet;

use crate::imports::Imports;

/// The sets of at least two files each of which reaches every other one.
pub(crate) fn circles(imports: &Imports) -> Vec<BTreeSet<String>> {
    let files: Vec<&str> = imports.files().collect();
    let reached: Vec<BTreeSet<&str>> = files.iter().map(|file| reached_from(file, imports)).collect();
    let mut circles = BTreeSet::new();
    for (at, file) in files.iter().enumerate() {
        let is_mutual = |other: &usize| reached[at].contains(files[*other]) && reached[*other].contains(file);
        let circle: BTreeSet<String> =
            (0..files.len()).filter(is_mutual).map(|other| files[other].to_owned()).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

/// All files that a file imports, directly or through others.
fn reached_from<'a>(file: &'a str, imports: &'a Imports) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for to in imports.from(file) {
            if reached.insert(to) {
                open.push(to);
            }
        }
    }
    reached
}

/// Lists the imports within a circle, one a line.
pub(crate) fn describe(circle: &BTreeSet<String>, imports: &Imports) -> String {
    let inside = |(from, to): &(&str, &str)| circle.contains(*from) && circle.contains(*to);
    let lines = imports.pairs().filter(inside).map(|(from, to)| format!("  {from} imports {to}\n"));
    format!("a circle of {} files:\n{}", circle.len(), lines.collect::<String>())
}

#[test]
fn a_circle_is_found_through_a_third_file() {
    let imports = Imports::of_pairs(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("e", "a")]);
    let expected = ["a", "b", "c"].map(str::to_owned).into();
    assert_eq!(circles(&imports), [expected]);
}
