//! Decides to which event of a run lost writes belong.

use std::collections::BTreeMap;

use wire::Slot;

use crate::ledger::{LostReport, ReadBackReport};
use crate::outage::EventSpan;
use crate::shards::Shards;

/// The event to which the loss of a write belongs, among those that aimed at its shard; `None` if none did.
///
/// It is the event during which the write was acknowledged, or else the next event, or else the last one before. A write
/// is lost some time after its acknowledgement, so the event that destroyed it comes later in most cases.
#[must_use]
pub fn event_of_loss(events: &[EventSpan], shard: usize, acknowledged_ms: i64) -> Option<usize> {
    let own: Vec<&EventSpan> = events.iter().filter(|event| event.shards.contains(&shard)).collect();
    let before = |ms: u64, other: i64| i64::try_from(ms).is_ok_and(|ms| ms <= other);
    let has_begun = |event: &EventSpan| before(event.from_ms, acknowledged_ms);
    let has_ended = |event: &EventSpan| event.to_ms.is_some_and(|to_ms| before(to_ms, acknowledged_ms - 1));
    let during = own.iter().rfind(|event| has_begun(event) && !has_ended(event));
    let next = own.iter().find(|event| !has_begun(event));
    during.or(next).or(own.last()).map(|event| event.number)
}

/// Counts the lost keys by shard and event. Keys of which the time is not known belong to no shard and no event.
#[must_use]
pub fn lost_by_event(found: &ReadBackReport, shards: &Shards, events: &[EventSpan]) -> Vec<LostReport> {
    let mut counts: BTreeMap<(Option<usize>, Option<usize>), u64> = BTreeMap::new();
    let all: u64 = found.shards.iter().map(|shard| shard.lost).sum();
    let mut unknown = all;
    for at in &found.lost_at {
        let shard = Slot::new(at.slot).and_then(|slot| shards.of_slot(slot));
        let event = shard.and_then(|shard| event_of_loss(events, shard, at.acknowledged_ms));
        *counts.entry((shard.map(|shard| shard + 1), event)).or_default() += at.lost;
        unknown = unknown.saturating_sub(at.lost);
    }
    if unknown > 0 {
        *counts.entry((None, None)).or_default() += unknown;
    }
    counts.into_iter().map(|((shard, event), lost)| LostReport { shard, event, lost }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{LostAt, ShardReport};

    #[test]
    fn a_lost_write_belongs_to_the_event_that_can_have_destroyed_it() {
        let event =
            |number, from_ms, to_ms, shards: &[usize]| EventSpan { number, from_ms, to_ms, shards: shards.to_vec() };
        let events = [
            event(1, 1_000, Some(3_000), &[0]),
            event(2, 2_000, Some(2_100), &[1]),
            event(3, 5_000, Some(5_000), &[0, 1]),
            event(4, 9_000, None, &[0]),
        ];
        let of = |shard, at_s: f64| event_of_loss(&events, shard, (at_s * 1e3) as i64);
        assert_eq!((of(0, -0.5), of(0, 0.9)), (Some(1), Some(1)), "before the first event");
        assert_eq!((of(0, 2.5), of(1, 2.05)), (Some(1), Some(2)), "during an event");
        assert_eq!((of(0, 3.5), of(1, 3.5)), (Some(3), Some(3)), "between events");
        assert_eq!((of(0, 9.5), of(1, 9.5)), (Some(4), Some(3)), "after the last event");
        assert_eq!(of(2, 1.0), None, "no event aimed at the shard");
    }
    #[test]
    fn lost_keys_are_counted_by_shard_and_event() {
        let shards = Shards::of_ranges(vec!["0-99 200".to_owned(), "100-199".to_owned()]);
        let event = |number, from_ms, shard| EventSpan { number, from_ms, to_ms: Some(from_ms), shards: vec![shard] };
        let events = [event(1, 1_000, 0), event(2, 2_000, 0), event(3, 2_000, 1)];
        let at = |slot, acknowledged_ms, lost| LostAt { slot, acknowledged_ms, lost };
        let found = ReadBackReport {
            shards: vec![ShardReport { lost: 20, ..ShardReport::default() }],
            lost_at: vec![at(0, -5, 1), at(99, 1_001, 2), at(200, 1_000, 4), at(100, 9_000, 8), at(300, 1_000, 3)],
            ..ReadBackReport::default()
        };
        let of = |shard, event, lost| LostReport { shard, event, lost };
        let wanted =
            [of(None, None, 3 + 2), of(Some(1), Some(1), 1 + 4), of(Some(1), Some(2), 2), of(Some(2), Some(3), 8)];
        assert_eq!(lost_by_event(&found, &shards, &events), wanted);
    }
}
