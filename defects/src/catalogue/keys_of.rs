//! Finds the keys of a request, for the families of defects that compare slots.

use wire::Slot;

use crate::request::Request;

/// The commands whose keys go up to the last word.
const TO_THE_END: [&str; 14] = [
    "MGET",
    "DEL",
    "UNLINK",
    "EXISTS",
    "TOUCH",
    "SINTER",
    "SUNION",
    "SDIFF",
    "WATCH",
    "PFCOUNT",
    "PFMERGE",
    "SINTERSTORE",
    "SUNIONSTORE",
    "SDIFFSTORE",
];
/// The commands whose keys go up to the last word except one.
const TO_THE_TIMEOUT: [&str; 4] = ["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"];
/// The commands that start with two keys.
const TWO: [&str; 11] = [
    "RENAME",
    "RENAMENX",
    "COPY",
    "LCS",
    "SMOVE",
    "RPOPLPUSH",
    "BRPOPLPUSH",
    "LMOVE",
    "BLMOVE",
    "ZRANGESTORE",
    "GEOSEARCHSTORE",
];
/// The commands that count their keys, with the position of the count.
const COUNTED: [(&str, usize); 18] = [
    ("ZUNION", 1),
    ("ZINTER", 1),
    ("ZDIFF", 1),
    ("ZINTERCARD", 1),
    ("SINTERCARD", 1),
    ("LMPOP", 1),
    ("ZMPOP", 1),
    ("BLMPOP", 2),
    ("BZMPOP", 2),
    ("EVAL", 2),
    ("EVALSHA", 2),
    ("EVAL_RO", 2),
    ("EVALSHA_RO", 2),
    ("FCALL", 2),
    ("FCALL_RO", 2),
    ("ZUNIONSTORE", 2),
    ("ZINTERSTORE", 2),
    ("ZDIFFSTORE", 2),
];

/// Returns the keys of a request in order; none for commands that are not listed above.
pub(super) fn keys(request: &Request) -> Vec<&[u8]> {
    let (name, end) = (request.name(), request.words().len());
    let positions: Vec<usize> = match name {
        _ if TO_THE_END.contains(&name) => (1..end).collect(),
        "SSUBSCRIBE" | "SUNSUBSCRIBE" => (1..end).collect(),
        "MSET" | "MSETNX" => (1..end).step_by(2).collect(),
        _ if TO_THE_TIMEOUT.contains(&name) => (1..end.saturating_sub(1)).collect(),
        _ if TWO.contains(&name) => vec![1, 2],
        "BITOP" => (2..end).collect(),
        "XREAD" | "XREADGROUP" => {
            behind(request, "STREAMS").map_or(vec![], |first| (first..first + (end - first) / 2).collect())
        }
        "SORT" | "GEORADIUS" | "GEORADIUSBYMEMBER" => {
            [Some(1), behind(request, "STORE"), behind(request, "STOREDIST")].into_iter().flatten().collect()
        }
        "MIGRATE" => behind(request, "KEYS").map_or(vec![], |first| (first..end).collect()),
        _ => counted(request),
    };
    positions.into_iter().map(|position| request.word(position)).collect()
}

/// Says whether the request counts its keys, like ZUNION.
pub(super) fn counts_keys(request: &Request) -> bool {
    COUNTED.iter().any(|(name, _)| *name == request.name())
}

/// Returns the position of the destination among the keys; `None` for commands that store nothing.
pub(super) fn destination(request: &Request) -> Option<usize> {
    match request.name() {
        "SORT" | "GEORADIUS" | "GEORADIUSBYMEMBER" => Some(1),
        "BITOP" | "PFMERGE" => Some(0),
        name if name.ends_with("STORE") => Some(0),
        _ => None,
    }
}

/// Says whether all keys hash to one slot.
pub(super) fn of_one_slot(keys: &[&[u8]]) -> bool {
    keys.windows(2).all(|two| Slot::of(two[0]) == Slot::of(two[1]))
}

fn counted(request: &Request) -> Vec<usize> {
    let Some((name, at)) = COUNTED.iter().find(|(name, _)| *name == request.name()) else { return Vec::new() };
    let count = std::str::from_utf8(request.word(*at)).ok().and_then(|count| count.parse().ok()).unwrap_or(0);
    // The client may send any count.
    let last = request.words().len().min(at.saturating_add(1).saturating_add(count));
    let destination = name.ends_with("STORE").then_some(1);
    destination.into_iter().chain(at + 1..last).collect()
}

/// Returns the position after a word.
fn behind(request: &Request, word: &str) -> Option<usize> {
    request.words().iter().position(|own| own.eq_ignore_ascii_case(word.as_bytes())).map(|at| at + 1)
}
