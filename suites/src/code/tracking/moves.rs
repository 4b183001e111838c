//! Tracked keys whose slot moves, and reads that were redirected.

use wire::command;

use super::tracker::{invalidated, read, tracker};
use crate::cluster::Cluster;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::Route;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = over_engines! {
    "tracking/move-invalidates",
    "A moved key is invalidated for a connection that has read it at the source",
    should("client-side-caching"), &["tracking.invalidate-on-migrate"], atomic &["tracking.invalidate-on-slot-loss"],
    shape(2, 0), needs &[Need::MoveSlot], servers &[], move_invalidates
};

pub(super) const REDIRECTED: &[CodeCheck] = &[check("tracking/redirected-read-is-not-tracked")
    .title("A node tracks no read that it redirected, also when it owns the slot later")
    .should("client-side-caching")
    .covers(&["tracking.moved-not-tracked"])
    .shape(2, 0)
    .needs(&[Need::MoveSlot])
    .commands(&["CLIENT TRACKING"])
    .body(|cluster| Box::pin(redirected_read_is_not_tracked(cluster)))];

async fn move_invalidates(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let (key, unread) = (route.key(cluster, "moving"), route.key(cluster, "unread"));
    cluster.expect(source, command!["MSET", &key, "v", &unread, "v"], Expect::Ok).await?;
    let mut reader = tracker(cluster, source, &[]).await?;
    read(&mut reader, &key, Expect::text("v")).await?;
    (engine.move_slots)(cluster, &[*slot], source, target).await?;
    invalidated(&mut reader, Some(&key)).await?;
    reader.expect_no_push().await?;
    // The new owner tracks the key from the next read on.
    let mut reader = tracker(cluster, target, &[]).await?;
    read(&mut reader, &key, Expect::text("v")).await?;
    cluster.expect(target, command!["SET", &key, "w"], Expect::Ok).await?;
    invalidated(&mut reader, Some(&key)).await?;
    (engine.move_slots)(cluster, &[*slot], target, source).await
}

async fn redirected_read_is_not_tracked(cluster: &Cluster) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let key = route.key(cluster, "key");
    let mut reader = tracker(cluster, target, &[]).await?;
    read(&mut reader, &key, Expect::moved(*slot, source)).await?;
    cluster.move_slot(*slot, source, target).await?;
    cluster.expect(target, command!["SET", &key, "v"], Expect::Ok).await?;
    reader.expect_no_push().await?;
    read(&mut reader, &key, Expect::text("v")).await?;
    cluster.expect(target, command!["SET", &key, "w"], Expect::Ok).await?;
    invalidated(&mut reader, Some(&key)).await?;
    cluster.move_slot(*slot, target, source).await
}
