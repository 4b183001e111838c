//! What a worker knows, its course from the first socket to the last reply, and what it asks of the engine.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use wire::Address;

use super::nodes::{Node, Phase, Socket, spread};
use super::routes::Routes;
use super::trouble::Later;
use crate::layout::{Layout, NODES_MAX};
use crate::operation::Operation;
use crate::outcome::Outcome;
use crate::plan::{Pace, Plan, Routing, Until};
use crate::recorder::{Interval, Recorder, SlotCounts};
use crate::schedule::{Course, Schedule};
use crate::workload::Generator;

/// How long outstanding replies are awaited at the end.
const DRAIN: Duration = Duration::from_secs(2);
/// How often deadlines are looked at.
const DEADLINES_EVERY_NS: u64 = 50_000_000;
/// The sockets of all workers that may be on their way at a time; servers take 511 into their backlog by default.
const OPENING_MAX: usize = 256;
const SECOND_NS: u64 = 1_000_000_000;
/// The share of a node that is known and serves nothing yet: enough for one socket.
const SHARE_LEAST: f64 = 1e-6;

/// One worker. Instants are nanoseconds of the run's clock.
pub struct Worker {
    pub(super) plan: Arc<Plan>,
    index: usize,
    pub(super) generator: Generator,
    pub(super) rng: SmallRng,
    pub(super) routes: Routes,
    pub(super) nodes: Vec<Node>,
    by_address: HashMap<Address, u16>,
    pub(super) sockets: Vec<Socket>,
    pub(super) introducing: usize,
    /// Sockets with something to send or to be closed, for the engine.
    flagged: Vec<usize>,
    /// Sockets that may take operations.
    pub(super) to_fill: Vec<usize>,
    /// Operations that wait to be sent again.
    pub(super) later: BinaryHeap<Later>,
    /// An operation of a sequence whose node has too many waiting.
    pub(super) held: Option<Operation>,
    pub(super) recorder: Recorder,
    pub(super) schedule: Option<Schedule>,
    /// Operations that are still to be sent, where their number ends the run.
    pub(super) budget: Option<u64>,
    pub(super) timeout_ns: u64,
    pub(super) start_ns: Option<u64>,
    pub(super) measured_from_ns: u64,
    pub(super) end_ns: u64,
    next_turn_ns: u64,
    next_deadlines_ns: u64,
    intervals: Vec<Interval>,
    pub(super) wants_refresh: bool,
    pub(super) wants_spread: bool,
    is_stopped: bool,
}

impl Worker {
    /// Makes worker `index` of a plan, its sockets spread over the layout's nodes, none of them connected.
    #[must_use]
    pub fn new(plan: Arc<Plan>, index: usize, layout: &Layout) -> Self {
        let generator = Generator::new(Arc::clone(&plan.workload), plan.seed, index, plan.threads);
        let schedule = match &plan.pace {
            Pace::Closed => None,
            Pace::Open { rates_per_s, arrivals, ramp } => {
                let step_ns = match plan.until {
                    Until::Elapsed(step) => nanoseconds(step),
                    Until::Operations(_) => u64::MAX,
                };
                let course = Course {
                    ramp_ns: nanoseconds(*ramp),
                    warmup_ns: nanoseconds(plan.warmup),
                    rates_per_s: rates_per_s.clone(),
                    step_ns,
                };
                Some(Schedule::new(course, *arrivals, plan.seed, index, plan.threads))
            }
        };
        let mut worker = Self {
            index,
            generator,
            rng: SmallRng::seed_from_u64(plan.seed ^ index as u64),
            routes: Routes::new(plan.read_from),
            nodes: Vec::new(),
            by_address: HashMap::new(),
            sockets: (0..plan.clients_of(index)).map(|_| Socket::new(0)).collect(),
            introducing: 0,
            flagged: Vec::new(),
            to_fill: Vec::new(),
            later: BinaryHeap::new(),
            held: None,
            recorder: Recorder::new(plan.workload.templates.len()),
            schedule,
            budget: plan.operations_of(index),
            timeout_ns: nanoseconds(plan.timeout),
            start_ns: None,
            measured_from_ns: u64::MAX,
            end_ns: u64::MAX,
            next_turn_ns: u64::MAX,
            next_deadlines_ns: 0,
            intervals: Vec::new(),
            wants_refresh: false,
            wants_spread: false,
            is_stopped: false,
            plan,
        };
        worker.apply(layout);
        worker
    }

