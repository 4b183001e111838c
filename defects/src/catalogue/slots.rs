//! CLUSTER KEYSLOT reads hash tags by another rule than the key space does.

use super::keyslot::{hash, miscomputes};
use crate::defect::Defect;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    miscomputes!(
        "keyslot-ignores-hash-tags",
        "CLUSTER KEYSLOT hashes the whole key, hash tag or not",
        hash,
        &["slots/tag-is-what-is-hashed"]
    ),
    miscomputes!(
        "keyslot-tag-from-the-last-opening-brace",
        "CLUSTER KEYSLOT takes the last opening brace of a key for the beginning of its tag",
        |key| hash(between(key, last(key, b'{'), |open| first(key, b'}', open))),
        &["slots/tag-from-the-first-opening-brace"]
    ),
    miscomputes!(
        "keyslot-tag-to-the-last-closing-brace",
        "CLUSTER KEYSLOT takes the last closing brace of a key for the end of its tag",
        |key| hash(between(key, first(key, b'{', 0), |_| last(key, b'}'))),
        &["slots/tag-to-the-first-closing-brace"]
    ),
    miscomputes!(
        "keyslot-tag-to-the-matching-brace",
        "CLUSTER KEYSLOT ends a tag at the brace that matches its opening one, with others nested inside",
        |key| hash(between(key, first(key, b'{', 0), |open| matching(key, open))),
        &["slots/tag-from-the-first-opening-brace"]
    ),
    miscomputes!(
        "keyslot-of-an-empty-tag-hashes-nothing",
        "CLUSTER KEYSLOT hashes what is between the first braces, even if that is nothing",
        |key| match first(key, b'{', 0).and_then(|open| Some((open, first(key, b'}', open)?))) {
            Some((open, close)) => hash(&key[open + 1..close]),
            None => hash(key),
        },
        &["slots/tag-of-nothing"]
    ),
    miscomputes!(
        "keyslot-looks-behind-an-empty-tag",
        "CLUSTER KEYSLOT takes the first pair of braces that is not empty for the tag",
        |key| {
            let filled = |open: &usize| key[*open] == b'{' && first(key, b'}', *open).is_some_and(|end| end > open + 1);
            hash(between(key, (0..key.len()).find(filled), |open| first(key, b'}', open)))
        },
        &["slots/tag-of-nothing"]
    ),
    miscomputes!(
        "keyslot-tag-needs-no-end",
        "CLUSTER KEYSLOT takes all bytes after an opening brace that is never closed for the tag",
        |key| hash(between(key, first(key, b'{', 0), |open| first(key, b'}', open).or(Some(key.len())))),
        &["slots/tag-never-closed"]
    ),
    miscomputes!(
        "keyslot-closing-brace-is-sought-from-the-start",
        "CLUSTER KEYSLOT seeks the closing brace from the start of the key, and finds no tag if it comes first",
        |key| hash(between(key, first(key, b'{', 0), |_| first(key, b'}', 0))),
        &["slots/closing-brace-before-the-opening-one"]
    ),
    miscomputes!(
        "keyslot-tag-keeps-its-braces",
        "CLUSTER KEYSLOT hashes a tag together with its braces",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(&if tag.len() < key.len() { [b"{", tag, b"}"].concat() } else { key.to_vec() })
        },
        &["slots/tag-equals-its-content"]
    ),
    miscomputes!(
        "keyslot-tag-only-at-the-start",
        "CLUSTER KEYSLOT finds a tag only where the key begins with it",
        |key| if key.starts_with(b"{") { hash(wire::slot::hash_tag(key)) } else { hash(key) },
        &["slots/tag-anywhere"]
    ),
    miscomputes!(
        "keyslot-tag-holds-no-braces",
        "CLUSTER KEYSLOT finds the tag by a pattern that admits no brace within it, wherever that fits",
        |key| {
            let fits = |open: &usize| {
                let brace = |at: usize| (at..key.len()).find(|at| matches!(key[*at], b'{' | b'}'));
                key[*open] == b'{' && brace(open + 1).is_some_and(|end| end > open + 1 && key[end] == b'}')
            };
            hash(between(key, (0..key.len()).find(fits), |open| first(key, b'}', open)))
        },
        &["slots/tag-of-a-brace"]
    ),
    miscomputes!(
        "keyslot-tag-of-one-byte-is-none",
        "CLUSTER KEYSLOT takes a tag of a single byte for an empty one",
        |key| match wire::slot::hash_tag(key) {
            [_] => hash(key),
            tag => hash(tag),
        },
        &["slots/tag-is-what-is-hashed", "slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-backslash-escapes-a-brace",
        "CLUSTER KEYSLOT takes a brace after a backslash for an ordinary byte",
        |key| {
            let bare = |from: usize, brace: u8| {
                (from..key.len()).find(|at| key[*at] == brace && (*at == 0 || key[at - 1] != b'\\'))
            };
            hash(between(key, bare(0, b'{'), |open| bare(open, b'}')))
        },
        &["slots/routing-agrees", "slots/tag-without-escapes"]
    ),
    miscomputes!(
        "keyslot-tag-must-be-text",
        "CLUSTER KEYSLOT finds no tag where control characters or spaces are in it",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.iter().all(u8::is_ascii_graphic) { tag } else { key })
        },
        &["slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-tag-is-trimmed",
        "CLUSTER KEYSLOT leaves out the white space at either end of a tag",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.len() < key.len() { tag.trim_ascii() } else { key })
        },
        &["keyslot/agrees-with-our-own-slots", "slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-looks-for-tags-in-64-bytes",
        "CLUSTER KEYSLOT finds a tag only if it is closed within the first 64 bytes of a key",
        |key| {
            let tag = wire::slot::hash_tag(&key[..key.len().min(64)]);
            hash(if tag.len() < key.len().min(64) { tag } else { key })
        },
        &["slots/binary-keys", "slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-tag-is-cut-after-255-bytes",
        "CLUSTER KEYSLOT hashes the first 255 bytes of a tag only",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.len() < key.len() { &tag[..tag.len().min(255)] } else { key })
        },
        &["slots/long-keys"]
    ),
];

/// The bytes between two braces, or the whole key if either is missing or nothing is between them.
fn between(key: &[u8], open: Option<usize>, close: impl FnOnce(usize) -> Option<usize>) -> &[u8] {
    let pair = open.and_then(|open| Some((open, close(open)?)));
    match pair {
        Some((open, close)) if close > open + 1 => &key[open + 1..close],
        _ => key,
    }
}

fn first(key: &[u8], byte: u8, from: usize) -> Option<usize> {
    key[from..].iter().position(|other| *other == byte).map(|at| from + at)
}

fn last(key: &[u8], byte: u8) -> Option<usize> {
    key.iter().rposition(|other| *other == byte)
}

fn matching(key: &[u8], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    (open..key.len()).find(|at| {
        match key[*at] {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}
