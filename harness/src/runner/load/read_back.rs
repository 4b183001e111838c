//! Reads the written keys back after a verified load, before anything deletes them or restores the cluster.

use std::collections::BTreeMap;

use loadgen::blame::event_of_loss;
use loadgen::ledger::{LostReport, VerifyReport};
use loadgen::outage::EventSpan;
use loadgen::read_back::{BadKey, Copies, read_back};
use loadgen::shards::Shards;
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
    let mut losses = events.map(Losses::new);
    let mut take = |key: &BadKey| {
        let event = losses.as_mut().and_then(|losses| losses.count(key));
        line.send(&LoadEvent::BadKey { key, event });
    };
    let found = read_back(plan, copies, stop, &mut take).await;
    if let Err(error) = &found {
        let text = format!("rct could not read the keys back, so lost writes are not known: {error}");
        line.send(&LoadEvent::Warning { text: &text });
    }
    if let Ok(Some(mut found)) = found {
        found.lost_by_event = losses.map(Losses::report).unwrap_or_default();
        line.send(&LoadEvent::KeysDone {
            done: "read back",
            space: &verify.spaces.join(" and "),
            keys: found.keys,
            duration_s: found.duration_s,
        });
        verify.add_read_back(found);
    }
}

/// The lost keys by shard and event.
struct Losses<'a> {
    shards: &'a Shards,
    events: Vec<EventSpan>,
    counts: BTreeMap<(Option<usize>, Option<usize>), u64>,
}

impl<'a> Losses<'a> {
    fn new(events: &'a Events) -> Self {
        Self { shards: events.shards(), events: events.spans(), counts: BTreeMap::new() }
    }

    /// Counts a bad key if it is lost. Returns the event to which the loss belongs.
    fn count(&mut self, key: &BadKey) -> Option<usize> {
        let acknowledged_s = key.acknowledged_s.filter(|_| key.what == "lost")?;
        let shard = Slot::new(key.slot).and_then(|slot| self.shards.of_slot(slot));
        let event = shard.and_then(|shard| event_of_loss(&self.events, shard, acknowledged_s));
        *self.counts.entry((shard.map(|shard| shard + 1), event)).or_default() += 1;
        event
    }

    fn report(self) -> Vec<LostReport> {
        self.counts.into_iter().map(|((shard, event), lost)| LostReport { shard, event, lost }).collect()
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