    /// Takes over a layout: routes, and the spread of the sockets.
    pub fn apply(&mut self, layout: &Layout) {
        let numbers: Vec<Option<u16>> = layout.nodes.iter().map(|node| self.node_at(&node.address)).collect();
        let mut replicas = vec![Vec::new(); self.nodes.len()];
        for (node, number) in layout.nodes.iter().zip(&numbers) {
            if let (Some(primary), Some(number)) = (node.primary.and_then(|primary| numbers[primary]), number) {
                replicas[usize::from(primary)].push(*number);
            }
        }
        if self.plan.routing == Routing::Slots {
            self.routes.replace(|slot| layout.owner(slot).and_then(|owner| numbers[owner]), replicas);
        }
        self.spread_sockets();
    }

    /// Begins the run's time.
    pub fn start(&mut self, start_ns: u64) {
        self.start_ns = Some(start_ns);
        self.measured_from_ns = start_ns + nanoseconds(self.plan.ramp() + self.plan.warmup);
        self.end_ns = match self.plan.until {
            Until::Operations(_) => u64::MAX,
            Until::Elapsed(step) => self.measured_from_ns.saturating_add(nanoseconds(step) * self.plan.steps() as u64),
        };
        // What happened while connecting is of no second.
        let _connecting = self.recorder.turn(start_ns, self.measured_from_ns == start_ns);
        self.recorder.restart();
        self.next_turn_ns = self.turn_after(start_ns);
        self.to_fill.extend(0..self.sockets.len());
    }

    /// Plans no further operations; what is in flight is still awaited.
    pub fn stop(&mut self, now_ns: u64) {
        if !self.is_stopped {
            self.is_stopped = true;
            self.end_ns = self.end_ns.min(now_ns);
        }
    }

    /// Does what is due: ends intervals, gives up on silence, sends again, spreads sockets anew.
    pub fn tick(&mut self, now_ns: u64) {
        self.turn_if_due(now_ns);
        self.send_due_again(now_ns);
        if now_ns >= self.next_deadlines_ns {
            self.next_deadlines_ns = now_ns + DEADLINES_EVERY_NS;
            self.look_at_deadlines(now_ns);
        }
        if std::mem::take(&mut self.wants_spread) {
            self.spread_sockets();
        }
        self.fill_all(now_ns);
    }

    /// Whether everything was sent that was to be, and answered, or waited for long enough.
    #[must_use]
    pub fn is_done(&self, now_ns: u64) -> bool {
        let is_over = now_ns >= self.end_ns || self.budget == Some(0);
        is_over && (now_ns >= self.end_ns.saturating_add(nanoseconds(DRAIN)) || !self.is_outstanding())
    }

    /// Ends the last interval, whatever is outstanding counted as unanswered or not sent.
    pub fn finish(&mut self, now_ns: u64) {
        self.give_up_all(now_ns);
        self.turn_if_due(now_ns);
        let last = self.recorder.turn(now_ns, false);
        self.intervals.push(last);
    }

    /// The intervals that have ended since the last call.
    pub fn take_intervals(&mut self) -> Vec<Interval> {
        std::mem::take(&mut self.intervals)
    }

    /// The counts of all slots, taken once at the end.
    pub fn take_slots(&mut self) -> Vec<SlotCounts> {
        self.recorder.take_slots()
    }

    /// Whether the cluster should be asked for its layout, since the last call.
    pub fn take_refresh_wish(&mut self) -> bool {
        std::mem::take(&mut self.wants_refresh) && self.plan.routing == Routing::Slots
    }

    /// The number of sockets.
    #[must_use]
    pub fn socket_count(&self) -> usize {
        self.sockets.len()
    }

    /// The engine is about to connect a socket: gives its node's address.
    pub fn opening(&mut self, socket: usize) -> Arc<Address> {
        let entry = &mut self.sockets[socket];
        entry.node = entry.home();
        entry.next_node = None;
        entry.phase = Phase::Opening;
        Arc::clone(&self.nodes[usize::from(entry.node)].address)
    }

    /// How many sockets may be on their way or introducing themselves at a time, so that no backlog overflows.
    pub(crate) fn opening_max(&self) -> usize {
        (OPENING_MAX / self.plan.threads).max(1)
    }

    /// How many sockets are connected and have not had their first answer.
    pub(crate) fn introducing(&self) -> usize {
        self.introducing
    }

    /// Whether a socket is connected and has not had its first answer.
    pub(crate) fn is_introducing(&self, socket: usize) -> bool {
        self.sockets[socket].phase == Phase::Setup
    }

    /// How many sockets can send.
    #[must_use]
    pub fn ready_count(&self) -> usize {
        self.nodes.iter().map(|node| node.ready).sum()
    }

    /// What a socket has to send.
    #[must_use]
    pub fn outgoing(&self, socket: usize) -> &[u8] {
        self.sockets[socket].connection.outgoing()
    }

