//! Families of commands that do not look at the slots of their keys.

use super::common::unrefused;
use crate::defect::{Defect, Lie};

/// A family of commands that do not check the slots of their keys.
macro_rules! unchecked {
    ($name:literal, $sentence:literal, $commands:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| unrefused(scene, request, reply, "CROSSSLOT", $commands)),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    unchecked!(
        "mset-of-two-slots",
        "MSET, MSETNX and MSETEX do not look at the slots of their keys",
        &["MSET", "MSETNX", "MSETEX"],
        &[
            "crossslot/before-moved",
            "crossslot/before-moved-over-two-nodes",
            "crossslot/every-declared-*",
            "crossslot/mset*",
            "crossslot/no-effect",
            "crossslot/resp3",
            "errors/crossslot-before-a-down-cluster",
            "transactions/crossslot-command-aborts"
        ]
    ),
    unchecked!(
        "mget-of-two-slots",
        "MGET does not look at the slots of its keys",
        &["MGET"],
        &[
            "connection/same-errors-in-resp3",
            "crossslot/before-moved*",
            "crossslot/every-declared-*",
            "crossslot/mget*",
            "crossslot/resp3",
            "errors/case-does-not-matter",
            "errors/crossslot-before-a-down-cluster",
            "errors/known-first-word",
            "errors/unassigned-slot-and-crossslot",
            "readonly/crossslot-is-refused",
            "transactions/aborts-after-crossslot"
        ]
    ),
    unchecked!(
        "lcs-of-two-slots",
        "LCS, and STRALGO before it, does not look at the slots of its keys",
        &["LCS", "STRALGO LCS"],
        &["crossslot/every-declared-*", "crossslot/lcs", "crossslot/stralgo-lcs"]
    ),
    unchecked!(
        "del-of-two-slots",
        "DEL and UNLINK do not look at the slots of their keys",
        &["DEL", "UNLINK"],
        &[
            "crossslot/before-moved",
            "crossslot/before-moved-over-two-nodes",
            "crossslot/del",
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/resp3",
            "crossslot/unlink"
        ]
    ),
    unchecked!(
        "exists-of-two-slots",
        "EXISTS and TOUCH do not look at the slots of their keys",
        &["EXISTS", "TOUCH"],
        &["crossslot/every-declared-*", "crossslot/exists", "crossslot/touch", "readonly/crossslot-is-refused"]
    ),
    unchecked!(
        "rename-to-another-slot",
        "RENAME, RENAMENX and COPY do not look at the slot of the new name",
        &["RENAME", "RENAMENX", "COPY"],
        &[
            "crossslot/copy",
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/rename",
            "crossslot/renamenx"
        ]
    ),
    unchecked!(
        "sort-stores-in-another-slot",
        "SORT does not look at the slot of the key that it stores to",
        &["SORT"],
        &[
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "moved/finds-the-key-behind-sort-store"
        ]
    ),
    unchecked!(
        "set-algebra-of-two-slots",
        "SINTER, SINTERCARD, SUNION and SDIFF do not look at the slots of their keys",
        &["SINTER", "SINTERCARD", "SUNION", "SDIFF"],
        &[
            "crossslot/every-declared-*",
            "crossslot/sdiff",
            "crossslot/sinter",
            "crossslot/sintercard",
            "crossslot/sunion"
        ]
    ),
    unchecked!(
        "set-stores-of-two-slots",
        "SINTERSTORE, SUNIONSTORE, SDIFFSTORE and SMOVE do not look at the slots of their keys",
        &["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "SMOVE"],
        &[
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/sdiffstore",
            "crossslot/sdiffstore-destination",
            "crossslot/sinterstore",
            "crossslot/sinterstore-destination",
            "crossslot/smove",
            "crossslot/sunionstore",
            "crossslot/sunionstore-destination"
        ]
    ),
    unchecked!(
        "zset-algebra-of-two-slots",
        "ZUNION, ZINTER, ZDIFF and ZINTERCARD do not look at the slots of their keys",
        &["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"],
        &[
            "crossslot/every-declared-*",
            "crossslot/zdiff",
            "crossslot/zinter",
            "crossslot/zintercard",
            "crossslot/zunion"
        ]
    ),
    unchecked!(
        "zset-stores-of-two-slots",
        "ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE and ZRANGESTORE do not look at the slots of their keys",
        &["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZRANGESTORE"],
        &[
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/zdiffstore",
            "crossslot/zdiffstore-destination",
            "crossslot/zinterstore",
            "crossslot/zinterstore-destination",
            "crossslot/zrangestore",
            "crossslot/zrangestore-destination",
            "crossslot/zunionstore",
            "crossslot/zunionstore-destination",
            "moved/finds-the-key-behind-zunionstore-numkeys"
        ]
    ),
    unchecked!(
        "counted-pops-of-two-slots",
        "LMPOP, BLMPOP, ZMPOP and BZMPOP do not look at the slots of their keys",
        &["LMPOP", "BLMPOP", "ZMPOP", "BZMPOP"],
        &["crossslot/blmpop", "crossslot/bzmpop", "crossslot/every-declared-*", "crossslot/lmpop", "crossslot/zmpop"]
    ),
    unchecked!(
        "blocking-pops-of-two-slots",
        "BLPOP, BRPOP, BZPOPMIN and BZPOPMAX do not look at the slots of their keys",
        &["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"],
        &[
            "crossslot/blpop",
            "crossslot/brpop",
            "crossslot/bzpopmax",
            "crossslot/bzpopmin",
            "crossslot/every-declared-*",
            "crossslot/no-effect"
        ]
    ),
    unchecked!(
        "list-moves-to-another-slot",
        "LMOVE, RPOPLPUSH and their blocking forms do not look at the slot of the list that they move to",
        &["LMOVE", "BLMOVE", "RPOPLPUSH", "BRPOPLPUSH"],
        &[
            "crossslot/blmove",
            "crossslot/brpoplpush",
            "crossslot/every-declared-*",
            "crossslot/lmove",
            "crossslot/no-effect",
            "crossslot/rpoplpush"
        ]
    ),
    unchecked!(
        "bitop-of-two-slots",
        "BITOP does not look at the slots of its keys",
        &["BITOP"],
        &["crossslot/bitop", "crossslot/bitop-destination", "crossslot/every-declared-*", "crossslot/no-effect"]
    ),
    unchecked!(
        "hyperloglogs-of-two-slots",
        "PFCOUNT and PFMERGE do not look at the slots of their keys",
        &["PFCOUNT", "PFMERGE"],
        &[
            "crossslot/every-declared-*",
            "crossslot/no-effect",
            "crossslot/pfcount",
            "crossslot/pfmerge",
            "crossslot/pfmerge-destination"
        ]
    ),
    unchecked!(
        "geo-stores-in-another-slot",
        "GEOSEARCHSTORE, GEORADIUS and GEORADIUSBYMEMBER do not look at the slot of the key that they store to",
        &["GEOSEARCHSTORE", "GEORADIUS", "GEORADIUSBYMEMBER"],
        &[
            "crossslot/every-declared-*",
            "crossslot/georadius-store",
            "crossslot/georadius-storedist",
            "crossslot/georadiusbymember-store",
            "crossslot/geosearchstore",
            "moved/finds-the-key-behind-georadius-store"
        ]
    ),
    unchecked!(
        "streams-of-two-slots",
        "XREAD and XREADGROUP do not look at the slots of their streams",
        &["XREAD", "XREADGROUP"],
        &["crossslot/every-declared-*", "crossslot/xread", "crossslot/xread-block", "crossslot/xreadgroup"]
    ),
    unchecked!(
        "watch-of-two-slots",
        "WATCH does not look at the slots of its keys",
        &["WATCH"],
        &["crossslot/every-declared-*", "crossslot/watch", "transactions/watch-of-remote-keys-is-refused"]
    ),
    unchecked!(
        "scripts-with-keys-of-two-slots",
        "Scripts and functions do not look at the slots of their keys",
        &["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"],
        &[
            "crossslot/eval",
            "crossslot/eval-ro",
            "crossslot/evalsha",
            "crossslot/evalsha-ro",
            "crossslot/every-declared-*",
            "crossslot/fcall",
            "crossslot/fcall-ro"
        ]
    ),
    unchecked!(
        "migrate-keys-of-two-slots",
        "MIGRATE does not look at the slots of the words behind KEYS",
        &["MIGRATE"],
        &["crossslot/every-declared-*", "crossslot/migrate-keys"]
    ),
    unchecked!(
        "shard-channels-of-two-slots",
        "SSUBSCRIBE and SUNSUBSCRIBE do not look at the slots of their channels",
        &["SSUBSCRIBE", "SUNSUBSCRIBE"],
        &["crossslot/ssubscribe", "crossslot/sunsubscribe"]
    ),
];
