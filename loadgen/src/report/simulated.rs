//! Runs a worker in simulated time against a simulated server that stalls, and compares the report with arithmetic.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use wire::{Access, Address, Protocol};

use super::{LoadReport, Surroundings, report};
use crate::keys::Distribution;
use crate::layout::Layout;
use crate::outline::Outline;
use crate::plan::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Until};
use crate::schedule::Arrivals;
use crate::share::Share;
use crate::timeline::Timeline;
use crate::worker::{Closing, Worker};
use crate::workload::{Sizes, Workload};

const MS: u64 = 1_000_000;
const STEP_NS: u64 = MS / 4;
const START_NS: u64 = 20 * MS;
/// How long the server takes to reply while it does not stall.
const SERVICE_NS: u64 = MS;
/// When it begins to stall, after the start.
const STALL_AFTER_MS: u64 = 3_000;
const LENGTH_MS: u64 = 15_000;
const RATE_PER_S: u64 = 1_000;
const CLIENTS: usize = 50;

/// A connection, as the server sees it.
#[derive(Default)]
struct Connection {
    is_open: bool,
    open_ns: u64,
    /// When the server replies to each command.
    replies_ns: VecDeque<u64>,
}

struct Simulation {
    worker: Worker,
    connections: Vec<Connection>,
    stall_ns: (u64, u64),
}

impl Simulation {
    fn step(&mut self, now_ns: u64) {
        for (socket, connection) in self.connections.iter_mut().enumerate() {
            if !connection.is_open && connection.open_ns <= now_ns {
                self.worker.opening(socket);
                self.worker.opened(socket, now_ns);
                connection.is_open = true;
            }
            while connection.replies_ns.front().is_some_and(|&due_ns| due_ns <= now_ns) {
                connection.replies_ns.pop_front();
                self.worker.received(socket, b"+OK\r\n", now_ns).unwrap();
            }
        }
        self.worker.pace(now_ns);
        if now_ns.is_multiple_of(10 * MS) {
            self.worker.tick(now_ns);
        }
        let mut flagged = Vec::new();
        self.worker.take_flagged(&mut flagged);
        for socket in flagged {
            self.serve(socket, now_ns);
        }
    }

    fn serve(&mut self, socket: usize, now_ns: u64) {
        let connection = &mut self.connections[socket];
        if let Some(closing) = self.worker.closing(socket) {
            let Closing::Lost(outcome) = closing else { unreachable!("there is only one node") };
            let wait = self.worker.lost(socket, outcome, now_ns);
            *connection = Connection { open_ns: now_ns + wait.as_nanos() as u64, ..Connection::default() };
            return;
        }
        let bytes = self.worker.outgoing(socket).to_vec();
        self.worker.note_sent(socket, bytes.len());
        let commands = bytes.iter().filter(|&&byte| byte == b'*').count();
        let begin_ns = if (self.stall_ns.0..self.stall_ns.1).contains(&now_ns) { self.stall_ns.1 } else { now_ns };
        connection.replies_ns.extend(std::iter::repeat_n(begin_ns + SERVICE_NS, commands));
    }
}

