//! Defects that only a load shows, because a check sends too few commands. The matrix of checks does not have them.

use crate::defect::{Defect, Replacement, on_exclusive_request};
use crate::edit::simple;
use crate::scene::Scene;

/// How many writes [`DROPS_WRITES`] drops.
pub const DROPPED_WRITES: i64 = 37;
/// Every so many writes one is dropped, so that all nodes drop some.
const EVERY: i64 = 20;

/// A cluster that acknowledges exactly 37 writes without executing them.
pub const DROPS_WRITES: Defect = on_exclusive_request(
    "drops-acknowledged-writes",
    "The cluster answers 37 SET commands with OK and does not execute them",
    &[],
    |scene, request| {
        if !request.is("SET") {
            return None;
        }
        let writes = count(scene, "writes");
        let is_dropped = writes % EVERY == 0 && scene.shared("dropped") < DROPPED_WRITES;
        is_dropped.then(|| {
            count(scene, "dropped");
            Replacement::Answer(simple("OK"))
        })
    },
);

/// Counts something for the whole cluster.
fn count(scene: &mut Scene<'_>, name: &'static str) -> i64 {
    let counted = scene.shared(name) + 1;
    scene.share(name, counted);
    counted
}
