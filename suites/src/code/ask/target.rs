//! The node that imports a slot, and nodes at neither end.

use wire::command;

use crate::cluster::Cluster;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::*, At::*, Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/target-redirects-without-asking")
        .title("The target of an open slot answers MOVED to the source unless the client has sent ASKING")
        .must("ask-redirection")
        .covers(&["ask.dest-without-asking"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, WITHOUT_ASKING))),
    check("ask/target-serves-a-missing-key")
        .title("After ASKING, the target serves a command with one key, also if the key does not exist")
        .must("ask-redirection")
        .covers(&["ask.asking-missing-key-served"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ONE_KEY))),
    check("ask/target-has-all-keys")
        .title("After ASKING, the target serves a command with several keys if it has all of them")
        .must("multi-key-operations")
        .covers(&["ask.asking-multi-present"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ALL_PRESENT))),
    check("ask/target-lacks-a-key")
        .title("After ASKING, the target answers TRYAGAIN to a command with several keys if it lacks one of them")
        .must("multi-key-operations")
        .covers(&["ask.asking-multi-missing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, SOME_MISSING))),
    check("ask/target-gets-one-key-twice")
        .title("After ASKING, the target serves a command that names one missing key twice")
        .should("multi-key-operations")
        .covers(&["ask.asking-same-key-twice"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ONE_KEY_TWICE))),
    check("ask/asking-for-a-closed-slot")
        .title("After ASKING, a node answers MOVED for a slot that it neither owns nor imports")
        .must("ask-redirection")
        .covers(&["ask.asking-not-importing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(asking_for_a_closed_slot(cluster))),
    check("ask/third-node-redirects-to-source")
        .title("A node at neither end of an open slot answers MOVED to the source, also after ASKING")
        .must("ask-redirection")
        .covers(&["ask.third-node-moved", "ask.asking-not-importing"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, THIRD_NODE))),
    check("ask/only-the-target-is-open")
        .title("While only the target is open, the source serves every key and never answers ASK")
        .must("ask-redirection")
        .covers(&["ask.open-order"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::OnlyImporting, ONLY_IMPORTING))),
    check("ask/restore-asking")
        .title("A target accepts RESTORE-ASKING without ASKING, and redirects RESTORE")
        .should("RESTORE")
        .covers(&["ask.restore-asking"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["RESTORE-ASKING"])
        .body(|cluster| Box::pin(restore_asking(cluster))),
];

const WITHOUT_ASKING: &[Talk] = &[
    talk(
        Target,
        &[
            ("GET {gone}", MovedToSource),
            ("GET {here}", MovedToSource),
            ("GET {none}", MovedToSource),
            ("EXISTS {gone}", MovedToSource),
            ("SET {gone} w", MovedToSource),
            ("SET {none} w", MovedToSource),
            ("DEL {gone}", MovedToSource),
            ("EXPIRE {gone} 100", MovedToSource),
            ("MGET {gone} {gone2}", MovedToSource),
            ("MGET {gone} {none}", MovedToSource),
            ("MSET {gone} w {gone2} w", MovedToSource),
            ("DEL {gone} {gone2}", MovedToSource),
            ("BLPOP {none} 0", MovedToSource),
            ("WATCH {gone}", MovedToSource),
            ("PING", Text("PONG")),
            ("GET {gone}", MovedToSource),
        ],
    ),
    talk(
        Target,
        &[("GET {gone}", MovedToSource), ("SET {gone} w", MovedToSource), ("MGET {gone} {gone2}", MovedToSource)],
    )
    .resp3(),
    talk(Target, &[("MULTI", Okay), ("SET {gone} w", MovedToSource), ("EXEC", Error("EXECABORT"))]),
    // None of this has had an effect.
    talk(Target, &[("ASKING", Okay), ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")]))]),
];

const ONE_KEY: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET {none}", Null),
            ("ASKING", Okay),
            ("EXISTS {none}", Integer(0)),
            ("ASKING", Okay),
            ("DEL {none}", Integer(0)),
            ("ASKING", Okay),
            ("SET {none} w", Okay),
            ("ASKING", Okay),
            ("GET {none}", Text("w")),
            ("ASKING", Okay),
            ("INCR {none2}", Integer(1)),
            ("ASKING", Okay),
            ("LPUSH {other} a", Integer(1)),
            ("ASKING", Okay),
            ("LPUSH {gone} a", Error("WRONGTYPE")),
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("ASKING", Okay),
            ("SET {gone} w", Okay),
            ("ASKING", Okay),
            ("GET {gone}", Text("w")),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {none}", Text("w")), ("ASKING", Okay), ("GET {copy}", Null)]).resp3(),
    // A key that clients created at the target does not exist at the source.
    talk(Source, &[("GET {none}", Ask), ("GET {none2}", Ask)]),
];

const ALL_PRESENT: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")])),
            ("ASKING", Okay),
            ("EXISTS {gone} {gone2} {gone}", Integer(3)),
            ("ASKING", Okay),
            ("MSET {gone} w {gone2} x", Okay),
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("w"), Text("x")])),
            ("ASKING", Okay),
            ("BITOP OR {gone} {gone2} {gone2}", Integer(1)),
            ("ASKING", Okay),
            ("MGET {gone2} {gone}", Items(&[Text("x"), Text("x")])),
            ("ASKING", Okay),
            ("COPY {gone2} {gone} REPLACE", Integer(1)),
            ("ASKING", Okay),
            ("DEL {gone} {gone2}", Integer(2)),
        ],
    ),
    talk(Source, &[("MGET {gone} {gone2}", Ask)]),
];

