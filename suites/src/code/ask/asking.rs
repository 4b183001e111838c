//! How long ASKING lasts, and for whom.

use wire::{Protocol, command};

use crate::cluster::Cluster;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::*, At::*, Talk, holds, talk};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/asking-lasts-for-one-command")
        .title("ASKING holds for the next command only")
        .must("ask-redirection")
        .covers(&["ask.asking-one-shot"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ONE_COMMAND))),
    check("ask/any-command-ends-asking")
        .title("Any command uses ASKING up, also one without keys, except another ASKING")
        .should("ASKING")
        .covers(&["ask.asking-consumed-by-any"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, USED_UP))),
    check("ask/asking-in-a-pipeline")
        .title("ASKING and the command that follows it work the same in one pipeline")
        .must("ask-redirection")
        .covers(&["ask.asking-pipelined"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, PIPELINED))),
    check("ask/asking-belongs-to-its-connection")
        .title("ASKING holds for its own connection only")
        .must("ASKING")
        .covers(&["ask.asking-per-connection"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(belongs_to_its_connection(cluster))),
];

const ONE_COMMAND: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("SET {none} v", Okay),
            ("SET {none} w", MovedToSource),
            ("ASKING", Okay),
            ("GET {none}", Text("v")),
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")])),
            ("MGET {gone} {gone2}", MovedToSource),
            ("ASKING", Okay),
            ("MGET {gone} {none2}", TryAgain),
            ("GET {gone}", MovedToSource),
        ],
    ),
    talk(Target, &[("ASKING", Okay), ("GET {gone}", Text("v")), ("GET {gone}", MovedToSource)]).resp3(),
];

const USED_UP: &[Talk] = &[talk(
    Target,
    &[
        ("ASKING", Okay),
        ("PING", Text("PONG")),
        ("GET {gone}", MovedToSource),
        ("ASKING", Okay),
        ("CLUSTER KEYSLOT foo", Integer(12_182)),
        ("GET {gone}", MovedToSource),
        ("ASKING", Okay),
        ("GET {elsewhere}", Error("MOVED")),
        ("GET {gone}", MovedToSource),
        ("ASKING", Okay),
        ("ASKING", Okay),
        ("GET {gone}", Text("v")),
        ("GET {gone}", MovedToSource),
        ("ASKING", Okay),
        ("ASKING", Okay),
        ("ASKING", Okay),
        ("SET {none} v", Okay),
        ("SET {none} w", MovedToSource),
    ],
)];

const PIPELINED: &[Talk] = &[
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("SET {none} v", Okay),
            ("SET {none} w", MovedToSource),
            ("ASKING", Okay),
            ("MGET {gone} {none2}", TryAgain),
            ("ASKING", Okay),
            ("GET {none}", Text("v")),
        ],
    )
    .pipelined(),
    talk(
        Target,
        &[
            ("ASKING", Okay),
            ("GET {none}", Text("v")),
            ("ASKING", Okay),
            ("GET {none2}", Null),
            ("GET {none}", MovedToSource),
        ],
    )
    .pipelined()
    .resp3(),
];

async fn belongs_to_its_connection(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let target = &motion.route.target;
    let get = command!["GET", motion.key("gone")];
    let mut asking = cluster.session(target).await?;
    let mut other = cluster.session(target).await?;
    asking.expect(command!["ASKING"], Expect::Ok).await?;
    other.expect(&get, motion.expect(MovedToSource)).await?;
    let mut later = cluster.session_in(target, Protocol::Resp3).await?;
    later.expect(&get, motion.expect(MovedToSource)).await?;
    asking.expect(&get, Expect::text("v")).await?;
    other.expect(command!["ASKING"], Expect::Ok).await?;
    asking.expect(&get, motion.expect(MovedToSource)).await?;
    other.expect(&get, Expect::text("v")).await?;
    motion.end().await
}
