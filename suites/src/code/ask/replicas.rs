//! Replicas of both ends of an open slot.

use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer, Answer::*, At, At::*, Talk, talk};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/replica-of-source")
        .title("A READONLY replica of the source answers for missing keys as its primary does, or that there is no such key")
        .should("ask-redirection")
        .covers(&["ask.replica-of-source"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(with_replicas(cluster, ReplicaOfSource, OF_SOURCE))),
    check("ask/replica-of-target")
        .title("A READONLY replica of the target serves its keys after ASKING")
        .may("ask-redirection")
        .covers(&["ask.replica-of-dest"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(with_replicas(cluster, ReplicaOfTarget, OF_TARGET))),
    check("ask/replica-of-target-redirects")
        .title("A replica of the target redirects to the source unless its client has sent READONLY and ASKING")
        .should("ask-redirection")
        .covers(&["ask.replica-of-dest"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(with_replicas(cluster, ReplicaOfTarget, REDIRECTED))),
];

/// Since Valkey 8.0, replicas know the open slots of their primaries.
const MISSING: Answer = On("valkey >=8.0", &Ask, &Null);

/// The primary would answer ASK as well, so either redirect leads the client to the target.
const WRITE_OF_MISSING: Answer = On("valkey >=8.0", &AnyOf(&[Ask, MovedToSource]), &MovedToSource);

const OF_SOURCE: &[Talk] = &[
    talk(
        ReplicaOfSource,
        &[
            ("READONLY", Okay),
            ("GET {here}", Text("v")),
            ("GET {none}", MISSING),
            ("GET {gone}", MISSING),
            ("EXISTS {none}", On("valkey >=8.0", &Ask, &Integer(0))),
            ("MGET {none} {gone}", On("valkey >=8.0", &Ask, &Items(&[Null, Null]))),
            ("MGET {here} {here2}", Items(&[Text("v"), Text("v")])),
            ("MGET {here} {none}", On("valkey >=8.0", &TryAgain, &Items(&[Text("v"), Null]))),
            ("SET {here} w", MovedToSource),
            ("SET {none} w", WRITE_OF_MISSING),
            ("READWRITE", Okay),
            ("GET {here}", MovedToSource),
            ("GET {none}", WRITE_OF_MISSING),
        ],
    ),
    talk(ReplicaOfSource, &[("READONLY", Okay), ("GET {none}", MISSING), ("GET {here}", Text("v"))]).resp3(),
];

const OF_TARGET: &[Talk] = &[
    talk(
        ReplicaOfTarget,
        &[
            ("READONLY", Okay),
            ("ASKING", Okay),
            ("GET {gone}", Text("v")),
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("GET {none}", Null),
            ("ASKING", Okay),
            ("MGET {gone} {gone2}", Items(&[Text("v"), Text("v")])),
            ("ASKING", Okay),
            ("MGET {gone} {none}", TryAgain),
        ],
    ),
    talk(
        ReplicaOfTarget,
        &[("READONLY", Okay), ("ASKING", Okay), ("GET {gone}", Text("v")), ("GET {gone}", MovedToSource)],
    )
    .resp3(),
];

const REDIRECTED: &[Talk] = &[
    talk(
        ReplicaOfTarget,
        &[
            ("GET {gone}", MovedToSource),
            ("ASKING", Okay),
            ("SET {gone} w", MovedToSource),
            ("READONLY", Okay),
            ("GET {gone}", MovedToSource),
            ("GET {none}", MovedToSource),
            ("MGET {gone} {gone2}", MovedToSource),
            ("SET {gone} w", MovedToSource),
        ],
    ),
    talk(ReplicaOfSource, &[("GET {here}", MovedToSource), ("GET {gone}", MovedToSource)]),
];

/// Holds the conversations with replicas after `replica` has the keys and the open slots of its primary.
async fn with_replicas(cluster: &Cluster, at: At, talks: &[Talk]) -> Outcome {
    let motion = Motion::along(cluster, Route::with_replicas(cluster)?, Stage::HalfMoved).await?;
    for primary in [&motion.route.source, &motion.route.target] {
        cluster.replicated(primary).await?;
    }
    if cluster.server().is("valkey >=8.0") {
        knows_open_slot(&motion, at).await?;
    }
    motion.hold(talks).await?;
    motion.end().await
}

/// Waits until a replica shows the open slot of its primary.
async fn knows_open_slot(motion: &Motion<'_>, at: At) -> Outcome {
    let cluster = motion.cluster;
    let replica = motion.node(at)?;
    cluster
        .until(cluster.limits().replicate, "the replica shows the open slot of its primary", async || {
            let view = cluster.view_of(&replica).await?;
            let open = view.myself().is_some_and(|own| own.open.iter().any(|open| open.slot == motion.route.slot));
            ensure!(open, format!("slot {} as open on {}", motion.route.slot, replica.address), "no such slot");
            Ok(())
        })
        .await
}
