//! A node compares the owners of keys instead of their slots, or redirects before it compares.

use wire::Slot;

use super::common::plausible;
use super::compared::refused;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::error;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "keys-of-one-node-are-accepted",
        "A node compares the owners of keys instead of their slots",
        &["crossslot/mget", "crossslot/mset"],
        |scene, request, reply| {
            let keys = refused(request, reply)?;
            let first = shard(keys[0]);
            keys.iter().all(|key| shard(key) == first).then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "keys-of-two-nodes-are-redirected",
        "A node answers MOVED instead of CROSSSLOT if one of the keys belongs to another node",
        &["crossslot/before-moved-over-two-nodes"],
        |scene, request, reply| {
            let keys = refused(request, reply)?;
            let foreign = keys.iter().find(|key| shard(key) != scene.node() % SHARDS)?;
            let owner = scene.addresses().get(shard(foreign))?;
            Some(Replacement::Answer(error(&format!("MOVED {} {owner}", Slot::of(foreign)))))
        },
    ),
    on_reply(
        "redirected-before-compared",
        "A node redirects a command whose first key belongs to another node before it compares the slots of the keys",
        &["crossslot/before-moved", "crossslot/before-moved-over-two-nodes"],
        |scene, request, reply| {
            let keys = refused(request, reply)?;
            let owner = scene.addresses().get(shard(keys[0]))?;
            let foreign = shard(keys[0]) != scene.node() % SHARDS;
            foreign.then(|| Replacement::Answer(error(&format!("MOVED {} {owner}", Slot::of(keys[0])))))
        },
    ),
];

/// The shards of the cluster that these defects apply to, and the first slots of the second and the third.
const SHARDS: usize = 3;
const BORDERS: [u16; SHARDS - 1] = [5_461, 10_922];

fn shard(key: &[u8]) -> usize {
    BORDERS.iter().filter(|border| Slot::of(key).number() >= **border).count()
}
