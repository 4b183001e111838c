//! Clients that write and read all the time while their slot moves away and back.

use wire::Slot;

use crate::cluster::Cluster;
use crate::code::failover::writer::Writers;
use crate::code::failover::written::Policy;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::Route;
use crate::code_check::CodeCheck;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use wire::command;

/// A promise of every engine.
pub(super) const NO_WRITE_IS_LOST: &[CodeCheck] = over_engines!(
    "reshard/no-write-is-lost",
    "Clients that follow redirects lose no acknowledged write and read no older value while their slot moves",
    must("live-reconfiguration"),
    &["reshard.under-load", "load.reshard-under-load", "load.lost-write-budget"],
    atomic & ["asm-valkey.data-complete", "asm-valkey.pause-bounded", "asm-valkey.no-ask"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & [],
    no_write_is_lost
);

/// The clients, each with a key of its own.
const WRITERS: usize = 6;
/// The keys that move besides theirs, so that the move takes a while.
const OTHER_KEYS: usize = 120;
/// The writes that each client gets acknowledged before the move, and after it.
const WRITES: u64 = 5;

async fn no_write_is_lost(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let others = (0..OTHER_KEYS).map(|_| (command!["SET", cluster.keys().fresh(*slot), "v"], Expect::Ok));
    cluster.expect_all(source, &others.collect::<Vec<_>>()).await?;
    let slots: Vec<Slot> = vec![*slot; WRITERS];
    let writers = Writers::new(cluster, &slots, Policy::NothingIsLost);
    writers
        .during(async {
            for (from, to) in [(source, target), (target, source)] {
                writers.acknowledged(WRITES).await?;
                (engine.move_slots)(cluster, std::slice::from_ref(slot), from, to).await?;
            }
            writers.acknowledged(WRITES).await
        })
        .await?;
    cluster.measure("longest stall", writers.longest_stall());
    // Every other error would reach the user of a client library.
    writers.saw_only(if engine.is_open_meanwhile { &["MOVED", "ASK", "TRYAGAIN"] } else { &["MOVED"] })?;
    writers.read_back().await
}
