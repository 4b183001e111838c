//! Routing or storage uses other slots than CLUSTER KEYSLOT, or the range of slots is wrong.

use wire::{Reply, Slot};

use super::common::{code, moved};
use super::keyslot::hash;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{Tree, array, error, integer, null, tree};
use crate::request::Request;

/// MOVED for keys of some commands names the slot of other bytes, where the last expression returns any.
macro_rules! misroutes {
    ($name:literal, $sentence:literal, $commands:expr, $bytes:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let bytes: fn(&[u8]) -> Option<Vec<u8>> = $bytes;
            misrouted(request, reply, $commands, bytes)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    misroutes!(
        "routing-of-an-empty-tag-hashes-nothing",
        "A node redirects a key whose first braces are empty to slot 0",
        &["EXISTS"],
        |key| key
            .iter()
            .position(|&byte| byte == b'{')
            .filter(|&open| key.get(open + 1) == Some(&b'}'))
            .map(|_| Vec::new()),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-needs-no-end-of-a-tag",
        "A node redirects a key with an unclosed opening brace by the bytes after that brace",
        &["EXISTS", "GET", "SET"],
        |key| {
            let open = key.iter().position(|byte| *byte == b'{')?;
            (!key[open..].contains(&b'}')).then(|| key[open + 1..].to_vec())
        },
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-ends-at-a-nul",
        "A node redirects a key with a NUL byte by the bytes before that byte",
        &["EXISTS", "GET", "SET"],
        |key| key.iter().position(|byte| *byte == 0).map(|nul| key[..nul].to_vec()),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-reads-keys-as-utf-8",
        "A node redirects a key that is not UTF-8 by the hash of its decoded text",
        &["EXISTS", "GET", "SET"],
        |key| std::str::from_utf8(key).is_err().then(|| String::from_utf8_lossy(key).into_owned().into_bytes()),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "shard-channels-hash-without-tags",
        "A node routes a shard channel by its whole name unless the name starts with a hash tag",
        &["SPUBLISH", "SSUBSCRIBE"],
        |channel| (!channel.starts_with(b"{")).then(|| channel.to_vec()),
        &["slots/shard-channels-hash-like-keys"]
    ),
    misroutes!(
        "shard-channels-trim-line-breaks",
        "SPUBLISH drops the line break at the end of a channel before it hashes the name",
        &["SPUBLISH"],
        |channel| channel.strip_suffix(b"\r\n").map(<[u8]>::to_vec),
        &["slots/shard-channels-hash-like-keys"]
    ),
    on_request(
        "keys-with-a-nul-are-not-counted",
        "SET stores a key with a NUL byte under the bytes before that byte, in another slot",
        &["slots/storage-agrees"],
        |_, request| {
            let key = request.word(1);
            let stores = request.is("SET") && key.contains(&0);
            stores.then(|| Replacement::Answer(b"+OK\r\n".to_vec()))
        },
    ),
    on_reply(
        "getkeysinslot-lists-keys-as-text",
        "CLUSTER GETKEYSINSLOT lists a key that is not UTF-8 with replacement characters",
        &["slots/storage-agrees"],
        |_, request, reply| listed(request, reply, |key| Some(String::from_utf8_lossy(key).into_owned().into_bytes())),
    ),
    on_reply(
        "getkeysinslot-leaves-out-keys-with-a-line-break",
        "CLUSTER GETKEYSINSLOT omits keys with a line break",
        &["slots/storage-agrees"],
        |_, request, reply| listed(request, reply, |key| (!key.contains(&b'\n')).then(|| key.to_vec())),
    ),
    on_reply(
        "countkeysinslot-takes-one-slot-too-many",
        "CLUSTER COUNTKEYSINSLOT accepts slot 16384 and finds no keys in it",
        &["errors/known-first-word", "slots/sixteen-thousand-and-no-more"],
        |_, request, reply| {
            let takes = request.is("CLUSTER COUNTKEYSINSLOT 16384") && code(reply)? == "ERR";
            takes.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "getkeysinslot-wraps-slots-around",
        "CLUSTER GETKEYSINSLOT treats slot 65536 as slot 0",
        &["slots/sixteen-thousand-and-no-more"],
        |_, request, reply| {
            let takes = request.is("CLUSTER GETKEYSINSLOT 65536") && code(reply)? == "ERR";
            takes.then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "countkeysinslot-refuses-the-last-slot",
        "CLUSTER COUNTKEYSINSLOT refuses slot 16383",
        &["slots/sixteen-thousand-and-no-more"],
        |_, request, reply| {
            reply.integer()?;
            request.is("CLUSTER COUNTKEYSINSLOT 16383").then(|| Replacement::Answer(error("ERR Invalid slot")))
        },
    ),
    on_reply("empty-key-cannot-be-written", "SET refuses the empty key", &["slots/empty-key"], |_, request, reply| {
        let refuses = reply.is_ok() && request.is("SET") && request.word(1).is_empty();
        refuses.then(|| Replacement::Answer(error("ERR the key is empty")))
    }),
    on_reply(
        "empty-key-cannot-be-read",
        "GET finds nothing under the empty key",
        &["slots/empty-key"],
        |scene, request, _| {
            let finds_none = request.is("GET") && request.words().len() == 2 && request.word(1).is_empty();
            finds_none.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "scan-takes-a-tag-of-wildcards-for-a-tag",
        "SCAN searches only one slot if its pattern has a wildcard between braces",
        &["slots/patterns-with-tags"],
        |_, request, reply| {
            let pattern = request.words().iter().find(|word| word.windows(3).any(|three| three == b"{*}"));
            (request.is("SCAN") && pattern.is_some()).then_some(())?;
            let changed = tree(reply.bytes(), |scan| {
                *scan.items_mut()?.get_mut(1)? = Tree::Items(b'*', Vec::new());
                Some(())
            });
            changed.map(Replacement::Answer)
        },
    ),
    on_reply(
        "keys-takes-a-tag-behind-a-wildcard-for-the-slot",
        "KEYS searches only the slot of the tag in its pattern, even if a wildcard precedes the tag",
        &["slots/patterns-with-tags"],
        |_, request, reply| {
            let pattern = request.word(1);
            let open = pattern.iter().position(|&byte| byte == b'{')?;
            (request.is("KEYS") && pattern[..open].contains(&b'*')).then_some(())?;
            let slot = Slot::of(request.word(1));
            let changed = tree(reply.bytes(), |keys| {
                keys.items_mut()?.retain(|key| key.text().is_some_and(|key| Slot::of(key) == slot));
                Some(())
            });
            changed.map(Replacement::Answer)
        },
    ),
];

/// Returns the same MOVED with another slot.
fn misrouted(
    request: &Request,
    reply: &Reply,
    commands: &[&str],
    bytes: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Replacement> {
    let (_, address) = moved(reply).filter(|_| request.is_any(commands))?;
    let slot = hash(&bytes(request.word(1))?);
    Some(Replacement::Answer(error(&format!("MOVED {slot} {address}"))))
}

/// Returns the keys of a slot, each changed or omitted.
fn listed(request: &Request, reply: &Reply, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Replacement> {
    request.is("CLUSTER GETKEYSINSLOT").then_some(())?;
    let keys: Vec<Vec<u8>> = reply.items()?.iter().filter_map(wire::bytes_of).filter_map(change).collect();
    let items: Vec<Vec<u8>> = keys.iter().map(crate::edit::bulk).collect();
    Some(Replacement::Answer(array(&items)))
}
