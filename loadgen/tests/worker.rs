//! A worker without I/O. The tests feed it bytes and check to which node each operation goes, also after redirects.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use loadgen::keys::Distribution;
use loadgen::layout::Layout;
use loadgen::outcome::Outcome;
use loadgen::schedule::Arrivals;
use loadgen::worker::{Closing, Worker};
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Share, Until};
use wire::{Address, Protocol, Slot, SlotRange, SlotsEntry, SlotsNode};

const START_NS: u64 = 1_000;
const TIMEOUT: Duration = Duration::from_millis(100);

/// A cluster of two nodes: `a:1` serves all slots, `b:2` none.
fn worker(retry: Retry) -> Worker {
    Worker::new(Arc::new(plan(retry)), 0, &layout(&[("a", 1, 0..=16_383)]))
}

/// A layout of nodes, each with its slots.
fn layout(nodes: &[(&str, u16, RangeInclusive<u16>)]) -> Layout {
    let entries = nodes.iter().map(|(host, port, slots)| {
        let node = SlotsNode { endpoint: Some((*host).to_owned()), port: *port, id: None, metadata: Vec::new() };
        let [first, last] = [*slots.start(), *slots.end()].map(|number| Slot::new(number).unwrap());
        SlotsEntry { range: SlotRange::new(first, last).unwrap(), nodes: vec![node] }
    });
    Layout::of_slots(&entries.collect::<Vec<_>>(), &Address::new("a", 1), |address| address)
}

