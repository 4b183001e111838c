//! A node forwards what it should redirect, runs what it redirects, or names an old owner.

use super::common::{code, moved, served};
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::error;

/// The node forwards commands to the owner instead of redirecting them.
macro_rules! passed_on {
    ($name:literal, $sentence:literal, $commands:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            (request.is_any($commands) && !scene.in_transaction()).then(|| served(request, reply)).flatten()
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    passed_on!(
        "lists-are-passed-on",
        "A node forwards list commands to the owner instead of redirecting them",
        &["LPUSH", "RPUSH", "LPOP", "LLEN"],
        &["moved/redirects-lpush"]
    ),
    passed_on!(
        "object-is-passed-on",
        "A node forwards OBJECT to the owner instead of redirecting it",
        &["OBJECT"],
        &["moved/redirects-object-encoding", "moved/redirects-object-freq", "moved/redirects-object-idletime"]
    ),
    passed_on!(
        "consumer-groups-are-passed-on",
        "A node forwards XGROUP to the owner instead of redirecting it",
        &["XGROUP"],
        &["moved/redirects-xgroup-create", "moved/redirects-xgroup-destroy", "moved/redirects-xgroup-setid"]
    ),
    passed_on!(
        "scripts-that-only-read-are-passed-on",
        "A node forwards EVAL, EVAL_RO and FCALL_RO to the owner instead of redirecting them",
        &["EVAL", "EVAL_RO", "FCALL_RO"],
        &["moved/redirects-eval-ro"]
    ),
    passed_on!(
        "keys-after-a-count-are-not-found",
        "A node forwards commands that count their keys to the owner instead of redirecting them",
        &["ZUNION", "SINTERCARD", "LMPOP", "BZMPOP"],
        &["moved/redirects-bzmpop", "moved/redirects-lmpop", "moved/redirects-sintercard"]
    ),
    passed_on!(
        "several-keys-are-gathered",
        "A node forwards MGET, MSET and DEL of several keys to the owner instead of redirecting them",
        &["MGET", "MSET", "SUNIONSTORE", "RENAME"],
        &["moved/redirects-mget-of-one-slot", "moved/redirects-mset-of-one-slot"]
    ),
    on_reply(
        "del-of-two-keys-is-passed-on",
        "A node forwards DEL of more than one key to the owner instead of redirecting it",
        &["moved/redirects-del-of-one-slot"],
        |_, request, reply| (request.is("DEL") && request.words().len() > 2).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "del-of-one-key-is-passed-on",
        "A node forwards DEL of one key to the owner instead of redirecting it",
        &["moved/redirects-del"],
        |_, request, reply| (request.is("DEL") && request.words().len() == 2).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "writes-are-passed-on",
        "A node forwards SET outside of READONLY mode and transactions to the owner instead of redirecting it",
        &["moved/redirects-set"],
        |scene, request, reply| {
            let is_plain = request.is("SET") && !scene.in_transaction() && !scene.readonly();
            is_plain.then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "reads-are-passed-on-the-second-time",
        "A node forwards the second GET that it should redirect on a connection without other errors",
        &["readonly/demoted-primary-redirects", "readonly/mode-belongs-to-the-connection"],
        |scene, request, reply| {
            // A node that starts redirects a random number of times.
            *scene.note("errors") |= i64::from(code(reply).is_some_and(|code| code != "MOVED"));
            if !request.is("GET") || moved(reply).is_none() {
                return None;
            }
            *scene.note("redirects") += 1;
            (*scene.note("redirects") == 2 && *scene.note("errors") == 0).then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "inline-commands-are-passed-on",
        "A node forwards inline commands to the owner instead of redirecting them",
        &["moved/inline-command"],
        |_, request, reply| (!request.bytes().starts_with(b"*")).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "redirected-writes-run-as-well",
        "A node redirects INCR, APPEND and SADD, but runs them on the owner as well",
        &["moved/not-executed"],
        |_, request, reply| {
            let (_, node) = moved(reply)?;
            let answer = reply.bytes().to_vec();
            let commands = vec![request.command()];
            request.is_any(&["INCR", "APPEND", "SADD"]).then_some(Replacement::AnswerAndAsk { answer, node, commands })
        },
    ),
    on_calm_reply(
        "get-is-served-by-every-primary",
        "A primary forwards GET for the slot of another primary outside of transactions instead of redirecting it",
        &["moved/redirects-get", "redirect/moved-from-non-owner"],
        |scene, request, reply| {
            let is_meant = !scene.is_replica() && request.is("GET") && !scene.in_transaction();
            is_meant.then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "redirects-are-stale-after-a-reshard",
        "A node that got no SETSLOT NODE redirects a moved slot to a node that is not its new owner",
        &["moved/fresh-after-reshard"],
        |scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(3) == b"NODE" {
                scene.share("slot", std::str::from_utf8(request.word(2)).ok()?.parse::<i64>().ok()? + 1);
                scene.share(TOLD.get(scene.node())?, 1);
            }
            let (slot, to) = moved(reply)?;
            let is_stale = i64::from(slot) + 1 == scene.shared("slot") && scene.shared(TOLD.get(scene.node())?) == 0;
            // Only nodes of the cluster count; a helper that formed it may come after them.
            let mut members = scene.addresses().iter().take(scene.place.replicas.end);
            let old = members.find(|other| **other != to && *other != scene.address())?;
            is_stale.then(|| Replacement::Answer(error(&format!("MOVED {slot} {old}"))))
        },
    ),
];

/// The names under which the nodes are stored that were told directly that a slot moved.
const TOLD: [&str; 8] = ["told-0", "told-1", "told-2", "told-3", "told-4", "told-5", "told-6", "told-7"];