const SOME_MISSING: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MGET {gone} {none}", TryAgain),
            ("ASKING", Okay),
            ("MGET {none} {gone}", TryAgain),
            ("ASKING", Okay),
            ("MGET {none} {none2}", TryAgain),
            ("ASKING", Okay),
            ("MGET {gone} {gone2} {here}", TryAgain),
            ("ASKING", Okay),
            ("EXISTS {gone} {none}", TryAgain),
            ("ASKING", Okay),
            ("DEL {gone} {none}", TryAgain),
            ("ASKING", Okay),
            ("UNLINK {none} {gone}", TryAgain),
            ("ASKING", Okay),
            ("MSET {gone} w {none} w", TryAgain),
            ("ASKING", Okay),
            ("MSET {none} w {none2} w", TryAgain),
            ("ASKING", Okay),
            ("RENAME {gone} {none}", TryAgain),
            ("ASKING", Okay),
            ("COPY {gone} {none}", TryAgain),
            ("ASKING", Okay),
            ("SUNIONSTORE {none} {none2}", TryAgain),
            ("ASKING", Okay),
            ("LMOVE {none} {none2} LEFT LEFT", TryAgain),
        ],
    ),
    // None of this has had an effect.
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")])),
            ("ASKING", Okay),
            ("EXISTS {none}", Integer(0)),
        ],
    ),
];

const ONE_KEY_TWICE: &[Talk] = &[talk(
    Target,
    &[
        ("ASKING", Okay),
        ("MGET {none} {none}", Items(&[Null, Null])),
        ("ASKING", Okay),
        ("EXISTS {none} {none}", Integer(0)),
        ("ASKING", Okay),
        ("DEL {none} {none}", Integer(0)),
        ("ASKING", Okay),
        ("MSET {none} v {none} w", Okay),
        ("ASKING", Okay),
        ("MGET {none} {none}", Items(&[Text("w"), Text("w")])),
    ],
)];

const THIRD_NODE: &[Talk] = &[
    talk(
        Third,
        &[
            ("GET {here}", MovedToSource),
            ("GET {gone}", MovedToSource),
            ("GET {none}", MovedToSource),
            ("SET {none} v", MovedToSource),
            ("DEL {gone}", MovedToSource),
            ("MGET {here} {gone}", MovedToSource),
            ("MSET {gone} w {gone2} w", MovedToSource),
            ("ASKING", Okay),
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("SET {none} v", MovedToSource),
            ("ASKING", Okay),
            ("MGET {gone} {none}", MovedToSource),
        ],
    ),
    talk(Third, &[("GET {gone}", MovedToSource), ("ASKING", Okay), ("GET {gone}", MovedToSource)]).resp3(),
];

const ONLY_IMPORTING: &[Talk] = &[
    talk(
        Source,
        &[
            ("MGET {here} {gone}", Items(&[Text("v"), Text("v")])),
            ("GET {none}", Null),
            ("MGET {here} {none}", Items(&[Text("v"), Null])),
            ("SET {none} v", Okay),
            ("DEL {none}", Integer(1)),
        ],
    ),
    talk(Target, &[("GET {here}", MovedToSource), ("ASKING", Okay), ("GET {here}", Null)]),
];

async fn asking_for_a_closed_slot(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, target) = (&motion.route.source, &motion.route.target);
    let slots = cluster.slots_of(source).into_iter();
    let closed: Vec<_> = slots.filter(|slot| *slot != motion.route.slot).collect();
    let closed = cluster.pick(closed).ok_or_else(|| Stop::skip("the check needs a primary with two slots"))?;
    let key = cluster.keys().named(closed, "closed");
    let mut session = cluster.session(target).await?;
    for command in [
        command!["GET", &key],
        command!["SET", &key, "v"],
        command!["MGET", &key, cluster.keys().named(closed, "closed2")],
        command!["RPUSH", &key, "v"],
    ] {
        session.expect(command!["ASKING"], Expect::Ok).await?;
        session.expect(command, Expect::moved(closed, source)).await?;
    }
    cluster.expect(source, command!["EXISTS", &key], Expect::Integer(0)).await?;
    motion.end().await
}

async fn restore_asking(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, target) = (&motion.route.source, &motion.route.target);
    let dumped = cluster.expect(source, command!["DUMP", motion.key("here")], Expect::NoError).await?;
    let payload = dumped.bytes_value().unwrap_or_default().to_vec();
    let moved = motion.expect(MovedToSource);
    let mut session = cluster.session(target).await?;
    session.expect(command!["RESTORE", motion.key("none"), "0", &payload], moved.clone()).await?;
    session.expect(command!["RESTORE-ASKING", motion.key("none2"), "0", &payload], Expect::Ok).await?;
    session.expect(command!["GET", motion.key("none2")], moved).await?;
    for (name, expect) in [("none", Expect::Null), ("none2", Expect::text("v"))] {
        session.expect(command!["ASKING"], Expect::Ok).await?;
        session.expect(command!["GET", motion.key(name)], expect).await?;
    }
    motion.end().await
}
