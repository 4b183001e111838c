//! RESP3 has wrong types or less information, or its pushes and replies mix.

use wire::{NullKind, Reply};

use super::common::code;
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::{self, Tree, error, integer};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_calm_reply(
        "resp3-nodes-of-shards-are-flat",
        "CLUSTER SHARDS in RESP3 describes the nodes of a shard by flat arrays if it has several",
        &["resp3/types-of-topology"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER SHARDS")).then_some(())?;
            changed(reply, |tree| {
                for shard in tree.items_mut()? {
                    let nodes = shard.value_mut("nodes")?.items_mut()?;
                    for node in nodes.iter_mut().skip(1) {
                        flatten(node);
                    }
                }
                Some(())
            })
        },
    ),
    on_calm_reply(
        "resp3-metadata-of-replicas-is-flat",
        "CLUSTER SLOTS in RESP3 describes the metadata of replicas by an array",
        &["resp3/types-of-topology"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER SLOTS")).then_some(())?;
            changed(reply, |tree| {
                for entry in tree.items_mut()? {
                    for node in entry.items_mut()?.iter_mut().skip(3) {
                        flatten(node.items_mut()?.get_mut(3)?);
                    }
                }
                Some(())
            })
        },
    ),
    on_reply(
        "resp3-sets-in-exec-are-arrays",
        "A set inside the reply to EXEC is an array in RESP3",
        &["resp3/types-of-data"],
        |scene, request, reply| {
            (scene.resp3() && request.is("EXEC")).then_some(())?;
            changed(reply, |tree| {
                for item in tree.items_mut()? {
                    if let Tree::Items(kind @ b'~', _) = item {
                        *kind = b'*';
                    }
                }
                Some(())
            })
        },
    ),
    on_reply(
        "resp3-scores-are-strings",
        "ZSCORE returns a string in RESP3",
        &["resp3/types-of-data"],
        |scene, request, reply| {
            (scene.resp3() && request.is("ZSCORE") && reply.kind() == wire::Kind::Double).then_some(())?;
            let text = reply.bytes().get(1..reply.bytes().len() - 2)?.to_vec();
            Some(Replacement::Answer(edit::bulk(text)))
        },
    ),
    on_reply(
        "resp3-blocking-null-is-old",
        "BLPOP that runs out answers the null array of RESP2 in RESP3",
        &["resp3/one-null"],
        |scene, request, reply| {
            let out = scene.resp3() && request.is("BLPOP") && reply.null_kind() == Some(NullKind::Null);
            out.then(|| Replacement::Answer(b"*-1\r\n".to_vec()))
        },
    ),
    on_reply(
        "resp3-exec-null-is-old",
        "EXEC that WATCH stops answers the null array of RESP2 in RESP3",
        &["resp3/one-null"],
        |scene, request, reply| {
            let out = scene.resp3() && request.is("EXEC") && reply.null_kind() == Some(NullKind::Null);
            out.then(|| Replacement::Answer(b"*-1\r\n".to_vec()))
        },
    ),
    on_reply(
        "resp2-exec-null-is-a-string",
        "EXEC that WATCH stops answers the null string in RESP2",
        &["resp3/one-null"],
        |_, request, reply| {
            let out = request.is("EXEC") && reply.null_kind() == Some(NullKind::Array);
            out.then(|| Replacement::Answer(b"$-1\r\n".to_vec()))
        },
    ),
    on_calm_reply(
        "resp3-nodes-hides-a-replica",
        "CLUSTER NODES in RESP3 omits the last replica",
        &["resp3/topology-is-the-same"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER NODES")).then_some(())?;
            let lines: Vec<String> = reply.text()?.lines().map(str::to_owned).collect();
            let last = lines.iter().rposition(|line| line.contains(" slave ") || line.contains(",slave "))?;
            let gone = lines[last].clone();
            edit::lines(reply.bytes(), |line| (line != gone).then(|| line.to_owned())).map(Replacement::Answer)
        },
    ),
    on_calm_reply(
        "resp3-shards-names-no-health",
        "CLUSTER SHARDS in RESP3 has no field health for the last node of a shard",
        &["resp3/topology-is-the-same"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER SHARDS")).then_some(())?;
            changed(reply, |tree| {
                let node = tree.items_mut()?.last_mut()?.value_mut("nodes")?.items_mut()?.last_mut()?;
                let fields = node.items_mut()?;
                let at = fields.iter().position(|field| field.text() == Some(b"health"))?;
                fields.drain(at..at + 2);
                Some(())
            })
        },
    ),
    on_calm_reply(
        "resp3-replicas-omits-the-flags",
        "CLUSTER REPLICAS in RESP3 shows no flags",
        &["resp3/topology-is-the-same"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER REPLICAS")).then_some(())?;
            changed(reply, |tree| {
                for item in tree.items_mut()? {
                    let line = String::from_utf8_lossy(item.text()?).replacen("slave", "noflags", 1);
                    *item = Tree::Bulk(b'$', line.into_bytes());
                }
                Some(())
            })
        },
    ),
    on_reply(
        "resp3-command-has-no-movablekeys",
        "COMMAND in RESP3 omits a flag of commands with three flags or more",
        &["resp3/commands-are-the-same"],
        |scene, request, reply| {
            (scene.resp3() && request.is("COMMAND") && request.words().len() == 1).then_some(())?;
            changed(reply, |tree| {
                for entry in tree.items_mut()? {
                    let flags = entry.items_mut()?.get_mut(2)?.items_mut()?;
                    if flags.len() > 2 {
                        flags.pop();
                    }
                }
                Some(())
            })
        },
    ),
    on_reply(
        "hello-2-ends-readonly",
        "HELLO 2 ends the READONLY mode of a connection",
        &["resp3/switching-keeps-readonly"],
        |scene, request, reply| {
            if request.is("HELLO") {
                *scene.note("switched") = i64::from(request.word(1) == b"2" && scene.resp3());
            }
            let lost = *scene.note("switched") > 0 && scene.readonly() && request.is("HGETALL");
            (lost && reply.error().is_none()).then(|| Replacement::Answer(error("MOVED 1 127.0.0.1:1")))
        },
    ),
    on_reply(
        "hello-3-twice-returns-to-resp2",
        "A second HELLO 3 leaves maps in the form of RESP2",
        &["resp3/switching-keeps-readonly"],
        |scene, request, reply| {
            if request.is("HELLO") {
                *scene.note("again") = i64::from(request.word(1) == b"3" && scene.resp3());
            }
            (*scene.note("again") > 0 && request.is("HGETALL")).then_some(())?;
            changed(reply, |tree| {
                flatten(tree);
                Some(())
            })
        },
    ),
    on_reply(
        "hello-3-forgets-the-name",
        "HELLO 3 with SETNAME does not set the name on replicas",
        &["resp3/every-node-greets"],
        |scene, request, _| {
            if request.is("HELLO") {
                *scene.note("named") = i64::from(request.word(1) == b"3" && request.has("SETNAME"));
            } else if request.is("CLIENT SETNAME") {
                *scene.note("named") = 0;
            }
            let forgotten = scene.is_replica() && *scene.note("named") > 0 && request.is("CLIENT GETNAME");
            forgotten.then(|| Replacement::Answer(edit::null(scene.resp3())))
        },
    ),
    on_reply(
        "wrongpass-is-noauth-in-resp3",
        "AUTH with wrong credentials answers NOAUTH instead of WRONGPASS in RESP3",
        &["resp3/every-node-greets"],
        |scene, request, reply| {
            let wrong = scene.resp3() && request.is("AUTH") && code(reply)? == "WRONGPASS";
            wrong.then(|| Replacement::Answer(error("NOAUTH Authentication required.")))
        },
    ),
    on_reply(
        "long-pushes-are-torn",
        "PUBLISH of 16384 bytes or more to its own channel sends the message as a bare string before the reply",
        &["resp3/push-is-whole"],
        |scene, request, reply| torn(scene.in_transaction(), request, reply, "PUBLISH"),
    ),
    on_reply(
        "long-shard-pushes-are-torn",
        "SPUBLISH of 16384 bytes or more to its own channel sends the message as a bare string before the reply",
        &["resp3/shard-push-is-whole"],
        |scene, request, reply| torn(scene.in_transaction(), request, reply, "SPUBLISH"),
    ),
    on_reply(
        "publish-in-exec-has-no-count",
        "PUBLISH of more than 16384 bytes inside EXEC answers OK instead of a number",
        &["resp3/push-stays-out-of-exec"],
        |scene, request, reply| {
            if scene.in_transaction() && request.is("PUBLISH") {
                *scene.note("long") = i64::from(request.word(2).len() > 16_384);
            }
            let long = request.is("EXEC") && *scene.note("long") > 0 && reply.items().is_some();
            long.then(|| Replacement::Answer(edit::array(&[edit::simple("OK")])))
        },
    ),
];

fn changed(reply: &Reply, change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Replacement> {
    edit::tree(reply.bytes(), change).map(Replacement::Answer)
}

fn flatten(tree: &mut Tree) {
    if let Tree::Items(kind @ b'%', _) = tree {
        *kind = b'*';
    }
}

fn torn(in_transaction: bool, request: &Request, reply: &Reply, command: &str) -> Option<Replacement> {
    let message = request.word(2);
    let long = request.is(command) && !in_transaction && message.len() >= 16_384;
    let count = reply.integer()?;
    long.then(|| Replacement::Answer([edit::bulk(message), integer(count)].concat()))
}
