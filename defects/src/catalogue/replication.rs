//! WAIT and ROLE say what is not so, replicas miss data, and what cluster mode leaves out is obeyed.

use wire::{Command, command};

use super::failover::of_node;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{Tree, array, bulk, integer, null, simple, tree};
use crate::request::Request;

/// Answers OK to a command that the server refuses.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $when:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                reply.error()?;
                let when: fn(&Request) -> bool = $when;
                when(request).then(|| Instead::Say(simple("OK")))
            }),
        }
    };
}

/// Changes what ROLE answers.
macro_rules! role {
    ($name:literal, $sentence:literal, $change:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                let change: fn(&mut Vec<Tree>) -> Option<()> = $change;
                let changed = || tree(reply.bytes(), |tree| change(tree.items_mut()?));
                request.is("ROLE").then(changed)?.map(Instead::Say)
            }),
        }
    };
}

/// What a replica answers to a command in READONLY mode.
macro_rules! replica_says {
    ($name:literal, $sentence:literal, $command:literal, $says:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|scene, request, reply| {
                let served = request.is($command) && scene.readonly() && reply.error().is_none();
                (served && !scene.in_transaction()).then(|| Instead::Say($says))
            }),
        }
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
        "SLAVEOF NO ONE answers OK, though REPLICAOF is refused",
        |request| request.is("SLAVEOF NO ONE"),
        &["replication/slaveof-is-refused", "replication/replicaof-of-another-primary-is-refused"]
    ),
    obeyed!(
        "replicaof-of-an-address-is-obeyed",
        "REPLICAOF with an address answers OK, though NO ONE is refused",
        |request| request.is("REPLICAOF") && !request.has("NO"),
        &["replication/replicaof-of-another-primary-is-refused"]
    ),
    obeyed!(
        "failover-command-is-obeyed",
        "The command FAILOVER answers OK in cluster mode",
        |request| request.is("FAILOVER"),
        &["replication/failover-command-is-refused"]
    ),
    Defect {
        name: "wait-on-a-replica-counts-none",
        sentence: "WAIT on a replica answers 0 instead of an error",
        fails: &["replication/wait-is-for-primaries"],
        lie: Lie::Reply(|scene, request, reply| {
            let refused = request.is("WAIT") && request.words().len() == 3 && reply.error()?.text.contains("replica");
            (refused && !scene.in_transaction()).then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "wait-gives-what-it-was-asked-for",
        sentence: "WAIT gives as many replicas as it was asked for, after its timeout too",
        fails: &["replication/wait-counts-replicas", "replication/wait-does-not-count-a-stopped-replica"],
        lie: Lie::Reply(|_, request, reply| {
            let asked = std::str::from_utf8(request.word(1)).ok()?.parse().ok()?;
            (request.is("WAIT") && reply.integer()? < asked).then(|| Instead::Say(integer(asked)))
        }),
    },
    Defect {
        name: "wait-ends-before-its-timeout",
        sentence: "WAIT for one replica takes its timeout for a tenth of it",
        fails: &["replication/wait-does-not-count-a-stopped-replica"],
        lie: Lie::Request(|_, request| {
            let timeout: u64 = std::str::from_utf8(request.word(2)).ok()?.parse().ok()?;
            let tenth = Command::new([&b"WAIT"[..], request.word(1), (timeout / 10).to_string().as_bytes()]);
            (request.is("WAIT") && request.word(1) == b"1" && timeout >= 10)
                .then_some(Instead::Send { commands: vec![tenth], shown: 0 })
        }),
    },
    Defect {
        name: "wait-without-a-write-counts-none",
        sentence: "WAIT on a connection that wrote nothing gives 0",
        fails: &["replication/wait-counts-replicas"],
        lie: Lie::Reply(|scene, request, reply| {
            if !request.is_any(&["WAIT", "HELLO", "CLIENT", "PING"]) {
                *scene.note("commands") += 1;
            }
            (request.is("WAIT") && reply.integer()? > 0 && *scene.note("commands") == 0)
                .then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "wait-gives-text",
        sentence: "WAIT gives its number, and WAITAOF its numbers, as text",
        fails: &[
            "failover/best-replica-wins",
            "readonly/acknowledged-write-is-visible",
            "replication/wait-counts-replicas",
            "replication/wait-does-not-count-a-stopped-replica",
            "replication/waitaof-counts-fsyncs",
        ],
        lie: Lie::Reply(|_, request, reply| {
            if request.is("WAITAOF") && reply.items().is_some() {
                return Some(Instead::Say(array(&[bulk("0"), bulk("0")])));
            }
            let number = reply.integer()?;
            request.is("WAIT").then(|| Instead::Say(bulk(number.to_string())))
        }),
    },
    Defect {
        name: "wait-counts-the-primary-too",
        sentence: "WAIT counts the primary itself among those that have the write",
        fails: &[
            "readonly/acknowledged-write-is-visible",
            "replication/wait-counts-replicas",
            "replication/wait-does-not-count-a-stopped-replica",
        ],
        lie: Lie::Reply(|_, request, reply| {
            let number = reply.integer()?;
            request.is("WAIT").then(|| Instead::Say(integer(number + 1)))
        }),
    },
    role!(
        "role-names-the-bus-port",
        "ROLE of a replica names the port of its primary's bus",
        |items| {
            let port: u32 = std::str::from_utf8(items.get(2)?.text()?).ok()?.parse().ok()?;
            (items.first()?.text()? == b"slave")
                .then(|| items[2] = Tree::Line(b':', (port + 10_000).to_string().into_bytes()))
        },
        &[
            "replication/replica-changes-its-primary",
            "replication/replica-follows-its-shard",
            "replication/role-agrees-with-nodes",
            "topology/role-agrees"
        ]
    ),
    role!(
        "role-lacks-the-offset",
        "ROLE of a replica ends with the state of its link",
        |items| (items.len() == 5).then(|| items.truncate(4)),
        &[
            "replication/replica-changes-its-primary",
            "replication/replica-follows-its-shard",
            "replication/role-agrees-with-nodes",
            "topology/role-agrees"
        ]
    ),
    role!(
        "role-lacks-the-replicas",
        "ROLE of a primary ends with its offset",
        |items| (items.len() == 3).then(|| items.truncate(2)),
        &[
            "replication/empty-node-becomes-a-replica-and-back",
            "replication/role-agrees-with-nodes",
            "topology/role-agrees"
        ]
    ),
    role!(
        "role-gives-the-port-as-text",
        "ROLE of a replica gives its primary's port as text",
        |items| {
            let port = items.get(2)?.text()?.to_vec();
            (items.first()?.text()? == b"slave").then(|| items[2] = Tree::Bulk(b'$', port))
        },
        &[
            "replication/replica-changes-its-primary",
            "replication/replica-follows-its-shard",
            "replication/role-agrees-with-nodes",
            "topology/role-agrees"
        ]
    ),
    replica_says!(
        "replica-misses-streams",
        "Streams are empty on replicas",
        "XLEN",
        integer(0),
        &["readonly/writes-are-redirected", "replication/writes-reach-every-replica"]
    ),
    replica_says!(
        "replica-misses-hashes",
        "Hashes are empty on replicas",
        "HGET",
        b"$-1\r\n".to_vec(),
        &["replication/writes-reach-every-replica"]
    ),
    Defect {
        name: "replica-cuts-scores",
        sentence: "Scores of sorted sets are whole numbers on replicas",
        fails: &["replication/writes-reach-every-replica"],
        lie: Lie::Reply(|scene, request, reply| {
            let cut = reply.text()?.split('.').next()?.to_owned();
            (request.is("ZSCORE") && scene.readonly()).then(|| Instead::Say(bulk(cut)))
        }),
    },
    Defect {
        name: "replica-cuts-large-values",
        sentence: "A replica has the first 64 KiB of a value only",
        fails: &["replication/writes-reach-every-replica"],
        lie: Lie::Reply(|scene, request, reply| {
            let text = reply.text()?;
            (request.is("GET") && scene.readonly() && text.len() > 65_536)
                .then(|| Instead::Say(bulk(&text.as_bytes()[..65_536])))
        }),
    },
    Defect {
        name: "pop-of-the-last-value-leaves-it",
        sentence: "LPOP of one value shows it and leaves it where it is",
        fails: &["replication/deletes-reach-every-replica"],
        lie: Lie::Request(|scene, request| {
            let one = request.is("LPOP") && request.words().len() == 2 && !scene.in_transaction();
            let commands = vec![command!["LINDEX", request.word(1), "0"]];
            one.then_some(Instead::Send { commands, shown: 0 })
        }),
    },
    Defect {
        name: "px-of-set-is-ignored",
        sentence: "SET takes no notice of PX",
        fails: &["readonly/expired-key-reads-as-missing", "replication/deletes-reach-every-replica"],
        lie: Lie::Request(|_, request| {
            let commands = vec![command!["SET", request.word(1), request.word(2)]];
            (request.is("SET") && request.has("PX")).then_some(Instead::Send { commands, shown: 0 })
        }),
    },
    Defect {
        name: "second-primary-is-not-copied",
        sentence: "A replica whose primary was changed answers GET with null in READONLY mode",
        fails: &[
            "replication/empty-node-becomes-a-replica-and-back",
            "replication/replica-changes-its-primary",
            "replication/replica-follows-its-shard",
            "replication/replica-redirects-its-old-shard",
        ],
        lie: Lie::Reply(|scene, request, _| {
            let note = of_node(scene)?;
            if request.is("CLUSTER REPLICATE") {
                scene.share(note, scene.shared(note) + 1);
            }
            let missed = request.is("GET") && scene.readonly() && scene.shared(note) > 0;
            missed.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
];
