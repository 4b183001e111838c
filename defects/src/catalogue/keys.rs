//! CLUSTER COUNTKEYSINSLOT and CLUSTER GETKEYSINSLOT are wrong.

use wire::{Reply, command};

use crate::defect::{Defect, Replacement, on_calm_reply, on_reply, on_request};
use crate::edit::{self, Tree, integer};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "countkeys-one-too-many",
        "CLUSTER COUNTKEYSINSLOT counts one key too many if there are three or more",
        &["topology/countkeys", "topology/getkeys"],
        |_, request, reply| counted(request, reply, |count| if count > 2 { count + 1 } else { count }),
    ),
    on_reply(
        "countkeys-only-tells-whether-there-are-any",
        "CLUSTER COUNTKEYSINSLOT answers 1 for every slot with keys",
        &["topology/countkeys"],
        |_, request, reply| counted(request, reply, |count| count.min(1)),
    ),
    on_calm_reply(
        "countkeys-0-on-replicas",
        "CLUSTER COUNTKEYSINSLOT answers 0 on replicas",
        &["topology/countkeys-on-replica"],
        |scene, request, reply| {
            (scene.node() >= 3).then_some(())?;
            counted(request, reply, |_| 0)
        },
    ),
    on_calm_reply(
        "countkeys-negative-where-a-slot-is-foreign",
        "CLUSTER COUNTKEYSINSLOT answers -1 instead of 0 for slots without keys on the first three nodes",
        &["slots/storage-agrees", "topology/countkeys"],
        |scene, request, reply| {
            (scene.node() < 3).then_some(())?;
            counted(request, reply, |count| if count == 0 { -1 } else { count })
        },
    ),
    on_reply(
        "countkeys-does-not-count-in-transactions",
        "CLUSTER COUNTKEYSINSLOT counts one key too few in a long transaction",
        &["topology/countkeys-sum-is-dbsize"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("CLUSTER COUNTKEYSINSLOT") {
                *scene.note("queued") += 1;
            }
            (request.is("EXEC") && *scene.note("queued") > 1_000).then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let counts = tree.items_mut()?;
                let counted = counts.iter_mut().find(|count| count.text().is_some_and(|text| text != b"0"))?;
                *counted = Tree::Line(b':', b"0".to_vec());
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_request(
        "getkeys-ignores-the-count",
        "CLUSTER GETKEYSINSLOT ignores its count and returns all keys of the slot",
        &["topology/getkeys"],
        |_, request| {
            (request.is("CLUSTER GETKEYSINSLOT") && request.words().len() == 4 && request.word(3) == b"1").then(|| {
                Replacement::Send {
                    commands: vec![command!["CLUSTER", "GETKEYSINSLOT", request.word(2), "1000000"]],
                    shown: 0,
                }
            })
        },
    ),
    on_reply(
        "getkeys-one-too-few",
        "CLUSTER GETKEYSINSLOT omits the last key if there are five or more",
        &["topology/getkeys"],
        |_, request, reply| {
            listed(request, reply, |keys| {
                if keys.len() > 4 {
                    keys.truncate(keys.len() - 1)
                }
            })
        },
    ),
    on_request(
        "getkeys-0-gives-all",
        "CLUSTER GETKEYSINSLOT with a count of 0 returns all keys of the slot",
        &["topology/getkeys"],
        |_, request| {
            (request.is("CLUSTER GETKEYSINSLOT") && request.words().len() == 4 && request.word(3) == b"0").then(|| {
                Replacement::Send {
                    commands: vec![command!["CLUSTER", "GETKEYSINSLOT", request.word(2), "1000000"]],
                    shown: 0,
                }
            })
        },
    ),
];

fn counted(request: &Request, reply: &Reply, change: impl FnOnce(i64) -> i64) -> Option<Replacement> {
    request.is("CLUSTER COUNTKEYSINSLOT").then_some(())?;
    let count = reply.integer()?;
    let changed = change(count);
    (changed != count).then(|| Replacement::Answer(integer(changed)))
}

fn listed(request: &Request, reply: &Reply, change: impl FnOnce(&mut Vec<Tree>)) -> Option<Replacement> {
    request.is("CLUSTER GETKEYSINSLOT").then_some(())?;
    edit::tree(reply.bytes(), |tree| {
        change(tree.items_mut()?);
        Some(())
    })
    .map(Replacement::Answer)
}
