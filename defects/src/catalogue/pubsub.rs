//! Sharded pub/sub: channels have slots as keys have.

use wire::Slot;

use super::common::{code, moved};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{Tree, array, bulk, error, integer, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "shard-channels-are-everywhere",
        sentence: "Every node takes subscriptions to every shard channel",
        fails: &["slots/shard-channels-hash-like-keys"],
        lie: Lie::Reply(|_, request, reply| {
            moved(reply)?;
            let confirmed = || array(&[bulk("ssubscribe"), bulk(request.word(1)), integer(1)]);
            request.is("SSUBSCRIBE").then(|| Instead::Say(confirmed()))
        }),
    },
    Defect {
        name: "spublish-reaches-nobody-but-answers",
        sentence: "SPUBLISH on a node of another shard counts nobody instead of redirecting",
        fails: &["slots/shard-channels-hash-like-keys"],
        lie: Lie::Reply(|scene, request, reply| {
            moved(reply)?;
            (request.is("SPUBLISH") && !scene.in_transaction()).then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "shard-channels-have-no-tags",
        sentence: "The slot of a shard channel is that of all its bytes, hash tag or not",
        fails: &["slots/shard-channels-hash-like-keys"],
        lie: Lie::Reply(|_, request, reply| {
            let (_, address) = moved(reply)?;
            let whole = Slot::of([b"{", request.word(1), b"}"].concat());
            let channel = request.is_any(&["SSUBSCRIBE", "SPUBLISH"]);
            channel.then(|| Instead::Say(error(&format!("MOVED {whole} {address}"))))
        }),
    },
    Defect {
        name: "ssubscribe-counts-from-one-again",
        sentence: "Each confirmation of SSUBSCRIBE counts one shard channel, however many there are",
        fails: &["crossslot/tag-ok"],
        lie: Lie::Reply(|_, request, reply| {
            let counted = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', b"1".to_vec());
                Some(())
            };
            request.is("SSUBSCRIBE").then(|| tree(reply.bytes(), counted).map(Instead::Say)).flatten()
        }),
    },
    Defect {
        name: "ssubscribe-confirms-as-subscribe",
        sentence: "SSUBSCRIBE is confirmed with the word of SUBSCRIBE",
        fails: &["crossslot/tag-ok", "slots/shard-channels-hash-like-keys"],
        lie: Lie::Reply(|_, request, reply| {
            let renamed = |tree: &mut Tree| {
                *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"subscribe".to_vec());
                Some(())
            };
            request.is("SSUBSCRIBE").then(|| tree(reply.bytes(), renamed).map(Instead::Say)).flatten()
        }),
    },
    Defect {
        name: "spublish-in-multi-has-no-slot",
        sentence: "In a transaction SPUBLISH may name a channel of another slot than the keys beside it",
        fails: &["transactions/sharded-publish-shares-the-slot"],
        lie: Lie::Reply(|scene, request, reply| {
            if scene.in_transaction() && request.is("SPUBLISH") {
                *scene.note("published") = 1;
            }
            let refused = request.is("EXEC") && *scene.note("published") > 0 && code(reply)? == "CROSSSLOT";
            refused.then(|| Instead::Say(array(&[integer(0), b"+OK\r\n".to_vec()])))
        }),
    },
];
