//! The Markdown files keep to their size, and their links lead somewhere; needs no server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

/// The most columns of a line of prose.
const COLUMNS: usize = 100;
/// The most lines of the files that a newcomer reads first.
const LINES: usize = 150;
/// Folders that hold no prose of this repository.
const FOREIGN: [&str; 3] = ["target", "results", ".servers"];

/// A Markdown file: its path in the repository, and its text.
struct Page {
    path: PathBuf,
    text: String,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    collect(&repository(), &mut pages);
    assert!(pages.len() > 8, "the Markdown files were not found");
    pages
}

fn collect(folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_folder = path.is_dir() && !path.is_symlink();
        if is_folder && !FOREIGN.contains(&name.as_str()) && name != ".git" {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(Page { text: fs::read_to_string(&path).unwrap(), path });
        }
    }
}

/// The lines outside fenced code, with their numbers from 1.
fn outside_code(text: &str) -> Vec<(usize, &str)> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// The columns of a line, without the targets of its links.
fn columns(line: &str) -> usize {
    let targets: usize = links(line).iter().map(|target| target.chars().count()).sum();
    line.chars().count() - targets
}

/// The lines of prose that are too long; rows of tables may be as long as they like.
fn long_lines(text: &str) -> Vec<usize> {
    let prose = outside_code(text).into_iter().filter(|(_, line)| !line.trim_start().starts_with('|'));
    prose.filter(|(_, line)| columns(line) > COLUMNS).map(|(number, _)| number).collect()
}

/// The targets of the links of a line; code between backticks holds none.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for plain in line.split('`').step_by(2) {
        let mut rest = plain;
        while let Some(at) = rest.find("](") {
            rest = &rest[at + 2..];
            let Some(end) = rest.find(')') else { break };
            found.push(&rest[..end]);
            rest = &rest[end..];
        }
    }
    found
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = outside_code(text).into_iter().filter_map(|(_, line)| line.strip_prefix('#'));
    headings.map(|heading| anchor(heading.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
}

/// Why a link from `page` leads nowhere, if so.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (file, wanted) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.to_owned() } else { page.parent()?.join(file) };
    if !path.exists() {
        return Some(format!("there is no file {}", path.display()));
    }
    let wanted = wanted?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    (!anchors(&text).iter().any(|anchor| anchor == wanted)).then(|| format!("{file} has no heading #{wanted}"))
}

#[test]
fn first_pages_are_short() {
    for name in ["README.md", "ARCHITECTURE.md"] {
        let lines = fs::read_to_string(repository().join(name)).unwrap().lines().count();
        assert!(lines <= LINES, "{name} has {lines} lines; it may have {LINES}");
    }
}

#[test]
fn lines_of_prose_fit() {
    let too_long = |page: &Page| long_lines(&page.text).into_iter().map(|line| place(page, line)).collect::<Vec<_>>();
    let found: Vec<String> = pages().iter().flat_map(too_long).collect();
    assert!(found.is_empty(), "these lines have more than {COLUMNS} columns:\n{}", found.join("\n"));
}

#[test]
fn links_lead_to_files_and_headings() {
    let mut found = Vec::new();
    for page in pages() {
        for (number, line) in outside_code(&page.text) {
            let problems = links(line).into_iter().filter_map(|target| broken(&page.path, target));
            found.extend(problems.map(|problem| format!("{}: {problem}", place(&page, number))));
        }
    }
    assert!(found.is_empty(), "these links lead nowhere:\n{}", found.join("\n"));
}

fn place(page: &Page, line: usize) -> String {
    format!("{}:{line}", page.path.strip_prefix(repository()).unwrap_or(&page.path).display())
}

#[test]
fn long_lines_are_noticed_except_in_code_tables_and_links() {
    let long = "word ".repeat(30);
    assert_eq!(long_lines(&format!("short\n{long}\n```text\n{long}\n```\n| {long} |\n{long}\n")), [2, 7]);
    assert!(long_lines(&format!("see [the page](https://example.org/{})", "x".repeat(200))).is_empty());
}

#[test]
fn broken_links_are_noticed() {
    let readme = repository().join("README.md");
    assert_eq!(links("a [b](c.md) and `[d](e)` and [f](g#h)"), ["c.md", "g#h"]);
    assert!(broken(&readme, "no-such-page.md").is_some());
    assert!(broken(&readme, "docs/conform.md#no-such-heading").is_some());
    assert!(broken(&readme, "#no-such-heading").is_some());
    assert!(broken(&readme, "docs/conform.md").is_none());
}

#[test]
fn anchors_are_those_of_github() {
    assert_eq!(
        anchors("# Exit status\n```sh\n# no heading\n```\n## `local`: servers, etc.\n"),
        ["exit-status", "local-servers-etc"]
    );
}
