//! How a slot opens and closes, and what survives a restart.

use wire::{Direction, Node};

use crate::cluster::Cluster;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::*, At::*, SOME_PRESENT, Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::control::Restart;
use crate::ensure;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::open_slots;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/opening-changes-no-owner")
        .title("SETSLOT IMPORTING at the target, then MIGRATING at the source, are answered with OK and change no owner")
        .must("CLUSTER SETSLOT")
        .covers(&["ask.open-order"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(opening_changes_no_owner(cluster))),
    check("ask/redirect-changes-no-owner")
        .title("After ASK, every node still names the source as the owner of the slot")
        .must("ask-redirection")
        .covers(&["ask.no-table-update"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(redirect_changes_no_owner(cluster))),
    check("ask/nothing-is-open-after-the-move")
        .title("After SETSLOT NODE at both ends, no node answers ASK or TRYAGAIN for the slot")
        .must("CLUSTER SETSLOT")
        .covers(&["ask.after-close"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::Moved, MOVED))),
    check("ask/handed-over-at-one-end")
        .title("As soon as the target has got SETSLOT NODE, it serves the slot without ASKING")
        .must("CLUSTER SETSLOT")
        .covers(&["ask.after-close"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HandedOver, HANDED_OVER))),
    check("ask/stable-closes-the-slot")
        .title("SETSLOT STABLE closes an open slot: its owner serves missing keys again, and CLUSTER NODES shows it closed")
        .must("CLUSTER SETSLOT")
        .covers(&["ask.stable-clears", "ask.after-close"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(stable_closes_the_slot(cluster))),
    check("ask/open-slot-survives-restart")
        .title("An open slot is still open after both ends have restarted")
        .should("CLUSTER SETSLOT")
        .covers(&["ask.open-slot-survives-restart"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot, Need::RestartNode])
        .body(|cluster| Box::pin(survives_restart(cluster))),
];

const MOVED: &[Talk] = &[
    talk(
        Target,
        &[
            ("GET {gone}", Text("v")),
            ("GET {here}", Text("v")),
            ("GET {none}", Null),
            ("MGET {gone} {none}", Items(&[Text("v"), Null])),
            ("MSET {none} v {none2} v", Okay),
            ("DEL {none} {none2}", Integer(2)),
            ("ASKING", Okay),
            ("MGET {gone} {none}", Items(&[Text("v"), Null])),
        ],
    ),
    talk(
        Source,
        &[
            ("GET {gone}", MovedToTarget),
            ("GET {none}", MovedToTarget),
            ("MGET {here} {none}", MovedToTarget),
            ("SET {none} v", MovedToTarget),
            ("ASKING", Okay),
            ("GET {gone}", MovedToTarget),
        ],
    ),
];

const HANDED_OVER: &[Talk] = &[
    talk(
        Target,
        &[
            ("GET {gone}", Text("v")),
            ("GET {none}", Null),
            ("MGET {gone} {here} {none}", Items(&[Text("v"), Text("v"), Null])),
            ("SET {none} v", Okay),
            ("DEL {none} {none2}", Integer(1)),
        ],
    ),
    // The source may not have heard of it.
    talk(Source, &[("GET {gone}", AnyOf(&[Ask, MovedToTarget])), ("SET {none} v", AnyOf(&[Ask, MovedToTarget]))]),
];

/// What the source answers when it is closed and the target is not.
const CLOSED_AT_SOURCE: &[Talk] = &[
    talk(
        Source,
        &[
            ("GET {none}", Null),
            ("MGET {here} {none}", Items(&[Text("v"), Null])),
            ("MSET {none} v {none2} v", Okay),
            ("DEL {none} {none2}", Integer(2)),
            ("EVAL \"return redis.call('GET', KEYS[1])\" 1 {none}", Null),
            ("BLPOP {none} 0.01", Null),
        ],
    ),
    talk(Target, &[("GET {here}", MovedToSource)]),
];

