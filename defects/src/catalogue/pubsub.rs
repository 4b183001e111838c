//! Sharded pub/sub ignores the slots of channels, or confirms subscriptions wrongly.

use wire::Slot;

use super::common::{code, moved};
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{Tree, array, bulk, error, integer, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "shard-channels-are-everywhere",
        "Every node accepts subscriptions to every shard channel",
        &["slots/shard-channels-hash-like-keys"],
        |_, request, reply| {
            moved(reply)?;
            let confirmed = || array(&[bulk("ssubscribe"), bulk(request.word(1)), integer(1)]);
            request.is("SSUBSCRIBE").then(|| Replacement::Answer(confirmed()))
        },
    ),
    on_reply(
        "spublish-reaches-nobody-but-answers",
        "SPUBLISH on a node of another shard answers 0 instead of MOVED",
        &["slots/shard-channels-hash-like-keys"],
        |scene, request, reply| {
            moved(reply)?;
            (request.is("SPUBLISH") && !scene.in_transaction()).then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "shard-channels-have-no-tags",
        "A node hashes the whole name of a shard channel and ignores its hash tag",
        &["slots/shard-channels-hash-like-keys"],
        |_, request, reply| {
            let (_, address) = moved(reply)?;
            let whole = Slot::of([b"{", request.word(1), b"}"].concat());
            let channel = request.is_any(&["SSUBSCRIBE", "SPUBLISH"]);
            channel.then(|| Replacement::Answer(error(&format!("MOVED {whole} {address}"))))
        },
    ),
    on_reply(
        "ssubscribe-counts-from-one-again",
        "SSUBSCRIBE always confirms a count of one shard channel",
        &["crossslot/tag-ok"],
        |_, request, reply| {
            let counted = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', b"1".to_vec());
                Some(())
            };
            request.is("SSUBSCRIBE").then(|| tree(reply.bytes(), counted).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "ssubscribe-confirms-as-subscribe",
        "SSUBSCRIBE confirms with the word subscribe instead of ssubscribe",
        &["crossslot/tag-ok", "slots/shard-channels-hash-like-keys"],
        |_, request, reply| {
            let renamed = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"subscribe".to_vec());
                Some(())
            };
            request.is("SSUBSCRIBE").then(|| tree(reply.bytes(), renamed).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "spublish-in-multi-has-no-slot",
        "SPUBLISH in a transaction accepts a channel whose slot differs from that of the queued keys",
        &["transactions/sharded-publish-shares-the-slot"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("SPUBLISH") {
                *scene.note("published") = 1;
            }
            let refused = request.is("EXEC") && *scene.note("published") > 0 && code(reply)? == "CROSSSLOT";
            refused.then(|| Replacement::Answer(array(&[integer(0), b"+OK\r\n".to_vec()])))
        },
    ),
];