/// One operation from two clients in closed loop.
fn plan(retry: Retry) -> LoadPlan {
    let workload = Workload::mix("GET:1", "", 10, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
    LoadPlan {
        seeds: vec![Address::new("a", 1)],
        access: wire::Access::default(),
        protocol: Protocol::Resp2,
        map: Arc::default(),
        workload: Arc::new(workload),
        clients: 2,
        threads: 1,
        pipeline: 1,
        pace: Pace::Closed,
        until: Until::Operations(1),
        warmup: Duration::ZERO,
        timeout: TIMEOUT,
        connect_timeout: TIMEOUT,
        retry,
        read_from: ReadFrom::Primary,
        routing: Routing::Slots,
        engine: EngineChoice::Auto,
        finds_stalls: false,
        seed: 1,
        share: Share::WHOLE,
    }
}

/// Takes the bytes that a socket has to send.
fn sent(worker: &mut Worker, socket: usize) -> String {
    let bytes = worker.outgoing(socket).to_vec();
    worker.note_sent(socket, bytes.len());
    String::from_utf8(bytes).unwrap()
}

/// Connects a socket and returns the address that it connects to.
fn connect(worker: &mut Worker, socket: usize, now_ns: u64) -> String {
    let address = worker.opening(socket).to_string();
    worker.opened(socket, now_ns);
    assert!(sent(worker, socket).contains("PING"));
    worker.received(socket, b"+PONG\r\n", now_ns).unwrap();
    address
}

/// A worker whose first socket has sent the only operation. The second socket is not connected.
fn with_one_operation_sent(retry: Retry) -> Worker {
    let mut worker = worker(retry);
    assert_eq!(connect(&mut worker, 0, 0), "a:1");
    assert_eq!(sent(&mut worker, 0), "", "nothing may be sent before the start");
    worker.start(START_NS);
    worker.tick(START_NS);
    assert!(sent(&mut worker, 0).starts_with("*2\r\n$3\r\nGET\r\n"));
    worker
}

/// Connects the second socket, which must go to the node that the operation waits for.
fn connect_second(worker: &mut Worker, address: &str, now_ns: u64) {
    worker.tick(now_ns);
    assert_eq!(connect(worker, 1, now_ns), address);
}

fn outcomes(worker: &mut Worker, now_ns: u64) -> (u64, u64, u64) {
    worker.finish(now_ns);
    let mut sum = (0, 0, 0);
    for interval in worker.take_intervals() {
        for (_, counts) in interval.nodes {
            let outcomes = counts.outcomes;
            sum = (sum.0 + outcomes.of(Outcome::Ok), sum.1 + outcomes.redirects(), sum.2 + counts.failed);
        }
    }
    sum
}

#[test]
fn after_moved_the_operation_goes_to_the_new_owner_and_the_layout_is_refreshed() {
    let mut worker = with_one_operation_sent(Retry::Redirects);
    worker.received(0, b"-MOVED 5 b:2\r\n", 2_000).unwrap();
    assert!(worker.take_refresh_request());
    connect_second(&mut worker, "b:2", 3_000);
    assert!(sent(&mut worker, 1).starts_with("*2\r\n$3\r\nGET\r\n"));
    worker.received(1, b"$-1\r\n", 4_000).unwrap();
    assert!(worker.is_done(5_000));
    assert_eq!(outcomes(&mut worker, 5_000), (1, 1, 0));
}

#[test]
fn after_ask_the_operation_goes_with_asking_and_is_counted_once() {
    let mut worker = with_one_operation_sent(Retry::Redirects);
    worker.received(0, b"-ASK 5 b:2\r\n", 2_000).unwrap();
    connect_second(&mut worker, "b:2", 3_000);
    assert!(sent(&mut worker, 1).starts_with("*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n"));
    worker.received(1, b"+OK\r\n", 3_500).unwrap();
    assert!(!worker.is_done(3_600));
    worker.received(1, b"$1\r\na\r\n", 4_000).unwrap();
    assert_eq!(outcomes(&mut worker, 5_000), (1, 1, 0));
}

#[test]
fn without_retries_a_redirect_ends_the_operation() {
    let mut worker = with_one_operation_sent(Retry::None);
    worker.received(0, b"-MOVED 5 b:2\r\n", 2_000).unwrap();
    assert!(worker.is_done(3_000));
    assert_eq!(outcomes(&mut worker, 5_000), (0, 1, 1));
}

#[test]
fn a_refusal_is_sent_again_after_a_wait() {
    let mut worker = with_one_operation_sent(Retry::Redirects);
    worker.received(0, b"-CLUSTERDOWN The cluster is down\r\n", 2_000).unwrap();
    assert_eq!(sent(&mut worker, 0), "");
    worker.tick(2_000 + 20_000_000);
    assert!(sent(&mut worker, 0).starts_with("*2\r\n$3\r\nGET\r\n"));
    worker.received(0, b"$1\r\na\r\n", 30_000_000).unwrap();
    assert_eq!(outcomes(&mut worker, 40_000_000), (1, 0, 0));
}

#[test]
fn a_timeout_closes_the_socket_and_fails_the_operations_in_flight() {
    let mut worker = with_one_operation_sent(Retry::Redirects);
    worker.tick(START_NS + 90_000_000);
    assert_eq!(worker.closing(0), None);
    worker.tick(START_NS + 200_000_000);
    assert_eq!(worker.closing(0), Some(Closing::Lost(Outcome::Timeout)));
    let wait = worker.lost(0, Outcome::Timeout, START_NS + 200_000_000);
    assert!(wait > Duration::ZERO && wait < Duration::from_secs(1));
    assert_eq!(outcomes(&mut worker, 300_000_000), (0, 0, 1));
}

#[test]
fn an_operation_that_may_have_run_is_sent_again_only_with_retry_all() {
    for (retry, failed) in [(Retry::Redirects, 1), (Retry::All, 0)] {
        let mut worker = with_one_operation_sent(retry);
        worker.lost(0, Outcome::Closed, 2_000);
        connect(&mut worker, 0, 3_000);
        worker.tick(30_000_000);
        let again = sent(&mut worker, 0);
        assert_eq!(again.contains("GET"), failed == 0, "{again:?}");
        if failed == 0 {
            worker.received(0, b"$-1\r\n", 40_000_000).unwrap();
        }
        assert_eq!(outcomes(&mut worker, 50_000_000), (1 - failed, 0, failed));
    }
}

#[test]
fn a_late_reply_is_not_held_against_younger_operations() {
    const MS: u64 = 1_000_000;
    // An operation each 50 ms, of which two may be in flight.
    let pace = Pace::Open { rates_per_s: vec![20.0], arrivals: Arrivals::Constant, ramp: Duration::ZERO };
    let until = Until::Elapsed(Duration::from_secs(1));
    let plan = LoadPlan { clients: 1, pipeline: 2, pace, until, ..plan(Retry::Redirects) };
    let mut worker = Worker::new(Arc::new(plan), 0, &layout(&[("a", 1, 0..=16_383)]));
    connect(&mut worker, 0, 0);
    worker.start(START_NS);
    let mut now_ns = START_NS;
    let mut sent_ns = Vec::new();
    let mut until = |worker: &mut Worker, end_ns: u64| {
        while now_ns < end_ns {
            now_ns += MS;
            worker.pace(now_ns);
            worker.tick(now_ns);
            sent_ns.extend(sent(worker, 0).matches("GET").map(|_| now_ns));
        }
        sent_ns.clone()
    };
    let first_two = until(&mut worker, START_NS + 90 * MS);
    assert_eq!(first_two.len(), 2, "{first_two:?}");
    let late_ns = first_two[0] + 115 * MS;
    assert_eq!(until(&mut worker, late_ns).len(), 2, "the third must wait for a reply");
    assert_eq!(worker.closing(0), None, "the server may still answer the second one in time");
    worker.received(0, b"$1\r\na\r\n$1\r\nb\r\n", late_ns).unwrap();
    assert!(sent(&mut worker, 0).contains("GET"), "the third one goes");
    worker.received(0, b"$1\r\nc\r\n", late_ns + MS).unwrap();
    assert_eq!(outcomes(&mut worker, late_ns + 2 * MS), (2, 0, 1), "only the first one is unanswered");
}

#[test]
fn one_client_has_one_operation_at_a_time_whatever_the_number_of_nodes() {
    let plan = LoadPlan { clients: 1, until: Until::Operations(30), ..plan(Retry::Redirects) };
    let mut worker = Worker::new(Arc::new(plan), 0, &layout(&[("a", 1, 0..=8_191), ("b", 2, 8_192..=16_383)]));
    let sockets = worker.socket_count();
    let addresses: Vec<String> = (0..sockets).map(|socket| connect(&mut worker, socket, 0)).collect();
    assert!(["a:1", "b:2"].iter().all(|node| addresses.iter().any(|address| address == node)), "{addresses:?}");
    worker.start(START_NS);
    worker.tick(START_NS);
    let mut used = std::collections::BTreeSet::new();
    for operation in 1..=30 {
        let busy: Vec<usize> = (0..sockets).filter(|&socket| !worker.outgoing(socket).is_empty()).collect();
        assert_eq!(busy.len(), 1, "operation {operation} goes by sockets {busy:?}");
        assert_eq!(sent(&mut worker, busy[0]).matches("GET").count(), 1);
        used.insert(addresses[busy[0]].clone());
        worker.received(busy[0], b"$-1\r\n", START_NS + operation).unwrap();
    }
    assert_eq!(used.len(), 2, "both nodes were asked");
    assert!(worker.is_done(START_NS + 31));
    assert_eq!(outcomes(&mut worker, START_NS + 32), (30, 0, 0));
}

#[test]
fn a_client_without_a_slot_map_learns_nothing_from_moved() {
    let mut plan = LoadPlan { until: Until::Operations(3), routing: Routing::Redirect, ..plan(Retry::Redirects) };
    plan.workload = Arc::new(Workload::mix("GET:1", "", 1, Distribution::Uniform, Sizes::Fixed(8)).unwrap());
    let nodes = [Address::new("a", 1), Address::new("b", 2)];
    let mut worker = Worker::new(Arc::new(plan), 0, &Layout::of_nodes(&nodes));
    let addresses = [0, 1].map(|socket| connect(&mut worker, socket, 0));
    worker.start(START_NS);
    worker.tick(START_NS);
    assert!([0, 1].iter().all(|&socket| sent(&mut worker, socket).contains("GET")));
    worker.received(0, format!("-MOVED 5 {}\r\n", addresses[1]).as_bytes(), 2_000).unwrap();
    assert!(sent(&mut worker, 0).contains("GET"), "the third one has the same key, and goes to the same node first");
    assert!(!worker.take_refresh_request());
    worker.received(1, b"$-1\r\n", 3_000).unwrap();
    assert!(sent(&mut worker, 1).contains("GET"), "the first one follows the redirect");
    worker.received(1, b"$-1\r\n", 4_000).unwrap();
    worker.received(0, b"$-1\r\n", 4_000).unwrap();
    assert_eq!(outcomes(&mut worker, 5_000), (3, 1, 0));
}
