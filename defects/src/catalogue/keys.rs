//! CLUSTER COUNTKEYSINSLOT and CLUSTER GETKEYSINSLOT are wrong.

use wire::{Reply, command};

use crate::defect::{Defect, Instead, Lie};
use crate::edit::{self, Tree, integer};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "countkeys-one-too-many",
        sentence: "CLUSTER COUNTKEYSINSLOT counts one key too many from the third on",
        fails: &["topology/countkeys", "topology/getkeys"],
        lie: Lie::Reply(|_, request, reply| counted(request, reply, |count| if count > 2 { count + 1 } else { count })),
    },
    Defect {
        name: "countkeys-only-tells-whether-there-are-any",
        sentence: "CLUSTER COUNTKEYSINSLOT is 1 wherever there are keys",
        fails: &["topology/countkeys", "topology/countkeys-on-replica", "topology/getkeys"],
        lie: Lie::Reply(|_, request, reply| counted(request, reply, |count| count.min(1))),
    },
    Defect {
        name: "countkeys-0-on-replicas",
        sentence: "CLUSTER COUNTKEYSINSLOT is 0 on replicas",
        fails: &["topology/countkeys-on-replica"],
        lie: Lie::Calm(|scene, request, reply| {
            (scene.node() >= 3).then_some(())?;
            counted(request, reply, |_| 0)
        }),
    },
    Defect {
        name: "countkeys-negative-where-a-slot-is-foreign",
        sentence: "CLUSTER COUNTKEYSINSLOT is -1 instead of 0 for slots without keys on the first three nodes",
        fails: &["slots/storage-agrees", "topology/countkeys"],
        lie: Lie::Calm(|scene, request, reply| {
            (scene.node() < 3).then_some(())?;
            counted(request, reply, |count| if count == 0 { -1 } else { count })
        }),
    },
    Defect {
        name: "countkeys-does-not-count-in-transactions",
        sentence: "CLUSTER COUNTKEYSINSLOT leaves one key out in a long transaction",
        fails: &["topology/countkeys-sum-is-dbsize"],
        lie: Lie::Reply(|scene, request, reply| {
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
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "getkeys-ignores-the-count",
        sentence: "CLUSTER GETKEYSINSLOT gives all keys of the slot, however few are asked for",
        fails: &["topology/getkeys"],
        lie: Lie::Request(|_, request| {
            (request.is("CLUSTER GETKEYSINSLOT") && request.words().len() == 4 && request.word(3) == b"1").then(|| {
                Instead::Send {
                    commands: vec![command!["CLUSTER", "GETKEYSINSLOT", request.word(2), "1000000"]],
                    shown: 0,
                }
            })
        }),
    },
    Defect {
        name: "getkeys-one-too-few",
        sentence: "CLUSTER GETKEYSINSLOT leaves out the last key when there are five or more",
        fails: &["topology/getkeys"],
        lie: Lie::Reply(|_, request, reply| {
            listed(request, reply, |keys| {
                if keys.len() > 4 {
                    keys.truncate(keys.len() - 1)
                }
            })
        }),
    },
    Defect {
        name: "getkeys-0-gives-all",
        sentence: "CLUSTER GETKEYSINSLOT with a count of 0 gives all keys of the slot",
        fails: &["topology/getkeys"],
        lie: Lie::Request(|_, request| {
            (request.is("CLUSTER GETKEYSINSLOT") && request.words().len() == 4 && request.word(3) == b"0").then(|| {
                Instead::Send {
                    commands: vec![command!["CLUSTER", "GETKEYSINSLOT", request.word(2), "1000000"]],
                    shown: 0,
                }
            })
        }),
    },
];

fn counted(request: &Request, reply: &Reply, change: impl FnOnce(i64) -> i64) -> Option<Instead> {
    request.is("CLUSTER COUNTKEYSINSLOT").then_some(())?;
    let count = reply.integer()?;
    let changed = change(count);
    (changed != count).then(|| Instead::Say(integer(changed)))
}

fn listed(request: &Request, reply: &Reply, change: impl FnOnce(&mut Vec<Tree>)) -> Option<Instead> {
    request.is("CLUSTER GETKEYSINSLOT").then_some(())?;
    edit::tree(reply.bytes(), |tree| {
        change(tree.items_mut()?);
        Some(())
    })
    .map(Instead::Say)
}
