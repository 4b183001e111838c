use std::collections::BTreeMap;

use jiff::Timestamp;
use loadgen::timeline::{NodeProgress, Part, ProgressTime};
use ratatui::backend::TestBackend;

use super::*;
use crate::record::{FaultNews, FaultRecord, TargetRecord};

/// A terminal of this width whose panel fills it.
fn terminal(columns: u16) -> Terminal<TestBackend> {
    let options = TerminalOptions { viewport: Viewport::Inline(LINES) };
    Terminal::with_options(TestBackend::new(columns, LINES + 6), options).unwrap()
}

fn record() -> LoadRecord {
    let target = TargetRecord { kind: "local".to_owned(), shape: Some("3+1".to_owned()), ..TargetRecord::default() };
    LoadRecord::new(Timestamp::UNIX_EPOCH, 7, target)
}

/// A second of open loop in which the second of three nodes answers nothing.
fn second(at_s: f64, is_silent: bool) -> loadgen::timeline::Progress {
    let node = |port: u16, answered| NodeProgress {
        address: format!("127.0.0.1:{port}"),
        planned: 1000,
        answered,
        failed: 0,
        waiting: 0,
    };
    let silent = if is_silent { 0 } else { 1000 };
    loadgen::timeline::Progress {
        at_s,
        length_s: 1.0,
        part: Part::Measure,
        planned: Some(3000),
        answered: 2000 + silent,
        failed: 0,
        waiting: 1000 - silent,
        oldest_s: if is_silent { 0.94 } else { 0.0 },
        redirects: if is_silent { 12 } else { 0 },
        errors: 0,
        problems: if is_silent { BTreeMap::from([("moved".to_owned(), 12)]) } else { BTreeMap::new() },
        nodes: vec![node(7000, 1000), node(7001, silent), node(7002, 1000)],
        p50: Some(ProgressTime::Answered(325.0)),
        p99: Some(if is_silent { ProgressTime::Waiting } else { ProgressTime::Answered(812.0) }),
        max: Some(if is_silent { ProgressTime::Waiting } else { ProgressTime::Answered(1_250.0) }),
    }
}

fn kill() -> FaultRecord {
    FaultRecord {
        number: 1,
        fault: "kill primary @10s".to_owned(),
        action: "kill 127.0.0.1:7001".to_owned(),
        nodes: vec!["127.0.0.1:7001".to_owned()],
        shards: vec![2],
        planned_s: 10.0,
        began_s: Some(10.0),
        ended_s: None,
        problem: None,
        seen: Vec::new(),
    }
}

/// What a terminal of this width shows after some seconds with a fault.
fn after_a_fault(columns: u16) -> String {
    let (mut terminal, mut state, record) = (terminal(columns), State::new(Some(Duration::from_secs(30))), record());
    let mut send = |event: &LoadEvent<'_>| {
        state.learn(event, &record);
        show(&mut terminal, &state, event).unwrap();
    };
    send(&LoadEvent::TargetReady);
    send(&LoadEvent::KeysDone { done: "filled", space: "key", keys: 100_000, duration_s: 0.4 });
    for at_s in 0..12 {
        if at_s == 10 {
            send(&LoadEvent::Fault { fault: &kill(), news: &FaultNews::Began });
        }
        let progress = second(f64::from(at_s), at_s >= 10);
        send(&LoadEvent::SecondEnded { progress: &progress, lanes: &[], commands: &[] });
    }
    terminal.backend().to_string()
}

#[test]
fn the_panel_shows_rates_times_nodes_and_events() {
    insta::assert_snapshot!("panel_80", after_a_fault(80));
    insta::assert_snapshot!("panel_120", after_a_fault(120));
}

#[test]
fn keys_have_a_bar() {
    let (mut terminal, mut state, record) = (terminal(80), State::new(None), record());
    let event = LoadEvent::KeysProgress { done: "filled", space: "key", keys: 25_000, wanted: 100_000 };
    state.learn(&event, &record);
    show(&mut terminal, &state, &event).unwrap();
    insta::assert_snapshot!("panel_keys", terminal.backend());
}

#[test]
fn a_node_without_operations_is_silent_too() {
    let mut state = State::new(None);
    let mut progress = second(0.0, false);
    let learn = |state: &mut State, progress: &loadgen::timeline::Progress| {
        state.learn(&LoadEvent::SecondEnded { progress, lanes: &[], commands: &[] }, &record());
    };
    learn(&mut state, &progress);
    assert!(state.nodes.values().all(|node| node.silent_from_s.is_none() && node.rate == 1000));
    progress.nodes.remove(1);
    progress.at_s = 1.0;
    learn(&mut state, &progress);
    assert_eq!(state.nodes["127.0.0.1:7001"].silent_from_s, Some(1.0));
    assert_eq!(state.nodes["127.0.0.1:7000"].silent_from_s, None);
}
