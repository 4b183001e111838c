//! Some commands ignore the slots of their keys.

use super::common::unrefused;
use crate::defect::{Defect, on_reply};

/// Commands ignore the slots of their keys.
macro_rules! unchecked {
    ($name:literal, $sentence:literal, $commands:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            unrefused(scene, request, reply, "CROSSSLOT", $commands)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    unchecked!(
        "mset-of-two-slots",
        "MSET, MSETNX and MSETEX ignore the slots of their keys",
        &["MSET", "MSETNX", "MSETEX"],
        &["crossslot/mset", "crossslot/msetnx"]
    ),
    unchecked!("mget-of-two-slots", "MGET ignores the slots of its keys", &["MGET"], &["crossslot/mget"]),
    unchecked!(
        "lcs-of-two-slots",
        "LCS and the older STRALGO LCS ignore the slots of their keys",
        &["LCS", "STRALGO LCS"],
        &["crossslot/lcs"]
    ),
    unchecked!(
        "del-of-two-slots",
        "DEL and UNLINK ignore the slots of their keys",
        &["DEL", "UNLINK"],
        &["crossslot/del", "crossslot/unlink"]
    ),
    unchecked!(
        "exists-of-two-slots",
        "EXISTS and TOUCH ignore the slots of their keys",
        &["EXISTS", "TOUCH"],
        &["crossslot/exists", "crossslot/touch"]
    ),
    unchecked!(
        "rename-to-another-slot",
        "RENAME, RENAMENX and COPY ignore the slot of the new name",
        &["RENAME", "RENAMENX", "COPY"],
        &["crossslot/copy", "crossslot/rename", "crossslot/renamenx"]
    ),
    unchecked!(
        "sort-stores-in-another-slot",
        "SORT ignores the slot of the key that it stores to",
        &["SORT"],
        &["crossslot/sort-options-store", "crossslot/sort-store", "moved/finds-the-key-behind-sort-store"]
    ),
    unchecked!(
        "set-algebra-of-two-slots",
        "SINTER, SINTERCARD, SUNION and SDIFF ignore the slots of their keys",
        &["SINTER", "SINTERCARD", "SUNION", "SDIFF"],
        &["crossslot/sdiff", "crossslot/sinter", "crossslot/sunion"]
    ),
    unchecked!(
        "set-stores-of-two-slots",
        "SINTERSTORE, SUNIONSTORE, SDIFFSTORE and SMOVE ignore the slots of their keys",
        &["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE", "SMOVE"],
        &["crossslot/sdiffstore", "crossslot/sinterstore", "crossslot/smove"]
    ),
    unchecked!(
        "zset-algebra-of-two-slots",
        "ZUNION, ZINTER, ZDIFF and ZINTERCARD ignore the slots of their keys",
        &["ZUNION", "ZINTER", "ZDIFF", "ZINTERCARD"],
        &["crossslot/zdiff", "crossslot/zinter", "crossslot/zintercard"]
    ),
    unchecked!(
        "zset-stores-of-two-slots",
        "ZUNIONSTORE, ZINTERSTORE, ZDIFFSTORE and ZRANGESTORE ignore the slots of their keys",
        &["ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE", "ZRANGESTORE"],
        &["crossslot/zdiffstore", "crossslot/zrangestore", "crossslot/zrangestore-destination"]
    ),
    unchecked!(
        "counted-pops-of-two-slots",
        "LMPOP, BLMPOP, ZMPOP and BZMPOP ignore the slots of their keys",
        &["LMPOP", "BLMPOP", "ZMPOP", "BZMPOP"],
        &["crossslot/blmpop", "crossslot/bzmpop", "crossslot/zmpop"]
    ),
    unchecked!(
        "blocking-pops-of-two-slots",
        "BLPOP, BRPOP, BZPOPMIN and BZPOPMAX ignore the slots of their keys",
        &["BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"],
        &["crossslot/brpop", "crossslot/bzpopmax", "crossslot/bzpopmin"]
    ),
    unchecked!(
        "list-moves-to-another-slot",
        "LMOVE, RPOPLPUSH and their blocking forms ignore the slot of the destination",
        &["LMOVE", "BLMOVE", "RPOPLPUSH", "BRPOPLPUSH"],
        &["crossslot/lmove", "crossslot/rpoplpush"]
    ),
    unchecked!(
        "bitop-of-two-slots",
        "BITOP ignores the slots of its keys",
        &["BITOP"],
        &["crossslot/bitop", "crossslot/bitop-destination"]
    ),
    unchecked!(
        "hyperloglogs-of-two-slots",
        "PFCOUNT and PFMERGE ignore the slots of their keys",
        &["PFCOUNT", "PFMERGE"],
        &["crossslot/pfcount", "crossslot/pfmerge", "crossslot/pfmerge-destination"]
    ),
    unchecked!(
        "geo-stores-in-another-slot",
        "GEOSEARCHSTORE, GEORADIUS and GEORADIUSBYMEMBER ignore the slot of the key that they store to",
        &["GEOSEARCHSTORE", "GEORADIUS", "GEORADIUSBYMEMBER"],
        &[
            "crossslot/georadius-store",
            "crossslot/georadiusbymember-store",
            "moved/finds-the-key-behind-georadius-store"
        ]
    ),
    unchecked!(
        "streams-of-two-slots",
        "XREAD and XREADGROUP ignore the slots of their streams",
        &["XREAD", "XREADGROUP"],
        &["crossslot/xread", "crossslot/xread-block", "crossslot/xreadgroup"]
    ),
    unchecked!("watch-of-two-slots", "WATCH ignores the slots of its keys", &["WATCH"], &["crossslot/watch"]),
    unchecked!(
        "scripts-with-keys-of-two-slots",
        "Scripts and functions ignore the slots of their keys",
        &["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"],
        &["crossslot/eval", "crossslot/evalsha", "crossslot/fcall"]
    ),
    unchecked!(
        "migrate-keys-of-two-slots",
        "MIGRATE ignores the slots of the keys after KEYS",
        &["MIGRATE"],
        &["crossslot/migrate-keys"]
    ),
    unchecked!(
        "shard-channels-of-two-slots",
        "SSUBSCRIBE and SUNSUBSCRIBE ignore the slots of their channels",
        &["SSUBSCRIBE", "SUNSUBSCRIBE"],
        &["crossslot/ssubscribe", "crossslot/sunsubscribe"]
    ),
];
