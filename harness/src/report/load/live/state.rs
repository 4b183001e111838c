//! What the live panel shows: the last second, the last minute, and sums.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use loadgen::timeline::{NodeProgress, Part, Progress, ProgressTime};

use crate::record::LoadRecord;
use crate::record::load_event::LoadEvent;
use crate::report::load::progress::news;
use crate::report::load::rows::facts;

/// The seconds that a sparkline shows.
const SECONDS: usize = 60;
/// The events that the panel names; all of them scroll by above it.
const EVENTS: usize = 2;

/// What the panel shows.
pub(super) struct State {
    /// The planned end of the load, in seconds from its start.
    pub(super) end_s: Option<f64>,
    /// The server, and the target with its shape.
    pub(super) heading: String,
    /// What rct does while no load runs.
    pub(super) doing: Doing,
    /// The last second of the load.
    pub(super) last: Option<Progress>,
    pub(super) planned: History,
    pub(super) answered: History,
    pub(super) p50: History,
    pub(super) p99: History,
    pub(super) max: History,
    /// The sums of the run so far.
    pub(super) answered_sum: u64,
    pub(super) planned_sum: u64,
    /// Redirects and errors so far, by class.
    pub(super) problems: BTreeMap<String, u64>,
    /// The nodes of the load, by address.
    pub(super) nodes: BTreeMap<String, Node>,
    /// The newest events, the last one at the end.
    pub(super) events: VecDeque<String>,
}

/// What rct does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// It gets ready, or restores and removes.
    Other,
    /// It fills, reads back or deletes this many keys of a space.
    Keys { done: &'static str, space: String, keys: u64, wanted: u64 },
    /// It drives load.
    Load,
}

/// One node of the load.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Good replies per second in the last second.
    pub(super) rate: u64,
    /// Whether the last second had operations for it.
    pub(super) is_asked: bool,
    /// Since when no good reply came, in seconds from the start of the load; none while they come.
    pub(super) silent_from_s: Option<f64>,
}

/// The values of the last minute, a second each.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<u64>);

impl History {
    fn push(&mut self, value: u64) {
        if self.0.len() == SECONDS {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The newest values that fit, the oldest of them first.
    pub(super) fn newest(&self, count: usize) -> Vec<u64> {
        self.0.iter().skip(self.0.len().saturating_sub(count)).copied().collect()
    }
}

impl State {
    pub(super) fn new(end: Option<Duration>) -> Self {
        Self {
            end_s: end.map(|end| end.as_secs_f64()),
            heading: String::new(),
            doing: Doing::Other,
            last: None,
            planned: History::default(),
            answered: History::default(),
            p50: History::default(),
            p99: History::default(),
            max: History::default(),
            answered_sum: 0,
            planned_sum: 0,
            problems: BTreeMap::new(),
            nodes: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes what an event says.
    pub(super) fn learn(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) {
        match event {
            LoadEvent::TargetReady => self.heading = facts(record).join(", "),
            LoadEvent::KeysProgress { done, space, keys, wanted } => {
                self.doing = Doing::Keys { done, space: (*space).to_owned(), keys: *keys, wanted: *wanted };
            }
            LoadEvent::Connected { .. } => self.doing = Doing::Load,
            LoadEvent::SecondEnded { progress, .. } => self.second(progress),
            LoadEvent::Fault { .. } => {
                if self.events.len() == EVENTS {
                    self.events.pop_front();
                }
                self.events.extend(news(event));
            }
            LoadEvent::KeysDone { .. } | LoadEvent::Restored { .. } => self.doing = Doing::Other,
            LoadEvent::LoadStarts { .. }
            | LoadEvent::HandedOver { .. }
            | LoadEvent::BadKey { .. }
            | LoadEvent::Warning { .. }
            | LoadEvent::RunFinished => {}
        }
    }

    fn second(&mut self, progress: &Progress) {
        self.doing = Doing::Load;
        self.answered_sum += progress.answered;
        self.planned_sum += progress.planned.unwrap_or_default();
        for (class, count) in &progress.problems {
            *self.problems.entry(class.clone()).or_default() += count;
        }
        for node in self.nodes.values_mut() {
            // A dead node may have nothing to count, so that the second does not name it.
            *node = Node { silent_from_s: node.silent_from_s.or(Some(progress.at_s)), ..Node::default() };
        }
        for node in &progress.nodes {
            self.node(node, progress);
        }
        // What is left at the end comes within a moment, of which no rate can be made.
        if progress.part != Part::Drain {
            self.planned.push(per_second(progress.planned.unwrap_or_default(), progress));
            self.answered.push(per_second(progress.answered, progress));
            self.p50.push(microseconds(progress.p50, progress));
            self.p99.push(microseconds(progress.p99, progress));
            self.max.push(microseconds(progress.max, progress));
            self.last = Some(progress.clone());
        }
    }

    fn node(&mut self, seen: &NodeProgress, progress: &Progress) {
        let node = self.nodes.entry(seen.address.clone()).or_default();
        node.rate = per_second(seen.answered, progress);
        node.is_asked = seen.planned + seen.answered + seen.failed > 0;
        node.silent_from_s = (seen.answered == 0).then(|| node.silent_from_s.unwrap_or(progress.at_s));
    }

    /// How far the load is, in seconds from its start.
    pub(super) fn at_s(&self) -> f64 {
        self.last.as_ref().map_or(0.0, |progress| progress.at_s + progress.length_s)
    }
}

/// The count of a part of the run as a rate.
pub(super) fn per_second(count: u64, progress: &Progress) -> u64 {
    (count as f64 / progress.length_s.max(0.001)).round() as u64
}

/// A percentile as a height: an operation without a reply is as high as the time that rct waited for it so far.
fn microseconds(time: Option<ProgressTime>, progress: &Progress) -> u64 {
    match time {
        Some(ProgressTime::Answered(us) | ProgressTime::NoAnswer(us)) => us as u64,
        Some(ProgressTime::Waiting) => (progress.oldest_s * 1e6) as u64,
        None => 0,
    }
}
