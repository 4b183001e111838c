//! Reads the written keys back after a verified load, before anything deletes them or restores the cluster.

use loadgen::blame::{event_of_loss, lost_by_event};
use loadgen::ledger::VerifyReport;
use loadgen::read_back::{BadKey, Copies, read_back};
use loadgen::{LoadPlan, StopSignal};

use wire::Slot;

use super::events::conduct::Events;
use crate::record::load_event::{LoadEvent, LoadEventLine};

/// Adds what the keys contain at the end to the report, and tells the reporters about each bad key.
///
/// A user who stops the run gets a report without it, and so does one whose cluster is gone.
pub(super) async fn read_keys_back(
    plan: &LoadPlan,
    copies: Copies,
    stop: &StopSignal,
    verify: &mut VerifyReport,
    events: Option<&Events>,
    line: &mut LoadEventLine,
) {
    if stop.is_raised() {
        return;
    }
    let mut take = |key: &BadKey| {
        let event = events.and_then(|events| event_of(key, events));
        line.send(&LoadEvent::BadKey { key, event });
    };
    let found = read_back(plan, copies, stop, &mut take).await;
    if let Err(error) = &found {
        let text = format!("rct could not read the keys back, so lost writes are not known: {error}");
        line.send(&LoadEvent::Warning { text: &text });
    }
    if let Ok(Some(mut found)) = found {
        if let Some(events) = events {
            found.lost_by_event = lost_by_event(&found, events.shards(), &events.spans());
        }
        line.send(&LoadEvent::KeysDone {
            done: "read back",
            space: &verify.spaces.join(" and "),
            keys: found.keys,
            duration_s: found.duration_s,
        });
        verify.add_read_back(found);
    }
}

/// The event to which the loss of a key belongs, if it is lost.
fn event_of(key: &BadKey, events: &Events) -> Option<usize> {
    let shard = Slot::new(key.slot).and_then(|slot| events.shards().of_slot(slot))?;
    event_of_loss(&events.spans(), shard, key.lost_ms()?)
}

/// Warns the user about key spaces that rct does not verify.
pub(super) fn warn_of_unverified(plan: &LoadPlan, line: &mut LoadEventLine) {
    let unverified = plan.workload.ledger.iter().flat_map(|ledger| ledger.unverified());
    for (space, reason) in unverified {
        let text = format!("--verify does not cover the keys of {space:?}: {reason}");
        line.send(&LoadEvent::Warning { text: &text });
    }
}
