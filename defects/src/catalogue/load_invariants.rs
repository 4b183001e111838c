//! Counters, lists and reads of several clients are wrong now and then.

use super::common::slot_of;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{self, bulk, error};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "pipelined-reads-lag",
        "Every hundredth GET of a connection returns a counter as it was one write earlier",
        &["load/pipelines-keep-their-order"],
        |scene, request, reply| {
            let value: i64 = reply.text()?.parse().ok()?;
            request.is("GET").then_some(())?;
            *scene.note("reads") += 1;
            (*scene.note("reads") % 100 == 0 && value > 1).then(|| Replacement::Answer(bulk((value - 1).to_string())))
        },
    ),
    on_request(
        "hundredth-incr-is-lost",
        "Every hundredth INCR of a connection is only read",
        &["load/pipelines-keep-their-order"],
        |scene, request| {
            request.is("INCR").then_some(())?;
            *scene.note("writes") += 1;
            (*scene.note("writes") % 100 == 0)
                .then(|| Replacement::Send { commands: vec![wire::command!["INCRBY", request.word(1), "0"]], shown: 0 })
        },
    ),
    on_reply(
        "one-slot-is-redirected-to-the-next-node",
        "The owner of slot 77 redirects its keys to another node",
        &["load/true-map-needs-no-redirect"],
        |scene, request, reply| {
            let own = request.is("GET") && reply.is_null() && slot_of(request.word(1)) == 77 && !scene.is_replica();
            let redirect = format!("MOVED 77 {}", scene.next_address());
            own.then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "replicas-run-ahead",
        "A replica returns a counter that is one higher than the primary's, now and then",
        &["load/replicas-are-never-ahead"],
        |scene, request, reply| {
            let value: i64 = reply.text()?.parse().ok()?;
            (scene.readonly() && request.is("GET")).then_some(())?;
            *scene.note("reads") += 1;
            (*scene.note("reads") % 100 == 0).then(|| Replacement::Answer(bulk((value + 1).to_string())))
        },
    ),
    on_reply(
        "lists-in-exec-miss-the-last-item",
        "A list that a transaction reads lacks the item that the same transaction appended, if it is long",
        &["load/list-appends-are-in-one-order"],
        |_, request, reply| {
            request.is("EXEC").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let list = tree.items_mut()?.last_mut()?.items_mut()?;
                (list.len() > 30).then(|| list.truncate(list.len() - 1))
            })
            .map(Replacement::Answer)
        },
    ),
    on_request(
        "long-lists-drop-an-append",
        "The fortieth RPUSH that a connection queues in transactions is lost",
        &["load/list-appends-are-in-one-order"],
        |scene, request| {
            (scene.in_transaction() && request.is("RPUSH")).then_some(())?;
            *scene.note("appends") += 1;
            (*scene.note("appends") == 40)
                .then(|| Replacement::Send { commands: vec![wire::command!["LLEN", request.word(1)]], shown: 0 })
        },
    ),
];
