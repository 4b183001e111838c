//! Runs against servers that break the protocol. Faults are counted, memory is bounded, and nothing panics or hangs.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use loadgen::keys::Distribution;
use loadgen::recorder::Lane;
use loadgen::timeline::Progress;
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, LoadPlan, LoadReport, Observer, Pace, ReadFrom, Retry, Routing, Share, StopSignal, Until};
use wire::{Address, Protocol};

const RUN: Duration = Duration::from_millis(1_200);
const TIMEOUT: Duration = Duration::from_millis(300);

/// Starts a server that answers PING, and everything else with `answer`. It closes the connection at `None`.
fn server(answer: impl Fn(&mut TcpStream, u16) -> Option<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, port, &*answer));
        }
    });
    port
}

fn serve(mut stream: TcpStream, port: u16, answer: &dyn Fn(&mut TcpStream, u16) -> Option<()>) {
    let mut buffer = [0; 65536];
    loop {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => {
                let is_ping = buffer[..count].windows(4).any(|word| word == b"PING");
                let served = if is_ping { stream.write_all(b"+PONG\r\n").ok() } else { answer(&mut stream, port) };
                if served.is_none() {
                    return;
                }
            }
            _ => return,
        }
    }
}

fn says(bytes: &'static [u8]) -> u16 {
    server(move |stream, _| stream.write_all(bytes).ok())
}

/// Both engines. The second is `io_uring` if the kernel allows it.
const ENGINES: [EngineChoice; 2] = [EngineChoice::Tokio, EngineChoice::Auto];

/// Runs load against a server for a short while, without asking it for slots.
fn load(port: u16, retry: Retry, engine: EngineChoice) -> LoadReport {
    let workload = Workload::mix("GET:1", "", 100, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
    let plan = LoadPlan {
        seeds: vec![Address::new("127.0.0.1", port)],
        access: wire::Access::default(),
        protocol: Protocol::Resp2,
        map: Arc::default(),
        workload: Arc::new(workload),
        clients: 4,
        threads: 1,
        pipeline: 2,
        pace: Pace::Closed,
        until: Until::Elapsed(RUN),
        warmup: Duration::ZERO,
        timeout: TIMEOUT,
        connect_timeout: Duration::from_secs(5),
        retry,
        read_from: ReadFrom::Primary,
        routing: Routing::Redirect,
        engine,
        finds_stalls: false,
        seed: 1,
        share: Share::WHOLE,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = Instant::now();
    let report = runtime.block_on(async {
        let layout = loadgen::layout(&plan).await.unwrap();
        loadgen::run(&Arc::new(plan), layout, &StopSignal::default(), &mut Unwatched).await.unwrap()
    });
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "the run must end by itself: {took:?}");
    assert!(report.client_memory_mb < 300.0, "memory must be bounded: {} MB", report.client_memory_mb);
    report
}

struct Unwatched;

impl Observer for Unwatched {
    fn connected(&mut self, _ready: usize, _took: Duration) {}
    fn second(&mut self, _progress: &Progress, _lanes: &[Lane]) {}
}

#[test]
fn garbage_is_a_protocol_error() {
    for engine in ENGINES {
        let report = load(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Retry::Redirects, engine);
        assert!(report.outcomes["protocol"] > 0 && report.failed > 0, "{:?}", report.outcomes);
        assert_eq!(report.operations, 0);
    }
}

#[test]
fn replies_to_no_command_are_a_protocol_error() {
    for engine in ENGINES {
        let report = load(says(b"+OK\r\n+OK\r\n+OK\r\n+OK\r\n+OK\r\n"), Retry::Redirects, engine);
        assert!(report.outcomes["protocol"] > 0, "{:?}", report.outcomes);
    }
}

#[test]
fn half_a_reply_and_silence_are_timeouts() {
    for engine in ENGINES {
        for port in [says(b"$10\r\nhalf"), says(b"")] {
            let report = load(port, Retry::Redirects, engine);
            assert!(report.outcomes["timeout"] > 0, "{:?}", report.outcomes);
            assert_eq!(report.operations, 0);
            let limit_us = (TIMEOUT + Duration::from_secs(3)).as_secs_f64() * 1e6;
            assert!(report.latency_us.failed.max < limit_us, "{:?}", report.latency_us.failed);
        }
    }
}

#[test]
fn a_reply_of_600_mb_is_refused_and_one_of_100_mb_is_skipped() {
    for engine in ENGINES {
        let report = load(says(b"$629145600\r\nxxxx"), Retry::Redirects, engine);
        assert!(report.outcomes["protocol"] > 0, "{:?}", report.outcomes);
        let large = server(|stream, _| {
            stream.write_all(b"$104857600\r\n").ok()?;
            let chunk = vec![b'x'; 1 << 20];
            (0..100).try_for_each(|_| stream.write_all(&chunk)).ok()?;
            stream.write_all(b"\r\n").ok()
        });
        let report = load(large, Retry::Redirects, engine);
        assert_eq!(report.outcomes["protocol"], 0, "{:?}", report.outcomes);
    }
}

#[test]
fn a_closed_connection_is_counted_and_opened_again() {
    for engine in ENGINES {
        let report = load(server(|_, _| None), Retry::All, engine);
        assert!(report.outcomes["closed"] > 4, "{:?}", report.outcomes);
    }
}

#[test]
fn redirects_in_a_circle_end_with_the_operation() {
    for engine in ENGINES {
        let circle =
            server(|stream, port| write!(stream, "-MOVED 1 127.0.0.1:{port}\r\n-MOVED 1 127.0.0.1:{port}\r\n").ok());
        let report = load(circle, Retry::Redirects, engine);
        assert!(report.outcomes["moved"] > 0 && report.failed > 0, "{:?}", report.outcomes);
        // Redirects back off, so there are far fewer than in a busy loop.
        assert!(report.outcomes["moved"] < 20_000, "{:?}", report.outcomes);
        let nonsense = load(says(b"-MOVED x y\r\n-ASK\r\n"), Retry::Redirects, engine);
        assert!(nonsense.outcomes["moved"] > 0 && nonsense.failed > 0, "{:?}", nonsense.outcomes);
    }
}

#[test]
fn errors_are_counted_by_their_first_word_alone() {
    for engine in ENGINES {
        let report = load(says(b"-NOPERM one text\r\n-NOPERM another\r\n"), Retry::Redirects, engine);
        let words: Vec<&str> = report.error_codes.keys().map(String::as_str).collect();
        assert_eq!(words, ["NOPERM"]);
        assert_eq!(report.outcomes["error"], report.failed);
    }
}
