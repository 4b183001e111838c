//! Keys of two slots are told apart by their owners, or redirected before they are compared.

use wire::Slot;

use super::common::plausible;
use super::compared::refused;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::error;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "keys-of-one-node-are-accepted",
        sentence: "Nodes compare the owners of keys, not their slots",
        fails: &[
            "connection/same-errors-in-resp3",
            "crossslot/before-moved",
            "crossslot/bi*",
            "crossslot/bl*",
            "crossslot/br*",
            "crossslot/bz*",
            "crossslot/copy",
            "crossslot/del",
            "crossslot/eva*",
            "crossslot/every-declared-command",
            "crossslot/exists",
            "crossslot/fcall*",
            "crossslot/geo*",
            "crossslot/l*",
            "crossslot/m*",
            "crossslot/no-effect",
            "crossslot/p*",
            "crossslot/r*",
            "crossslot/sd*",
            "crossslot/si*",
            "crossslot/smove",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "crossslot/ssubscribe",
            "crossslot/su*",
            "crossslot/touch",
            "crossslot/unlink",
            "crossslot/watch",
            "crossslot/xread*",
            "crossslot/z*",
            "errors/case-does-not-matter",
            "errors/known-first-word",
            "readonly/crossslot-is-refused",
            "transactions/aborts-after-crossslot",
            "transactions/crossslot-command-aborts",
            "transactions/watch-of-remote-keys-is-refused",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let keys = refused(request, reply)?;
            let first = shard(keys[0]);
            keys.iter().all(|key| shard(key) == first).then(|| Instead::Say(plausible(scene, request)))
        }),
    },
    Defect {
        name: "keys-of-two-nodes-are-redirected",
        sentence: "Where a key belongs to another node, the answer is MOVED, whatever the other keys' slots",
        fails: &[
            "crossslot/b*",
            "crossslot/copy",
            "crossslot/del",
            "crossslot/eva*",
            "crossslot/every-declared-command-over-two-nodes",
            "crossslot/exists",
            "crossslot/fcall*",
            "crossslot/geo*",
            "crossslot/l*",
            "crossslot/mget*",
            "crossslot/migrate-keys",
            "crossslot/mset",
            "crossslot/msetnx",
            "crossslot/p*",
            "crossslot/r*",
            "crossslot/sd*",
            "crossslot/si*",
            "crossslot/smove",
            "crossslot/sort-options-store",
            "crossslot/sort-store",
            "crossslot/ssubscribe",
            "crossslot/su*",
            "crossslot/touch",
            "crossslot/unlink",
            "crossslot/watch",
            "crossslot/xread*",
            "crossslot/z*",
            "errors/crossslot-before-a-down-cluster",
            "moved/finds-the-key-behind-*",
            "readonly/crossslot-is-refused",
            "transactions/watch-of-remote-keys-is-refused",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let keys = refused(request, reply)?;
            let foreign = keys.iter().find(|key| shard(key) != scene.node() % SHARDS)?;
            let owner = scene.addresses().get(shard(foreign))?;
            Some(Instead::Say(error(&format!("MOVED {} {owner}", Slot::of(foreign)))))
        }),
    },
    Defect {
        name: "redirected-before-compared",
        sentence: "A command whose first key belongs to another node is redirected before its keys are compared",
        fails: &[
            "crossslot/before-moved*",
            "crossslot/bitop-destination",
            "crossslot/mget-first-key",
            "crossslot/pfmerge-destination",
            "crossslot/sdiffstore-destination",
            "crossslot/sinterstore-destination",
            "crossslot/sunionstore-destination",
            "crossslot/zdiffstore-destination",
            "crossslot/zinterstore-destination",
            "crossslot/zrangestore-destination",
            "crossslot/zunionstore-destination",
            "errors/crossslot-before-a-down-cluster",
            "moved/finds-the-key-behind-*",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let keys = refused(request, reply)?;
            let owner = scene.addresses().get(shard(keys[0]))?;
            let foreign = shard(keys[0]) != scene.node() % SHARDS;
            foreign.then(|| Instead::Say(error(&format!("MOVED {} {owner}", Slot::of(keys[0])))))
        }),
    },
];

/// The shards of the cluster that these lies are told on, and the first slots of the second and the third.
const SHARDS: usize = 3;
const BORDERS: [u16; SHARDS - 1] = [5_461, 10_922];

fn shard(key: &[u8]) -> usize {
    BORDERS.iter().filter(|border| Slot::of(key).number() >= **border).count()
}
