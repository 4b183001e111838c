//! Copies of records without what belongs to the machine or the user: what a record needs to become public.

use std::collections::BTreeSet;
use std::path::Path;

use crate::record::{CheckRecord, Record};

/// What stands for the path of a file.
const PATH: &str = "(path)";

/// Returns the copy of each record with the name of its file, such as `valkey-9.1.0.json`. Two records of the same server
/// get different names.
pub fn all<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<(String, Record)> {
    let mut names = BTreeSet::new();
    let named = records.map(|record| {
        let base = file_name(record);
        let numbered = (2..).map(|number| format!("{base}-{number}"));
        let name = std::iter::once(base.clone()).chain(numbered).find(|name| names.insert(name.clone()));
        (format!("{}.json", name.unwrap_or(base)), copy(record))
    });
    named.collect()
}

fn file_name(record: &Record) -> String {
    let servers: Vec<_> =
        record.target.servers.iter().map(|server| format!("{}-{}", server.product, server.version)).collect();
    let name = if servers.is_empty() { "unknown".to_owned() } else { servers.join("-and-") };
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    name.chars().map(|character| if is_safe(character) { character } else { '_' }).take(100).collect()
}

/// Returns a copy without host name, addresses, paths and command line.
fn copy(record: &Record) -> Record {
    let mut copy = record.clone();
    if let Some(host) = &mut copy.host {
        host.name = None;
    }
    copy.command.clear();
    copy.again = "rct conform".to_owned();
    copy.warnings.clear();
    copy.problem = copy.problem.as_deref().map(|text| clean(text, record));
    copy.target.addresses.clear();
    copy.target.left_out.clear();
    copy.checks.iter_mut().for_each(|check| clean_check(check, record));
    copy
}

fn clean_check(check: &mut CheckRecord, record: &Record) {
    check.transcript = None;
    if let Some(source) = &mut check.source
        && !source.file.starts_with("suites/")
    {
        let name = Path::new(&source.file).file_name();
        source.file = name.map_or(String::new(), |name| name.to_string_lossy().into_owned());
    }
    if let Some(failure) = &mut check.failure {
        for text in [&mut failure.expected, &mut failure.received] {
            *text = clean(text, record);
        }
        for text in [&mut failure.sent, &mut failure.to, &mut failure.note].into_iter().flatten() {
            *text = clean(text, record);
        }
    }
    if let Some(reason) = &mut check.reason {
        *reason = clean(reason, record);
    }
    for measured in &mut check.measured {
        measured.name = clean(&measured.name, record);
    }
}

/// Returns a text in which the nodes of the run have numbers instead of addresses, and paths are left out.
fn clean(text: &str, record: &Record) -> String {
    let mut text = text.to_owned();
    let hosts = |address: &str| address.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
    for (number, address) in record.target.addresses.iter().enumerate() {
        text = text.replace(address, &format!("node-{}", number + 1));
    }
    for host in record.target.addresses.iter().filter_map(|address| hosts(address)).collect::<BTreeSet<_>>() {
        if host.parse::<std::net::IpAddr>().is_ok_and(|address| !address.is_loopback())
            || host.contains('.') && !host.starts_with("127.")
        {
            text = text.replace(&host, "(host)");
        }
    }
    text.split_inclusive(char::is_whitespace).map(without_path).collect()
}

/// Replaces a word that is an absolute path.
fn without_path(word: &str) -> String {
    let plain = word.trim_matches(|character: char| character.is_whitespace() || "\"'(),:;".contains(character));
    let is_path = plain.starts_with('/') && plain[1..].contains('/');
    if is_path { word.replace(plain, PATH) } else { word.to_owned() }
}
