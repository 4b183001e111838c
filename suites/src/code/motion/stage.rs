//! The stages of a migration with SETSLOT, and the keys that each of them has at either end.

use wire::command;

use super::route::Route;
use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// How far a slot has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::code) enum Stage {
    /// No node has got a SETSLOT for the slot.
    Closed,
    /// The target imports the slot, but the source does not know that.
    OnlyImporting,
    /// The source migrates the slot, but the target does not know that.
    OnlyMigrating,
    /// Both ends are open, and some of the keys have moved.
    HalfMoved,
    /// All keys have moved, and the target has got SETSLOT NODE. The source has not.
    HandedOver,
    /// All keys have moved, and both ends have got SETSLOT NODE.
    Moved,
}

/// The keys that stay at the source while the slot is half moved. `list` is a list, and the others are strings.
const HERE: [&str; 2] = ["here", "here2"];
/// The keys that have moved to the target by then.
const GONE: [&str; 2] = ["gone", "gone2"];

/// A slot that a check has brought to a stage.
pub(in crate::code) struct Motion<'a> {
    pub(in crate::code) cluster: &'a Cluster,
    pub(in crate::code) route: Route,
    pub(in crate::code) stage: Stage,
}

impl<'a> Motion<'a> {
    /// Draws a slot with both its ends, and brings it to a stage.
    pub(in crate::code) async fn begin(cluster: &'a Cluster, stage: Stage) -> Outcome<Self> {
        Self::along(cluster, Route::draw(cluster)?, stage).await
    }

    /// Brings a slot to a stage. Until some keys move, all of them are at the source.
    pub(in crate::code) async fn along(cluster: &'a Cluster, route: Route, stage: Stage) -> Outcome<Self> {
        let motion = Self { cluster, route, stage };
        motion.write_keys().await?;
        let Route { slot, source, target } = &motion.route;
        match stage {
            Stage::Closed => {}
            Stage::OnlyImporting => cluster.open_importing(*slot, source, target).await?,
            Stage::OnlyMigrating => motion.route.setslot(cluster, source, &["MIGRATING", target.id.as_str()]).await?,
            Stage::HalfMoved | Stage::HandedOver | Stage::Moved => {
                cluster.open_slot(*slot, source, target).await?;
                motion.move_some().await?;
            }
        }
        if matches!(stage, Stage::HandedOver | Stage::Moved) {
            cluster.move_keys(*slot, source, target).await?;
            motion.route.setslot(cluster, target, &["NODE", target.id.as_str()]).await?;
        }
        if stage == Stage::Moved {
            motion.route.setslot(cluster, source, &["NODE", target.id.as_str()]).await?;
            cluster.owned(*slot, target).await?;
        }
        Ok(motion)
    }

    /// Brings the slot back: the source owns it again, and nothing is open.
    pub(in crate::code) async fn end(self) -> Outcome {
        let Route { slot, source, target } = &self.route;
        match self.stage {
            Stage::HandedOver | Stage::Moved => {
                if self.stage == Stage::HandedOver {
                    self.route.setslot(self.cluster, source, &["NODE", target.id.as_str()]).await?;
                    self.cluster.owned(*slot, target).await?;
                }
                self.cluster.move_slot(*slot, target, source).await
            }
            Stage::Closed => Ok(()),
            Stage::OnlyImporting | Stage::OnlyMigrating | Stage::HalfMoved => {
                self.cluster.close_slot(*slot, source, target).await
            }
        }
    }

    /// A key of the check in the slot.
    pub(in crate::code) fn key(&self, name: &str) -> String {
        self.route.key(self.cluster, name)
    }

    async fn write_keys(&self) -> Outcome {
        let mut writes: Vec<_> =
            HERE.iter().chain(&GONE).map(|name| (command!["SET", self.key(name), "v"], Expect::Ok)).collect();
        writes.push((command!["RPUSH", self.key("list"), "a", "b"], Expect::Integer(2)));
        self.cluster.expect_all(&self.route.source, &writes).await?;
        Ok(())
    }

    /// Moves the first keys, one by one.
    async fn move_some(&self) -> Outcome {
        let Route { source, target, .. } = &self.route;
        for name in GONE {
            let migrate = self.cluster.migrate_command(target, &[self.key(name).into_bytes()], &[]);
            self.cluster.expect(source, migrate, Expect::Ok).await?;
        }
        Ok(())
    }
}
