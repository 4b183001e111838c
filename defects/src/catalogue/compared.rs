//! Keys of two slots pass where not all of them are compared.

use wire::Reply;

use super::common::{code, plausible};
use super::keys_of::{counts_keys, destination, keys, of_one_slot};
use crate::defect::{Defect, Instead, Lie};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "only-the-first-two-keys-are-compared",
        sentence: "A third key, and what comes after it, may lie in any slot",
        fails: &[
            "crossslot/bitop",
            "crossslot/blpop",
            "crossslot/bzpopmax",
            "crossslot/del",
            "crossslot/eval-ro",
            "crossslot/every-declared-*",
            "crossslot/exists",
            "crossslot/mget-third-key",
            "crossslot/no-effect",
            "crossslot/pfcount",
            "crossslot/pfmerge",
            "crossslot/sdiff",
            "crossslot/sdiffstore",
            "crossslot/sinter",
            "crossslot/sinterstore",
            "crossslot/sunion",
            "crossslot/sunionstore",
            "crossslot/touch",
            "crossslot/unlink",
            "crossslot/watch",
            "crossslot/zdiffstore",
            "crossslot/zinter",
            "crossslot/zinterstore",
            "crossslot/zunionstore",
        ],
        lie: Lie::Reply(|scene, request, reply| compared(scene, request, reply, |keys| keys[..2].to_vec())),
    },
    Defect {
        name: "only-the-ends-are-compared",
        sentence: "The first key is compared with the last, and those between may lie in any slot",
        fails: &["crossslot/mget-middle-key"],
        lie: Lie::Reply(|scene, request, reply| {
            compared(scene, request, reply, |keys| vec![keys[0], keys[keys.len() - 1]])
        }),
    },
    Defect {
        name: "only-the-last-two-keys-are-compared",
        sentence: "Of three keys or more the first may lie in any slot",
        fails: &[
            "crossslot/mget-first-key",
            "crossslot/pfmerge-destination",
            "crossslot/sdiffstore-destination",
            "crossslot/sinterstore-destination",
            "crossslot/sunionstore-destination",
            "crossslot/zunionstore-destination",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            compared(scene, request, reply, |keys| keys[keys.len() - 2..].to_vec())
        }),
    },
    Defect {
        name: "three-keys-are-not-compared",
        sentence: "Two keys are compared, and three or more are not",
        fails: &[
            "crossslot/bitop",
            "crossslot/blpop",
            "crossslot/bzpopmax",
            "crossslot/del",
            "crossslot/eval-ro",
            "crossslot/every-declared-*",
            "crossslot/exists",
            "crossslot/mget-*",
            "crossslot/no-effect",
            "crossslot/p*",
            "crossslot/sd*",
            "crossslot/sinter",
            "crossslot/sinters*",
            "crossslot/suni*",
            "crossslot/touch",
            "crossslot/unlink",
            "crossslot/watch",
            "crossslot/zdiffstore",
            "crossslot/zinter",
            "crossslot/zinterstore",
            "crossslot/zunions*",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            compared(scene, request, reply, |keys| if keys.len() > 2 { vec![] } else { keys })
        }),
    },
    Defect {
        name: "destination-is-not-compared",
        sentence: "What a command stores to may lie in another slot than what it reads",
        fails: &[
            "crossslot/bitop-destination",
            "crossslot/every-declared-*",
            "crossslot/geo*",
            "crossslot/no-effect",
            "crossslot/pfmerge-destination",
            "crossslot/sdiffstore-destination",
            "crossslot/sinterstore-destination",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "crossslot/sunionstore-destination",
            "crossslot/zdiffstore-destination",
            "crossslot/zinterstore-destination",
            "crossslot/zr*",
            "crossslot/zunionstore-destination",
            "moved/finds-the-key-behind-*",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let destination = destination(request)?;
            let mut sources = keys(request);
            (destination < sources.len()).then(|| sources.remove(destination))?;
            admitted(scene, request, reply, &sources)
        }),
    },
    Defect {
        name: "sources-behind-a-count-are-not-compared",
        sentence: "ZUNIONSTORE and its kin look at the destination alone, where the command table says that the keys are",
        fails: &[
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/zdiffstore",
            "crossslot/zdiffstore-destination",
            "crossslot/zinterstore",
            "crossslot/zinterstore-destination",
            "crossslot/zunionstore",
            "crossslot/zunionstore-destination",
            "moved/finds-the-key-behind-zunionstore-numkeys",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let is_counted_store = counts_keys(request) && destination(request).is_some();
            is_counted_store.then(|| admitted(scene, request, reply, &[])).flatten()
        }),
    },
    Defect {
        name: "last-counted-key-is-not-compared",
        sentence: "Commands that count their keys stop one before the last",
        fails: &[
            "crossslot/blmpop",
            "crossslot/bzmpop",
            "crossslot/eval*",
            "crossslot/every-declared-*",
            "crossslot/fcall*",
            "crossslot/lmpop",
            "crossslot/no-effect",
            "crossslot/sintercard",
            "crossslot/zd*",
            "crossslot/zi*",
            "crossslot/zmpop",
            "crossslot/zunion",
            "crossslot/zunionstore",
            "moved/finds-the-key-behind-zunionstore-numkeys",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let keys = keys(request);
            let (_, but_last) = keys.split_last().filter(|_| counts_keys(request))?;
            admitted(scene, request, reply, but_last)
        }),
    },
    Defect {
        name: "store-behind-options-is-overlooked",
        sentence: "SORT sees its STORE directly behind the key only",
        fails: &["crossslot/no-effect", "crossslot/sort-options-store", "moved/finds-the-key-behind-sort-store"],
        lie: Lie::Reply(|scene, request, reply| {
            let hidden = request.is("SORT") && !request.word(2).eq_ignore_ascii_case(b"STORE");
            hidden.then(|| admitted(scene, request, reply, &[])).flatten()
        }),
    },
    Defect {
        name: "storedist-is-overlooked",
        sentence: "GEORADIUS sees the key behind STORE, but not the one behind STOREDIST",
        fails: &["crossslot/georadius-storedist"],
        lie: Lie::Reply(|scene, request, reply| {
            request.has("STOREDIST").then(|| admitted(scene, request, reply, &[])).flatten()
        }),
    },
    Defect {
        name: "streams-behind-block-are-overlooked",
        sentence: "XREAD does not find its streams where BLOCK stands before them",
        fails: &["crossslot/xread-block"],
        lie: Lie::Reply(|scene, request, reply| {
            (request.is("XREAD") && request.has("BLOCK")).then(|| admitted(scene, request, reply, &[])).flatten()
        }),
    },
    Defect {
        name: "bitop-not-is-not-compared",
        sentence: "BITOP NOT, which has one source, is taken for a command of one key",
        fails: &["crossslot/bitop-destination", "crossslot/no-effect"],
        lie: Lie::Reply(|scene, request, reply| {
            request.is("BITOP NOT").then(|| admitted(scene, request, reply, &[])).flatten()
        }),
    },
];

/// The keys of a request that was refused for their slots, at least two.
pub(super) fn refused<'a>(request: &'a Request, reply: &Reply) -> Option<Vec<&'a [u8]>> {
    (code(reply)? == "CROSSSLOT").then(|| keys(request)).filter(|keys| keys.len() > 1)
}

/// Answers as if only these keys had been compared, of at least two.
fn admitted(scene: &Scene<'_>, request: &Request, reply: &Reply, compared: &[&[u8]]) -> Option<Instead> {
    refused(request, reply)?;
    of_one_slot(compared).then(|| Instead::Say(plausible(scene, request)))
}

fn compared(
    scene: &Scene<'_>,
    request: &Request,
    reply: &Reply,
    chosen: fn(Vec<&[u8]>) -> Vec<&[u8]>,
) -> Option<Instead> {
    admitted(scene, request, reply, &chosen(refused(request, reply)?))
}
