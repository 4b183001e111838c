//! Routing and storage disagree with CLUSTER KEYSLOT, or slots are numbered otherwise.

use wire::{Reply, Slot};

use super::common::{code, moved};
use super::keyslot::hash;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{Tree, array, error, integer, null, tree};
use crate::request::Request;

/// Keys are routed by another slot than CLUSTER KEYSLOT gives: those that fit, to the slot of `bytes`.
macro_rules! misroutes {
    ($name:literal, $sentence:literal, $commands:expr, $bytes:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                let bytes: fn(&[u8]) -> Option<Vec<u8>> = $bytes;
                misrouted(request, reply, $commands, bytes)
            }),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    misroutes!(
        "routing-of-an-empty-tag-hashes-nothing",
        "A key that begins with an empty tag is redirected to slot 0",
        &["EXISTS"],
        |key| key.starts_with(b"{}").then(Vec::new),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-needs-no-end-of-a-tag",
        "A key with an opening brace that is never closed is redirected by what follows that brace",
        &["EXISTS", "GET", "SET"],
        |key| {
            let open = key.iter().position(|byte| *byte == b'{')?;
            (!key[open..].contains(&b'}')).then(|| key[open + 1..].to_vec())
        },
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-ends-at-a-nul",
        "A key with a NUL is redirected by the bytes before it",
        &["EXISTS", "GET", "SET"],
        |key| key.iter().position(|byte| *byte == 0).map(|nul| key[..nul].to_vec()),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "routing-reads-keys-as-utf-8",
        "A key that is not UTF-8 is redirected by what a decoder makes of it",
        &["EXISTS", "GET", "SET"],
        |key| std::str::from_utf8(key).is_err().then(|| String::from_utf8_lossy(key).into_owned().into_bytes()),
        &["slots/routing-agrees"]
    ),
    misroutes!(
        "shard-channels-hash-without-tags",
        "A shard channel belongs to the slot of its whole name, hash tag or not, where the name begins with none",
        &["SPUBLISH", "SSUBSCRIBE"],
        |channel| (!channel.starts_with(b"{")).then(|| channel.to_vec()),
        &["slots/shard-channels-hash-like-keys"]
    ),
    misroutes!(
        "shard-channels-trim-line-breaks",
        "SPUBLISH finds the slot of a channel without the line break at its end",
        &["SPUBLISH"],
        |channel| channel.strip_suffix(b"\r\n").map(<[u8]>::to_vec),
        &["slots/shard-channels-hash-like-keys"]
    ),
    Defect {
        name: "keys-with-a-nul-are-not-counted",
        sentence: "SET stores a key with a NUL under the bytes before it, in another slot",
        fails: &["slots/storage-agrees"],
        lie: Lie::Request(|_, request| {
            let key = request.word(1);
            let stores = request.is("SET") && key.contains(&0);
            stores.then(|| Instead::Say(b"+OK\r\n".to_vec()))
        }),
    },
    Defect {
        name: "getkeysinslot-lists-keys-as-text",
        sentence: "CLUSTER GETKEYSINSLOT lists a key that is not UTF-8 with replacement characters",
        fails: &["slots/storage-agrees"],
        lie: Lie::Reply(|_, request, reply| {
            listed(request, reply, |key| Some(String::from_utf8_lossy(key).into_owned().into_bytes()))
        }),
    },
    Defect {
        name: "getkeysinslot-leaves-out-keys-with-a-line-break",
        sentence: "CLUSTER GETKEYSINSLOT leaves out keys with a line break",
        fails: &["slots/storage-agrees"],
        lie: Lie::Reply(|_, request, reply| {
            listed(request, reply, |key| (!key.contains(&b'\n')).then(|| key.to_vec()))
        }),
    },
    Defect {
        name: "countkeysinslot-takes-one-slot-too-many",
        sentence: "CLUSTER COUNTKEYSINSLOT takes the slot 16384 and finds no keys in it",
        fails: &["errors/known-first-word", "slots/sixteen-thousand-and-no-more"],
        lie: Lie::Reply(|_, request, reply| {
            let takes = request.is("CLUSTER COUNTKEYSINSLOT 16384") && code(reply)? == "ERR";
            takes.then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "getkeysinslot-wraps-slots-around",
        sentence: "CLUSTER GETKEYSINSLOT takes the slot 65536 for slot 0",
        fails: &["slots/sixteen-thousand-and-no-more"],
        lie: Lie::Reply(|_, request, reply| {
            let takes = request.is("CLUSTER GETKEYSINSLOT 65536") && code(reply)? == "ERR";
            takes.then(|| Instead::Say(array(&[])))
        }),
    },
    Defect {
        name: "countkeysinslot-refuses-the-last-slot",
        sentence: "CLUSTER COUNTKEYSINSLOT refuses the slot 16383",
        fails: &["slots/sixteen-thousand-and-no-more"],
        lie: Lie::Reply(|_, request, reply| {
            reply.integer()?;
            request.is("CLUSTER COUNTKEYSINSLOT 16383").then(|| Instead::Say(error("ERR Invalid slot")))
        }),
    },
    Defect {
        name: "empty-key-cannot-be-written",
        sentence: "SET refuses the empty key",
        fails: &["slots/empty-key"],
        lie: Lie::Reply(|_, request, reply| {
            let refuses = reply.is_ok() && request.is("SET") && request.word(1).is_empty();
            refuses.then(|| Instead::Say(error("ERR the key is empty")))
        }),
    },
    Defect {
        name: "empty-key-cannot-be-read",
        sentence: "GET finds nothing under the empty key",
        fails: &["slots/empty-key"],
        lie: Lie::Reply(|scene, request, _| {
            let finds_none = request.is("GET") && request.words().len() == 2 && request.word(1).is_empty();
            finds_none.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "scan-takes-a-tag-of-wildcards-for-a-tag",
        sentence: "SCAN looks into one slot only where its pattern holds braces with a wildcard between them",
        fails: &["slots/patterns-with-tags"],
        lie: Lie::Reply(|_, request, reply| {
            let pattern = request.words().iter().find(|word| word.windows(3).any(|three| three == b"{*}"));
            (request.is("SCAN") && pattern.is_some()).then_some(())?;
            let changed = tree(reply.bytes(), |scan| {
                *scan.items_mut()?.get_mut(1)? = Tree::Items(b'*', Vec::new());
                Some(())
            });
            changed.map(Instead::Say)
        }),
    },
    Defect {
        name: "keys-takes-a-tag-behind-a-wildcard-for-the-slot",
        sentence: "KEYS looks into the slot of the tag in its pattern even behind a wildcard that may hold another tag",
        fails: &["slots/patterns-with-tags"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("KEYS") && request.word(1).starts_with(b"*{")).then_some(())?;
            let slot = Slot::of(request.word(1));
            let changed = tree(reply.bytes(), |keys| {
                keys.items_mut()?.retain(|key| key.text().is_some_and(|key| Slot::of(key) == slot));
                Some(())
            });
            changed.map(Instead::Say)
        }),
    },
];

/// The same redirection with another slot.
fn misrouted(
    request: &Request,
    reply: &Reply,
    commands: &[&str],
    bytes: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Option<Instead> {
    let (_, address) = moved(reply).filter(|_| request.is_any(commands))?;
    let slot = hash(&bytes(request.word(1))?);
    Some(Instead::Say(error(&format!("MOVED {slot} {address}"))))
}

/// The keys of a slot, each changed or left out.
fn listed(request: &Request, reply: &Reply, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Instead> {
    request.is("CLUSTER GETKEYSINSLOT").then_some(())?;
    let keys: Vec<Vec<u8>> = reply.items()?.iter().filter_map(wire::bytes_of).filter_map(change).collect();
    let items: Vec<Vec<u8>> = keys.iter().map(crate::edit::bulk).collect();
    Some(Instead::Say(array(&items)))
}