const CLOSED_AT_BOTH: &[Talk] = &[
    talk(Source, &[("GET {none}", Null), ("MGET {here} {none}", Items(&[Text("v"), Null]))]),
    talk(
        Target,
        &[
            ("GET {here}", MovedToSource),
            ("ASKING", Okay),
            ("GET {here}", MovedToSource),
            ("ASKING", Okay),
            ("SET {none} v", MovedToSource),
            ("ASKING", Okay),
            ("MGET {here} {none}", MovedToSource),
        ],
    ),
];

async fn opening_changes_no_owner(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::Closed).await?;
    let (route, source, target) = (&motion.route, &motion.route.source, &motion.route.target);
    cluster.open_importing(route.slot, source, target).await?;
    route.is_owned_by(cluster, source).await?;
    route.setslot(cluster, source, &["MIGRATING", target.id.as_str()]).await?;
    route.is_owned_by(cluster, source).await?;
    shows_open(&motion, source, Some(Direction::Migrating)).await?;
    shows_open(&motion, target, Some(Direction::Importing)).await?;
    cluster.close_slot(route.slot, source, target).await
}

async fn redirect_changes_no_owner(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    motion
        .hold(&[
            talk(Source, &[("GET {none}", Ask), ("GET {gone}", Ask)]),
            talk(Target, &[("ASKING", Okay), ("SET {gone} v", Okay)]),
        ])
        .await?;
    motion.route.is_owned_by(cluster, &motion.route.source).await?;
    motion.hold(&[talk(Third, &[("GET {gone}", MovedToSource)]), talk(Source, &[("GET {gone}", Ask)])]).await?;
    motion.end().await
}

async fn stable_closes_the_slot(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::Closed).await?;
    let (route, source, target) = (&motion.route, &motion.route.source, &motion.route.target);
    cluster.open_slot(route.slot, source, target).await?;
    motion.hold(&[talk(Source, &[("GET {none}", Ask)])]).await?;
    route.setslot(cluster, source, &["STABLE"]).await?;
    shows_open(&motion, source, None).await?;
    motion.hold(CLOSED_AT_SOURCE).await?;
    route.setslot(cluster, target, &["STABLE"]).await?;
    shows_open(&motion, target, None).await?;
    motion.hold(CLOSED_AT_BOTH).await
}

async fn survives_restart(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, target) = (&motion.route.source, &motion.route.target);
    for node in [source, target] {
        cluster.restart(node, Restart::WithData).await?;
    }
    for (node, direction) in [(source, Direction::Migrating), (target, Direction::Importing)] {
        shows_open(&motion, node, Some(direction)).await?;
    }
    let open = &[
        talk(Source, &[("GET {none}", Ask), ("GET {here}", Text("v")), ("MGET {here} {none}", SOME_PRESENT)]),
        talk(Target, &[("GET {gone}", MovedToSource), ("ASKING", Okay), ("GET {gone}", Text("v"))]),
    ];
    cluster
        .until(cluster.limits().restart, "both ends serve the open slot again", async || motion.hold(open).await)
        .await?;
    motion.end().await
}

/// Requires that a node shows the slot as open in this direction, or shows no open slot at all.
async fn shows_open(motion: &Motion<'_>, node: &Node, direction: Option<Direction>) -> Outcome {
    let cluster = motion.cluster;
    let view = cluster.view_of(node).await?;
    let own = view.myself().map(|own| own.open.clone()).unwrap_or_default();
    let found: Vec<_> = own.iter().filter(|open| open.slot == motion.route.slot).map(|open| open.direction).collect();
    ensure!(
        found == direction.into_iter().collect::<Vec<_>>(),
        match direction {
            Some(_) => format!("slot {} as open on the own line of {}", motion.route.slot, node.address),
            None => format!("slot {} closed on the own line of {}", motion.route.slot, node.address),
        },
        "{}",
        open_slots(&own)
    );
    Ok(())
}
