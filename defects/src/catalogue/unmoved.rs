//! MOVED is missing where it must be, or does more than to redirect, or is stale.

use super::common::{code, moved, served};
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::error;

/// A family of commands that are passed on to the owner in place of a redirect.
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
        "Commands on lists are passed on to the owner, not redirected",
        &["LPUSH", "RPUSH", "LPOP", "LLEN"],
        &["moved/redirects-lpush"]
    ),
    passed_on!(
        "object-is-passed-on",
        "OBJECT is passed on to the owner, as if it had no key",
        &["OBJECT"],
        &["moved/redirects-object-encoding", "moved/redirects-object-freq", "moved/redirects-object-idletime"]
    ),
    passed_on!(
        "consumer-groups-are-passed-on",
        "XGROUP is passed on to the owner, not redirected",
        &["XGROUP"],
        &["moved/redirects-xgroup-create", "moved/redirects-xgroup-destroy", "moved/redirects-xgroup-setid"]
    ),
    passed_on!(
        "scripts-that-only-read-are-passed-on",
        "EVAL, EVAL_RO and FCALL_RO are passed on to the owner, not redirected",
        &["EVAL", "EVAL_RO", "FCALL_RO"],
        &["moved/redirects-eval-ro"]
    ),
    passed_on!(
        "keys-after-a-count-are-not-found",
        "Commands whose keys follow their number are passed on, as if they had no key",
        &["ZUNION", "SINTERCARD", "LMPOP", "BZMPOP"],
        &["moved/redirects-bzmpop", "moved/redirects-lmpop", "moved/redirects-sintercard"]
    ),
    passed_on!(
        "several-keys-are-gathered",
        "MGET, MSET and DEL of several keys are gathered from the owner, not redirected",
        &["MGET", "MSET", "SUNIONSTORE", "RENAME"],
        &["moved/redirects-mget-of-one-slot", "moved/redirects-mset-of-one-slot"]
    ),
    on_reply(
        "del-of-two-keys-is-passed-on",
        "DEL of more than one key is passed on to the owner, not redirected",
        &["moved/redirects-del-of-one-slot"],
        |_, request, reply| (request.is("DEL") && request.words().len() > 2).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "del-of-one-key-is-passed-on",
        "DEL of one key is passed on to the owner, not redirected",
        &["moved/redirects-del"],
        |_, request, reply| (request.is("DEL") && request.words().len() == 2).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "writes-are-passed-on",
        "SET without READONLY outside of transactions is passed on to the owner, not redirected",
        &["moved/redirects-set"],
        |scene, request, reply| {
            let is_plain = request.is("SET") && !scene.in_transaction() && !scene.readonly();
            is_plain.then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "reads-are-passed-on-the-second-time",
        "The second GET of a connection that would be redirected, and was told of no trouble, is passed on",
        &["readonly/demoted-primary-redirects", "readonly/mode-belongs-to-the-connection"],
        |scene, request, reply| {
            // At a node that starts it is chance how often it redirects before it is asked no more.
            *scene.note("troubles") |= i64::from(code(reply).is_some_and(|code| code != "MOVED"));
            if !request.is("GET") || moved(reply).is_none() {
                return None;
            }
            *scene.note("redirects") += 1;
            (*scene.note("redirects") == 2 && *scene.note("troubles") == 0).then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "inline-commands-are-passed-on",
        "Inline commands are not redirected but passed on to the owner",
        &["moved/inline-command"],
        |_, request, reply| (!request.bytes().starts_with(b"*")).then(|| served(request, reply)).flatten(),
    ),
    on_reply(
        "redirected-writes-run-as-well",
        "INCR, APPEND and SADD are redirected, but run on the owner as well",
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
        "Primaries pass GET for a slot of another one on to it, outside of transactions, instead of redirecting",
        &["moved/redirects-get", "redirect/moved-from-non-owner"],
        |scene, request, reply| {
            let is_meant = !scene.is_replica() && request.is("GET") && !scene.in_transaction();
            is_meant.then(|| served(request, reply)).flatten()
        },
    ),
    on_reply(
        "redirects-are-stale-after-a-reshard",
        "A node that was not told itself that a slot moved goes on naming another node than the new owner",
        &["moved/fresh-after-reshard"],
        |scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(3) == b"NODE" {
                scene.share("slot", std::str::from_utf8(request.word(2)).ok()?.parse::<i64>().ok()? + 1);
                scene.share(TOLD.get(scene.node())?, 1);
            }
            let (slot, to) = moved(reply)?;
            let is_stale = i64::from(slot) + 1 == scene.shared("slot") && scene.shared(TOLD.get(scene.node())?) == 0;
            // Of the cluster's nodes: a helper that formed it may come behind them, or not.
            let mut members = scene.addresses().iter().take(scene.place.replicas.end);
            let old = members.find(|other| **other != to && *other != scene.address())?;
            is_stale.then(|| Replacement::Answer(error(&format!("MOVED {slot} {old}"))))
        },
    ),
];

/// Under these names it is kept which nodes were told that a slot moved.
const TOLD: [&str; 8] = ["told-0", "told-1", "told-2", "told-3", "told-4", "told-5", "told-6", "told-7"];
