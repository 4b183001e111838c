//! A node redirects a command that has no key, or that it should refuse for another reason.

use wire::{Reply, Slot};

use super::common::{code, moved};
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::error;
use crate::request::Request;
use crate::scene::Scene;

/// The node redirects a command that has no key or deserves another error.
macro_rules! redirected {
    ($name:literal, $sentence:literal, $caught_by:expr, $key:literal, $where:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            let meant: fn(&Scene<'_>, &Request, &Reply) -> bool = $where;
            (meant(scene, request, reply) && request.words().len() > $key).then(|| to_next(scene, request.word($key)))
        })
    };
}

/// The node answers another error instead of MOVED while a setting has some value.
macro_rules! while_set {
    ($name:literal, $sentence:literal, $caught_by:expr, $setting:literal, $value:literal, $commands:expr, $error:literal) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            if request.is(concat!("CONFIG SET ", $setting)) {
                let node = i64::try_from(scene.node()).ok()? + 1;
                scene.share("node", if request.word(3) == $value { node } else { 0 });
            }
            let is_here = scene.shared("node") == i64::try_from(scene.node()).ok()? + 1;
            (is_here && request.is_any($commands) && moved(reply).is_some()).then(|| Replacement::Answer(error($error)))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    while_set!(
        "oom-before-moved",
        "A node that is out of memory refuses writes instead of redirecting them",
        &["moved/before-oom-and-noreplicas"],
        "maxmemory",
        b"1",
        &["SET"],
        "OOM command not allowed when used memory > 'maxmemory'."
    ),
    while_set!(
        "noreplicas-before-moved",
        "A node without enough replicas refuses writes instead of redirecting them",
        &["moved/before-oom-and-noreplicas"],
        "min-replicas-to-write",
        b"99",
        &["SET"],
        "NOREPLICAS Not enough good replicas to write."
    ),
    while_set!(
        "misconf-before-moved",
        "A node whose snapshots fail refuses writes instead of redirecting them",
        &["moved/before-misconf"],
        "dbfilename",
        b".",
        &["SET"],
        "MISCONF Errors writing to the disk."
    ),
    redirected!(
        "moved-for-unknown-commands",
        "A node redirects an unknown command by its first argument",
        &["errors/arity-before-permissions-and-a-down-cluster", "moved/after-an-unknown-command"],
        1,
        |_, request, reply| !request.is("CLUSTER") && says(reply, "unknown command")
    ),
    redirected!(
        "moved-for-unknown-subcommands",
        "A node redirects an unknown subcommand of CLUSTER by its argument",
        &["moved/after-an-unknown-subcommand"],
        2,
        |_, request, reply| request.is("CLUSTER") && says(reply, "unknown subcommand")
    ),
    redirected!(
        "slots-before-arity-of-rename",
        "A node redirects RENAME with an extra argument by its first key",
        &["errors/arity-before-permissions-and-a-down-cluster", "moved/after-arity-with-keys-of-two-slots"],
        1,
        |_, request, reply| request.is("RENAME") && says(reply, "wrong number of arguments")
    ),
    redirected!(
        "key-behind-store-is-not-found",
        "SORT, GEORADIUS and ZUNIONSTORE ignore the slots of keys that come after an option or a count",
        &["moved/finds-the-key-behind-georadius-store", "moved/finds-the-key-behind-sort-store"],
        1,
        |_, request, reply| {
            request.is_any(&["SORT", "GEORADIUS", "ZUNIONSTORE"]) && code(reply).as_deref() == Some("CROSSSLOT")
        }
    ),
    redirected!(
        "echo-and-publish-are-redirected",
        "A node redirects ECHO and PUBLISH by their first argument, as if it were a key",
        &["moved/answers-echo-everywhere", "moved/answers-publish-everywhere"],
        1,
        |_, request, _| request.is_any(&["ECHO", "PUBLISH"]) && request.word(1).contains(&b'{')
    ),
    redirected!(
        "cluster-keyslot-is-redirected",
        "A replica redirects CLUSTER KEYSLOT by its argument, as if it were a key",
        &["moved/answers-cluster-keyslot-everywhere"],
        2,
        |scene, request, _| {
            let is_tagged = request.word(2).contains(&b'{') && request.word(2).ends_with(b":key");
            (3..6).contains(&scene.node()) && request.is("CLUSTER KEYSLOT") && is_tagged
        }
    ),
    redirected!(
        "eval-without-keys-is-redirected",
        "A node redirects EVAL without keys by its first argument",
        &["moved/answers-eval-without-keys-everywhere"],
        3,
        |_, request, _| request.is("EVAL") && request.word(2) == b"0" && request.word(3).contains(&b'{')
    ),
    redirected!(
        "commands-about-the-server-are-redirected",
        "A node redirects CONFIG GET maxmemory, INFO server and SCRIPT LOAD by their last argument",
        &["moved/answers-config-get-everywhere", "moved/answers-script-load-everywhere"],
        1,
        |_, request, _| request.is_any(&["CONFIG GET maxmemory", "INFO server", "SCRIPT LOAD"])
            && request.words().len() < 4
    ),
    redirected!(
        "commands-without-arguments-are-redirected",
        "A replica redirects DBSIZE and TIME, as if their names were keys",
        &["moved/answers-dbsize-everywhere", "moved/answers-time-everywhere"],
        0,
        |scene, request, _| {
            (3..6).contains(&scene.node()) && request.is_any(&["DBSIZE", "TIME"]) && !scene.in_transaction()
        }
    ),
    on_calm_reply(
        "ping-is-redirected",
        "A replica redirects PING, as if its name were a key",
        &["moved/answers-ping-everywhere"],
        |scene, request, _| {
            let is_meant = scene.is_replica() && request.is("PING") && request.words().len() == 1;
            (is_meant && !scene.in_transaction()).then(|| to_next(scene, b"PING"))
        },
    ),
    on_reply(
        "own-slots-are-redirected-at-the-edge",
        "A node redirects the last slot of its range to itself",
        &["consistency/owner-serves", "moved/every-slot"],
        |scene, request, reply| {
            reply.integer()?;
            let slot = Slot::of(request.word(1)).number();
            let is_last = request.is("EXISTS") && [5_460, 10_922, 16_383].contains(&slot) && request.words().len() == 2;
            is_last.then(|| Replacement::Answer(error(&format!("MOVED {slot} {}", scene.address()))))
        },
    ),
];

fn to_next(scene: &Scene<'_>, key: &[u8]) -> Replacement {
    Replacement::Answer(error(&format!("MOVED {} {}", Slot::of(key), scene.next_address())))
}

fn says(reply: &Reply, words: &str) -> bool {
    reply.error().is_some_and(|error| error.text.to_lowercase().contains(words))
}
