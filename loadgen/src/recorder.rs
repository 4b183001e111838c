//! What one worker saw since the last second: times by node and command, and counts.
//!
//! Closed loop records each operation once, because response and service time are the same. Open loop records it
//! twice, and once more in the second for which it was planned.

mod interval;
mod problem_texts;
mod seconds;
mod silence;
mod times;
mod unanswered;
mod watch;

use std::sync::Arc;

use wire::{Address, SLOT_COUNT, Slot};

use self::problem_texts::ProblemTexts;
use self::seconds::PlannedSeconds;
use self::silence::Silences;
use self::watch::Watch;
use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::shards::Shards;

pub use interval::{Interval, Lane, Measure, NodeCounts, SlotCounts, Waiting};
pub use seconds::{PlannedCounts, PlannedSecond};
pub use times::{AllTimes, DIGITS, LONGEST_NS, Times, times};
pub(crate) use times::{add, microseconds};
pub use unanswered::Unanswered;
pub(crate) use watch::MILLISECONDS;
pub use watch::{Cell, Class, Ends, WatchedSecond};

#[derive(Default)]
struct NodeRecord {
    counts: NodeCounts,
    /// By template and measure.
    lanes: Vec<[Option<Box<Times>>; 4]>,
}

/// A time that came several times, and is not in its histogram yet.
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
    send_lag: Option<Box<Times>>,
    late: u64,
    problems: ProblemTexts,
    /// Equal times one after the other, by place in a lane, such as those of replies that came together.
    same: [Same; 4],
    /// Good replies by slot since the interval began. The numbers are small, because each one is a cache miss.
    slots_ok: Vec<u32>,
    slots: Vec<SlotCounts>,
    number: u32,
    from_ns: u64,
    /// No histogram has the operations that were planned before this instant.
    counted_from_ns: u64,
    silences: Silences,
    /// In open loop only.
    seconds: Option<PlannedSeconds>,
    /// If the run looks for stalls.
    watch: Option<Box<Watch>>,
}

impl Recorder {
    /// Makes a recorder of a workload with this many commands.
    #[must_use]
    pub fn new(templates: usize, is_open_loop: bool) -> Self {
        Self {
            templates,
            silences: Silences::default(),
            seconds: is_open_loop.then(|| PlannedSeconds::new(0, 0)),
            watch: None,
            nodes: Vec::new(),
            send_lag: None,
            late: 0,
            problems: ProblemTexts::default(),
            same: [Same::default(); 4],
            slots_ok: vec![0; usize::from(SLOT_COUNT)],
            slots: vec![SlotCounts::default(); usize::from(SLOT_COUNT)],
            number: 0,
            from_ns: 0,
            counted_from_ns: 0,
        }
    }

    /// Watches the shards from now on; `is_read` says of each template whether it only reads.
    pub fn watch_shards(&mut self, shards: Arc<Shards>, is_read: Vec<bool>) {
        self.watch = Some(Box::new(Watch::new(shards, is_read)));
    }

    /// Adds a node; its number is the count of those before.
    pub fn add_node(&mut self, address: Arc<Address>) {
        self.silences.add_node();
        self.nodes.push((
            address,
            NodeRecord { counts: NodeCounts::default(), lanes: vec![[const { None }; 4]; self.templates] },
        ));
    }

    /// Counts an operation of open loop as planned for a node.
    pub fn planned(&mut self, node: usize, operation: &Operation) {
        if operation.planned_ns >= self.counted_from_ns {
            self.nodes[node].1.counts.planned += 1;
        }
        if let Some(seconds) = &mut self.seconds {
            seconds.planned(node, operation.planned_ns);
        }
    }

