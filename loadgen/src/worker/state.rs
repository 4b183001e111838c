//! Puts the parts of a worker together: its course from the first socket to the last reply, and what its engine asks.

use std::sync::Arc;

use wire::Address;

use super::checks::Checks;
use super::fleet::{Closing, Fleet};
use super::nodes::Phase;
use super::retries::RetryQueue;
use super::routes::Routes;
use super::source::Source;
use super::turns::Turns;
use crate::layout::Layout;
use crate::plan::{LoadPlan, Pace, Routing, nanoseconds};
use crate::recorder::{Interval, Recorder, SlotCounts};
use crate::shards::Shards;

/// How often the worker looks for sockets and operations whose time is over: this many times in `--timeout`, within
/// the bounds.
const DEADLINES_PER_TIMEOUT: u64 = 100;
const DEADLINES_EVERY_NS: (u64, u64) = (10_000_000, 50_000_000);
/// How many sockets of all workers may connect at a time; by default a server queues at most 511 of them.
const OPENING_MAX: usize = 256;

/// One worker. Instants are nanoseconds of the run's clock.
pub struct Worker {
    pub(super) plan: Arc<LoadPlan>,
    index: usize,
    pub(super) source: Source,
    pub(super) turns: Turns,
    pub(super) routes: Routes,
    pub(super) fleet: Fleet,
    pub(super) retries: RetryQueue,
    pub(super) recorder: Recorder,
    /// What the run checks; `None` if it checks nothing.
    pub(super) checks: Option<Box<Checks>>,
    /// The intervals that have ended and that the engine has not taken yet.
    intervals: Vec<Interval>,
    pub(super) timeout_ns: u64,
    deadlines_every_ns: u64,
    next_deadlines_ns: u64,
    /// Whether something showed that the layout has changed.
    pub(super) wants_refresh: bool,
    /// Why the last socket that could not connect could not, until the engine takes it.
    pub(super) trouble: Option<String>,
}

impl Worker {
    /// Makes worker `index` of a plan. It spreads its sockets over the layout's nodes; none of them is connected.
    #[must_use]
    pub fn new(plan: Arc<LoadPlan>, index: usize, layout: &Layout) -> Self {
        let checks = Checks::of(&plan.workload);
        let mut worker = Self {
            index,
            source: Source::of(&plan, index, plan.shares_connections(index, layout)),
            turns: Turns::new(plan.parts()),
            routes: Routes::new(plan.read_from),
            fleet: Fleet::new(plan.sockets_of(index, layout), plan.seed ^ index as u64, checks.is_some()),
            checks,
            retries: RetryQueue::new(plan.seed ^ index as u64),
            recorder: Recorder::new(plan.workload.templates.len(), plan.pace != Pace::Closed),
            intervals: Vec::new(),
            timeout_ns: nanoseconds(plan.timeout),
            deadlines_every_ns: (nanoseconds(plan.timeout) / DEADLINES_PER_TIMEOUT)
                .clamp(DEADLINES_EVERY_NS.0, DEADLINES_EVERY_NS.1),
            next_deadlines_ns: 0,
            wants_refresh: false,
            trouble: None,
            plan,
        };
        if worker.plan.finds_stalls {
            let is_read = worker.plan.workload.templates.iter().map(|template| template.is_read).collect();
            worker.recorder.watch_shards(Arc::new(Shards::of(layout)), is_read);
        }
        worker.apply(layout);
        worker
    }

    /// Takes over a layout: the owners of slots, the node for each operation that waits, and the spread of the sockets.
    pub fn apply(&mut self, layout: &Layout) {
        let numbers: Vec<Option<u16>> = layout.nodes.iter().map(|node| self.node_at(&node.address)).collect();
        self.fleet.list(&numbers);
        let mut replicas = vec![Vec::new(); self.fleet.nodes.len()];
        for (node, number) in layout.nodes.iter().zip(&numbers) {
            if let (Some(primary), Some(number)) = (node.primary.and_then(|primary| numbers[primary]), number) {
                replicas[usize::from(primary)].push(*number);
            }
        }
        if self.plan.routing != Routing::Redirect {
            self.routes.replace(|slot| layout.owner(slot).and_then(|owner| numbers[owner]), replicas);
        }
        self.route_again();
        self.spread_sockets();
    }

    /// Starts the run's time.
    pub fn start(&mut self, start_ns: u64) {
        self.turns.start(start_ns);
        // What happened while connecting belongs to no interval.
        let _connecting = self.recorder.turn(start_ns, 0, self.turns.is_start_of_measuring(start_ns));
        self.recorder.restart();
        self.fleet.wake_all();
    }

    /// Ends the run's time early: the worker plans no further operations, and still waits for those in flight.
    pub fn stop(&mut self, now_ns: u64) {
        self.turns.stop(now_ns);
    }

    /// Does what is due: ends intervals, gives up silent sockets, retries operations, and spreads the sockets.
    pub fn tick(&mut self, now_ns: u64) {
        self.turn_if_due(now_ns);
        self.send_due_again(now_ns);
        if now_ns >= self.next_deadlines_ns {
            self.next_deadlines_ns = now_ns + self.deadlines_every_ns;
            self.look_at_deadlines(now_ns);
        }
        if self.fleet.take_spread_request() {
            self.spread_sockets();
        }
        self.fill_all(now_ns);
    }

