//! Reads the written keys back after a verified load, before anything deletes them or restores the cluster.

use loadgen::ledger::VerifyReport;
use loadgen::read_back::{Copies, read_back};
use loadgen::{LoadPlan, StopSignal};

use crate::record::load_event::{LoadEvent, LoadEventLine};

/// Adds what the keys contain at the end to the report, and tells the reporters about each bad key.
///
/// A user who stops the run gets a report without it, and so does one whose cluster is gone.
pub(super) async fn read_keys_back(
    plan: &LoadPlan,
    copies: Copies,
    stop: &StopSignal,
    verify: &mut VerifyReport,
    line: &mut LoadEventLine,
) {
    if stop.is_raised() {
        return;
    }
    let found = read_back(plan, copies, stop, &mut |key| line.send(&LoadEvent::BadKey { key })).await;
    if let Err(error) = &found {
        let text = format!("rct could not read the keys back, so lost writes are not known: {error}");
        line.send(&LoadEvent::Warning { text: &text });
    }
    if let Ok(Some(found)) = found {
        line.send(&LoadEvent::KeysDone {
            done: "read back",
            space: &verify.spaces.join(" and "),
            keys: found.keys,
            duration_s: found.duration_s,
        });
        verify.add_read_back(found);
    }
}

/// Warns the user about key spaces that rct does not verify.
pub(super) fn warn_of_unverified(plan: &LoadPlan, line: &mut LoadEventLine) {
    let unverified = plan.workload.ledger.iter().flat_map(|ledger| ledger.unverified());
    for (space, reason) in unverified {
        let text = format!("--verify does not cover the keys of {space:?}: {reason}");
        line.send(&LoadEvent::Warning { text: &text });
    }
}
