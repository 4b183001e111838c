//! WAIT or ROLE is wrong, a replica lacks data, or a node runs commands that cluster mode forbids.

use wire::{Command, command};

use super::failover::of_node;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{Tree, array, bulk, integer, null, simple, tree};
use crate::request::Request;

/// The node answers OK to a command that the server refuses.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $when:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            reply.error()?;
            let when: fn(&Request) -> bool = $when;
            when(request).then(|| Replacement::Answer(simple("OK")))
        })
    };
}

/// ROLE returns a changed reply.
macro_rules! role {
    ($name:literal, $sentence:literal, $change:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let change: fn(&mut Vec<Tree>) -> Option<()> = $change;
            let changed = || tree(reply.bytes(), |tree| change(tree.items_mut()?));
            request.is("ROLE").then(changed)?.map(Replacement::Answer)
        })
    };
}

/// A replica in READONLY mode returns a changed reply to a command.
macro_rules! replica_says {
    ($name:literal, $sentence:literal, $command:literal, $says:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            let served = request.is($command) && scene.readonly() && reply.error().is_none();
            (served && !scene.in_transaction()).then(|| Replacement::Answer($says))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    obeyed!(
        "replicaof-no-one-is-obeyed",
        "REPLICAOF NO ONE answers OK",
        |request| request.is("REPLICAOF NO ONE"),
        &["replication/replicaof-is-refused", "replication/replicaof-of-another-primary-is-refused"]
    ),
    obeyed!(
        "slaveof-no-one-is-obeyed",
        "SLAVEOF NO ONE answers OK, although the node refuses REPLICAOF",
        |request| request.is("SLAVEOF NO ONE"),
        &["replication/replicaof-of-another-primary-is-refused", "replication/slaveof-is-refused"]
    ),
    obeyed!(
        "replicaof-of-an-address-is-obeyed",
        "REPLICAOF with an address answers OK, although the node refuses REPLICAOF NO ONE",
        |request| request.is("REPLICAOF") && !request.has("NO"),
        &["replication/replicaof-of-another-primary-is-refused"]
    ),
    obeyed!(
        "failover-command-is-obeyed",
        "FAILOVER answers OK in cluster mode",
        |request| request.is("FAILOVER"),
        &["replication/failover-command-is-refused"]
    ),
    on_reply(
        "wait-on-a-replica-counts-none",
        "WAIT on a replica answers 0 instead of an error",
        &["replication/wait-is-for-primaries"],
        |scene, request, reply| {
            let refused = request.is("WAIT") && request.words().len() == 3 && reply.error()?.text.contains("replica");
            (refused && !scene.in_transaction()).then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "wait-gives-what-it-was-asked-for",
        "WAIT returns the requested number of replicas, even after its timeout",
        &["replication/wait-counts-replicas", "replication/wait-does-not-count-a-stopped-replica"],
        |_, request, reply| {
            let asked = std::str::from_utf8(request.word(1)).ok()?.parse().ok()?;
            (request.is("WAIT") && reply.integer()? < asked).then(|| Replacement::Answer(integer(asked)))
        },
    ),
    on_request(
        "wait-ends-before-its-timeout",
        "WAIT for one replica waits for a tenth of its timeout",
        &["replication/wait-does-not-count-a-stopped-replica"],
        |_, request| {
            let timeout: u64 = std::str::from_utf8(request.word(2)).ok()?.parse().ok()?;
            let tenth = Command::new([&b"WAIT"[..], request.word(1), (timeout / 10).to_string().as_bytes()]);
            (request.is("WAIT") && request.word(1) == b"1" && timeout >= 10)
                .then_some(Replacement::Send { commands: vec![tenth], shown: 0 })
        },
    ),
    on_reply(
        "wait-without-a-write-counts-none",
        "WAIT returns 0 on a connection that wrote nothing",
        &["replication/wait-counts-replicas"],
        |scene, request, reply| {
            if !request.is_any(&["WAIT", "HELLO", "CLIENT", "PING"]) {
                *scene.note("commands") += 1;
            }
            (request.is("WAIT") && reply.integer()? > 0 && *scene.note("commands") == 0)
                .then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "wait-gives-text",
        "WAIT and WAITAOF return their numbers as text",
        &["replication/wait-counts-replicas", "replication/waitaof-counts-fsyncs"],
        |_, request, reply| {
            if request.is("WAITAOF") && reply.items().is_some() {
                return Some(Replacement::Answer(array(&[bulk("0"), bulk("0")])));
            }
            let number = reply.integer()?;
            request.is("WAIT").then(|| Replacement::Answer(bulk(number.to_string())))
        },
    ),
    on_reply(
        "wait-counts-the-primary-too",
        "WAIT counts the primary itself, too",
        &["replication/wait-counts-replicas"],
        |_, request, reply| {
            let number = reply.integer()?;
            request.is("WAIT").then(|| Replacement::Answer(integer(number + 1)))
        },
    ),
    role!(
        "role-names-the-bus-port",
        "ROLE of a replica reports the bus port of its primary",
        |items| {
            let port: u32 = std::str::from_utf8(items.get(2)?.text()?).ok()?.parse().ok()?;
            (items.first()?.text()? == b"slave")
                .then(|| items[2] = Tree::Line(b':', (port + 10_000).to_string().into_bytes()))
        },
        &["replication/role-agrees-with-nodes", "topology/role-agrees"]
    ),
    role!(
        "role-lacks-the-offset",
        "ROLE of a replica omits the replication offset",
        |items| (items.len() == 5).then(|| items.truncate(4)),
        &["topology/role-agrees"]
    ),
    role!(
        "role-lacks-the-replicas",
        "ROLE of a primary omits the list of its replicas",
        |items| (items.len() == 3).then(|| items.truncate(2)),
        &["topology/role-agrees"]
    ),
    role!(
        "role-gives-the-port-as-text",
        "ROLE of a replica reports the port of its primary as text",
        |items| {
            let port = items.get(2)?.text()?.to_vec();
            (items.first()?.text()? == b"slave").then(|| items[2] = Tree::Bulk(b'$', port))
        },
        &["topology/role-agrees"]
    ),
    replica_says!(
        "replica-misses-streams",
        "Replicas return streams as empty",
        "XLEN",
        integer(0),
        &["readonly/writes-are-redirected", "replication/writes-reach-every-replica"]
    ),
    replica_says!(
        "replica-misses-hashes",
        "Replicas return hashes as empty",
        "HGET",
        b"$-1\r\n".to_vec(),
        &["replication/writes-reach-every-replica"]
    ),
    on_reply(
        "replica-cuts-scores",
        "Replicas return scores of sorted sets as whole numbers",
        &["replication/writes-reach-every-replica"],
        |scene, request, reply| {
            let cut = reply.text()?.split('.').next()?.to_owned();
            (request.is("ZSCORE") && scene.readonly()).then(|| Replacement::Answer(bulk(cut)))
        },
    ),
    on_reply(
        "replica-cuts-large-values",
        "Replicas store only the first 64 KiB of a value",
        &["replication/writes-reach-every-replica"],
        |scene, request, reply| {
            let text = reply.text()?;
            (request.is("GET") && scene.readonly() && text.len() > 65_536)
                .then(|| Replacement::Answer(bulk(&text.as_bytes()[..65_536])))
        },
    ),
    on_request(
        "pop-of-the-last-value-leaves-it",
        "LPOP of one value returns the value without removing it",
        &["replication/deletes-reach-every-replica"],
        |scene, request| {
            let one = request.is("LPOP") && request.words().len() == 2 && !scene.in_transaction();
            let commands = vec![command!["LINDEX", request.word(1), "0"]];
            one.then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_request(
        "px-of-set-is-ignored",
        "SET ignores PX",
        &["readonly/expired-key-reads-as-missing", "replication/deletes-reach-every-replica"],
        |_, request| {
            let commands = vec![command!["SET", request.word(1), request.word(2)]];
            (request.is("SET") && request.has("PX")).then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_reply(
        "second-primary-is-not-copied",
        "A replica with a new primary answers GET with null in READONLY mode",
        &["replication/replica-changes-its-primary"],
        |scene, request, _| {
            let note = of_node(scene)?;
            if request.is("CLUSTER REPLICATE") {
                scene.share(note, scene.shared(note) + 1);
            }
            let missed = request.is("GET") && scene.readonly() && scene.shared(note) > 0;
            missed.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
];
