//! What one worker saw since the last second: histograms by node and command, and counts.
//!
//! Every operation is recorded once in closed loop, where response and service time are the same, else twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;
use wire::{Address, SLOT_COUNT, Slot};

use crate::operation::Operation;
use crate::outcome::{Outcome, Outcomes};

/// The shortest time that is told apart from zero, in nanoseconds.
const SHORTEST_NS: u64 = 100;
/// The longest time that is told from longer ones, in nanoseconds: ten minutes.
pub const LONGEST_NS: u64 = 600_000_000_000;
/// The significant decimal digits of every time.
pub const DIGITS: u8 = 3;
/// The most different first words of errors that are counted one by one.
const CODES_MAX: usize = 64;

/// The histogram of one second.
pub type Times = Histogram<u32>;
/// The histogram of a run.
pub type AllTimes = Histogram<u64>;

/// An empty histogram of nanoseconds.
#[must_use]
pub fn times<C: hdrhistogram::Counter>() -> Histogram<C> {
    Histogram::new_with_bounds(SHORTEST_NS, LONGEST_NS, DIGITS)
        .unwrap_or_else(|_| unreachable!("the bounds and digits are constants that the crate takes"))
}

/// What a time measures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Measure {
    /// From the planned instant to the reply.
    Response,
    /// From the last sending to the reply.
    Service,
    /// Both, where they are the same.
    ResponseAndService,
    /// From the planned instant to the end of an operation that failed.
    Failed,
    /// From the planned instant to when the generator got round to it.
    SendLag,
}

/// The times of one node, command and measure within one second.
#[derive(Clone, Debug)]
pub struct Lane {
    /// The node that answered, or was to answer.
    pub node: Arc<Address>,
    /// The template of the workload.
    pub template: u16,
    /// What was measured.
    pub measure: Measure,
    /// The times, in nanoseconds.
    pub times: Times,
}

/// The counts of one node within one second.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct NodeCounts {
    /// Replies and other outcomes, those of operations that were sent again included.
    pub outcomes: Outcomes,
    /// Operations that were planned for the node and never sent.
    pub not_sent: u64,
    /// Reads that found something.
    pub hits: u64,
    /// Reads that found nothing.
    pub misses: u64,
    /// Operations that ended without a good reply.
    pub failed: u64,
}

/// What one worker saw in one interval.
#[derive(Clone, Debug)]
pub struct Interval {
    /// The number of the interval; equal numbers of all workers belong together.
    pub number: u32,
    /// Its beginning, from the run's start.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
    /// The times.
    pub lanes: Vec<Lane>,
    /// The send lag of operations in open loop.
    pub send_lag: Option<Times>,
    /// The counts by node.
    pub nodes: Vec<(Arc<Address>, NodeCounts)>,
    /// Good replies to operations of before the measured time, which are in no histogram.
    pub late: u64,
    /// Errors by first word.
    pub codes: BTreeMap<String, u64>,
}

/// Counts of one slot over the whole run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlotCounts {
    /// Good replies.
    pub ok: u64,
    /// MOVED and ASK.
    pub redirects: u64,
    /// Everything else.
    pub errors: u64,
}

#[derive(Default)]
struct NodeRecord {
    counts: NodeCounts,
    /// By template and measure.
    lanes: Vec<[Option<Box<Times>>; 4]>,
}

/// A time that came so many times, and is not in its histogram yet.
#[derive(Clone, Copy, Default)]
struct Same {
    node: usize,
    template: u16,
    time_ns: u64,
    count: u64,
}

/// Records what one worker sees.
pub struct Recorder {
    templates: usize,
    nodes: Vec<(Arc<Address>, NodeRecord)>,
    send_lag: Option<Times>,
    late: u64,
    codes: BTreeMap<String, u64>,
    /// Equal times one after the other, by place in a lane, such as those of replies that came together.
    same: [Same; 4],
    /// Good replies by slot since the interval began: small, since slots come in no order and each is a cache miss.
    slots_ok: Vec<u32>,
    slots: Vec<SlotCounts>,
    number: u32,
    from_ns: u64,
    /// Operations planned before are in no histogram.
    counted_from_ns: u64,
}

