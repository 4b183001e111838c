//! CLUSTER FAILOVER does what another form of it does, or nothing, and nodes that should refuse it obey.

use wire::command;

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{error, integer, lines, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// Answers OK to some form of CLUSTER FAILOVER that the server refuses with such a text.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $when:expr, $refusal:literal, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                let refused = reply.error()?.text.contains($refusal);
                let when: fn(&Request) -> bool = $when;
                (request.is("CLUSTER FAILOVER") && refused && when(request)).then(|| Instead::Say(simple("OK")))
            }),
        }
    };
}

/// Takes one form of CLUSTER FAILOVER for another.
macro_rules! mistaken {
    ($name:literal, $sentence:literal, $form:literal, $command:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Request(|_, request| {
                let this = request.is("CLUSTER FAILOVER") && option(request).eq_ignore_ascii_case($form.as_bytes());
                this.then(|| Instead::Send { commands: vec![$command], shown: 0 })
            }),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    obeyed!(
        "failover-accepted-by-primary",
        "A primary answers OK to CLUSTER FAILOVER without an option",
        |request| option(request).is_empty(),
        "to a replica",
        &["failover/failover-refused-by-primary"]
    ),
    obeyed!(
        "failover-force-accepted-by-primary",
        "A primary answers OK to CLUSTER FAILOVER FORCE",
        |request| option(request) == b"FORCE",
        "to a replica",
        &["failover/failover-refused-by-primary"]
    ),
    obeyed!(
        "failover-takeover-accepted-by-primary",
        "A primary answers OK to CLUSTER FAILOVER TAKEOVER, as it owns its slots already",
        |request| option(request) == b"TAKEOVER",
        "to a replica",
        &["failover/failover-refused-by-primary"]
    ),
    obeyed!(
        "failover-ignores-unknown-options",
        "CLUSTER FAILOVER with an unknown option answers OK",
        |request| request.words().len() == 3,
        "syntax",
        &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"]
    ),
    obeyed!(
        "failover-ignores-what-follows-force",
        "CLUSTER FAILOVER FORCE takes no notice of a further word",
        |request| request.words().len() > 3,
        "",
        &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"]
    ),
    obeyed!(
        "failover-accepted-without-its-primary",
        "CLUSTER FAILOVER without an option answers OK at a replica whose primary is dead",
        |request| option(request).is_empty(),
        "aster is down",
        &["failover/no-failover-option"]
    ),
    Defect {
        name: "failover-unknown-option-closes-the-connection",
        sentence: "CLUSTER FAILOVER with an unknown option closes the connection",
        fails: &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"],
        lie: Lie::Reply(|_, request, reply| {
            reply.error()?;
            (request.is("CLUSTER FAILOVER") && !known(option(request))).then_some(Instead::HangUp)
        }),
    },
    mistaken!(
        "failover-force-treated-as-plain",
        "CLUSTER FAILOVER FORCE asks the primary first, as without the option",
        "FORCE",
        command!["CLUSTER", "FAILOVER"],
        &[
            "failover/failover-refuses-unknown-option",
            "failover/force-needs-no-primary-but-votes",
            "failover/loop-over-all-nodes",
            "failover/no-failover-option",
            "failover/orphan-gets-spare-replica",
            "failover/replicas-stay-without-migration"
        ]
    ),
    mistaken!(
        "failover-force-treated-as-takeover",
        "CLUSTER FAILOVER FORCE promotes without any votes, as TAKEOVER does",
        "FORCE",
        command!["CLUSTER", "FAILOVER", "TAKEOVER"],
        &["failover/failover-refuses-unknown-option", "failover/force-needs-no-primary-but-votes"]
    ),
    mistaken!(
        "failover-takeover-treated-as-force",
        "CLUSTER FAILOVER TAKEOVER waits for the votes of a majority, as FORCE does",
        "TAKEOVER",
        command!["CLUSTER", "FAILOVER", "FORCE"],
        &["failover/takeover-needs-no-votes"]
    ),
    Defect {
        name: "promoted-replica-forgets-epoch-and-open-slots",
        sentence: "A node that was told to fail over says that its own epoch is 0 and shows no open slots",
        fails: &[
            "failover/force-needs-no-primary-but-votes",
            "failover/manual-swaps-roles",
            "failover/open-slots-survive",
            "failover/second-promotion-has-new-votes",
            "failover/takeover-needs-no-votes",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER FAILOVER") && reply.error().is_none() {
                scene.share(note, 1);
            }
            if scene.shared(note) == 0 || !request.is_any(&["CLUSTER INFO", "CLUSTER NODES"]) {
                return None;
            }
            lines(reply.bytes(), |line| Some(forgotten(line))).map(Instead::Say)
        }),
    },
    Defect {
        name: "failover-promotes-a-cut-off-replica",
        sentence: "CLUSTER FAILOVER without an option promotes a replica whose link is down, without what it missed",
        fails: &["failover/manual-gives-up"],
        lie: Lie::Reply(|scene, request, reply| {
            let note = NODES.get(scene.node())?;
            if request.is("INFO replication") {
                let text = reply.text()?;
                let down = text.contains("master_link_status:down");
                scene.share(note, i64::from(down));
            }
            let plain = request.is("CLUSTER FAILOVER") && option(request).is_empty() && reply.error().is_none();
            let node = scene.address().to_owned();
            let commands = vec![command!["CLUSTER", "FAILOVER", "TAKEOVER"]];
            (plain && scene.shared(note) == 1).then_some(Instead::Ask { node, commands })
        }),
    },
    Defect {
        name: "blocked-client-is-released-with-null",
        sentence: "A client that is blocked without a timeout is answered null when its node is demoted",
        fails: &["failover/manual-releases-blocked-client", "moved/blocked-clients"],
        lie: Lie::Reply(|scene, request, reply| {
            let code = code(reply)?;
            let endless = request.is("BLPOP") && request.words().last()?[..] == *b"0" && !scene.in_transaction();
            let released = endless && (code == "UNBLOCKED" || code == "MOVED");
            released.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "exec-of-a-moved-transaction-is-null",
        sentence: "EXEC answers null instead of MOVED where the slot left the node after the commands were queued",
        fails: &[
            "failover/manual-refuses-queued-transaction",
            "readonly/demoted-primary-redirects",
            "transactions/slot-leaves-before-exec",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            (request.is("EXEC") && code(reply)? == "MOVED").then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "exec-of-a-moved-transaction-names-this-node",
        sentence: "EXEC answers MOVED to the node itself where the slot left it after the commands were queued",
        fails: &[
            "failover/manual-refuses-queued-transaction",
            "readonly/demoted-primary-redirects",
            "transactions/slot-leaves-before-exec",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let text = reply.error()?.text;
            let (moved, _) = text.rsplit_once(' ')?;
            let this = request.is("EXEC") && code(reply)? == "MOVED";
            this.then(|| Instead::Say(error(&format!("{} {}", with_code(moved), scene.address()))))
        }),
    },
    Defect {
        name: "down-node-deletes",
        sentence: "A node that is down answers DEL with 0 instead of CLUSTERDOWN",
        fails: &[
            "down/dead-primary-without-replica",
            "down/no-redirect-while-down",
            "down/node-without-slots-known",
            "down/partial-coverage",
            "down/slot-without-owner",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            let down = request.is("DEL") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "fifteenth-write-of-a-connection-is-lost",
        sentence: "The fifteenth SET of a connection is answered OK and not done",
        fails: &["failover/manual-loses-no-write", "topology/one-node-serves-all"],
        lie: Lie::Request(|scene, request| {
            if !request.is("SET") || request.words().len() != 3 || scene.in_transaction() {
                return None;
            }
            *scene.note("writes") += 1;
            (*scene.note("writes") == 15).then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "nofailover-flag-is-missing",
        sentence: "CLUSTER NODES does not show nofailover",
        fails: &["failover/no-failover-option"],
        lie: Lie::Reply(|_, request, reply| {
            let changed = || crate::edit::text(reply.bytes(), |text| text.replace(",nofailover", ""));
            request.is("CLUSTER NODES").then(changed)?.map(Instead::Say)
        }),
    },
    Defect {
        name: "settings-of-replicas-cannot-be-changed",
        sentence: "CONFIG SET answers OK and does nothing to some settings that are about replicas",
        fails: &[
            "failover/handed-over-on-shutdown",
            "failover/stale-replica-abstains",
            "moved/before-oom-and-noreplicas",
            "replication/too-few-replicas-refuse-writes",
        ],
        lie: Lie::Request(|_, request| {
            let settings = ["cluster-replica-validity-factor", "min-replicas-to-write", "shutdown-on-sigterm"];
            let these = request.is("CONFIG SET") && settings.iter().any(|name| request.has(name));
            these.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "replica-migration-cannot-be-allowed",
        sentence: "CONFIG SET cluster-allow-replica-migration yes is taken for no",
        fails: &["failover/empty-primary-joins", "failover/orphan-gets-spare-replica"],
        lie: Lie::Request(|_, request| {
            let allow = "cluster-allow-replica-migration";
            let commands = vec![command!["CONFIG", "SET", allow, "no"]];
            let this = request.is("CONFIG SET") && request.has(allow) && request.has("yes");
            this.then_some(Instead::Send { commands, shown: 0 })
        }),
    },
    Defect {
        name: "tenth-node-is-not-listed",
        sentence: "CLUSTER NODES has room for nine nodes",
        fails: &["failover/two-primaries-at-once"],
        lie: Lie::Reply(|_, request, reply| {
            let nine = |text: &str| text.split_inclusive('\n').take(9).collect();
            request.is("CLUSTER NODES").then(|| crate::edit::text(reply.bytes(), nine))?.map(Instead::Say)
        }),
    },
];

/// Names under which a number is kept for each node.
const NODES: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The name under which a number is kept for this node.
pub(super) fn of_node(scene: &Scene<'_>) -> Option<&'static str> {
    NODES.get(scene.node()).copied()
}

/// A line of CLUSTER INFO or NODES without the own epoch and without open slots.
fn forgotten(line: &str) -> String {
    match line.starts_with("cluster_my_epoch:") {
        true => "cluster_my_epoch:0".to_owned(),
        false => line.split_once(" [").map_or(line, |(before, _)| before).to_owned(),
    }
}

fn option(request: &Request) -> &[u8] {
    request.word(2)
}

fn known(option: &[u8]) -> bool {
    [&b""[..], b"FORCE", b"TAKEOVER"].contains(&option)
}

/// The text of a MOVED without its address, its code before it.
fn with_code(text: &str) -> String {
    if text.starts_with("MOVED") { text.to_owned() } else { format!("MOVED {text}") }
}
