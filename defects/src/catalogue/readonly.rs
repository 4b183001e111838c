//! READONLY and READWRITE: commands that are ignored, miscounted, or heard on other connections.

use super::replicas::is_read;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{Tree, simple, tree};
use crate::request::Request;
use wire::command;

use super::common::code;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "readonly-is-ignored",
        sentence: "READONLY is answered OK, and replicas go on to redirect reads",
        fails: &[
            "moved/before-wrongtype-on-a-replica",
            "readonly/acknowledged-write-is-visible",
            "readonly/argument-is-refused",
            "readonly/client-list-shows-the-mode",
            "readonly/commands-may-be-repeated",
            "readonly/crossslot-is-refused",
            "readonly/every-slot-of-the-shard-is-served",
            "readonly/expired-key-reads-as-missing",
            "readonly/flush-is-refused",
            "readonly/minority-is-refused",
            "readonly/mode-belongs-to-the-connection",
            "readonly/promoted-replica-serves-in-full",
            "readonly/readwrite-ends-the-mode",
            "readonly/replica-redirects-other-shards",
            "readonly/replica-serves-reads",
            "readonly/reset-ends-the-mode",
            "readonly/stale-data-may-be-refused",
            "readonly/writes-are-redirected",
            "replication/replica-changes-its-primary",
            "replication/replica-follows-its-shard",
            "replication/replica-redirects-its-old-shard",
            "replication/wait-does-not-count-a-stopped-replica",
            "replication/writes-reach-every-replica",
            "transactions/replica-does-not-block",
            "transactions/replica-redirects-writes",
            "transactions/replica-runs-reads",
            "transactions/replica-wakes-blocked-reads",
        ],
        lie: Lie::Request(|scene, request| {
            let asked = is_bare(request, "READONLY") && scene.is_replica() && !scene.in_transaction();
            asked.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "readonly-is-ignored-after-a-redirect",
        sentence: "READONLY has no effect on a connection that the replica redirected before",
        fails: &["readonly/commands-may-be-repeated", "readonly/reset-ends-the-mode"],
        lie: Lie::Request(|scene, request| {
            if scene.is_replica() && is_read(request) && !scene.readonly() {
                *scene.note("redirected") = 1;
            }
            let late = is_bare(request, "READONLY") && *scene.note("redirected") > 0 && !scene.in_transaction();
            late.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "readonly-lapses",
        sentence: "A connection is in READONLY mode for a thousand reads, and then no more",
        fails: &["readonly/every-slot-of-the-shard-is-served"],
        lie: Lie::Request(|scene, request| {
            if !scene.readonly() || !is_read(request) || scene.in_transaction() {
                return None;
            }
            *scene.note("reads") += 1;
            let over = *scene.note("reads") == READS_MAX;
            over.then(|| Instead::Send { commands: vec![command!["READWRITE"], request.command()], shown: 1 })
        }),
    },
    Defect {
        name: "readonly-twice-ends-it",
        sentence: "A second READONLY ends the mode that the first began",
        fails: &["readonly/argument-is-refused", "readonly/commands-may-be-repeated"],
        lie: Lie::Request(|scene, request| {
            let again = is_bare(request, "READONLY") && scene.readonly() && scene.is_replica();
            again.then(|| Instead::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        }),
    },
    Defect {
        name: "readwrite-is-ignored",
        sentence: "READWRITE is answered OK, and replicas go on to serve reads",
        fails: &[
            "readonly/client-list-shows-the-mode",
            "readonly/commands-may-be-repeated",
            "readonly/readwrite-ends-the-mode",
        ],
        lie: Lie::Request(|scene, request| {
            (is_bare(request, "READWRITE") && scene.readonly()).then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "readwrite-ends-one-readonly",
        sentence: "Each READONLY has to be undone by a READWRITE of its own",
        fails: &["readonly/commands-may-be-repeated"],
        lie: Lie::Request(|scene, request| {
            if is_bare(request, "READONLY") {
                *scene.note("depth") += 1;
            }
            if !is_bare(request, "READWRITE") || *scene.note("depth") == 0 {
                return None;
            }
            *scene.note("depth") -= 1;
            (*scene.note("depth") > 0).then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "reset-keeps-readonly",
        sentence: "RESET leaves the connection in READONLY mode",
        fails: &["readonly/reset-ends-the-mode"],
        lie: Lie::Request(|scene, request| {
            let commands = vec![command!["RESET"], command!["READONLY"]];
            (request.is("RESET") && scene.readonly()).then_some(Instead::Send { commands, shown: 0 })
        }),
    },
    Defect {
        name: "readonly-takes-an-argument",
        sentence: "READONLY does not look at what is behind it, and is obeyed",
        fails: &["errors/arity-of-readonly", "readonly/argument-is-refused"],
        lie: Lie::Request(|_, request| {
            let more = request.is("READONLY") && request.words().len() > 1;
            more.then(|| Instead::Send { commands: vec![command!["READONLY"]], shown: 0 })
        }),
    },
    Defect {
        name: "refused-readwrite-ends-the-mode",
        sentence: "READWRITE with an argument is refused, and ends READONLY mode all the same",
        fails: &["readonly/argument-is-refused"],
        lie: Lie::Request(|scene, request| {
            let more = scene.readonly() && request.is("READWRITE") && request.words().len() > 1;
            more.then(|| Instead::Send { commands: vec![command!["READWRITE"], request.command()], shown: 1 })
        }),
    },
    Defect {
        name: "readonly-leaks-to-the-node",
        sentence: "After READONLY on any of its connections a replica serves reads on all of them",
        fails: &[
            "moved/before-wrongtype-on-a-replica",
            "readonly/commands-may-be-repeated",
            "readonly/mode-belongs-to-the-connection",
            "readonly/readwrite-ends-the-mode",
            "readonly/reset-ends-the-mode",
        ],
        lie: Lie::Across(|scene, request| {
            let number = NUMBERS.get(scene.node())?;
            if is_bare(request, "READONLY") && scene.is_replica() {
                scene.share(number, 1);
            }
            let leaks = !scene.readonly() && is_read(request) && !scene.in_transaction() && scene.shared(number) > 0;
            leaks.then(|| Instead::Send {
                commands: vec![command!["READONLY"], request.command(), command!["READWRITE"]],
                shown: 1,
            })
        }),
    },
    Defect {
        name: "readwrite-leaks-to-the-node",
        sentence: "READWRITE on any of its connections ends READONLY mode on all connections of a replica",
        fails: &["readonly/mode-belongs-to-the-connection"],
        lie: Lie::Across(|scene, request| {
            let number = NUMBERS.get(scene.node())?;
            let ended = scene.shared(number);
            if is_bare(request, "READWRITE") {
                scene.share(number, ended + 1);
            } else if is_bare(request, "READONLY") {
                *scene.note("begun") = ended;
            }
            let over = scene.readonly() && scene.is_replica() && is_read(request) && *scene.note("begun") < ended;
            let commands = vec![command!["READWRITE"], request.command()];
            (over && !scene.in_transaction()).then_some(Instead::Send { commands, shown: 1 })
        }),
    },
    Defect {
        name: "readonly-is-registered-carelessly",
        sentence: "COMMAND INFO lists READONLY and READWRITE for any number of arguments and without their flags, and so they are",
        fails: &[
            "connection/command-table",
            "errors/arity-of-readonly",
            "errors/arity-of-readwrite",
            "readonly/allowed-while-loading",
            "readonly/argument-is-refused",
        ],
        lie: Lie::Reply(|_, request, reply| {
            if request.is_any(&["READONLY", "READWRITE"]) && request.words().len() > 1 && code(reply)? == "ERR" {
                return Some(Instead::Say(simple("OK")));
            }
            request.is("COMMAND INFO").then(|| tree(reply.bytes(), registered_carelessly).map(Instead::Say)).flatten()
        }),
    },
];

/// Changes the entries of READONLY and READWRITE in the reply of COMMAND INFO.
fn registered_carelessly(table: &mut Tree) -> Option<()> {
    for entry in table.items_mut()?.iter_mut().filter_map(Tree::items_mut) {
        let named = |name: &str| entry.first().and_then(Tree::text) == Some(name.as_bytes());
        if named("readonly") || named("readwrite") {
            *entry.get_mut(1)? = Tree::Line(b':', b"-1".to_vec());
            entry.get_mut(2)?.items_mut()?.clear();
        }
    }
    Some(())
}

/// The reads after which the mode lapses.
const READS_MAX: i64 = 1_000;

/// Names for what nodes keep.
const NUMBERS: [&str; 8] = ["0", "1", "2", "3", "4", "5", "6", "7"];

/// Whether a request is this word and no more.
pub(super) fn is_bare(request: &Request, name: &str) -> bool {
    request.is(name) && request.words().len() == 1
}