/// The report of a run in which the server stalls.
fn run(stall_ms: u64, timeout_ms: u64) -> LoadReport {
    let layout = Layout::standalone(&Address::new("a", 1));
    let plan = Arc::new(LoadPlan {
        seeds: vec![Address::new("a", 1)],
        access: Access::default(),
        protocol: Protocol::Resp2,
        map: Arc::default(),
        workload: Arc::new(Workload::mix("GET", "", 100, Distribution::Uniform, Sizes::Fixed(1)).unwrap()),
        clients: CLIENTS,
        threads: 1,
        pipeline: 1,
        pace: Pace::Open { rates_per_s: vec![RATE_PER_S as f64], arrivals: Arrivals::Constant, ramp: Duration::ZERO },
        until: Until::Elapsed(Duration::from_millis(LENGTH_MS)),
        warmup: Duration::ZERO,
        timeout: Duration::from_millis(timeout_ms),
        connect_timeout: Duration::from_secs(1),
        retry: Retry::Redirects,
        read_from: ReadFrom::Primary,
        routing: Routing::Standalone,
        finds_stalls: false,
        engine: EngineChoice::Auto,
        seed: 1,
        share: Share::WHOLE,
    });
    let outline = Outline::of(&plan, Vec::new());
    let stall_from_ns = START_NS + STALL_AFTER_MS * MS;
    let mut simulation = Simulation {
        worker: Worker::new(Arc::clone(&plan), 0, &layout),
        connections: (0..CLIENTS).map(|_| Connection::default()).collect(),
        stall_ns: (stall_from_ns, stall_from_ns + stall_ms * MS),
    };
    let mut timeline = Timeline::new(&outline, START_NS);
    let mut now_ns = 0;
    while now_ns <= START_NS || !simulation.worker.is_done(now_ns) {
        now_ns += STEP_NS;
        if now_ns == START_NS {
            simulation.worker.start(now_ns);
        }
        simulation.step(now_ns);
    }
    simulation.worker.finish(now_ns);
    for interval in simulation.worker.take_intervals() {
        timeline.add(interval);
    }
    timeline.close_rest();
    let around = Surroundings {
        measured_s: LENGTH_MS as f64 / 1e3,
        cpu_s: 0.0,
        memory_mb: 0.0,
        sockets: CLIENTS,
        connect_s: 0.0,
        is_interrupted: false,
        stopped_after_s: None,
        engine: "simulated".to_owned(),
    };
    report(&outline, &[], timeline.totals, &simulation.worker.take_slots(), &around)
}

/// The response time at a quantile, in microseconds; `None` among the operations without a reply.
///
/// All operations are equal, except those that are planned during the stall: those for which `--timeout` ends before the
/// stall get no reply, and the others wait for its end.
fn expected(quantile: f64, stall_ms: u64, timeout_ms: u64) -> Option<f64> {
    let waiting_ms = stall_ms.min(timeout_ms);
    let (normal, slow) = ((LENGTH_MS - stall_ms) as f64, waiting_ms as f64);
    // At this rate one operation is planned each millisecond.
    match quantile * LENGTH_MS as f64 {
        rank if rank <= normal => Some(SERVICE_NS as f64 / 1e3),
        rank if rank <= normal + slow => Some((rank - normal) * 1e3),
        _ => None,
    }
}

#[test]
fn percentiles_of_a_stall_agree_with_arithmetic() {
    for (stall_ms, timeout_ms) in [(2_000, 1_000), (2_000, 5_000), (7_000, 2_000)] {
        let report = run(stall_ms, timeout_ms);
        let response = &report.latency_us.response;
        let what = format!("a stall of {stall_ms} ms with --timeout {timeout_ms} ms: {response:?}");
        assert_eq!((response.count, report.planned, report.not_sent), (LENGTH_MS, LENGTH_MS, 0), "{what}");
        let unanswered = stall_ms.saturating_sub(timeout_ms);
        assert!(response.unanswered.abs_diff(unanswered) <= 60, "{what}");
        assert!(report.valid && report.unanswered.values().sum::<u64>() == response.unanswered, "{what}");
        for (name, quantile, us) in [
            ("p50", 0.5, response.p50),
            ("p90", 0.9, response.p90),
            ("p95", 0.95, response.p95),
            ("p99", 0.99, response.p99),
            ("max", 1.0, response.max),
        ] {
            let is_unanswered = response.no_answer.iter().any(|other| other == name);
            let wanted = expected(quantile, stall_ms, timeout_ms);
            assert_eq!(is_unanswered, wanted.is_none(), "{name} of {what}");
            let wanted = wanted.unwrap_or(timeout_ms as f64 * 1e3);
            // Up to 30 ms pass until all that waited has been sent, one operation at a time on each connection.
            assert!((us - wanted).abs() <= wanted * 0.05 + 30_000.0, "{name} is {us} instead of {wanted}; {what}");
        }
        let counted: u64 = report.distributions.histogram.iter().map(|bucket| bucket.count).sum();
        assert_eq!(counted, report.operations, "{what}");
        assert_eq!(report.slots.cells.operations.iter().sum::<u64>(), report.operations, "{what}");
        assert_eq!((report.slots.cells.operations.len(), report.slots.cells.redirects.len()), (1_024, 0), "{what}");
    }
}
