//! WATCH and DISCARD that forget or keep too much, and transactions on replicas.

use wire::command;

use super::common::{code, moved};
use super::transactions::null_array;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{self, Tree, error, simple};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "watch-is-ignored",
        sentence: "WATCH says OK and watches nothing",
        fails: &[
            "crossslot/every-declared-command",
            "crossslot/every-declared-command-over-two-nodes",
            "crossslot/watch",
            "moved/every-declared-command",
            "transactions/changed-first-key-fails-exec",
            "transactions/changed-second-key-fails-exec",
            "transactions/slot-leaves-before-exec",
            "transactions/watch-of-remote-keys-is-refused",
            "transactions/watched-slot-may-differ",
        ],
        lie: Lie::Request(|_, request| request.is("WATCH").then(|| Instead::Say(simple("OK")))),
    },
    Defect {
        name: "watch-of-the-first-key-only",
        sentence: "WATCH watches only the first of its keys",
        fails: &[
            "crossslot/every-declared-command",
            "crossslot/every-declared-command-over-two-nodes",
            "crossslot/watch",
            "transactions/changed-second-key-fails-exec",
            "transactions/watch-of-remote-keys-is-refused",
        ],
        lie: Lie::Request(|_, request| {
            (request.is("WATCH") && request.words().len() > 2)
                .then(|| Instead::Send { commands: vec![command!["WATCH", request.word(1)]], shown: 0 })
        }),
    },
    Defect {
        name: "watch-of-a-remote-key-is-ok",
        sentence: "WATCH of another node's key says OK",
        fails: &["moved/every-declared-command", "transactions/watch-of-remote-keys-is-refused"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("WATCH") && moved(reply).is_some()).then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "watch-outlives-exec",
        sentence: "EXEC does not forget the watched keys, so the next one of the connection finds them changed",
        fails: &["transactions/unchanged-keys-let-exec-run"],
        lie: Lie::Reply(|scene, request, reply| {
            *scene.note("watched") += i64::from(request.is("WATCH") && reply.error().is_none());
            if !request.is("EXEC") || Tree::read(reply.bytes())?.items().is_none() {
                return None;
            }
            let (watched, before) = (*scene.note("watched") > 0, *scene.note("ran"));
            *scene.note("ran") += i64::from(watched);
            (watched && before > 0).then(|| Instead::Say(null_array(scene)))
        }),
    },
    Defect {
        name: "watch-outlives-discard",
        sentence: "DISCARD does not forget the watched keys, so the next EXEC finds them changed",
        fails: &["transactions/discard-clears-after-a-redirect"],
        lie: Lie::Reply(|scene, request, reply| {
            *scene.note("discarded") += i64::from(request.is("DISCARD") && reply.error().is_none());
            (request.is("EXEC") && reply.error().is_none() && *scene.note("discarded") > 0)
                .then(|| Instead::Say(null_array(scene)))
        }),
    },
    Defect {
        name: "discard-keeps-the-transaction",
        sentence: "DISCARD says OK, but the transaction goes on",
        fails: &["transactions/discard-clears-after-a-redirect"],
        lie: Lie::Request(|scene, request| {
            (request.is("DISCARD") && scene.in_transaction()).then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "watched-slot-counts-for-exec",
        sentence: "EXEC takes the slots of watched keys for its own, and answers null as CROSSSLOT",
        fails: &[
            "transactions/discard-clears-after-a-redirect",
            "transactions/watch-of-remote-keys-is-refused",
            "transactions/watched-slot-may-differ",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            *scene.note("watched") += i64::from(request.is("WATCH") && request.words().len() == 2);
            let ran_alone = Tree::read(reply.bytes())?.items().is_some_and(|items| items.len() == 1);
            (request.is("EXEC") && ran_alone && std::mem::take(scene.note("watched")) > 0)
                .then(|| Instead::Say(error("CROSSSLOT Keys in request don't hash to the same slot")))
        }),
    },
    Defect {
        name: "replica-queues-reads-by-default",
        sentence: "A replica without READONLY queues reads of its primary's keys",
        fails: &["transactions/replica-redirects-by-default"],
        lie: Lie::Reply(|scene, request, reply| {
            let (_, to) = moved(reply)?;
            let its_primary = scene.addresses().get(scene.node().checked_sub(3)?)?;
            (request.is("GET") && scene.in_transaction() && !scene.readonly() && to == *its_primary)
                .then(|| Instead::Say(simple("QUEUED")))
        }),
    },
    Defect {
        name: "replica-redirects-reads-in-transactions",
        sentence: "A replica in READONLY mode redirects EXISTS in transactions",
        fails: &["transactions/replica-does-not-block", "transactions/replica-runs-reads"],
        lie: Lie::Reply(|scene, request, reply| {
            (request.is("EXISTS") && scene.in_transaction() && scene.readonly() && reply.error().is_none())
                .then(|| Instead::Say(error(&format!("MOVED 0 {}", scene.next_address()))))
        }),
    },
    Defect {
        name: "replica-queues-writes",
        sentence: "A replica in READONLY mode queues SET",
        fails: &["transactions/replica-redirects-writes"],
        lie: Lie::Reply(|scene, request, reply| {
            (request.is("SET") && scene.in_transaction() && scene.readonly() && moved(reply).is_some())
                .then(|| Instead::Say(simple("QUEUED")))
        }),
    },
    Defect {
        name: "blocking-read-in-a-transaction-times-out-with-an-error",
        sentence: "A blocking read that finds nothing in a transaction on a replica fails",
        fails: &["transactions/replica-does-not-block"],
        lie: Lie::Reply(|scene, request, reply| {
            *scene.note("blocking") += i64::from(request.is("XREAD") && scene.in_transaction() && scene.readonly());
            (request.is("EXEC") && *scene.note("blocking") > 0 && code(reply).is_none())
                .then(|| Instead::Say(edit::array(&[error("UNBLOCKED not in a transaction"), edit::integer(0)])))
        }),
    },
    Defect {
        name: "replica-wakes-blocked-reads-with-nothing",
        sentence: "A blocked XREAD on a replica wakes with null when data comes",
        fails: &["transactions/replica-wakes-blocked-reads"],
        lie: Lie::Reply(|scene, request, reply| {
            (request.is("XREAD BLOCK 0") && scene.readonly() && !scene.in_transaction() && code(reply).is_none())
                .then(|| Instead::Say(null_array(scene)))
        }),
    },
];