    /// Whether the run's time is over, and each operation has ended or has had its `--timeout`.
    #[must_use]
    pub fn is_done(&self, now_ns: u64) -> bool {
        let end_ns = self.turns.end_ns();
        let is_over = now_ns >= end_ns || self.source.is_spent();
        let is_settled = || !self.is_behind() && !self.is_outstanding();
        is_over && (now_ns >= end_ns.saturating_add(self.timeout_ns) || is_settled())
    }

    /// Ends the last interval. Operations that have not ended count as failed, and planned operations that the worker
    /// never reached count as not sent.
    pub fn finish(&mut self, now_ns: u64) {
        self.give_up_all(now_ns);
        self.count_not_sent();
        self.turn_if_due(now_ns);
        let mut last = self.recorder.finish(now_ns);
        last.waiting = self.waiting();
        self.intervals.push(last);
        if let Some(checks) = &mut self.checks {
            checks.finish(|node| self.fleet.nodes[node].address.to_string());
        }
    }

    /// Takes the intervals that have ended since the last call.
    pub fn take_intervals(&mut self) -> Vec<Interval> {
        std::mem::take(&mut self.intervals)
    }

    /// Takes the counts of all slots, once at the end.
    pub fn take_slots(&mut self) -> Vec<SlotCounts> {
        self.recorder.take_slots()
    }

    /// Whether something has shown since the last call that the layout may have changed.
    pub fn take_refresh_request(&mut self) -> bool {
        std::mem::take(&mut self.wants_refresh) && self.plan.routing == Routing::Slots
    }

    /// Takes the reason why a socket could not connect, if one could not since the last call.
    pub(crate) fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    /// The number of the node at an address. A new node gets one, unless there are too many.
    pub(super) fn node_at(&mut self, address: &Address) -> Option<u16> {
        if let Some(node) = self.fleet.find(address) {
            return Some(node);
        }
        let address = Arc::new(address.clone());
        let node = self.fleet.add(&address)?;
        self.recorder.add_node(address);
        Some(node)
    }

    /// Ends the intervals whose end has come.
    #[inline]
    pub(super) fn turn_if_due(&mut self, now_ns: u64) {
        while let Some(at_ns) = self.turns.take_due(now_ns) {
            self.turn(at_ns);
        }
    }

    #[cold]
    fn turn(&mut self, at_ns: u64) {
        let planned_until_ns = self.planned_until_ns();
        let mut interval = self.recorder.turn(at_ns, planned_until_ns, self.turns.is_start_of_measuring(at_ns));
        interval.waiting = self.waiting();
        self.intervals.push(interval);
    }

    fn spread_sockets(&mut self) {
        let count = self.fleet.nodes.len();
        let shares = match self.plan.routing {
            Routing::Slots | Routing::Standalone => self.routes.shares(count, self.plan.workload.read_share()),
            Routing::Redirect => vec![1.0; count],
        };
        self.fleet.spread(shares, self.index);
    }
}

/// What an engine asks about sockets.
impl Worker {
    /// The number of sockets.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.fleet.sockets.len()
    }

    /// The engine is about to connect a socket: gives the address.
    pub fn opening(&mut self, socket: usize) -> Arc<Address> {
        self.fleet.open(socket)
    }

    /// How many sockets may connect or wait for their first answer at a time, so that no server's queue overflows.
    pub(crate) fn opening_max(&self) -> usize {
        (OPENING_MAX / self.plan.threads).max(1)
    }

    /// How many sockets are connected and have not had their first answer.
    pub(crate) fn introducing(&self) -> usize {
        self.fleet.introducing()
    }

    /// Whether a socket is connected and has not had its first answer.
    pub(crate) fn is_introducing(&self, socket: usize) -> bool {
        self.fleet.sockets[socket].phase == Phase::Setup
    }

    /// Whether a socket that waits before it connects need not wait any longer: it has got another node meanwhile.
    pub(crate) fn may_open_at_once(&self, socket: usize) -> bool {
        self.fleet.sockets[socket].failures == 0
    }

    /// How many sockets can send.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.fleet.ready_count()
    }

    /// The bytes that a socket has to send.
    #[must_use]
    pub fn outgoing(&self, socket: usize) -> &[u8] {
        self.fleet.sockets[socket].connection.outgoing()
    }

    /// Exchanges the bytes that a socket has to send for an empty buffer; they count as sent.
    pub(crate) fn take_outgoing(&mut self, socket: usize, buffer: &mut Vec<u8>) {
        self.fleet.sockets[socket].connection.take_outgoing(buffer);
    }

    /// Notes that a socket has sent this many bytes.
    pub fn note_sent(&mut self, socket: usize, count: usize) {
        self.fleet.sockets[socket].connection.note_sent(count);
    }

    /// Whether the engine must close a socket, and why. Then it calls [`Worker::lost`] or [`Worker::left`].
    #[must_use]
    pub fn closing(&self, socket: usize) -> Option<Closing> {
        self.fleet.closing(socket)
    }

    /// Exchanges the sockets that have something to send or must be closed, since the last call, for an empty list.
    pub fn take_flagged(&mut self, flagged: &mut Vec<usize>) {
        self.fleet.take_flagged(flagged);
    }
}
