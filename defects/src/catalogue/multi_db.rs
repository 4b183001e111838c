//! Databases in cluster mode mix their keys, or commands miss some of them.

use wire::command;

use super::common::{code, moved};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, integer, simple};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "flushdb-empties-every-database",
        "FLUSHDB empties all databases",
        &["multi-db/databases-are-separate"],
        |_, request| {
            request.is("FLUSHDB").then(|| Replacement::Send { commands: vec![command!["FLUSHALL"]], shown: 0 })
        },
    ),
    on_request(
        "select-in-multi-has-no-effect",
        "SELECT in a transaction leaves the database as it was",
        &["multi-db/databases-are-separate"],
        |scene, request| {
            (scene.in_transaction() && request.is("SELECT"))
                .then(|| Replacement::Send { commands: vec![command!["SELECT", "3"]], shown: 0 })
        },
    ),
    on_reply(
        "database-3-is-not-routed",
        "A node does not redirect in database 3",
        &["multi-db/redirects-ignore-the-database"],
        |scene, request, reply| {
            if request.is("SELECT") && reply.is_ok() {
                *scene.note("third") = i64::from(request.word(1) == b"3");
            }
            moved(reply)?;
            (*scene.note("third") > 0 && request.is("GET")).then(|| Replacement::Answer(b"$-1\r\n".to_vec()))
        },
    ),
    on_reply(
        "move-is-refused-before-it-is-routed",
        "MOVE answers an error instead of MOVED on a node that does not own the key",
        &["multi-db/redirects-ignore-the-database"],
        |_, request, reply| {
            moved(reply)?;
            request.is("MOVE").then(|| Replacement::Answer(error("ERR MOVE is not allowed in cluster mode")))
        },
    ),
    on_request(
        "countkeys-counts-database-0",
        "CLUSTER COUNTKEYSINSLOT counts the keys of database 0, whichever is selected",
        &["multi-db/slots-are-listed-by-database"],
        |scene, request| {
            if request.is("SELECT") {
                *scene.note("in-database-1") = i64::from(request.word(1) == b"1");
            }
            let counts = request.is("CLUSTER COUNTKEYSINSLOT") && *scene.note("in-database-1") > 0;
            counts.then(|| Replacement::Send {
                commands: vec![command!["SELECT", "0"], request.command(), command!["SELECT", "1"]],
                shown: 1,
            })
        },
    ),
    on_reply(
        "slot-stats-counts-one-database",
        "CLUSTER SLOT-STATS counts the keys of one database",
        &["multi-db/slots-are-listed-by-database"],
        |_, request, reply| {
            let is_own = request.is("CLUSTER SLOT-STATS SLOTSRANGE 12182");
            is_own.then_some(())?;
            crate::edit::tree(reply.bytes(), |tree| {
                let entry = tree.items_mut()?.first_mut()?.items_mut()?.get_mut(1)?;
                let count = entry.value_mut("key-count")?;
                (count.text()? == b"3").then(|| *count = crate::edit::Tree::Line(b':', b"2".to_vec()))
            })
            .map(Replacement::Answer)
        },
    ),
    on_request(
        "copy-to-another-database-always-replaces",
        "COPY to another database replaces an existing key without REPLACE",
        &["multi-db/move-and-copy-cross-databases"],
        |_, request| {
            let copies = request.is("COPY") && request.has("DB") && !request.has("REPLACE");
            copies.then(|| Replacement::Send { commands: vec![request.command().arg("REPLACE")], shown: 0 })
        },
    ),
    on_reply(
        "move-to-a-missing-database-answers-0",
        "MOVE to a database that does not exist answers 0",
        &["multi-db/move-and-copy-cross-databases"],
        |_, request, reply| {
            let refused = code(reply)? == "ERR" && request.is("MOVE") && request.word(2) == b"4";
            refused.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_request(
        "replicas-read-database-0",
        "SELECT on a READONLY connection answers OK and leaves database 0 selected",
        &["multi-db/replicas-have-every-database"],
        |scene, request| (scene.readonly() && request.is("SELECT")).then(|| Replacement::Answer(simple("OK"))),
    ),
    on_request(
        "flushslot-leaves-other-databases",
        "CLUSTER FLUSHSLOT answers OK and keeps the keys of all databases if database 1 is selected",
        &["multi-db/slot-commands-see-every-database"],
        |scene, request| {
            if request.is("SELECT") {
                *scene.note("first") = i64::from(request.word(1) == b"1");
            }
            let first = *scene.note("first") > 0;
            (request.is("CLUSTER FLUSHSLOT") && first).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "reset-looks-at-one-database",
        "CLUSTER RESET answers OK although another database than the selected one has keys",
        &["multi-db/slot-commands-see-every-database"],
        |_, request, reply| {
            let refused = code(reply)? == "ERR" && request.is("CLUSTER RESET");
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "migrate-ignores-the-database",
        "MIGRATE writes a key of database 3 into database 2 of the target",
        &["multi-db/migrate-moves-one-database"],
        |_, request| {
            (request.is("MIGRATE") && request.word(4) == b"3").then(|| {
                let words = request.words().iter().enumerate();
                let changed = words.map(|(at, word)| if at == 4 { b"2".to_vec() } else { word.to_vec() });
                Replacement::Send { commands: vec![wire::Command::new(changed)], shown: 0 }
            })
        },
    ),
];
