//! Failures that look alike: how many checks expected the same kind of reply and got the same other kind.
//!
//! A server that differs in one way on purpose fails many checks for one cause. The kinds come from the texts of the
//! failures alone, so this says what happened, and not why.

use std::collections::BTreeMap;

use crate::record::{Record, Verdict};
use crate::text::clip_columns;

/// The least number of failures that make a line.
const MANY: usize = 5;

/// The most lines.
const LINES: usize = 3;

/// The widest text of a kind, in columns.
const COLUMNS: usize = 60;

/// The kind of every reply that is no error.
const NORMAL: &str = "a normal reply";

/// What begins the text of a reply, or of an expected reply, that is no error.
const NORMAL_STARTS: [&str; 17] = [
    "OK",
    "QUEUED",
    "PONG",
    "null",
    "\"",
    "[",
    "{",
    "set [",
    "(integer) ",
    "(double) ",
    "(big number) ",
    "true",
    "false",
    "no error",
    "an integer of ",
    "a text that ",
    "an array of ",
];

/// Returns a sentence for each large group of failures that look alike, the largest first.
pub fn lines(record: &Record) -> Vec<String> {
    let mut groups: BTreeMap<(String, String), usize> = BTreeMap::new();
    for failure in record.with_verdict(Verdict::Fail).filter_map(|check| check.failure.as_ref()) {
        *groups.entry((kind_of_expected(&failure.expected), kind(&failure.received))).or_default() += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().filter(|(_, checks)| *checks >= MANY).collect();
    groups.sort_by_key(|(_, checks)| std::cmp::Reverse(*checks));
    let sentence = |((expected, received), checks)| format!("{checks} checks expected {expected} and got {received}");
    groups.into_iter().take(LINES).map(sentence).collect()
}

/// Returns the kind of an expected reply; alternatives of one kind are one kind.
fn kind_of_expected(text: &str) -> String {
    if text.starts_with(['"', '[', '{']) {
        return kind(text);
    }
    let mut kinds: Vec<String> = Vec::new();
    for alternative in text.split(" or ").map(kind) {
        if !kinds.contains(&alternative) {
            kinds.push(alternative);
        }
    }
    clip_columns(&kinds.join(" or "), COLUMNS).into_owned()
}

/// Returns the kind of a reply: the code of an error, "a normal reply", or for a sentence about something else the
/// sentence without what differs from check to check.
fn kind(text: &str) -> String {
    if let Some(error) = text.strip_prefix("error ") {
        return kind_of_error(error);
    }
    if NORMAL_STARTS.iter().any(|start| text.starts_with(start)) {
        return NORMAL.to_owned();
    }
    let sentence = text.split_whitespace().map(general).collect::<Vec<_>>().join(" ");
    clip_columns(&sentence, COLUMNS).into_owned()
}

/// Returns the code of an error. ERR stands for many things, so its next words belong to the kind.
fn kind_of_error(text: &str) -> String {
    const WORDS: usize = 3;
    let code = text.split_whitespace().next().unwrap_or_default();
    match code {
        "ERR" => text.split_whitespace().take(1 + WORDS).map(general).collect::<Vec<_>>().join(" "),
        code => code.to_owned(),
    }
}

/// Returns a word, or an ellipsis for one that names something: a number, an address, an id or a quoted text.
fn general(word: &str) -> &str {
    let names = |character: char| character.is_ascii_digit() || matches!(character, '"' | '\'' | '{' | '\u{60}');
    if word.contains(names) { "…" } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_reply_leaves_out_what_differs_from_check_to_check() {
        for (text, found) in [
            ("error CROSSSLOT", "CROSSSLOT"),
            ("error MOVED 5081 127.0.0.1:7001", "MOVED"),
            ("error MOVED 1 a:1 or error ASK 1 a:1", "MOVED or ASK"),
            ("error ERR unknown command 'GETX', with args beginning with: ", "ERR unknown command …"),
            ("OK", NORMAL),
            ("(integer) 3", NORMAL),
            ("[null, \"a\"]", NORMAL),
            ("null or (integer) 0", NORMAL),
            ("\"a or b\"", NORMAL),
            ("no error", NORMAL),
            ("no key on 127.0.0.1:7000", "no key on …"),
            ("16384 slots owned", "… slots owned"),
        ] {
            assert_eq!(kind_of_expected(text), found, "{text:?}");
        }
        assert_eq!(kind("error ERR wrong number of arguments for 'get' or 'set'"), "ERR wrong number of");
    }
}
