//! A worker without I/O. The tests feed it bytes and check to which node each operation goes, also after redirects.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::Duration;

use loadgen::keys::Distribution;
use loadgen::layout::Layout;
use loadgen::outcome::Outcome;
use loadgen::worker::{Closing, Worker};
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Until};
use wire::{Address, Protocol, Slot, SlotRange, SlotsEntry, SlotsNode};

const START_NS: u64 = 1_000;
const TIMEOUT: Duration = Duration::from_millis(100);

/// A cluster of two nodes: `a:1` serves all slots, `b:2` none.
fn worker(retry: Retry) -> Worker {
    let workload = Workload::mix("GET:1", "", 10, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
    let plan = LoadPlan {
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
        seed: 1,
    };
    let node = SlotsNode { endpoint: Some("a".to_owned()), port: 1, id: None, metadata: Vec::new() };
    let range = SlotRange::new(Slot::new(0).unwrap(), Slot::MAX).unwrap();
    let layout = Layout::of_slots(&[SlotsEntry { range, nodes: vec![node] }], &Address::new("a", 1), |address| address);
    Worker::new(Arc::new(plan), 0, &layout)
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
