//! Keys that are hard to move: very large ones, and ones that expire on the way.

use wire::command;

use crate::cluster::Cluster;
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code::motion::talk::Answer;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("reshard/large-key-moves-whole")
        .title("A key of 12 MB moves as a whole, or not at all")
        .should("MIGRATE")
        .covers(&["reshard.big-key"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(large_key_moves_whole(cluster))),
    check("reshard/key-expires-on-the-way")
        .title("A key whose TTL ends during or after its move is gone at both ends")
        .must("MIGRATE")
        .covers(&["reshard.ttl-preserved"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(key_expires_on_the_way(cluster))),
];

/// The size of the large key, in bytes.
const BYTES: i64 = 12_000_000;
/// The TTLs of the keys that expire, in milliseconds.
const TTLS_MS: [u32; 4] = [1, 20, 60, 120];

async fn large_key_moves_whole(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::Closed).await?;
    let Route { slot, source, target } = &motion.route;
    let key = motion.key("large");
    let last = (BYTES - 1).to_string();
    cluster.expect(source, command!["SETRANGE", &key, last, "x"], Expect::Integer(BYTES)).await?;
    cluster.open_slot(*slot, source, target).await?;
    let migrate = cluster.migrate_command(target, &[key.clone().into_bytes()], &[]);
    let reply = cluster.expect(source, migrate, Expect::AnyOf(vec![Expect::Ok, Expect::error("IOERR")])).await?;
    let (there, here) = match reply.error() {
        None => (Expect::Integer(BYTES), motion.expect(Answer::Ask)),
        Some(_) => (Expect::Integer(0), Expect::Integer(BYTES)),
    };
    cluster.expect(source, command!["STRLEN", &key], here).await?;
    let mut session = cluster.session(target).await?;
    session.expect(command!["ASKING"], Expect::Ok).await?;
    session.expect(command!["STRLEN", &key], there).await?;
    cluster.close_slot(*slot, source, target).await
}

async fn key_expires_on_the_way(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let (source, target) = (&motion.route.source, &motion.route.target);
    for ttl in TTLS_MS {
        let key = motion.key("here");
        // SET of a key that has moved would be redirected, so the key starts at the source each time.
        motion.route.setslot(cluster, source, &["STABLE"]).await?;
        cluster.expect(source, command!["SET", &key, "v", "PX", ttl.to_string()], Expect::Ok).await?;
        motion.route.setslot(cluster, source, &["MIGRATING", target.id.as_str()]).await?;
        let migrate = cluster.migrate_command(target, &[key.clone().into_bytes()], &["REPLACE"]);
        cluster.expect(source, migrate, Expect::AnyOf(vec![Expect::Ok, Expect::text("NOKEY")])).await?;
        let mut session = cluster.session(target).await?;
        cluster
            .until(cluster.limits().reply, "the key that expires is gone at both ends", async || {
                session.expect(command!["ASKING"], Expect::Ok).await?;
                session.expect(command!["EXISTS", &key], Expect::Integer(0)).await?;
                cluster.expect(source, command!["GET", &key], motion.expect(Answer::Ask)).await?;
                Ok(())
            })
            .await?;
        let left = super::contents::count_keys(cluster, target, motion.route.slot).await?;
        ensure!(
            left == 2,
            format!("the 2 other keys in slot {} of {}", motion.route.slot, target.address),
            "{left} keys"
        );
    }
    motion.end().await
}
