//! The outages that clients saw after each event: which stall of each shard belongs to which event.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::recorder::Class;
use crate::shards::Shards;
use crate::stalls::Stall;

/// How much earlier than the event its stall may begin: an operation was already on its way.
const BEFORE_MS: u64 = 50;

/// An event of a run, as far as outages depend on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventSpan {
    /// Its number, from 1.
    pub number: usize,
    /// When it began, in milliseconds of the run.
    pub from_ms: u64,
    /// When it ended; `None` if it had not ended at the end of the run.
    pub to_ms: Option<u64>,
    /// The shards at which it aimed, from 0.
    pub shards: Vec<usize>,
}

/// The outage of one class of operations of one shard after an event: its longest stall until the next event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// The number of the event, from 1.
    pub event: usize,
    /// The number of the shard, from 1. Shards are in the order of the slots that they served at the start.
    pub shard: usize,
    /// The slots that the shard served at the start, such as `0-5460`.
    pub slots: String,
    /// Whether the event aimed at this shard.
    pub is_target: bool,
    /// Which of its operations.
    pub class: Class,
    /// How long operations waited without a good reply, in seconds; zero if shorter than 2 ms.
    pub outage_s: f64,
    /// The last good reply before, in seconds from the start of the run; null if there was no outage.
    pub last_good_s: Option<f64>,
    /// The first good reply after; null if there was no outage, or if it lasted to the end of the run.
    pub first_good_s: Option<f64>,
    /// Operations that were planned in this time; in closed loop those that rct sent.
    pub planned: u64,
    /// Those of them that got a good reply all the same.
    pub answered_late: u64,
    /// Those that a server refused to execute, such as with CLUSTERDOWN.
    pub refused: u64,
    /// Those that got no reply, or no connection, within `--timeout`.
    pub timed_out: u64,
    /// Those whose connection was lost, or that got another error.
    pub failed: u64,
}

impl Outage {
    /// Whether the outage lasted to the end of the run.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.outage_s > 0.0 && self.first_good_s.is_none()
    }
}

/// Finds the outage of each shard and class after each event. Events are in the order of their beginnings.
///
/// A stall belongs to the last event that began before it.
#[must_use]
pub fn outages(shards: &Shards, stalls: &[Stall], classes: &[Class], events: &[EventSpan]) -> Vec<Outage> {
    let event_of = |stall: &Stall| events.iter().rposition(|event| event.from_ms <= stall.from_ms + BEFORE_MS);
    let mut found = Vec::new();
    for (at, event) in events.iter().enumerate() {
        for shard in 0..shards.count() {
            for &class in classes {
                let own = stalls.iter().filter(|stall| stall.shard == shard && stall.class == class);
                let longest = own.filter(|stall| event_of(stall) == Some(at)).max_by_key(|stall| stall.length_ms());
                found.push(outage(event, shards, shard, class, longest));
            }
        }
    }
    found
}

fn outage(event: &EventSpan, shards: &Shards, shard: usize, class: Class, stall: Option<&Stall>) -> Outage {
    let seconds = |ms: u64| ms as f64 / 1e3;
    let ends = stall.map(|stall| stall.ends).unwrap_or_default();
    Outage {
        event: event.number,
        shard: shard + 1,
        slots: shards.slots(shard).to_owned(),
        is_target: event.shards.contains(&shard),
        class,
        outage_s: stall.map_or(0.0, |stall| seconds(stall.length_ms())),
        last_good_s: stall.and_then(|stall| stall.last_good_ms).map(seconds),
        first_good_s: stall.and_then(|stall| stall.first_good_ms).map(seconds),
        planned: ends.total(),
        answered_late: ends.answered,
        refused: ends.refused,
        timed_out: ends.timed_out,
        failed: ends.failed,
    }
}

#[cfg(test)]
mod tests {
    use wire::{Address, Slot, SlotRange, SlotsEntry, SlotsNode};

    use super::*;
    use crate::layout::Layout;
    use crate::recorder::Ends;

    fn shards() -> Shards {
        let entry = |start, end, port| SlotsEntry {
            range: SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap(),
            nodes: vec![SlotsNode { endpoint: Some("a".to_owned()), port, id: None, metadata: Vec::new() }],
        };
        let entries = [entry(0, 8191, 1), entry(8192, 16383, 2)];
        Shards::of(&Layout::of_slots(&entries, &Address::new("a", 1), |address| address))
    }

    fn stall(shard: usize, from_ms: u64, to_ms: u64) -> Stall {
        let ends = Ends { answered: 3, refused: 2, timed_out: 1, failed: 4 };
        let (last_good_ms, first_good_ms) = (Some(from_ms - 1), Some(to_ms));
        Stall { shard, class: Class::Writes, last_good_ms, from_ms, first_good_ms, to_ms, ends }
    }

    #[test]
    fn a_stall_belongs_to_the_last_event_before_it_and_the_longest_counts() {
        let event = |number, from_ms, shard| EventSpan { number, from_ms, to_ms: None, shards: vec![shard] };
        let events = [event(1, 1_000, 0), event(2, 5_000, 1)];
        let stalls = [stall(0, 500, 900), stall(0, 990, 3_990), stall(0, 4_000, 4_010), stall(1, 5_001, 5_101)];
        let found = outages(&shards(), &stalls, &[Class::Writes], &events);
        let brief: Vec<_> =
            found.iter().map(|outage| (outage.event, outage.shard, outage.is_target, outage.outage_s)).collect();
        assert_eq!(brief, [(1, 1, true, 3.0), (1, 2, false, 0.0), (2, 1, false, 0.0), (2, 2, true, 0.1)]);
        let first = &found[0];
        assert_eq!((first.last_good_s, first.first_good_s, &*first.slots), (Some(0.989), Some(3.99), "0-8191"));
        assert_eq!((first.planned, first.answered_late, first.refused), (10, 3, 2));
        assert_eq!((first.timed_out, first.failed, first.is_open()), (1, 4, false));
        assert_eq!((found[1].planned, found[1].last_good_s, found[1].is_open()), (0, None, false));
    }
}
