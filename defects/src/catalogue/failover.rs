//! CLUSTER FAILOVER behaves like another form, does nothing, or runs where the node should refuse it.

use wire::command;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, integer, lines, null, simple};
use crate::request::Request;
use crate::scene::Scene;

/// The node answers OK to a form of CLUSTER FAILOVER that the server refuses with this text.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $when:expr, $refusal:literal, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let refused = reply.error()?.text.contains($refusal);
            let when: fn(&Request) -> bool = $when;
            (request.is("CLUSTER FAILOVER") && refused && when(request)).then(|| Replacement::Answer(simple("OK")))
        })
    };
}

/// The node runs another form of CLUSTER FAILOVER.
macro_rules! mistaken {
    ($name:literal, $sentence:literal, $form:literal, $command:expr, $caught_by:expr) => {
        on_request($name, $sentence, $caught_by, |_, request| {
            let this = request.is("CLUSTER FAILOVER") && option(request).eq_ignore_ascii_case($form.as_bytes());
            this.then(|| Replacement::Send { commands: vec![$command], shown: 0 })
        })
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
        "A primary answers OK to CLUSTER FAILOVER TAKEOVER",
        |request| option(request) == b"TAKEOVER",
        "to a replica",
        &["failover/failover-refused-by-primary"]
    ),
    obeyed!(
        "failover-ignores-unknown-options",
        "CLUSTER FAILOVER answers OK for an unknown option instead of an error",
        |request| request.words().len() == 3,
        "syntax",
        &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"]
    ),
    obeyed!(
        "failover-ignores-what-follows-force",
        "CLUSTER FAILOVER FORCE ignores an extra argument",
        |request| request.words().len() > 3,
        "",
        &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"]
    ),
    obeyed!(
        "failover-accepted-without-its-primary",
        "CLUSTER FAILOVER without an option answers OK on a replica whose primary is dead",
        |request| option(request).is_empty(),
        "aster is down",
        &["failover/no-failover-option"]
    ),
    on_reply(
        "failover-unknown-option-closes-the-connection",
        "CLUSTER FAILOVER with an unknown option closes the connection",
        &["errors/refused-changes-change-nothing", "failover/failover-refuses-unknown-option"],
        |_, request, reply| {
            reply.error()?;
            (request.is("CLUSTER FAILOVER") && !known(option(request))).then_some(Replacement::HangUp)
        },
    ),
    mistaken!(
        "failover-force-treated-as-plain",
        "CLUSTER FAILOVER FORCE asks the primary first, like CLUSTER FAILOVER without an option",
        "FORCE",
        command!["CLUSTER", "FAILOVER"],
        &["failover/force-needs-no-primary-but-votes"]
    ),
    mistaken!(
        "failover-force-treated-as-takeover",
        "CLUSTER FAILOVER FORCE promotes without votes, like TAKEOVER",
        "FORCE",
        command!["CLUSTER", "FAILOVER", "TAKEOVER"],
        &["failover/failover-refuses-unknown-option", "failover/force-needs-no-primary-but-votes"]
    ),
    mistaken!(
        "failover-takeover-treated-as-force",
        "CLUSTER FAILOVER TAKEOVER waits for the votes of a majority, like FORCE",
        "TAKEOVER",
        command!["CLUSTER", "FAILOVER", "FORCE"],
        &["failover/takeover-needs-no-votes"]
    ),
    on_reply(
        "promoted-replica-forgets-epoch-and-open-slots",
        "A node reports its own epoch as 0 and no open slots after a CLUSTER FAILOVER command",
        &["failover/open-slots-survive", "failover/second-promotion-has-new-votes"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER FAILOVER") && reply.error().is_none() {
                scene.share(note, 1);
            }
            if scene.shared(note) == 0 || !request.is_any(&["CLUSTER INFO", "CLUSTER NODES"]) {
                return None;
            }
            lines(reply.bytes(), |line| Some(forgotten(line))).map(Replacement::Answer)
        },
    ),
    on_reply(
        "failover-promotes-a-cut-off-replica",
        "CLUSTER FAILOVER without an option promotes a replica that is not in sync, and loses writes",
        &["failover/manual-gives-up"],
        |scene, request, reply| {
            let note = NODES.get(scene.node())?;
            if request.is("INFO replication") {
                let text = reply.text()?;
                let down = text.contains("master_link_status:down");
                scene.share(note, i64::from(down));
            }
            let plain = request.is("CLUSTER FAILOVER") && option(request).is_empty() && reply.error().is_none();
            let node = scene.address().to_owned();
            let commands = vec![command!["CLUSTER", "FAILOVER", "TAKEOVER"]];
            (plain && scene.shared(note) == 1).then_some(Replacement::Ask { node, commands })
        },
    ),
    on_reply(
        "blocked-client-is-released-with-null",
        "A client that is blocked without a timeout gets null when its node is demoted",
        &["failover/manual-releases-blocked-client", "moved/blocked-clients"],
        |scene, request, reply| {
            let code = code(reply)?;
            let endless = request.is("BLPOP") && request.words().last()?[..] == *b"0" && !scene.in_transaction();
            let released = endless && (code == "UNBLOCKED" || code == "MOVED");
            released.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "exec-of-a-moved-transaction-is-null",
        "EXEC returns null instead of MOVED if the slot moved after the commands were queued",
        &["failover/manual-refuses-queued-transaction", "transactions/slot-leaves-before-exec"],
        |scene, request, reply| {
            (request.is("EXEC") && code(reply)? == "MOVED").then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "exec-of-a-moved-transaction-names-this-node",
        "EXEC answers MOVED to the node itself if the slot moved after the commands were queued",
        &["failover/manual-refuses-queued-transaction", "transactions/slot-leaves-before-exec"],
        |scene, request, reply| {
            let text = reply.error()?.text;
            let (moved, _) = text.rsplit_once(' ')?;
            let this = request.is("EXEC") && code(reply)? == "MOVED";
            this.then(|| Replacement::Answer(error(&format!("{} {}", with_code(moved), scene.address()))))
        },
    ),
    on_reply(
        "down-node-deletes",
        "A node that is down answers DEL with 0 instead of CLUSTERDOWN",
        &["down/no-redirect-while-down", "down/node-without-slots-known"],
        |scene, request, reply| {
            let down = request.is("DEL") && code(reply)? == "CLUSTERDOWN" && !scene.in_transaction();
            down.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_request(
        "fifteenth-write-of-a-connection-is-lost",
        "The fifteenth SET of a connection answers OK and does nothing",
        &["failover/manual-loses-no-write", "topology/one-node-serves-all"],
        |scene, request| {
            if !request.is("SET") || request.words().len() != 3 || scene.in_transaction() {
                return None;
            }
            *scene.note("writes") += 1;
            (*scene.note("writes") == 15).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "manual-failover-waits-for-a-write",
        "CLUSTER FAILOVER answers OK and does nothing until the cluster has got its first write",
        &["failover/manual-before-any-write"],
        |scene, request| {
            if request.is("SET") {
                scene.share("written", 1);
            }
            let hangs = request.is("CLUSTER FAILOVER") && option(request).is_empty() && scene.shared("written") == 0;
            hangs.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "nofailover-flag-is-missing",
        "CLUSTER NODES omits the flag nofailover",
        &["failover/no-failover-option"],
        |_, request, reply| {
            let changed = || crate::edit::text(reply.bytes(), |text| text.replace(",nofailover", ""));
            request.is("CLUSTER NODES").then(changed)?.map(Replacement::Answer)
        },
    ),
    on_request(
        "settings-of-replicas-cannot-be-changed",
        "CONFIG SET answers OK and ignores some settings about replicas",
        &["failover/stale-replica-abstains"],
        |_, request| {
            let settings = ["cluster-replica-validity-factor", "min-replicas-to-write", "shutdown-on-sigterm"];
            let these = request.is("CONFIG SET") && settings.iter().any(|name| request.has(name));
            these.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "replica-migration-cannot-be-allowed",
        "CONFIG SET cluster-allow-replica-migration yes sets no",
        &["failover/empty-primary-joins", "failover/orphan-gets-spare-replica"],
        |_, request| {
            let allow = "cluster-allow-replica-migration";
            let commands = vec![command!["CONFIG", "SET", allow, "no"]];
            let this = request.is("CONFIG SET") && request.has(allow) && request.has("yes");
            this.then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_reply(
        "tenth-node-is-not-listed",
        "CLUSTER NODES lists at most nine nodes",
        &["failover/two-primaries-at-once"],
        |_, request, reply| {
            let nine = |text: &str| text.split_inclusive('\n').take(9).collect();
            request.is("CLUSTER NODES").then(|| crate::edit::text(reply.bytes(), nine))?.map(Replacement::Answer)
        },
    ),
];

/// The names of the numbers that are stored for each node.
const NODES: [&str; 40] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19", "20",
    "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37", "38", "39",
];

/// Returns the name of the number that is stored for this node.
pub(super) fn of_node(scene: &Scene<'_>) -> Option<&'static str> {
    NODES.get(scene.node()).copied()
}

/// Returns a line of CLUSTER INFO or NODES without the node's epoch and open slots.
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

/// Returns the code and slot of a MOVED without its address.
fn with_code(text: &str) -> String {
    if text.starts_with("MOVED") { text.to_owned() } else { format!("MOVED {text}") }
}
