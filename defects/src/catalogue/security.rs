//! Authentication and access rules have holes, or hold on some nodes only.

use wire::{Reply, command};

use super::common::{code, moved, plausible};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{array, bulk, error, integer, null, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "asking-needs-no-authentication",
        "ASKING answers OK to a client that is not authenticated",
        &["security/authentication-comes-first"],
        |_, request, reply| {
            (code(reply)? == "NOAUTH" && request.is("ASKING")).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "noauth-tells-the-slot",
        "MGET of two slots answers CROSSSLOT to a client that is not authenticated",
        &["security/authentication-comes-first"],
        |_, request, reply| {
            let several = code(reply)? == "NOAUTH" && request.is("MGET") && request.words().len() == 3;
            several.then(|| Replacement::Answer(error("CROSSSLOT Keys in request don't hash to the same slot")))
        },
    ),
    on_reply(
        "replicas-tell-everybody-their-role",
        "ROLE on a replica needs no authentication",
        &["security/replica-asks-for-authentication"],
        |scene, request, reply| {
            let asked = scene.is_replica() && code(reply)? == "NOAUTH" && request.is("ROLE");
            asked.then(|| Replacement::Answer(array(&[bulk("slave")])))
        },
    ),
    on_reply(
        "users-are-known-everywhere",
        "A node accepts users that exist on another node only",
        &["security/users-are-local"],
        |_, request, reply| {
            let unknown = request.is("AUTH") && request.words().len() == 3 && code(reply)? == "WRONGPASS";
            unknown.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "hello-with-wrong-credentials-switches",
        "HELLO 3 with wrong credentials answers ERR instead of WRONGPASS",
        &["security/wrong-credentials-are-refused"],
        |_, request, reply| {
            let wrong = request.is("HELLO 3") && code(reply)? == "WRONGPASS";
            wrong.then(|| Replacement::Answer(error("ERR invalid credentials")))
        },
    ),
    on_reply(
        "disabled-users-may-log-in",
        "AUTH accepts the right password of a disabled user",
        &["security/wrong-credentials-are-refused"],
        |_, request, reply| {
            let disabled = request.is("AUTH") && request.word(2) == b"right" && code(reply)? == "WRONGPASS";
            disabled.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "rules-for-subcommands-mind-the-case",
        "A rule about a subcommand does not concern the subcommand in lower case",
        &["security/subcommands-have-rules"],
        |_, request, reply| {
            let lower = request.word(0) == b"cluster" && request.word(1) == b"nodes" && code(reply)? == "NOPERM";
            lower.then(|| Replacement::Answer(bulk("")))
        },
    ),
    on_reply(
        "forbidden-subcommands-are-queued",
        "A transaction queues a forbidden subcommand of CLUSTER",
        &["security/subcommands-have-rules"],
        |scene, request, reply| {
            let queued = scene.in_transaction() && request.is("CLUSTER") && code(reply)? == "NOPERM";
            queued.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "asking-needs-a-right-of-its-own",
        "ASKING answers NOPERM to a user who has the right to it",
        &["security/few-rights-suffice-for-clients"],
        |scene, request, reply| {
            if request.is("AUTH") && request.words().len() == 3 {
                *scene.note("user") = 1;
            }
            (*scene.note("user") > 0 && request.is("ASKING") && reply.is_ok())
                .then(|| Replacement::Answer(error("NOPERM User has no permissions to run the 'asking' command")))
        },
    ),
    on_reply(
        "replicas-redirect-keys-that-are-hidden",
        "A READONLY replica serves keys outside the user's patterns",
        &["security/few-rights-suffice-for-clients"],
        |scene, request, reply| {
            let hidden = scene.readonly() && request.is("GET") && code(reply)? == "NOPERM";
            hidden.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "saveconfig-is-for-everybody",
        "CLUSTER SAVECONFIG is not in the category admin",
        &["security/changes-are-for-administrators"],
        |_, request, _| {
            let asked = request.is("ACL DRYRUN") && request.word(4).eq_ignore_ascii_case(b"SAVECONFIG");
            asked.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "countkeysinslot-is-for-administrators",
        "CLUSTER COUNTKEYSINSLOT is in the category admin",
        &["security/changes-are-for-administrators"],
        |scene, request, reply| {
            if request.is("AUTH") && request.words().len() == 3 {
                *scene.note("user") = 1;
            }
            let counts = *scene.note("user") > 0 && request.is("CLUSTER COUNTKEYSINSLOT") && reply.error().is_none();
            counts.then(|| Replacement::Answer(error("NOPERM User has no permissions to run the command")))
        },
    ),
    on_reply(
        "remote-channels-are-redirected-before-rules",
        "SPUBLISH to a hidden channel of another node answers MOVED instead of NOPERM",
        &["security/channels-have-patterns"],
        |scene, request, reply| {
            let hidden = request.is("SPUBLISH") && code(reply)? == "NOPERM";
            *scene.note("refused") += i64::from(hidden);
            let slot = super::common::slot_of(request.word(1));
            let redirect = format!("MOVED {slot} {}", scene.next_address());
            (hidden && *scene.note("refused") == 2).then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "patterns-need-only-match",
        "PSUBSCRIBE accepts a pattern that one of the user's patterns matches",
        &["security/channels-have-patterns"],
        |_, request, reply| {
            let pattern = request.is("PSUBSCRIBE") && code(reply)? == "NOPERM";
            pattern.then(|| Replacement::Answer(array(&[bulk("psubscribe"), bulk(request.word(1)), integer(1)])))
        },
    ),
    on_reply(
        "remote-reads-of-write-only-keys-are-redirected",
        "GET of a key of another node that the user may only write answers MOVED instead of NOPERM",
        &["security/read-and-write-patterns"],
        |scene, request, reply| {
            if moved(reply).is_some() {
                *scene.note("moved") += 1;
            }
            let hidden = *scene.note("moved") >= 2 && request.is("GET") && code(reply)? == "NOPERM";
            let slot = super::common::slot_of(request.word(1));
            let redirect = format!("MOVED {slot} {}", scene.next_address());
            hidden.then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "set-with-get-is-only-a-write",
        "SET with GET reads a key that the user may only write",
        &["security/read-and-write-patterns"],
        |scene, request, reply| {
            let reads = request.is("SET") && request.has("GET") && code(reply)? == "NOPERM";
            reads.then(|| Replacement::Answer(plausible(scene, request)))
        },
    ),
    on_reply(
        "replicas-log-in-with-any-password",
        "A replica with a wrong password says that its link is up",
        &["security/replicas-log-in"],
        |scene, request, reply| {
            if request.is("CONFIG SET masterauth") {
                *scene.note("wrong") = i64::from(request.word(3) == b"wrong");
            }
            (*scene.note("wrong") > 0 && request.is("INFO")).then_some(())?;
            crate::edit::lines(reply.bytes(), |line| {
                Some(line.replace("master_link_status:down", "master_link_status:up"))
            })
            .map(Replacement::Answer)
        },
    ),
    on_request(
        "replicas-forget-a-new-password",
        "CONFIG SET masterauth on a replica answers OK and keeps the earlier password",
        &["security/replicas-log-in"],
        |scene, request| {
            request.is("CONFIG SET masterauth").then_some(())?;
            *scene.note("set") += 1;
            (*scene.note("set") > 1).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "migrate-deletes-what-was-refused",
        "MIGRATE with wrong credentials deletes the key at the source",
        &["security/migrate-logs-in"],
        |_, request| {
            (request.is("MIGRATE") && request.has("wrong"))
                .then(|| Replacement::Send { commands: vec![request.command(), command!["DEL", "foo"]], shown: 0 })
        },
    ),
    on_reply(
        "migrate-answers-ok-when-it-was-refused",
        "MIGRATE answers NOKEY if the target refuses the user of AUTH2",
        &["security/migrate-logs-in"],
        |_, request, reply| {
            (request.is("MIGRATE") && request.has("AUTH2") && code(reply)? == "ERR")
                .then(|| Replacement::Answer(simple("NOKEY")))
        },
    ),
    on_reply(
        "select-in-multi-ignores-rules",
        "SELECT of a forbidden database is queued in a transaction",
        &["security/databases-have-rules"],
        |scene, request, reply| {
            let queued = scene.in_transaction() && request.is("SELECT") && code(reply)? == "NOPERM";
            queued.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "copy-checks-the-first-database",
        "COPY checks only the right to the first database that it names",
        &["security/copy-needs-every-database"],
        |_, request, reply| {
            let several = request.is("COPY") && request.words().len() == 7 && request.word(4) == b"1";
            (several && code(reply)? == "NOPERM").then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "flushslot-checks-one-database",
        "CLUSTER FLUSHSLOT with SYNC needs the right to the selected database only",
        &["security/flushslot-needs-every-database"],
        |_, request, reply| unchecked(request, reply),
    ),
];

fn unchecked(request: &Request, reply: &Reply) -> Option<Replacement> {
    let sync = request.is("CLUSTER FLUSHSLOT") && request.has("SYNC");
    (sync && code(reply)? == "NOPERM").then(|| Replacement::Answer(simple("OK")))
}
