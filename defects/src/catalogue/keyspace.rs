//! Commands about the keys of one node give wrong keys, wrong counts, or keys of other nodes.

use wire::{Command, Reply, command};

use super::common::moved;
use crate::defect::{Defect, Replacement, on_calm_reply, on_exclusive_request, on_reply, on_request};
use crate::edit::{self, Tree, bulk, error, integer, null, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "dbsize-forgets-deletes-of-its-transaction",
        "DBSIZE does not see the last delete of its own transaction",
        &["keyspace/dbsize-counts-own-keys"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("DBSIZE") {
                *scene.note("sizes") += 1;
            }
            (request.is("EXEC") && *scene.note("sizes") > 4).then_some(())?;
            changed(reply, |tree| {
                let last = tree.items_mut()?.last_mut()?;
                let size: i64 = String::from_utf8(last.text()?.to_vec()).ok()?.parse().ok()?;
                *last = Tree::Line(b':', (size + 1).to_string().into_bytes());
                Some(())
            })
        },
    ),
    on_reply(
        "info-keyspace-of-replicas-lags",
        "INFO keyspace on a replica counts one key too few in a transaction",
        &["keyspace/info-keyspace-is-dbsize"],
        |scene, request, reply| {
            (scene.is_replica() && request.is("EXEC")).then_some(())?;
            changed(reply, |tree| {
                for item in tree.items_mut()? {
                    let text = String::from_utf8_lossy(item.text()?).into_owned();
                    if let Some((_, count)) = text.split_once("db0:keys=") {
                        let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
                        let fewer = digits.parse::<i64>().ok()? - 1;
                        let after = text.replacen(&format!("keys={digits}"), &format!("keys={fewer}"), 1);
                        *item = Tree::Bulk(b'$', after.into_bytes());
                    }
                }
                Some(())
            })
        },
    ),
    on_reply(
        "keys-of-replicas-omits-a-key",
        "KEYS on a replica omits the last of more than twenty keys",
        &["keyspace/keys-are-local"],
        |scene, request, reply| {
            (scene.is_replica() && request.is("KEYS")).then_some(())?;
            changed(reply, |tree| {
                let keys = tree.items_mut()?;
                (keys.len() > 20).then(|| keys.truncate(keys.len() - 1))
            })
        },
    ),
    on_reply(
        "keys-lists-a-key-twice",
        "KEYS lists the first key twice if there are more than a hundred",
        &["keyspace/keys-are-local"],
        |_, request, reply| {
            request.is("KEYS").then_some(())?;
            changed(reply, |tree| {
                let keys = tree.items_mut()?;
                (keys.len() > 100).then(|| keys.push(keys[0].clone()))
            })
        },
    ),
    on_reply(
        "keys-of-one-key-is-routed",
        "KEYS with a pattern without wildcards answers MOVED if the node has no such key",
        &["keyspace/keys-of-a-remote-slot-finds-nothing"],
        |scene, request, reply| {
            let pattern = request.word(1);
            let literal = !pattern.iter().any(|byte| b"*?[".contains(byte));
            let nothing = reply.items().is_some_and(<[_]>::is_empty);
            let slot = super::common::slot_of(pattern);
            let redirect = format!("MOVED {slot} {}", scene.next_address());
            (request.is("KEYS") && literal && nothing).then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "scan-of-one-slot-is-routed",
        "SCAN answers MOVED if its pattern begins with a hash tag and the first page is empty",
        &["keyspace/scan-of-a-remote-key-finds-nothing"],
        |scene, request, reply| {
            let pattern = request.word(3);
            let pinned = request.word(1) == b"0" && request.word(2).eq_ignore_ascii_case(b"MATCH");
            let literal = !pattern.iter().any(|byte| b"*?[".contains(byte));
            let nothing = page(reply)?.1 == 0;
            let slot = super::common::slot_of(pattern);
            let redirect = format!("MOVED {slot} {}", scene.next_address());
            (request.is("SCAN") && pinned && literal && nothing).then(|| Replacement::Answer(error(&redirect)))
        },
    ),
    on_reply(
        "scan-omits-a-key-of-a-full-page",
        "SCAN omits the last key of a page of more than four keys, except on the last page",
        &["keyspace/scan-is-local-and-complete", "keyspace/scan-with-type"],
        |_, request, reply| {
            let (cursor, keys) = page(reply)?;
            (request.is("SCAN") && keys > 4 && cursor != "0").then_some(())?;
            changed(reply, |tree| {
                let keys = tree.items_mut()?.get_mut(1)?.items_mut()?;
                keys.truncate(keys.len() - 1);
                Some(())
            })
        },
    ),
    on_reply(
        "scan-ends-while-the-server-is-written-to",
        "SCAN ends after the seventh page of a connection",
        &["keyspace/scan-is-local-and-complete"],
        |scene, request, reply| {
            request.is("SCAN").then_some(())?;
            *scene.note("pages") += 1;
            (*scene.note("pages") >= 7).then_some(())?;
            changed(reply, |tree| {
                *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"0".to_vec());
                Some(())
            })
        },
    ),
    on_request(
        "scan-ignores-the-type-string",
        "SCAN with TYPE string returns keys of all types",
        &["keyspace/scan-with-type"],
        |_, request| {
            let words = request.words();
            let at = words.iter().position(|word| word.eq_ignore_ascii_case(b"TYPE"))?;
            (request.is("SCAN") && request.word(at + 1) == b"string")
                .then(|| Replacement::Send { commands: vec![Command::new(&words[..at])], shown: 0 })
        },
    ),
    on_reply(
        "scan-refuses-a-cursor-of-another-connection",
        "SCAN refuses a cursor on a connection that has not begun a walk",
        &["keyspace/scan-accepts-a-cursor-of-another-node"],
        |scene, request, _| {
            request.is("SCAN").then_some(())?;
            if request.word(1) == b"0" {
                *scene.note("begun") = 1;
            }
            (*scene.note("begun") == 0).then(|| Replacement::Answer(error("ERR invalid cursor")))
        },
    ),
    on_reply(
        "scan-ends-when-a-slot-has-moved",
        "SCAN ends early if a slot has moved since the walk began",
        &[
            "keyspace/scan-survives-a-move-key-by-key",
            "keyspace/scan-survives-a-move-in-batches",
            "keyspace/scan-survives-a-move-atomic",
        ],
        |scene, request, reply| {
            if request.is_any(&["CLUSTER SETSLOT", "CLUSTER MIGRATESLOTS"]) {
                let moves = scene.shared("moves");
                scene.share("moves", moves + 1);
            }
            request.is("SCAN").then_some(())?;
            if request.word(1) == b"0" {
                *scene.note("begun") = scene.shared("moves") + 1;
                return None;
            }
            let begun = *scene.note("begun");
            (begun > 0 && begun <= scene.shared("moves")).then_some(())?;
            changed(reply, |tree| {
                *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"0".to_vec());
                tree.items_mut()?.get_mut(1)?.items_mut()?.clear();
                Some(())
            })
        },
    ),
    on_reply(
        "scan-on-a-replica-begins-again",
        "SCAN on a node that became a replica ends at once with a cursor that it did not issue",
        &["keyspace/equal-seeds-share-cursors"],
        |scene, request, reply| {
            if request.is("CLUSTER REPLICATE") {
                scene.share("replicates", 1);
            }
            request.is("SCAN").then_some(())?;
            if request.word(1) == b"0" {
                *scene.note("begun") = 1;
            }
            (scene.shared("replicates") > 0 && *scene.note("begun") == 0).then_some(())?;
            changed(reply, |tree| {
                *tree.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"0".to_vec());
                Some(())
            })
        },
    ),
    on_request(
        "scan-takes-a-word-for-zero",
        "SCAN reads a cursor that is no number as 0",
        &["keyspace/scan-refuses-a-word-as-cursor"],
        |_, request| {
            let is_word = request.word(1).iter().any(u8::is_ascii_alphabetic);
            (request.is("SCAN") && is_word)
                .then(|| Replacement::Send { commands: vec![command!["SCAN", "0"]], shown: 0 })
        },
    ),
    on_request(
        "scan-takes-a-count-of-zero",
        "SCAN takes a count of 0 for the default count",
        &["keyspace/scan-refuses-a-count-of-zero"],
        |_, request| {
            let zero = request.has("COUNT") && request.words().last().is_some_and(|word| &word[..] == b"0");
            (request.is("SCAN") && zero)
                .then(|| Replacement::Send { commands: vec![command!["SCAN", request.word(1)]], shown: 0 })
        },
    ),
    on_request(
        "scan-skips-unknown-options",
        "SCAN ignores options that it does not know",
        &["keyspace/scan-refuses-an-unknown-option"],
        |_, request| {
            (request.is("SCAN") && request.has("NO-SUCH-OPTION"))
                .then(|| Replacement::Send { commands: vec![command!["SCAN", request.word(1)]], shown: 0 })
        },
    ),
    on_reply(
        "randomkey-of-replicas-is-foreign",
        "Every tenth RANDOMKEY on a replica returns a key of another shard",
        &["keyspace/randomkey-is-local"],
        |scene, request, _| {
            (scene.is_replica() && request.is("RANDOMKEY")).then_some(())?;
            *scene.note("draws") += 1;
            let node = scene.next_address().to_owned();
            (*scene.note("draws") % 10 == 0).then(|| Replacement::Ask { node, commands: vec![command!["RANDOMKEY"]] })
        },
    ),
    on_reply(
        "randomkey-finds-nothing-now-and-then",
        "Every thirtieth RANDOMKEY of a connection finds no key",
        &["keyspace/randomkey-is-local"],
        |scene, request, _| {
            request.is("RANDOMKEY").then_some(())?;
            *scene.note("draws") += 1;
            let none = *scene.note("draws") % 30 == 0;
            none.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "object-encoding-needs-no-owner",
        "OBJECT ENCODING on a node that does not own the key finds nothing instead of answering MOVED",
        &["keyspace/object-encoding-goes-to-the-owner"],
        |scene, request, reply| unrouted(scene.resp3(), request, reply, "OBJECT ENCODING"),
    ),
    on_reply(
        "object-idletime-needs-no-owner",
        "OBJECT IDLETIME on a node that does not own the key finds nothing instead of answering MOVED",
        &["keyspace/object-idletime-goes-to-the-owner"],
        |scene, request, reply| unrouted(scene.resp3(), request, reply, "OBJECT IDLETIME"),
    ),
    on_reply(
        "object-refcount-needs-no-owner",
        "OBJECT REFCOUNT on a node that does not own the key finds nothing instead of answering MOVED",
        &["keyspace/object-refcount-goes-to-the-owner"],
        |scene, request, reply| unrouted(scene.resp3(), request, reply, "OBJECT REFCOUNT"),
    ),
    on_reply(
        "memory-usage-needs-no-owner",
        "MEMORY USAGE on a node that does not own the key finds nothing instead of answering MOVED",
        &["keyspace/memory-usage-goes-to-the-owner"],
        |scene, request, reply| unrouted(scene.resp3(), request, reply, "MEMORY USAGE"),
    ),
    on_reply(
        "wait-counts-replicas-of-all-primaries",
        "WAIT with a short timeout counts the replicas of all primaries",
        &["keyspace/wait-counts-own-replicas"],
        |_, request, reply| {
            let wanted: i64 = String::from_utf8(request.word(1).to_vec()).ok()?.parse().ok()?;
            let short = request.is("WAIT") && request.word(2) == b"150";
            (short && reply.integer()? < wanted).then(|| Replacement::Answer(integer(wanted)))
        },
    ),
    on_calm_reply(
        "countkeys-finds-a-key-in-one-foreign-slot-of-replicas",
        "CLUSTER COUNTKEYSINSLOT on replicas counts a key in slot 16383, though it belongs to another shard",
        &["keyspace/no-foreign-keys"],
        |scene, request, reply| {
            let is_slot = request.is("CLUSTER COUNTKEYSINSLOT") && request.word(2) == b"16383";
            let nothing = reply.integer() == Some(0);
            (scene.is_replica() && is_slot && nothing).then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "replica-shows-an-expired-key-again",
        "Every third GET of an expired key on a replica returns its old value",
        &["keyspace/replica-agrees-about-expiry"],
        |scene, request, reply| {
            (scene.readonly() && request.is("GET") && reply.is_null()).then_some(())?;
            *scene.note("misses") += 1;
            (*scene.note("misses") % 3 == 0).then(|| Replacement::Answer(bulk("v")))
        },
    ),
    on_reply(
        "replica-knows-no-expiry",
        "PTTL on a replica answers -1 for a key that expires",
        &["keyspace/replica-agrees-about-expiry"],
        |scene, request, reply| {
            let expires = request.is("PTTL") && reply.integer()? > 0;
            (scene.is_replica() && expires).then(|| Replacement::Answer(integer(-1)))
        },
    ),
    on_reply(
        "flushdb-empties-the-next-node-too",
        "FLUSHDB also empties another primary",
        &["keyspace/flush-is-local"],
        |scene, request, reply| {
            let node = scene.next_address().to_owned();
            (request.is("FLUSHDB") && reply.is_ok()).then(|| Replacement::AnswerAndAsk {
                answer: simple("OK"),
                node,
                commands: vec![command!["FLUSHALL"]],
            })
        },
    ),
    on_exclusive_request(
        "flushall-async-does-nothing",
        "FLUSHALL ASYNC answers OK and keeps the keys",
        &["keyspace/flush-is-local"],
        |scene, request| {
            let own = !scene.is_replica() && request.is("FLUSHALL ASYNC");
            own.then(|| Replacement::Answer(simple("OK")))
        },
    ),
];

fn changed(reply: &Reply, change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Replacement> {
    edit::tree(reply.bytes(), change).map(Replacement::Answer)
}

/// The cursor of a reply to SCAN, and the number of its keys.
fn page(reply: &Reply) -> Option<(String, usize)> {
    let [cursor, keys] = reply.items()? else { return None };
    let cursor = String::from_utf8_lossy(wire::bytes_of(cursor)?).into_owned();
    Some((cursor, wire::items_of(keys)?.len()))
}

/// Answers a command about a key as a node would that has no such key and does not redirect.
fn unrouted(resp3: bool, request: &Request, reply: &Reply, command: &str) -> Option<Replacement> {
    moved(reply)?;
    request.is(command).then(|| Replacement::Answer(null(resp3)))
}
