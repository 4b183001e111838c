//! The node that a slot leaves: it serves the keys that it still has, and sends clients on for all others.

mod talks;

use wire::command;

use self::talks::{
    ALL_PRESENT, BLOCKING, IN_RESP3, MISSING, NONE_PRESENT, OTHER_ERRORS, PRESENT, SCRIPTS, SOME_OF_SEVERAL,
    WITHOUT_KEYS, WRONG_TYPE,
};
use crate::cluster::Cluster;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::{Answer::Ask, SOME_PRESENT, holds};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("ask/source-serves-present-keys")
        .title("The source of an open slot serves reads and writes of the keys that it still has")
        .must("ask-redirection")
        .covers(&["ask.source-serves-existing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, PRESENT))),
    check("ask/source-redirects-missing-keys")
        .title(
            "The source of an open slot answers ASK, the slot and the target to a command whose key it does not have",
        )
        .must("ask-redirection")
        .covers(&["ask.source-missing-key"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, MISSING))),
    check("ask/source-redirects-missing-keys-in-resp3")
        .title("The source of an open slot answers in RESP3 as in RESP2")
        .must("ask-redirection")
        .covers(&["ask.source-missing-key"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, IN_RESP3))),
    check("ask/wrong-type-of-present-key")
        .title("A command for another type gets WRONGTYPE, not ASK, if the source has the key")
        .must("ask-redirection")
        .covers(&["ask.source-wrongtype-existing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, WRONG_TYPE))),
    check("ask/source-has-all-keys")
        .title("The source serves a command with several keys if it has all of them")
        .must("multi-key-operations")
        .covers(&["ask.source-multi-all-present"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, ALL_PRESENT))),
    check("ask/source-has-no-key")
        .title("The source answers ASK to a command with several keys if it has none of them")
        .must("multi-key-operations")
        .covers(&["ask.source-multi-none-present"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, NONE_PRESENT))),
    check("ask/source-has-some-keys")
        .title(
            "The source answers TRYAGAIN to a command with several keys if it has only some of them, and runs no part",
        )
        .must("multi-key-operations")
        .covers(&["ask.source-multi-partial"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, SOME_OF_SEVERAL))),
    check("ask/expired-key-is-missing")
        .title("The source answers ASK for a key that has just expired")
        .should("ask-redirection")
        .covers(&["ask.source-expired-is-missing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(expired_key_is_missing(cluster))),
    check("ask/commands-without-keys")
        .title("Both ends of an open slot serve commands without keys as before")
        .must("ask-redirection")
        .covers(&["ask.source-keyless"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, WITHOUT_KEYS))),
    check("ask/source-does-not-block")
        .title("A blocking command for a missing key of an open slot gets ASK at once")
        .should("ask-redirection")
        .covers(&["ask.blocking-on-source"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, BLOCKING))),
    check("ask/eval-follows-the-same-rules")
        .title("EVAL gets the answers of other commands with the same keys, at both ends of an open slot")
        .must("ask-redirection")
        .covers(&["ask.eval-same-rules"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, SCRIPTS))),
    check("ask/other-errors-come-first")
        .title("Errors of form, and CROSSSLOT, come before ASK and TRYAGAIN")
        .must("ask-redirection")
        .covers(&["ask.source-missing-key", "ask.asking-multi-missing"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(holds(cluster, Stage::HalfMoved, OTHER_ERRORS))),
];

async fn expired_key_is_missing(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, key) = (&motion.route.source, motion.key("here"));
    cluster.expect(source, command!["SET", &key, "v", "PX", "40"], Expect::Ok).await?;
    let reply = cluster
        .until(cluster.limits().reply, "the key expires", async || {
            let reply = cluster.call(source, command!["GET", &key]).await?;
            ensure!(!Expect::text("v").admits(&reply), "another reply than the value of the key", "{reply}");
            Ok(reply)
        })
        .await?;
    let session = cluster.session(source).await?;
    session.require(command!["GET", &key], &motion.expect(Ask), &reply)?;
    cluster.expect(source, command!["MGET", &key, motion.key("here2")], motion.expect(SOME_PRESENT)).await?;
    cluster.expect(source, command!["PTTL", &key], motion.expect(Ask)).await?;
    motion.end().await
}
