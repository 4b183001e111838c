//! CLUSTERSCAN is routed wrongly, omits keys, or accepts mistakes.

use wire::Reply;

use super::common::{code, moved, slot_of};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{self, Tree, array, bulk, error};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "clusterscan-0-begins-anywhere",
        "Every node begins a walk of its own at CLUSTERSCAN 0 instead of answering MOVED",
        &["clusterscan/begins-at-the-owner-of-its-cursor"],
        |_, request, reply| {
            moved(reply)?;
            let begins = request.is("CLUSTERSCAN 0");
            begins.then(|| Replacement::Answer(array(&[bulk("0-{06S}-0"), array(&[])])))
        },
    ),
    on_request(
        "clusterscan-0-of-an-own-slot-begins-anywhere",
        "CLUSTERSCAN 0 with SLOT of another slot than 13907 is routed by the slot instead of the cursor",
        &["clusterscan/begins-at-the-owner-of-its-cursor"],
        |_, request| {
            let begins = request.is("CLUSTERSCAN 0 SLOT") && request.words().len() == 4;
            begins.then(|| Replacement::Answer(array(&[bulk("0-{06S}-0"), array(&[])])))
        },
    ),
    on_reply(
        "clusterscan-serves-foreign-cursors",
        "A node answers an empty last page to a cursor of another node instead of MOVED",
        &["clusterscan/cursors-lead-to-their-slot"],
        |_, request, reply| {
            moved(reply)?;
            let continues = request.is("CLUSTERSCAN") && request.word(1) != b"0";
            continues.then(|| Replacement::Answer(array(&[bulk("0"), array(&[])])))
        },
    ),
    on_reply(
        "clusterscan-moved-names-the-slot-of-the-number",
        "MOVED in reply to CLUSTERSCAN names the slot of the cursor without its hash tag",
        &["clusterscan/cursors-lead-to-their-slot"],
        |_, request, reply| {
            let (_, address) = moved(reply)?;
            let slot =
                slot_of(&request.word(1).iter().copied().filter(|byte| !b"{}".contains(byte)).collect::<Vec<_>>());
            let continues = request.is("CLUSTERSCAN") && request.word(1) != b"0";
            continues.then(|| Replacement::Answer(error(&format!("MOVED {slot} {address}"))))
        },
    ),
    on_reply(
        "clusterscan-omits-the-last-key-of-a-full-page",
        "CLUSTERSCAN omits the last key of a page of five keys or more",
        &["clusterscan/returns-every-key"],
        |_, request, reply| {
            let [_, keys] = reply.items()? else { return None };
            (request.is("CLUSTERSCAN") && wire::items_of(keys)?.len() >= 5).then_some(())?;
            changed(reply, |tree| {
                let keys = tree.items_mut()?.get_mut(1)?.items_mut()?;
                keys.truncate(keys.len() - 1);
                Some(())
            })
        },
    ),
    on_request(
        "clusterscan-ignores-the-type",
        "CLUSTERSCAN ignores the option TYPE if it is the last one",
        &["clusterscan/options-select-keys"],
        |_, request| {
            let words = request.words();
            let at = words.len().checked_sub(2)?;
            let typed = request.is("CLUSTERSCAN") && request.word(at).eq_ignore_ascii_case(b"TYPE");
            typed.then(|| Replacement::Send { commands: vec![wire::Command::new(&words[..at])], shown: 0 })
        },
    ),
    on_reply(
        "clusterscan-leaves-its-slot",
        "CLUSTERSCAN with SLOT ends after its first page with keys",
        &["clusterscan/options-select-keys"],
        |_, request, reply| {
            let [_, keys] = reply.items()? else { return None };
            let in_slot = request.is("CLUSTERSCAN") && request.has("SLOT") && !wire::items_of(keys)?.is_empty();
            in_slot.then(|| changed(reply, ended)).flatten()
        },
    ),
    on_reply(
        "clusterscan-ends-when-a-slot-has-moved",
        "CLUSTERSCAN ends at the next cursor after a slot has moved",
        &[
            "clusterscan/survives-a-move-key-by-key",
            "clusterscan/survives-a-move-in-batches",
            "clusterscan/survives-a-move-atomic",
        ],
        |scene, request, reply| {
            if request.is_any(&["CLUSTER SETSLOT", "CLUSTER MIGRATESLOTS"]) {
                scene.share("moved", 1);
            }
            (request.is("CLUSTERSCAN") && request.word(1) != b"0" && scene.shared("moved") > 0).then_some(())?;
            reply.items()?;
            changed(reply, ended)
        },
    ),
    on_reply(
        "clusterscan-starts-again-at-a-malformed-cursor",
        "CLUSTERSCAN ends the walk without an error if the cursor is malformed",
        &["clusterscan/refuses-mistakes"],
        |_, request, reply| {
            let malformed = code(reply)? == "ERR" && request.words().len() == 2;
            (malformed && request.is("CLUSTERSCAN")).then(|| Replacement::Answer(array(&[bulk("0"), array(&[])])))
        },
    ),
    on_reply(
        "clusterscan-ignores-a-slot-that-contradicts",
        "CLUSTERSCAN ignores SLOT if the cursor belongs to another slot",
        &["clusterscan/refuses-mistakes"],
        |_, request, reply| {
            let contradicts = code(reply)? == "ERR" && request.has("SLOT") && request.word(1) != b"0";
            contradicts.then(|| Replacement::Answer(array(&[bulk("0"), array(&[])])))
        },
    ),
    on_reply(
        "clusterscan-works-without-a-cluster",
        "CLUSTERSCAN answers an empty last page where cluster support is disabled",
        &["clusterscan/needs-a-cluster"],
        |_, request, reply| {
            let disabled = reply.error()?.text.contains("cluster support disabled");
            (disabled && request.is("CLUSTERSCAN")).then(|| Replacement::Answer(array(&[bulk("0"), array(&[])])))
        },
    ),
    on_request("scan-takes-a-slot", "SCAN ignores the option SLOT", &["keyspace/scan-refuses-a-slot"], |_, request| {
        takes_a_slot(request)
    }),
];

fn takes_a_slot(request: &Request) -> Option<Replacement> {
    let slotted = request.is("SCAN") && request.word(2).eq_ignore_ascii_case(b"SLOT");
    slotted.then(|| Replacement::Send { commands: vec![wire::command!["SCAN", request.word(1)]], shown: 0 })
}

fn ended(tree: &mut Tree) -> Option<()> {
    *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"0".to_vec());
    Some(())
}

fn changed(reply: &Reply, change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Replacement> {
    edit::tree(reply.bytes(), change).map(Replacement::Answer)
}
