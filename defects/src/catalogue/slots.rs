//! CLUSTER KEYSLOT finds hash tags by the wrong rule.

use super::keyslot::{hash, miscomputes};
use crate::defect::Defect;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    miscomputes!(
        "keyslot-ignores-hash-tags",
        "CLUSTER KEYSLOT hashes the whole key and ignores its hash tag",
        hash,
        &["slots/tag-is-what-is-hashed"]
    ),
    miscomputes!(
        "keyslot-tag-from-the-last-opening-brace",
        "CLUSTER KEYSLOT starts the hash tag at the last opening brace of a key",
        |key| hash(between(key, last(key, b'{'), |open| first(key, b'}', open))),
        &["slots/tag-from-the-first-opening-brace"]
    ),
    miscomputes!(
        "keyslot-tag-to-the-last-closing-brace",
        "CLUSTER KEYSLOT ends the hash tag at the last closing brace of a key",
        |key| hash(between(key, first(key, b'{', 0), |_| last(key, b'}'))),
        &["slots/tag-to-the-first-closing-brace"]
    ),
    miscomputes!(
        "keyslot-tag-to-the-matching-brace",
        "CLUSTER KEYSLOT ends the hash tag at the brace that matches its opening one, and allows nested braces",
        |key| hash(between(key, first(key, b'{', 0), |open| matching(key, open))),
        &["slots/tag-from-the-first-opening-brace"]
    ),
    miscomputes!(
        "keyslot-of-an-empty-tag-hashes-nothing",
        "CLUSTER KEYSLOT hashes the bytes between the first braces even if there are none",
        |key| match first(key, b'{', 0).and_then(|open| Some((open, first(key, b'}', open)?))) {
            Some((open, close)) => hash(&key[open + 1..close]),
            None => hash(key),
        },
        &["slots/tag-of-nothing"]
    ),
    miscomputes!(
        "keyslot-looks-behind-an-empty-tag",
        "CLUSTER KEYSLOT uses the first pair of braces that is not empty as the hash tag",
        |key| {
            let filled = |open: &usize| key[*open] == b'{' && first(key, b'}', *open).is_some_and(|end| end > open + 1);
            hash(between(key, (0..key.len()).find(filled), |open| first(key, b'}', open)))
        },
        &["slots/tag-of-nothing"]
    ),
    miscomputes!(
        "keyslot-tag-needs-no-end",
        "CLUSTER KEYSLOT uses all bytes after an opening brace that is never closed as the hash tag",
        |key| hash(between(key, first(key, b'{', 0), |open| first(key, b'}', open).or(Some(key.len())))),
        &["slots/tag-never-closed"]
    ),
    miscomputes!(
        "keyslot-closing-brace-is-sought-from-the-start",
        "CLUSTER KEYSLOT finds no hash tag if a closing brace precedes the opening one",
        |key| hash(between(key, first(key, b'{', 0), |_| first(key, b'}', 0))),
        &["slots/closing-brace-before-the-opening-one"]
    ),
    miscomputes!(
        "keyslot-tag-keeps-its-braces",
        "CLUSTER KEYSLOT hashes the braces of a hash tag together with the tag",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(&if tag.len() < key.len() { [b"{", tag, b"}"].concat() } else { key.to_vec() })
        },
        &["slots/tag-equals-its-content"]
    ),
    miscomputes!(
        "keyslot-tag-only-at-the-start",
        "CLUSTER KEYSLOT finds a hash tag only at the start of a key",
        |key| if key.starts_with(b"{") { hash(wire::slot::hash_tag(key)) } else { hash(key) },
        &["slots/tag-anywhere"]
    ),
    miscomputes!(
        "keyslot-tag-holds-no-braces",
        "CLUSTER KEYSLOT finds the hash tag by a pattern that allows no brace inside the tag",
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
        "CLUSTER KEYSLOT treats a hash tag of a single byte as an empty one",
        |key| match wire::slot::hash_tag(key) {
            [_] => hash(key),
            tag => hash(tag),
        },
        &["slots/tag-is-what-is-hashed", "slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-backslash-escapes-a-brace",
        "CLUSTER KEYSLOT treats a brace after a backslash as an ordinary byte",
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
        "CLUSTER KEYSLOT ignores a hash tag that contains control characters or spaces",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.iter().all(u8::is_ascii_graphic) { tag } else { key })
        },
        &["slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-tag-is-trimmed",
        "CLUSTER KEYSLOT trims white space from both ends of a hash tag",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.len() < key.len() { tag.trim_ascii() } else { key })
        },
        &["keyslot/agrees-with-our-own-slots", "slots/tag-of-any-bytes"]
    ),
    miscomputes!(
        "keyslot-looks-for-tags-in-64-bytes",
        "CLUSTER KEYSLOT finds a hash tag only if it ends within the first 64 bytes of a key",
        |key| {
            let tag = wire::slot::hash_tag(&key[..key.len().min(64)]);
            hash(if tag.len() < key.len().min(64) { tag } else { key })
        },
        &["slots/binary-keys", "slots/long-keys"]
    ),
    miscomputes!(
        "keyslot-tag-is-cut-after-255-bytes",
        "CLUSTER KEYSLOT hashes only the first 255 bytes of a hash tag",
        |key| {
            let tag = wire::slot::hash_tag(key);
            hash(if tag.len() < key.len() { &tag[..tag.len().min(255)] } else { key })
        },
        &["slots/long-keys"]
    ),
];

/// Returns the bytes between two braces, or the whole key if one is missing or nothing is between them.
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