    /// Counts a good reply; `found` says whether a read found something.
    pub fn ok(&mut self, node: usize, operation: &Operation, now_ns: u64, found: Option<bool>) {
        if let Some(watch) = &mut self.watch {
            watch.good(operation, now_ns);
        }
        if operation.planned_ns < self.counted_from_ns {
            self.late += 1;
            self.answered_in_second(node, operation, now_ns);
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
        // Closed loop sends each operation at its planned instant; open loop never does.
        if operation.planned_ns == operation.sent_ns {
            self.record(node, operation.template, Measure::ResponseAndService, now_ns - operation.sent_ns);
        } else {
            self.record(node, operation.template, Measure::Response, now_ns.saturating_sub(operation.planned_ns));
            self.record(node, operation.template, Measure::Service, now_ns.saturating_sub(operation.sent_ns));
            self.answered_in_second(node, operation, now_ns);
        }
    }

    fn answered_in_second(&mut self, node: usize, operation: &Operation, now_ns: u64) {
        if let Some(seconds) = &mut self.seconds {
            seconds.answered(node, operation.planned_ns, now_ns.saturating_sub(operation.planned_ns));
        }
    }

    /// Counts a problem: an error of a node, or a lost connection. The operation may still succeed elsewhere.
    pub fn problem(&mut self, node: usize, slot: Option<Slot>, outcome: Outcome) {
        self.nodes[node].1.counts.outcomes.count(outcome);
        if let Some(slot) = slot {
            let counts = &mut self.slots[usize::from(slot.number())];
            match outcome.is_redirect() {
                true => counts.redirects += 1,
                false => counts.errors += 1,
            }
        }
    }

    /// Counts the first word of an error, and keeps the first line that begins with it.
    pub fn code(&mut self, code: &str, line: &str) {
        self.problems.code(code, line);
    }

    /// Keeps the first text of a class of problems that is not counted by first word. `key` names the class.
    #[inline]
    pub fn text(&mut self, outcome: Outcome, key: &str, line: &str) {
        self.problems.text(outcome, key, line);
    }

    /// Counts an operation that ended without a good reply, by its last problem.
    pub fn failed(&mut self, node: usize, operation: &Operation, now_ns: u64) {
        if let Some(watch) = &mut self.watch {
            watch.ended(operation);
        }
        if operation.planned_ns >= self.counted_from_ns {
            let counts = &mut self.nodes[node].1.counts;
            counts.failed += 1;
            counts.unanswered.count(operation.problem);
            self.record(node, operation.template, Measure::Failed, now_ns.saturating_sub(operation.planned_ns));
        }
        if let Some(seconds) = &mut self.seconds {
            seconds.unanswered(node, operation.planned_ns, operation.problem);
        }
    }

    /// Counts a planned operation that the generator never reached.
    pub fn not_sent(&mut self, node: usize, operation: &Operation) {
        self.planned(node, operation);
        if operation.planned_ns >= self.counted_from_ns {
            self.nodes[node].1.counts.not_sent += 1;
        }
        if let Some(seconds) = &mut self.seconds {
            seconds.not_sent(node, operation.planned_ns);
        }
    }

    /// Looks which nodes gave no good reply since the last look, although operations wait for them.
    pub fn look_for_silence(&mut self, now_ns: u64, is_waiting: impl Fn(usize) -> bool) {
        for (node, (_, record)) in self.nodes.iter().enumerate() {
            self.silences.look(node, record.counts.outcomes.of(Outcome::Ok), now_ns, || is_waiting(node));
        }
    }

    /// Records how much later than planned the generator reached an operation.
    pub fn send_lag(&mut self, lag_ns: u64) {
        self.send_lag.get_or_insert_with(|| Box::new(times())).saturating_record(lag_ns);
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

    /// Ends the interval at `now_ns` and begins the next one.
    ///
    /// `counts_anew` says that the measured time begins: what was planned before then is in no histogram. Up to
    /// `planned_until_ns` everything has been planned.
    pub fn turn(&mut self, now_ns: u64, planned_until_ns: u64, counts_anew: bool) -> Interval {
        self.settle();
        let (codes, error_texts) = self.problems.take();
        let (lanes, nodes) = self.take_nodes(now_ns);
        let mut interval = Interval {
            number: self.number,
            from_ns: self.from_ns,
            to_ns: now_ns,
            lanes,
            send_lag: self.send_lag.take(),
            nodes,
            late: std::mem::take(&mut self.late),
            codes,
            error_texts,
            waiting: Waiting::default(),
            seconds: Vec::new(),
            watched: self.watch.as_mut().map(|watch| watch.take()).unwrap_or_default(),
        };
        self.number += 1;
        self.from_ns = now_ns;
        if let Some(seconds) = &mut self.seconds {
            seconds.begin(self.number, now_ns);
            interval.seconds = seconds.take_complete(planned_until_ns, |node| Arc::clone(&self.nodes[node].0));
        }
        if counts_anew {
            self.counted_from_ns = now_ns;
            self.slots.fill(SlotCounts::default());
            self.silences.restart(now_ns);
        }
        interval
    }

    /// Ends the last interval, and all seconds.
    pub fn finish(&mut self, now_ns: u64) -> Interval {
        let mut last = self.turn(now_ns, u64::MAX, false);
        if let Some(seconds) = &mut self.seconds {
            last.seconds.extend(seconds.take_all(|node| Arc::clone(&self.nodes[node].0)));
        }
        last
    }

    /// Takes the times and counts of all nodes.
    fn take_nodes(&mut self, now_ns: u64) -> (Vec<Lane>, Vec<(Arc<Address>, NodeCounts)>) {
        const MEASURES: [Measure; 4] =
            [Measure::Response, Measure::Service, Measure::ResponseAndService, Measure::Failed];
        let (mut lanes, mut nodes) = (Vec::new(), Vec::new());
        for (number, (address, record)) in self.nodes.iter_mut().enumerate() {
            for (template, by_measure) in record.lanes.iter_mut().enumerate() {
                for (measure, lane) in MEASURES.into_iter().zip(by_measure) {
                    if let Some(times) = lane.take() {
                        let (node, template) = (Arc::clone(address), template as u16);
                        lanes.push(Lane { node, template, measure, times: *times });
                    }
                }
            }
            let mut counts = std::mem::take(&mut record.counts);
            counts.longest_silence_ns = self.silences.turn(number, counts.outcomes.of(Outcome::Ok), now_ns);
            if counts != NodeCounts::default() {
                nodes.push((Arc::clone(address), counts));
            }
        }
        (lanes, nodes)
    }

    /// Starts the run's time: intervals count from 0.
    pub fn restart(&mut self) {
        self.number = 0;
        if let Some(seconds) = &mut self.seconds {
            *seconds = PlannedSeconds::new(0, self.from_ns);
        }
        if let Some(watch) = &mut self.watch {
            watch.start(self.from_ns);
        }
    }

    /// Takes the counts of all slots since the measured time began.
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
            problem: None,
        }
    }

