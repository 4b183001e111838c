//! A node compares the slots of only some of the keys.

use wire::Reply;

use super::common::{code, plausible};
use super::keys_of::{counts_keys, destination, keys, of_one_slot};
use crate::defect::{Defect, Replacement, on_reply};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "only-the-first-two-keys-are-compared",
        "A node compares the slots of the first two keys and ignores those of further keys",
        &["crossslot/mget-third-key"],
        |scene, request, reply| compared(scene, request, reply, |keys| keys[..2].to_vec()),
    ),
    on_reply(
        "only-the-ends-are-compared",
        "A node compares the slots of the first and the last key and ignores those of the keys between",
        &["crossslot/mget-middle-key"],
        |scene, request, reply| compared(scene, request, reply, |keys| vec![keys[0], keys[keys.len() - 1]]),
    ),
    on_reply(
        "only-the-last-two-keys-are-compared",
        "A node ignores the slot of the first key if a command has three keys or more",
        &["crossslot/mget-first-key"],
        |scene, request, reply| compared(scene, request, reply, |keys| keys[keys.len() - 2..].to_vec()),
    ),
    on_reply(
        "three-keys-are-not-compared",
        "A node compares the slots of two keys, but not those of three or more",
        &["crossslot/mget-first-key", "crossslot/mget-middle-key", "crossslot/mget-third-key"],
        |scene, request, reply| compared(scene, request, reply, |keys| if keys.len() > 2 { vec![] } else { keys }),
    ),
    on_reply(
        "destination-is-not-compared",
        "A node ignores the slot of the destination of a command that stores its result",
        &["crossslot/bitop-destination", "crossslot/sinterstore-destination"],
        |scene, request, reply| {
            let destination = destination(request)?;
            let mut sources = keys(request);
            (destination < sources.len()).then(|| sources.remove(destination))?;
            admitted(scene, request, reply, &sources)
        },
    ),
    on_reply(
        "sources-behind-a-count-are-not-compared",
        "ZUNIONSTORE, ZINTERSTORE and ZDIFFSTORE ignore the slots of their sources",
        &["crossslot/zinterstore", "crossslot/zunionstore"],
        |scene, request, reply| {
            let is_counted_store = counts_keys(request) && destination(request).is_some();
            is_counted_store.then(|| admitted(scene, request, reply, &[])).flatten()
        },
    ),
    on_reply(
        "last-counted-key-is-not-compared",
        "Commands that count their keys ignore the slot of the last key",
        &["crossslot/sintercard", "crossslot/zunion"],
        |scene, request, reply| {
            let keys = keys(request);
            let (_, but_last) = keys.split_last().filter(|_| counts_keys(request))?;
            admitted(scene, request, reply, but_last)
        },
    ),
    on_reply(
        "store-behind-options-is-overlooked",
        "SORT ignores the slot of the key after STORE if other options come first",
        &["moved/finds-the-key-behind-sort-store"],
        |scene, request, reply| {
            let hidden = request.is("SORT") && !request.word(2).eq_ignore_ascii_case(b"STORE");
            hidden.then(|| admitted(scene, request, reply, &[])).flatten()
        },
    ),
    on_reply(
        "storedist-is-overlooked",
        "GEORADIUS ignores the slot of the key after STOREDIST",
        &["crossslot/georadius-storedist"],
        |scene, request, reply| request.has("STOREDIST").then(|| admitted(scene, request, reply, &[])).flatten(),
    ),
    on_reply(
        "streams-behind-block-are-overlooked",
        "XREAD ignores the slots of its streams if BLOCK comes before them",
        &["crossslot/xread-block"],
        |scene, request, reply| {
            (request.is("XREAD") && request.has("BLOCK")).then(|| admitted(scene, request, reply, &[])).flatten()
        },
    ),
    on_reply(
        "bitop-not-is-not-compared",
        "BITOP NOT ignores the slot of its source",
        &["crossslot/bitop-destination", "crossslot/no-effect"],
        |scene, request, reply| request.is("BITOP NOT").then(|| admitted(scene, request, reply, &[])).flatten(),
    ),
];

/// Returns the keys of a request that the node refused with CROSSSLOT, at least two.
pub(super) fn refused<'a>(request: &'a Request, reply: &Reply) -> Option<Vec<&'a [u8]>> {
    (code(reply)? == "CROSSSLOT").then(|| keys(request)).filter(|keys| keys.len() > 1)
}

/// Answers as if the node had compared only these keys; there are at least two.
fn admitted(scene: &Scene<'_>, request: &Request, reply: &Reply, compared: &[&[u8]]) -> Option<Replacement> {
    refused(request, reply)?;
    of_one_slot(compared).then(|| Replacement::Answer(plausible(scene, request)))
}

fn compared(
    scene: &Scene<'_>,
    request: &Request,
    reply: &Reply,
    chosen: fn(Vec<&[u8]>) -> Vec<&[u8]>,
) -> Option<Replacement> {
    admitted(scene, request, reply, &chosen(refused(request, reply)?))
}
