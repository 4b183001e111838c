//! Any samples, divided among any number of generators, merge to the numbers of one generator that saw all of them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use loadgen::handover::{FORMAT, Head, Reader, Tail, Writer};
use loadgen::merge::{Part, merge};
use loadgen::outline::{OpenLoop, Outline};
use loadgen::recorder::Recorder;
use loadgen::report::LoadReport;
use loadgen::schedule::Arrivals;
use loadgen::workload::{Sizes, Workload};
use loadgen::{Operation, Until, keys::Distribution, workload::Generator};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use wire::Address;

const SECOND_NS: u64 = 1_000_000_000;
const SECONDS: u64 = 3;

/// What happened to an operation.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// The generator that sent it, after division by the number of generators.
    part: usize,
    node: usize,
    planned_ns: u64,
    /// How long it took until its reply; long ones got none.
    took_ns: u64,
}

impl From<(usize, bool, u64, u32, u8)> for Sample {
    fn from((part, node, planned, took, scale): (usize, bool, u64, u32, u8)) -> Self {
        let took_ns = (u64::from(took) << (scale % 10)).min(5 * SECOND_NS);
        Self { part, node: usize::from(node), planned_ns: planned % (SECONDS * SECOND_NS), took_ns }
    }
}

fn outline(is_open: bool) -> Outline {
    Outline {
        workload: "GET:1".to_owned(),
        commands: vec!["GET".to_owned()],
        clients: 1,
        threads: 1,
        pipeline: 1,
        open: is_open.then(|| OpenLoop {
            rates_per_s: vec![1_000.0],
            arrivals: Arrivals::Poisson,
            ramp: Duration::ZERO,
        }),
        until: Until::Elapsed(Duration::from_secs(SECONDS)),
        warmup: Duration::ZERO,
        timeout: Duration::from_secs(2),
        shards: Vec::new(),
    }
}

/// Some operation of the workload.
fn operation() -> Operation {
    let workload = Workload::mix("GET:1", "", 100, Distribution::Uniform, Sizes::Fixed(8)).unwrap();
    Generator::new(Arc::new(workload), 1, 0, 1).draw(0)
}

/// The file of a generator that saw these samples, and whose clock was at `start_ns` when the run started.
fn handover(samples: &[Sample], start_ns: u64, is_open: bool) -> Vec<u8> {
    let mut recorder = Recorder::new(1, is_open);
    recorder.add_node(Arc::new(Address::new("a", 1)));
    recorder.add_node(Arc::new(Address::new("b", 2)));
    recorder.turn(start_ns, start_ns, true);
    recorder.restart();
    let head = Head { format: FORMAT, start_ns, outline: outline(is_open) };
    let mut writer = Writer::new(Vec::new(), &head).unwrap();
    let operation = operation();
    for second in 0..SECONDS {
        let within = second * SECOND_NS..(second + 1) * SECOND_NS;
        for sample in samples.iter().filter(|sample| within.contains(&sample.planned_ns)) {
            let planned_ns = start_ns + sample.planned_ns;
            let sent_ns = if is_open { planned_ns + 1 } else { planned_ns };
            let operation = Operation { planned_ns, sent_ns, ..operation };
            if is_open {
                recorder.planned(sample.node, &operation);
            }
            match sample.took_ns < 2 * SECOND_NS {
                true => recorder.ok(sample.node, &operation, sent_ns + sample.took_ns, Some(true)),
                false => recorder.failed(sample.node, &operation, sent_ns + sample.took_ns),
            }
        }
        let end_ns = start_ns + within.end;
        writer.interval(&recorder.turn(end_ns, end_ns, false)).unwrap();
    }
    writer.interval(&recorder.finish(start_ns + SECONDS * SECOND_NS + 1)).unwrap();
    writer.finish(&tail()).unwrap()
}