    fn recorder() -> Recorder {
        let mut recorder = Recorder::new(1, false);
        recorder.add_node(Arc::new(Address::new("a", 1)));
        recorder
    }

    #[test]
    fn response_counts_from_the_planned_instant_and_service_from_the_sending() {
        let mut recorder = recorder();
        recorder.ok(0, &operation(1_000, 1_000), 51_000, Some(true));
        recorder.ok(0, &operation(0, 2_000_000), 3_000_000, Some(false));
        let interval = recorder.turn(5_000_000, 0, false);
        let max = |measure| {
            let lane = interval.lanes.iter().find(|lane| lane.measure == measure).unwrap();
            (lane.times.len(), lane.times.max().div_ceil(10_000) * 10)
        };
        assert_eq!(max(Measure::ResponseAndService), (1, 60));
        assert_eq!(max(Measure::Response), (1, 3_010));
        assert_eq!(max(Measure::Service), (1, 1_010));
        let counts = interval.nodes[0].1;
        assert_eq!((counts.hits, counts.misses, counts.outcomes.of(Outcome::Ok)), (1, 1, 2));
        assert!(recorder.turn(6_000_000, 0, false).lanes.is_empty());
    }

    #[test]
    fn what_began_before_the_measured_time_is_in_no_histogram() {
        let mut recorder = recorder();
        recorder.turn(1_000, 0, true);
        recorder.ok(0, &operation(999, 999), 2_000, None);
        recorder.ok(0, &operation(1_000, 1_000), 2_000, None);
        recorder.failed(0, &operation(999, 999), 2_000);
        let interval = recorder.turn(3_000, 0, false);
        assert_eq!((interval.late, interval.lanes.len(), interval.nodes[0].1.failed), (1, 1, 0));
        assert_eq!(recorder.take_slots()[16_383].ok, 1);
    }
}
