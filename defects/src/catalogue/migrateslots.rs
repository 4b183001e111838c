//! CLUSTER MIGRATESLOTS accepts what it should refuse, and its jobs are listed wrongly.

use wire::Reply;

use super::common::code;
use super::open_slot::{given_slot, has_key_in_given_slot};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{Tree, array, bulk, error, null, simple, tree};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "overlapping-ranges-are-moved-once",
        "CLUSTER MIGRATESLOTS answers OK to ranges that overlap",
        &["asm-valkey/refuses-wrong-arguments"],
        |_, request, reply| accepted(request, reply, "overlap"),
    ),
    on_reply(
        "migrateslots-ignores-further-words",
        "CLUSTER MIGRATESLOTS ignores a word after its arguments",
        &["asm-valkey/refuses-wrong-arguments"],
        |_, request, reply| {
            let is_more = request.words().last().is_some_and(|word| &word[..] == b"more");
            is_more.then(|| accepted(request, reply, "syntax")).flatten()
        },
    ),
    on_reply(
        "slots-of-two-shards-may-move",
        "CLUSTER MIGRATESLOTS answers OK to ranges of which the node serves only a part",
        &["asm-valkey/refuses-wrong-targets"],
        |_, request, reply| accepted(request, reply, "multiple shards"),
    ),
    on_reply(
        "second-target-may-be-wrong",
        "CLUSTER MIGRATESLOTS checks the slots of its first range only",
        &["asm-valkey/refuses-wrong-targets"],
        |_, request, reply| {
            let ranges = request.words().iter().filter(|word| word.eq_ignore_ascii_case(b"SLOTSRANGE"));
            (ranges.count() == 2).then(|| accepted(request, reply, "not served")).flatten()
        },
    ),
    on_request(
        "migrateslots-knows-one-target",
        "CLUSTER MIGRATESLOTS ignores the second target",
        &["asm-valkey/takes-several-targets"],
        |_, request| {
            let words = request.words();
            let second = words.iter().skip(3).position(|word| word.eq_ignore_ascii_case(b"SLOTSRANGE"))? + 3;
            let first = wire::Command::new(words.iter().take(second));
            request.is("CLUSTER MIGRATESLOTS").then(|| Replacement::Send { commands: vec![first], shown: 0 })
        },
    ),
    on_reply(
        "job-has-no-update-time",
        "An entry of CLUSTER GETSLOTMIGRATIONS lacks last_update_time",
        &["asm-valkey/job-has-its-fields"],
        |_, request, reply| {
            each_job(request, reply, |job| {
                let items = job.items_mut()?;
                let at = items.iter().position(|item| item.text() == Some(b"last_update_time"))?;
                items.drain(at..at + 2);
                Some(())
            })
        },
    ),
    on_reply(
        "imports-are-listed-as-exports",
        "CLUSTER GETSLOTMIGRATIONS calls every job EXPORT",
        &["asm-valkey/job-has-its-fields"],
        |_, request, reply| {
            each_job(request, reply, |job| {
                *job.value_mut("operation")? = Tree::Bulk(b'$', b"EXPORT".to_vec());
                Some(())
            })
        },
    ),
    on_reply(
        "jobs-are-listed-oldest-first",
        "CLUSTER GETSLOTMIGRATIONS lists the oldest job first",
        &["asm-valkey/job-has-its-fields"],
        |_, request, reply| {
            request.is("CLUSTER GETSLOTMIGRATIONS").then_some(())?;
            tree(reply.bytes(), |tree| {
                tree.items_mut()?.reverse();
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "failed-jobs-give-no-reason",
        "The message of a failed job is empty",
        &["asm-valkey/replica-is-no-target"],
        |_, request, reply| {
            each_job(request, reply, |job| {
                *job.value_mut("message")? = Tree::Bulk(b'$', Vec::new());
                Some(())
            })
        },
    ),
    on_reply(
        "failed-jobs-are-listed-as-success",
        "CLUSTER GETSLOTMIGRATIONS calls a failed job a success",
        &["asm-valkey/death-of-the-target-ends-the-job", "asm-valkey/failover-ends-the-job"],
        |_, request, reply| renamed_state(request, reply, b"failed", b"success"),
    ),
    on_reply(
        "flushdb-does-not-end-a-job",
        "A job during which FLUSHDB was sent is listed as a success, while FLUSHALL makes it fail",
        &["asm-valkey/flush-ends-the-job"],
        |scene, request, reply| {
            if request.is_any(&["FLUSHALL", "FLUSHDB"]) {
                scene.share("flushdb", i64::from(request.is("FLUSHDB")));
                return None;
            }
            (scene.shared("flushdb") == 1).then(|| renamed_state(request, reply, b"failed", b"success")).flatten()
        },
    ),
    on_reply(
        "full-target-is-a-success",
        "The target lists a job that ran out of memory as a success",
        &["asm-valkey/full-target-ends-the-job"],
        |_, request, reply| {
            each_job(request, reply, |job| {
                let message = job.value_mut("message").and_then(|message| message.text().map(<[u8]>::to_vec))?;
                String::from_utf8_lossy(&message).contains("OOM").then_some(())?;
                *job.value_mut("state")? = Tree::Bulk(b'$', b"success".to_vec());
                Some(())
            })
        },
    ),
    on_reply(
        "user-of-some-databases-may-cancel",
        "CLUSTER CANCELSLOTMIGRATIONS does not ask for the databases of the user",
        &["asm-valkey/needs-all-databases"],
        |_, request, reply| {
            let refused = request.is("CLUSTER CANCELSLOTMIGRATIONS") && code(reply)? == "NOPERM";
            refused.then(|| Replacement::Answer(error("ERR No migrations ongoing")))
        },
    ),
    on_reply(
        "cancelled-jobs-are-listed-as-failed",
        "CLUSTER GETSLOTMIGRATIONS calls a cancelled job failed",
        &["asm-valkey/cancelled-job-changes-nothing"],
        |_, request, reply| renamed_state(request, reply, b"cancelled", b"failed"),
    ),
    on_reply(
        "nothing-to-cancel-is-ok",
        "CLUSTER CANCELSLOTMIGRATIONS answers OK without a job",
        &["asm-valkey/cancelled-job-changes-nothing"],
        |_, request, reply| {
            let none = reply.error().is_some_and(|error| error.text.contains("No migrations"));
            (request.is("CLUSTER CANCELSLOTMIGRATIONS") && none).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "slot-may-be-in-two-jobs",
        "CLUSTER MIGRATESLOTS answers OK for a slot that another job moves",
        &["asm-valkey/running-job-excludes-others"],
        |_, request, reply| accepted(request, reply, "already migrating"),
    ),
    on_reply(
        "setslot-interferes-with-a-job",
        "SETSLOT of a slot that a job moves is answered with OK",
        &["asm-valkey/running-job-excludes-others"],
        |_, request, reply| {
            let refused = reply.error().is_some_and(|error| error.text.contains("in progress"));
            (request.is("CLUSTER SETSLOT") && refused).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "open-slot-may-be-in-a-job",
        "CLUSTER MIGRATESLOTS answers OK for a slot that SETSLOT has opened",
        &["asm-valkey/open-slot-is-refused"],
        |_, request, reply| accepted(request, reply, "manually migrated"),
    ),
    on_request(
        "log-of-jobs-has-no-bound",
        "cluster-slot-migration-log-max-len is accepted and ignored",
        &["asm-valkey/log-has-a-bound"],
        |_, request| {
            let sets = request.is("CONFIG SET cluster-slot-migration-log-max-len");
            sets.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "importing-keys-count",
        "DBSIZE of the target counts the keys that a job imports",
        &["asm-valkey/importing-keys-are-hidden"],
        |scene, request, reply| {
            given_slot(scene, request)?;
            if !request.is("EXEC") {
                return None;
            }
            tree(reply.bytes(), |tree| {
                let size = tree.items_mut()?.get_mut(1)?;
                matches!(size, Tree::Line(b':', _)).then_some(())?;
                *size = Tree::Line(b':', b"77".to_vec());
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "replicas-of-the-target-miss-a-key",
        "A replica of the target lacks a key of the slot that has moved",
        &["asm-valkey/replicas-of-the-target-follow"],
        |scene, request, reply| {
            let is_moved = has_key_in_given_slot(scene, request) && request.word(1).ends_with(b":k7");
            (scene.is_replica() && is_moved && request.is("GET") && reply.error().is_none())
                .then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "functions-move-with-a-slot",
        "The target lists the functions of the source",
        &["asm-valkey/functions-stay"],
        |_, request, reply| {
            let is_empty = reply.items().is_some_and(<[wire::Value]>::is_empty);
            (request.is("FUNCTION LIST") && is_empty).then(|| Replacement::Answer(array(&[bulk("library")])))
        },
    ),
    on_request(
        "tracking-clients-are-not-told",
        "CLIENT TRACKING is answered with OK and does nothing",
        &["asm-valkey/tracking-clients-are-told"],
        |_, request| request.is("CLIENT TRACKING").then(|| Replacement::Answer(simple("OK"))),
    ),
];

/// Answers OK where CLUSTER MIGRATESLOTS is refused with a text that has this part.
fn accepted(request: &Request, reply: &Reply, part: &str) -> Option<Replacement> {
    let refused = reply.error().is_some_and(|error| error.text.contains(part));
    (request.is("CLUSTER MIGRATESLOTS") && refused).then(|| Replacement::Answer(simple("OK")))
}

/// Changes every job that CLUSTER GETSLOTMIGRATIONS lists.
fn each_job(request: &Request, reply: &Reply, mut change: impl FnMut(&mut Tree) -> Option<()>) -> Option<Replacement> {
    request.is("CLUSTER GETSLOTMIGRATIONS").then_some(())?;
    let changed = tree(reply.bytes(), |tree| {
        for job in tree.items_mut()? {
            change(job);
        }
        Some(())
    });
    changed.map(Replacement::Answer)
}

/// Calls the jobs in one state by another.
fn renamed_state(request: &Request, reply: &Reply, from: &[u8], to: &[u8]) -> Option<Replacement> {
    each_job(request, reply, |job| {
        let state = job.value_mut("state").filter(|state| state.text() == Some(from))?;
        *state = Tree::Bulk(b'$', to.to_vec());
        Some(())
    })
}