impl Recorder {
    /// A recorder of a workload with this many templates.
    #[must_use]
    pub fn new(templates: usize) -> Self {
        Self {
            templates,
            nodes: Vec::new(),
            send_lag: None,
            late: 0,
            codes: BTreeMap::new(),
            same: [Same::default(); 4],
            slots_ok: vec![0; usize::from(SLOT_COUNT)],
            slots: vec![SlotCounts::default(); usize::from(SLOT_COUNT)],
            number: 0,
            from_ns: 0,
            counted_from_ns: 0,
        }
    }

    /// Adds a node; its number is the count of those before.
    pub fn add_node(&mut self, address: Arc<Address>) {
        self.nodes.push((
            address,
            NodeRecord { counts: NodeCounts::default(), lanes: vec![[const { None }; 4]; self.templates] },
        ));
    }

    /// An operation was answered well; `found` says whether a read found something.
    pub fn ok(&mut self, node: usize, operation: &Operation, now_ns: u64, found: Option<bool>) {
        if operation.planned_ns < self.counted_from_ns {
            self.late += 1;
            return;
        }
        self.slots_ok[usize::from(operation.slot.number())] += 1;
        let counts = &mut self.nodes[node].1.counts;
        counts.outcomes.count(Outcome::Ok);
        match found {
            Some(true) => counts.hits += 1,
            Some(false) => counts.misses += 1,
            None => {}
        }
        if operation.planned_ns == operation.sent_ns {
            self.record(node, operation.template, Measure::ResponseAndService, now_ns - operation.sent_ns);
        } else {
            self.record(node, operation.template, Measure::Response, now_ns.saturating_sub(operation.planned_ns));
            self.record(node, operation.template, Measure::Service, now_ns.saturating_sub(operation.sent_ns));
        }
    }

    /// A node answered an operation with trouble, or its connection broke; the operation may go on.
    pub fn trouble(&mut self, node: usize, slot: Option<Slot>, outcome: Outcome) {
        self.nodes[node].1.counts.outcomes.count(outcome);
        if let Some(slot) = slot {
            let counts = &mut self.slots[usize::from(slot.number())];
            match outcome.is_redirect() {
                true => counts.redirects += 1,
                false => counts.errors += 1,
            }
        }
    }

    /// Counts the first word of an error.
    pub fn code(&mut self, code: &str) {
        let code = if code.is_empty() { "(empty)" } else { code };
        let key = match self.codes.len() < CODES_MAX || self.codes.contains_key(code) {
            true => code.to_owned(),
            false => "(others)".to_owned(),
        };
        *self.codes.entry(key).or_default() += 1;
    }

    /// An operation ended without a good reply.
    pub fn failed(&mut self, node: usize, operation: &Operation, now_ns: u64) {
        if operation.planned_ns >= self.counted_from_ns {
            self.nodes[node].1.counts.failed += 1;
            self.record(node, operation.template, Measure::Failed, now_ns.saturating_sub(operation.planned_ns));
        }
    }

    /// An operation was planned and never sent.
    pub fn not_sent(&mut self, node: usize, operation: &Operation) {
        if operation.planned_ns >= self.counted_from_ns {
            self.nodes[node].1.counts.not_sent += 1;
        }
    }

    /// An operation waited for too long: it has failed, or was never sent.
    pub fn expired(&mut self, node: usize, operation: &Operation, now_ns: u64) {
        match operation.attempts {
            0 => self.not_sent(node, operation),
            _ => self.failed(node, operation, now_ns),
        }
    }

    /// The generator got round to an operation this much after its planned instant.
    pub fn send_lag(&mut self, lag_ns: u64) {
        self.send_lag.get_or_insert_with(times).saturating_record(lag_ns);
    }

    fn record(&mut self, node: usize, template: u16, measure: Measure, time_ns: u64) {
        let place = match measure {
            Measure::Response => 0,
            Measure::Service => 1,
            Measure::ResponseAndService => 2,
            Measure::Failed | Measure::SendLag => 3,
        };
        let same = &mut self.same[place];
        if same.time_ns == time_ns && same.node == node && same.template == template {
            same.count += 1;
            return;
        }
        let before = std::mem::replace(same, Same { node, template, time_ns, count: 1 });
        self.enter(place, before);
    }

    fn enter(&mut self, place: usize, same: Same) {
        if same.count > 0 {
            let lane = &mut self.nodes[same.node].1.lanes[usize::from(same.template)][place];
            lane.get_or_insert_with(|| Box::new(times())).saturating_record_n(same.time_ns, same.count as u32);
        }
    }