fn tail() -> Tail {
    Tail {
        nodes: Vec::new(),
        slots: Vec::new(),
        cpu_s: 0.5,
        memory_mb: 1.0,
        connections: 2,
        connect_s: 0.1,
        engine: "tokio".to_owned(),
        stopped_after_s: None,
        is_interrupted: false,
        stale_primaries: None,
        stale_replicas: None,
        lost: Vec::new(),
    }
}

fn merged(files: Vec<Vec<u8>>) -> LoadReport {
    let part =
        |file: Vec<u8>| Part { handover: Reader::new(std::io::Cursor::new(file)).unwrap(), verify: None, wait: None };
    let merged = merge(files.into_iter().map(part).collect(), &mut |_, _| {}).unwrap();
    assert!(merged.unreadable.is_empty(), "{:?}", merged.unreadable);
    merged.report
}

/// The numbers that do not depend on how many generators there were.
fn numbers(report: &LoadReport) -> String {
    let LoadReport { latency_us, commands, nodes, windows, planned, operations, failed, unanswered, .. } = report;
    let steps: Vec<_> = report.steps.iter().map(|step| (&step.response_us, step.planned, step.failed)).collect();
    format!(
        "{latency_us:#?} {commands:#?} {nodes:#?} {windows:#?} {planned} {operations} {failed} {unanswered:?} {steps:#?}"
    )
}

proptest! {
    // A case takes a second without optimization.
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn any_split_merges_to_the_histogram_of_one_recorder(
        samples in vec((any::<usize>(), any::<bool>(), any::<u64>(), any::<u32>(), any::<u8>()), 1..200),
        parts in 1..9_usize,
        is_open in any::<bool>(),
    ) {
        let mut samples: Vec<Sample> = samples.into_iter().map(Sample::from).collect();
        samples.sort_by_key(|sample| sample.planned_ns);
        let one = merged(vec![handover(&samples, 7, is_open)]);
        let files = (0..parts).map(|part| {
            let own: Vec<Sample> = samples.iter().copied().filter(|sample| sample.part % parts == part).collect();
            handover(&own, 1_000 + part as u64 * 12_345_678, is_open)
        });
        let all = merged(files.collect());
        prop_assert_eq!(&all.response, &one.response);
        prop_assert_eq!(&all.service, &one.service);
        prop_assert_eq!(all.response.len(), samples.len() as u64 - if is_open { 0 } else { one.failed });
        prop_assert_eq!(numbers(&all), numbers(&one));
    }

    #[test]
    fn a_file_that_ends_anywhere_is_an_error(cut in any::<proptest::sample::Index>()) {
        let samples = [Sample { part: 0, node: 0, planned_ns: 5, took_ns: 500 }];
        let whole = handover(&samples, 7, true);
        let file = whole[..cut.index(whole.len())].to_vec();
        if let Ok(handover) = Reader::new(std::io::Cursor::new(file)) {
            let merged = merge(vec![Part { handover, verify: None, wait: None }], &mut |_, _| {}).unwrap();
            prop_assert!(merged.unreadable.len() == 1);
        }
    }
}

#[test]
#[ignore = "it measures how long a merge takes, and needs a minute"]
fn time_to_merge_a_thousand_parts() {
    let sample = |number: u64| Sample {
        part: 0,
        node: usize::from(number.is_multiple_of(2)),
        planned_ns: number * 100_000,
        took_ns: 100_000 + number * number % 3_000_000,
    };
    let samples: Vec<Sample> = (0..SECONDS * 10_000).map(sample).collect();
    let file = handover(&samples, 7, true);
    let began = Instant::now();
    let report = merged(vec![file.clone(); 1_000]);
    assert_eq!(report.operations, 1_000 * samples.len() as u64);
    let took_s = began.elapsed().as_secs_f64();
    println!("1,000 parts of {SECONDS} s on 2 nodes ({} kB each) took {took_s:.1} s", file.len() / 1_000);
}
