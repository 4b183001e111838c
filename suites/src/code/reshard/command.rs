//! MIGRATE as a command: its options, its answers, and where the key is afterwards.

use wire::command;

use crate::cluster::Cluster;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::*, At::*, Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/migrate-moves-a-key")
        .title("MIGRATE moves a key of an open slot: it is gone at the source, and the target has it")
        .must("MIGRATE")
        .covers(&["reshard.migrate-moves-key"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ONE_KEY))),
    check("reshard/migrate-without-key")
        .title("MIGRATE answers NOKEY if the source does not have the key")
        .must("MIGRATE")
        .covers(&["reshard.migrate-nokey"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, NO_KEY))),
    check("reshard/migrate-key-exists-at-target")
        .title("MIGRATE answers with an error that contains BUSYKEY if the target has the key, and both keep theirs")
        .must("MIGRATE")
        .covers(&["reshard.migrate-busykey"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, BUSY_KEY))),
    check("reshard/migrate-replace-and-copy")
        .title("MIGRATE with REPLACE overwrites the key of the target, and with COPY keeps that of the source")
        .must("MIGRATE")
        .covers(&["reshard.migrate-replace-copy"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, REPLACE_AND_COPY))),
    check("reshard/migrate-many-keys")
        .title("MIGRATE with KEYS moves all named keys that exist, and ignores the others")
        .must("MIGRATE")
        .covers(&["reshard.migrate-keys-form"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, MANY_KEYS))),
    check("reshard/migrate-many-keys-of-which-one-exists")
        .title("MIGRATE with KEYS leaves a key at the source if the target has it, and loses none of the others")
        .must("MIGRATE")
        .covers(&["reshard.migrate-keys-form", "reshard.migrate-busykey"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(many_keys_of_which_one_exists(cluster))),
    check("reshard/migrate-key-and-keys")
        .title("MIGRATE refuses KEYS together with a key")
        .should("MIGRATE")
        .covers(&["reshard.migrate-keys-nonempty"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, KEY_AND_KEYS))),
    check("reshard/migrate-to-nobody")
        .title("MIGRATE answers IOERR if nobody listens at the target, and the source keeps the key")
        .must("MIGRATE")
        .covers(&["reshard.migrate-ioerr"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, TO_NOBODY))),
    check("reshard/migrate-to-a-closed-target")
        .title("MIGRATE passes on the MOVED of a target that does not import the slot, and the source keeps the key")
        .must("MIGRATE")
        .covers(&["reshard.migrate-not-importing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(closed_target(cluster))),
    check("reshard/migrate-is-not-redirected")
        .title("The source of an open slot runs MIGRATE itself; other nodes redirect it")
        .must("MIGRATE")
        .covers(&["reshard.migrate-local-when-open"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, NOT_REDIRECTED))),
];

const ONE_KEY: &[Talk] = &[
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {here} 0 5000 {auth}", Okay),
            ("GET {here}", Ask),
            ("EXPIRE {here2} 1000", Integer(1)),
            ("MIGRATE {host} {port} {here2} 0 5000 {auth}", Okay),
            ("GET {here2}", Ask),
            ("MIGRATE {host} {port} {list} 0 5000 {auth}", Okay),
            ("TYPE {list}", Ask),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET {here}", Text("v")),
            ("ASKING", Okay),
            ("TTL {here}", Integer(-1)),
            ("ASKING", Okay),
            ("TTL {here2}", AnyOf(&[Integer(1_000), Integer(999), Integer(998), Integer(997), Integer(996)])),
            ("ASKING", Okay),
            ("TYPE {list}", Text("list")),
            ("ASKING", Okay),
            ("LRANGE {list} 0 -1", Items(&[Text("a"), Text("b")])),
        ],
    ),
];

const NO_KEY: &[Talk] = &[
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {none} 0 5000 {auth}", Text("NOKEY")),
            ("MIGRATE {host} {port} {gone} 0 5000 {auth}", Text("NOKEY")),
            ("MIGRATE {host} {port} {gone} 0 5000 REPLACE {auth}", Text("NOKEY")),
            ("MIGRATE {host} {port} \"\" 0 5000 {auth} KEYS {none} {gone}", Text("NOKEY")),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {gone}", Text("v")), ("ASKING", Okay), ("EXISTS {none}", Integer(0))]),
];

const BUSY: crate::code::motion::talk::Answer = Error("ERR Target instance replied with error: BUSYKEY");

