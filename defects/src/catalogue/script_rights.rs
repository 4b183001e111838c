//! Scripts and functions do what their flags, a replica or the node forbids, or are ended when they must not be.

use super::common::code;
use super::script_keys::says;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{bulk, error, integer, null, simple, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "no-cluster-needs-a-key",
        "A script with the flag no-cluster runs if it declares no key",
        &["scripting/flag-refuses-cluster-mode"],
        |_, request, reply| {
            let is_refused = request.is("EVAL") && request.word(2) == b"0" && code(reply)? == "ERR";
            (is_refused && says(request, "no-cluster")).then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "eval-ro-ignores-no-cluster",
        "EVAL_RO runs a script with the flag no-cluster",
        &["scripting/flag-refuses-cluster-mode"],
        |_, request, reply| {
            let is_refused = request.is("EVAL_RO") && says(request, "no-cluster") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "eval-ro-writes",
        "EVAL_RO runs a script that writes, and loses the write",
        &["scripting/no-writes-flag-forbids-writes"],
        |_, request, reply| {
            let is_refused = request.is("EVAL_RO") && says(request, "redis.call('SET'") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "eval-ro-runs-scripts-that-may-write",
        "EVAL_RO runs a script whose shebang lacks the flag no-writes",
        &["scripting/no-writes-flag-forbids-writes"],
        |_, request, reply| {
            let is_refused = request.is("EVAL_RO") && says(request, "#!lua\n") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "read-only-scripts-need-no-readonly",
        "Replicas answer null instead of MOVED to EVAL_RO on connections without READONLY",
        &["scripting/read-only-scripts-run-on-a-replica"],
        |scene, request, reply| {
            let is_moved = request.is("EVAL_RO") && code(reply)? == "MOVED";
            (is_moved && scene.is_replica() && !scene.readonly()).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "scripts-in-transactions-need-the-primary",
        "EXEC on a replica answers READONLY if EVAL is queued, also with the flag no-writes",
        &["scripting/no-writes-flag-runs-on-a-replica"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("EVAL") && scene.is_replica() && code(reply).is_none() {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0 && code(reply).is_none();
            is_late.then(|| Replacement::Answer(error("READONLY You can't write against a read only replica.")))
        },
    ),
    on_reply(
        "replicas-swallow-writes-of-scripts",
        "A script that declares no key and writes on a replica answers OK, and the write is lost",
        &["scripting/scripts-cannot-write-on-a-replica"],
        |scene, request, reply| {
            let is_refused = request.is("EVAL") && request.word(2) == b"0" && code(reply).is_some();
            (is_refused && scene.is_replica() && scene.readonly() && says(request, "redis.call('SET'"))
                .then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "short-digests-are-errors-of-form",
        "EVALSHA and EVALSHA_RO answer ERR to a digest that does not have 40 digits",
        &["scripting/missing-evalsha", "scripting/missing-evalsha-ro"],
        |_, request, reply| {
            let is_short = request.is_any(&["EVALSHA", "EVALSHA_RO"]) && request.word(1).len() < 40;
            (is_short && code(reply)? == "NOSCRIPT").then(|| Replacement::Answer(error("ERR Invalid digest")))
        },
    ),
    on_reply(
        "missing-script-ends-the-transaction",
        "EXEC answers NOSCRIPT as a whole if one of its scripts is missing",
        &["scripting/missing-evalsha", "scripting/missing-evalsha-ro"],
        |_, request, reply| {
            let first = reply.items()?.first().and_then(wire::error_of)?;
            (request.is("EXEC") && first.code == "NOSCRIPT").then(|| Replacement::Answer(error(&first.text)))
        },
    ),
    on_reply(
        "scripts-leave-shard-channels",
        "A script may call SUNSUBSCRIBE",
        &["scripting/subscriptions-are-refused-in-scripts"],
        |scene, request, reply| {
            let is_refused = request.is("EVAL") && says(request, "'SUNSUBSCRIBE'") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "scripts-publish-to-nobody",
        "SPUBLISH in a script answers 0 for a channel of another node",
        &["scripting/scripts-publish-to-their-node"],
        |_, request, reply| {
            let is_refused = request.is("EVAL") && says(request, "'SPUBLISH'") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "functions-reach-no-replica",
        "Replicas do not have the functions of their primary",
        &["scripting/functions-stay-in-their-shard"],
        |scene, request, reply| {
            let runs = request.is("FCALL") && request.word(2) == b"0" && code(reply).is_none();
            (runs && scene.is_replica()).then(|| Replacement::Answer(error("ERR Function not found")))
        },
    ),
    on_request(
        "function-delete-does-nothing",
        "FUNCTION DELETE answers OK and deletes nothing",
        &["scripting/functions-stay-in-their-shard"],
        |_, request| request.is("FUNCTION DELETE").then(|| Replacement::Answer(simple("OK"))),
    ),
    on_reply(
        "functions-reach-every-primary",
        "A primary runs functions that only another primary has",
        &["scripting/functions-stay-in-their-shard"],
        |scene, request, reply| {
            let is_unknown = request.is("FCALL") && reply.error()?.text.contains("not found");
            (is_unknown && !scene.is_replica() && request.words().len() == 4)
                .then(|| Replacement::Answer(bulk(request.word(3))))
        },
    ),
    on_reply(
        "fcall-ro-writes",
        "FCALL_RO runs a function without the flag no-writes",
        &["scripting/function-flags"],
        |_, request, reply| {
            let is_refused = request.is("FCALL_RO") && code(reply)? == "ERR";
            is_refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "replicas-call-functions-for-other-shards",
        "A replica answers null instead of MOVED to FCALL_RO after READONLY",
        &["scripting/functions-run-on-replicas"],
        |scene, request, reply| {
            let is_moved = request.is("FCALL_RO") && code(reply)? == "MOVED";
            (is_moved && scene.is_replica() && scene.readonly()).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "functions-ignore-no-cluster",
        "A function with the flag no-cluster runs if the call declares no key",
        &["scripting/function-flags"],
        |_, request, reply| {
            let is_refused = request.is("FCALL") && request.word(2) == b"0";
            (is_refused && reply.error()?.text.contains("no-cluster")).then(|| Replacement::Answer(bulk("done")))
        },
    ),
    on_reply(
        "functions-of-a-replica-are-gone",
        "A promoted replica does not have the functions of its old primary",
        &["scripting/functions-survive-a-failover"],
        |scene, request, reply| {
            let writes = request.is("FCALL") && scene.is_replica() && reply.text().is_some_and(|text| text == "OK");
            writes.then(|| Replacement::Answer(error("ERR Function not found")))
        },
    ),
    on_reply(
        "replicas-know-another-error-for-missing-scripts",
        "Nodes that began as replicas answer ERR in place of NOSCRIPT",
        &["scripting/digests-after-a-failover"],
        |scene, request, reply| {
            let is_missing = request.is("EVALSHA") && code(reply)? == "NOSCRIPT";
            (is_missing && scene.is_replica()).then(|| Replacement::Answer(error("ERR No matching script.")))
        },
    ),
    on_reply(
        "busy-nodes-read",
        "A node that runs a script for too long answers GET with null",
        &["scripting/busy-node"],
        |scene, request, reply| {
            let is_busy = request.is("GET") && code(reply)? == "BUSY";
            is_busy.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "busy-nodes-fail",
        "Other nodes mark a node as failed whose script runs too long",
        &["scripting/busy-node"],
        |scene, request, reply| {
            if code(reply).is_some_and(|code| code == "BUSY") {
                scene.share("busy", 1);
            }
            let is_asked = request.is("CLUSTER NODES") && scene.shared("busy") > 0;
            let fail = |line: &str| Some(line.replacen(" master ", " master,fail ", 1));
            is_asked.then(|| crate::edit::lines(reply.bytes(), fail).map(Replacement::Answer)).flatten()
        },
    ),
    on_reply(
        "script-kill-succeeds-always",
        "SCRIPT KILL answers OK while no script runs",
        &["scripting/busy-node"],
        |_, request, reply| {
            let is_idle = request.is("SCRIPT KILL") && code(reply)? == "NOTBUSY";
            is_idle.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "script-kill-ends-scripts-that-wrote",
        "SCRIPT KILL answers OK although the script has written",
        &["scripting/script-that-wrote-is-not-killed"],
        |_, request, reply| {
            let is_refused = request.is("SCRIPT KILL") && code(reply)? == "UNKILLABLE";
            is_refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "script-kill-ends-functions",
        "SCRIPT KILL answers NOTBUSY while a function runs too long",
        &["scripting/busy-function"],
        |_, request, reply| {
            let is_refused = request.is("SCRIPT KILL") && code(reply)? == "BUSY";
            is_refused.then(|| Replacement::Answer(error("NOTBUSY No scripts in execution right now.")))
        },
    ),
    on_reply(
        "transactions-lose-the-last-reply-of-scripts",
        "EXEC on a replica answers null for a read after a script",
        &["scripting/read-only-scripts-run-on-a-replica"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("EVALSHA_RO") && scene.is_replica() {
                *scene.note("queued") = 1;
            }
            let is_late = request.is("EXEC") && std::mem::take(scene.note("queued")) > 0;
            let nothing = crate::edit::Tree::Line(b'$', b"-1".to_vec());
            let forget = |tree: &mut crate::edit::Tree| tree.items_mut()?.last_mut().map(|last| *last = nothing);
            is_late.then(|| tree(reply.bytes(), forget).map(Replacement::Answer)).flatten()
        },
    ),
];