    /// Exchanges what a socket has to send for an empty buffer; it counts as sent.
    pub(crate) fn take_outgoing(&mut self, socket: usize, buffer: &mut Vec<u8>) {
        self.sockets[socket].connection.take_outgoing(buffer);
    }

    /// Notes that a socket has sent this many bytes.
    pub fn note_sent(&mut self, socket: usize, count: usize) {
        self.sockets[socket].connection.note_sent(count);
    }

    /// Whether the engine is to close a socket, and why; then it calls [`Worker::lost`] or [`Worker::left`].
    #[must_use]
    pub fn closing(&self, socket: usize) -> Option<Closing> {
        let socket = &self.sockets[socket];
        match (socket.doomed, socket.next_node) {
            (Some(outcome), _) => Some(Closing::Lost(outcome)),
            (None, Some(_)) if socket.connection.in_flight().is_empty() => Some(Closing::Left),
            _ => None,
        }
    }

    /// The sockets that have something to send or are to be closed, since the last call.
    pub fn take_flagged(&mut self, flagged: &mut Vec<usize>) {
        flagged.clear();
        std::mem::swap(flagged, &mut self.flagged);
        for &socket in flagged.iter() {
            self.sockets[socket].is_flagged = false;
        }
    }

    pub(super) fn flag(&mut self, socket: usize) {
        if !self.sockets[socket].is_flagged {
            self.sockets[socket].is_flagged = true;
            self.flagged.push(socket);
        }
    }

    /// The number of the node at an address, which it gets if it is new; `None` once there are too many.
    pub(super) fn node_at(&mut self, address: &Address) -> Option<u16> {
        if let Some(&node) = self.by_address.get(address) {
            return Some(node);
        }
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        let number = self.nodes.len() as u16;
        let shared = Arc::new(address.clone());
        self.recorder.add_node(Arc::clone(&shared));
        self.nodes.push(Node::new(shared));
        self.by_address.insert(address.clone(), number);
        self.wants_spread = true;
        Some(number)
    }

    pub(super) fn turn_if_due(&mut self, now_ns: u64) {
        while now_ns >= self.next_turn_ns {
            let at_ns = self.next_turn_ns;
            let interval = self.recorder.turn(at_ns, at_ns == self.measured_from_ns);
            self.intervals.push(interval);
            self.next_turn_ns = self.turn_after(at_ns);
        }
    }

    /// The next end of an interval: a whole second, or the beginning or end of a step.
    fn turn_after(&self, at_ns: u64) -> u64 {
        let start_ns = self.start_ns.unwrap_or(0);
        let second_ns = start_ns + ((at_ns - start_ns) / SECOND_NS + 1) * SECOND_NS;
        let step_ns = match self.plan.until {
            _ if at_ns < self.measured_from_ns => self.measured_from_ns,
            Until::Elapsed(step) => {
                let step_ns = nanoseconds(step).max(1);
                self.measured_from_ns + ((at_ns - self.measured_from_ns) / step_ns + 1) * step_ns
            }
            Until::Operations(_) => u64::MAX,
        };
        second_ns.min(step_ns)
    }

    fn spread_sockets(&mut self) {
        let mut shares = match self.plan.routing {
            Routing::Slots => self.routes.shares(self.nodes.len(), self.plan.workload.read_share()),
            Routing::Redirect => vec![1.0; self.nodes.len()],
        };
        for (share, node) in shares.iter_mut().zip(&self.nodes) {
            if *share <= 0.0 && !node.queue.is_empty() {
                *share = SHARE_LEAST;
            }
        }
        if shares.iter().all(|share| *share <= 0.0) {
            shares.fill(1.0);
        }
        let wanted = spread(&shares, self.sockets.len(), self.index);
        let mut have = vec![0; self.nodes.len()];
        let mut spare = Vec::new();
        for (number, socket) in self.sockets.iter().enumerate() {
            let home = usize::from(socket.home());
            have[home] += 1;
            if have[home] > wanted[home] {
                spare.push(number);
            }
        }
        for (node, &wanted) in wanted.iter().enumerate() {
            for _ in have[node]..wanted {
                let Some(socket) = spare.pop() else { return };
                self.send_home(socket, node as u16);
            }
        }
    }

    fn send_home(&mut self, number: usize, node: u16) {
        let socket = &mut self.sockets[number];
        match socket.phase {
            Phase::Down => {
                socket.node = node;
                socket.next_node = None;
                socket.failures = 0;
            }
            _ if socket.node == node => socket.next_node = None,
            _ => socket.next_node = Some(node),
        }
        self.flag(number);
    }
}

/// Why a socket is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// Something is wrong with it.
    Lost(Outcome),
    /// It goes to another node.
    Left,
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