const BUSY_KEY: &[Talk] = &[
    talk(Target, &[("ASKING", Okay), ("SET {here} other", Okay)]),
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {here} 0 5000 {auth}", BUSY),
            ("GET {here}", Text("v")),
            ("MIGRATE {host} {port} {here} 0 5000 COPY {auth}", BUSY),
            ("MIGRATE {host} {port} \"\" 0 5000 {auth} KEYS {here}", BUSY),
            ("GET {here}", Text("v")),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {here}", Text("other"))]),
];

const REPLACE_AND_COPY: &[Talk] = &[
    talk(Target, &[("ASKING", Okay), ("SET {here} other", Okay)]),
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {here} 0 5000 COPY REPLACE {auth}", Okay),
            ("GET {here}", Text("v")),
            ("SET {here} newer", Okay),
            ("MIGRATE {host} {port} {here} 0 5000 REPLACE {auth}", Okay),
            ("GET {here}", Ask),
            ("MIGRATE {host} {port} {here2} 0 5000 COPY {auth}", Okay),
            ("GET {here2}", Text("v")),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {here}", Text("newer")), ("ASKING", Okay), ("GET {here2}", Text("v"))]),
];

const MANY_KEYS: &[Talk] = &[
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} \"\" 0 5000 {auth} KEYS {here} {none} {here2} {gone} {list}", Okay),
            ("GET {here}", Ask),
            ("GET {here2}", Ask),
            ("LLEN {list}", Ask),
        ],
    ),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MGET {here} {here2} {gone}", Items(&[Text("v"), Text("v"), Text("v")])),
            ("ASKING", Okay),
            ("LRANGE {list} 0 -1", Items(&[Text("a"), Text("b")])),
            ("ASKING", Okay),
            ("EXISTS {none}", Integer(0)),
        ],
    ),
];

const KEY_AND_KEYS: &[Talk] = &[
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {here} 0 5000 {auth} KEYS {here2}", Error("ERR")),
            ("MGET {here} {here2}", Items(&[Text("v"), Text("v")])),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("EXISTS {here}", Integer(0)), ("ASKING", Okay), ("EXISTS {here2}", Integer(0))]),
];

const TO_NOBODY: &[Talk] = &[talk(
    Source,
    &[
        ("MIGRATE {host} 1 {here} 0 1000", Error("IOERR")),
        ("GET {here}", Text("v")),
        ("MIGRATE {host} 1 \"\" 0 1000 KEYS {here} {here2}", Error("IOERR")),
        ("MGET {here} {here2}", Items(&[Text("v"), Text("v")])),
        ("GET {gone}", Ask),
    ],
)];

const NOT_REDIRECTED: &[Talk] = &[
    talk(Third, &[("MIGRATE {host} {port} {here} 0 5000 {auth}", MovedToSource)]),
    talk(
        Source,
        &[
            ("MIGRATE {host} {port} {none} 0 5000 {auth}", Text("NOKEY")),
            ("MIGRATE {host} {port} \"\" 0 5000 {auth} KEYS {none} {here}", Okay),
            ("GET {here}", Ask),
        ],
    ),
    talk(Target, &[("MIGRATE {host} {port} {elsewhere} 0 5000 {auth}", Error("MOVED"))]),
];

async fn many_keys_of_which_one_exists(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    motion
        .hold(&[
            talk(Target, &[("ASKING", Okay), ("SET {here2} other", Okay)]),
            talk(
                Source,
                &[
                    ("MIGRATE {host} {port} \"\" 0 5000 {auth} KEYS {here} {here2} {list}", BUSY),
                    ("GET {here2}", Text("v")),
                ],
            ),
            talk(Target, &[("ASKING", Okay), ("GET {here2}", Text("other"))]),
        ])
        .await?;
    // Each of the others is at exactly one end.
    let (source, target) = (&motion.route.source, &motion.route.target);
    for name in ["here", "list"] {
        let exists = command!["EXISTS", motion.key(name)];
        let is_here = cluster.call(source, &exists).await?.integer() == Some(1);
        let mut session = cluster.session(target).await?;
        session.expect(command!["ASKING"], Expect::Ok).await?;
        session.expect(&exists, Expect::Integer(i64::from(!is_here))).await?;
    }
    motion.end().await
}

async fn closed_target(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::OnlyMigrating).await?;
    motion
        .hold(&[talk(
            Source,
            &[
                ("MIGRATE {host} {port} {here} 0 5000 {auth}", Error("ERR Target instance replied with error: MOVED")),
                ("GET {here}", Text("v")),
                ("GET {none}", Ask),
            ],
        )])
        .await?;
    motion.end().await
}