    /// Enters what is not in its histogram or sum yet.
    fn settle(&mut self) {
        for place in 0..self.same.len() {
            let before = std::mem::take(&mut self.same[place]);
            self.enter(place, before);
        }
        for (slot, ok) in self.slots.iter_mut().zip(&mut self.slots_ok) {
            slot.ok += u64::from(std::mem::take(ok));
        }
    }

    /// Ends the interval at `now_ns` and begins the next; `counts_anew` leaves operations of before out from now on.
    pub fn turn(&mut self, now_ns: u64, counts_anew: bool) -> Interval {
        self.settle();
        const MEASURES: [Measure; 4] =
            [Measure::Response, Measure::Service, Measure::ResponseAndService, Measure::Failed];
        let mut lanes = Vec::new();
        let mut nodes = Vec::new();
        for (address, record) in &mut self.nodes {
            for (template, by_measure) in record.lanes.iter_mut().enumerate() {
                for (measure, lane) in MEASURES.into_iter().zip(by_measure) {
                    if let Some(times) = lane.take() {
                        lanes.push(Lane {
                            node: Arc::clone(address),
                            template: template as u16,
                            measure,
                            times: *times,
                        });
                    }
                }
            }
            let counts = std::mem::take(&mut record.counts);
            if counts != NodeCounts::default() {
                nodes.push((Arc::clone(address), counts));
            }
        }
        let interval = Interval {
            number: self.number,
            from_ns: self.from_ns,
            to_ns: now_ns,
            lanes,
            send_lag: self.send_lag.take(),
            nodes,
            late: std::mem::take(&mut self.late),
            codes: std::mem::take(&mut self.codes),
        };
        self.number += 1;
        self.from_ns = now_ns;
        if counts_anew {
            self.counted_from_ns = now_ns;
            self.slots.fill(SlotCounts::default());
        }
        interval
    }

    /// Counts intervals from 0 again.
    pub fn restart(&mut self) {
        self.number = 0;
    }

    /// The counts of all slots since the measured time began.
    pub fn take_slots(&mut self) -> Vec<SlotCounts> {
        std::mem::take(&mut self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(planned_ns: u64, sent_ns: u64) -> Operation {
        Operation {
            planned_ns,
            sent_ns,
            key: 0,
            seed: 0,
            slot: Slot::MAX,
            template: 0,
            attempts: 0,
            replies: 0,
            asking: false,
        }
    }

    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(1);
        recorder.add_node(Arc::new(Address::new("a", 1)));
        recorder
    }

    #[test]
    fn response_counts_from_the_planned_instant_and_service_from_the_sending() {
        let mut recorder = recorder();
        recorder.ok(0, &operation(1_000, 1_000), 51_000, Some(true));
        recorder.ok(0, &operation(0, 2_000_000), 3_000_000, Some(false));
        let interval = recorder.turn(5_000_000, false);
        let max = |measure| {
            let lane = interval.lanes.iter().find(|lane| lane.measure == measure).unwrap();
            (lane.times.len(), lane.times.max().div_ceil(10_000) * 10)
        };
        assert_eq!(max(Measure::ResponseAndService), (1, 60));
        assert_eq!(max(Measure::Response), (1, 3_010));
        assert_eq!(max(Measure::Service), (1, 1_010));
        let counts = interval.nodes[0].1;
        assert_eq!((counts.hits, counts.misses, counts.outcomes.of(Outcome::Ok)), (1, 1, 2));
        assert!(recorder.turn(6_000_000, false).lanes.is_empty());
    }

    #[test]
    fn what_began_before_the_measured_time_is_in_no_histogram() {
        let mut recorder = recorder();
        recorder.turn(1_000, true);
        recorder.ok(0, &operation(999, 999), 2_000, None);
        recorder.ok(0, &operation(1_000, 1_000), 2_000, None);
        recorder.failed(0, &operation(999, 999), 2_000);
        let interval = recorder.turn(3_000, false);
        assert_eq!((interval.late, interval.lanes.len(), interval.nodes[0].1.failed), (1, 1, 0));
        assert_eq!(recorder.take_slots()[16_383].ok, 1);
    }

    #[test]
    fn the_words_of_errors_are_bounded() {
        let mut recorder = recorder();
        (0..1000).for_each(|number| recorder.code(&format!("E{number}")));
        recorder.code("E1");
        let codes = recorder.turn(1, false).codes;
        assert!(codes.len() <= CODES_MAX + 1);
        assert_eq!((codes["E1"], codes["(others)"]), (2, 1000 - CODES_MAX as u64));
    }
}
