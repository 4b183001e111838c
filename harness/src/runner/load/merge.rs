//! Makes one run of its parts: the numbers, the events and the gates.

use std::fs::File;
use std::io;

use loadgen::blame::lost_by_event;
use loadgen::handover::Reader;
use loadgen::merge::{Merged, Part, merge};
use loadgen::outage::{EventSpan, outages};
use loadgen::recorder::Class;
use loadgen::shards::Shards;

use super::parts::Parts;
use crate::record::layout::PART_FILE;
use crate::record::load_event::{LoadEvent, LoadEventLine};
use crate::record::part::MergedRecord;
use crate::record::{Ended, ExitStatus, FaultRecord, LoadRecord, ReportError};
use crate::runner::gate::{self, Gate};

/// Returns the record of the merged run, before its numbers are there.
pub fn record_of(parts: &Parts) -> LoadRecord {
    let records = || parts.present.iter().map(|run| &run.record);
    let (started, seed) = records().map(|record| (record.started, record.seed)).min().unwrap_or_default();
    let target = records().next().map(|record| record.target.clone()).unwrap_or_default();
    let mut record = LoadRecord::new(started, seed, target);
    record.duration_s = records().map(|record| record.duration_s).fold(0.0, f64::max);
    record.events = records().map(|record| record.events.clone()).find(|events| !events.is_empty()).unwrap_or_default();
    let all = records().filter_map(|record| record.part.as_ref());
    record.merged = all.clone().next().map(|first| MergedRecord {
        parts: first.parts,
        present: all.map(|part| part.number).collect(),
        began_apart_ms: began_apart_ms(parts),
        problems: parts.problems.clone(),
        plan: first.plan.clone(),
    });
    record
}

/// Merges the parts, judges the gates, and has the reports written.
///
/// # Errors
///
/// If the reports cannot be written. What is wrong with parts is in the record.
pub fn run(parts: &Parts, gates: &[Gate], mut line: LoadEventLine) -> Result<ExitStatus, ReportError> {
    let at = line.record().started;
    line.send(&LoadEvent::Connected { at, ready: 0, wanted: 0, took: std::time::Duration::ZERO });
    let (readable, mut problems) = opened(parts);
    let numbers: Vec<u32> = readable.iter().map(|(number, _)| *number).collect();
    let commands = commands(parts);
    let merged = merge(readable.into_iter().map(|(_, part)| part).collect(), &mut |progress, lanes| {
        line.send(&LoadEvent::SecondEnded { progress, lanes, commands: &commands });
    });
    if let Some(Merged { mut report, unreadable }) = merged {
        problems.extend(unreadable.iter().map(|(place, error)| unread(numbers[*place], error)));
        let all = parts.problems.iter().chain(&problems).cloned();
        report.invalid_because.splice(0..0, all);
        report.valid = report.invalid_because.is_empty();
        blame_events(parts, &mut report);
        line.record_mut().load = Some(report);
    }
    let record = line.record_mut();
    if let Some(merged) = &mut record.merged {
        merged.problems.extend(problems);
    }
    let has_problems = record.merged.as_ref().is_none_or(|merged| !merged.problems.is_empty());
    record.ended = if record.load.is_some() { Ended::Complete } else { Ended::Lost };
    record.problem = record.load.is_none().then(|| "no part can be read".to_owned());
    record.gates = gate::judge_run(gates, record);
    let status = match gate::status(&record.gates) {
        ExitStatus::Success if has_problems || record.load.is_none() => ExitStatus::ClusterLost,
        status => status,
    };
    record.exit_status = Some(status.code());
    line.send(&LoadEvent::RunFinished);
    line.failure().map(|()| status)
}

/// How far apart the loads of the parts began.
fn began_apart_ms(parts: &Parts) -> Option<f64> {
    let began = || parts.present.iter().filter_map(|run| run.record.part.as_ref()?.load_began);
    Some(began().max()?.duration_since(began().min()?).as_secs_f64() * 1e3)
}

/// Opens the files of the parts. Returns those that begin well, by number, and what is wrong with the others.
fn opened(parts: &Parts) -> (Vec<(u32, Part)>, Vec<String>) {
    let (mut readable, mut problems) = (Vec::new(), Vec::new());
    for run in &parts.present {
        let number = run.record.part.as_ref().map_or(0, |part| part.number);
        match File::open(run.name.join(PART_FILE)).and_then(Reader::new) {
            Ok(handover) => {
                let report = run.record.load.as_ref();
                let verify = report.and_then(|report| report.verify.clone());
                let wait = report.and_then(|report| report.wait.clone());
                readable.push((number, Part { handover, verify, wait }));
            }
            Err(error) => problems.push(unread(number, &error)),
        }
    }
    (readable, problems)
}

fn unread(number: u32, error: &io::Error) -> String {
    format!("cannot read {PART_FILE} of part {number} to its end: {error}; copy the whole folder of that run")
}

/// The commands of the workload, which are the same for all parts.
fn commands(parts: &Parts) -> Vec<String> {
    let mut reports = parts.present.iter().filter_map(|run| run.record.load.as_ref());
    let commands = reports.next().map(|report| &report.commands);
    commands.into_iter().flatten().map(|command| command.name.clone()).collect()
}

/// Adds to a merged report what follows from the events: the outages that all generators together saw after each one,
/// and the writes that each one cost them.
fn blame_events(parts: &Parts, merged: &mut loadgen::LoadReport) {
    let mut of_parts = parts.present.iter().filter_map(|run| Some((&run.record.events, run.record.load.as_ref()?)));
    // The generator that performed the events also named the slots of the shards.
    let Some((events, report)) = of_parts.find(|(events, _)| !events.is_empty()) else { return };
    let first = report.outages.first().map(|outage| (outage.event, outage.class));
    let of_first = report.outages.iter().filter(|outage| Some((outage.event, outage.class)) == first);
    let shards = Shards::of_ranges(of_first.map(|outage| outage.slots.clone()).collect());
    let classes: Vec<Class> =
        Class::ALL.into_iter().filter(|class| report.outages.iter().any(|outage| outage.class == *class)).collect();
    let spans: Vec<EventSpan> = events.iter().filter_map(span).collect();
    merged.outages = outages(&shards, &merged.stalls, &classes, &spans);
    if let Some(read_back) = merged.verify.as_mut().and_then(|verify| verify.read_back.as_mut()) {
        read_back.lost_by_event = lost_by_event(read_back, &shards, &spans);
    }
}

/// When an event was, if it was performed.
fn span(event: &FaultRecord) -> Option<EventSpan> {
    let ms = |at_s: f64| (at_s * 1e3) as u64;
    let (from_ms, to_ms) = (ms(event.began_s?), event.ended_s.map(ms));
    Some(EventSpan {
        number: event.number,
        from_ms,
        to_ms,
        shards: event.shards.iter().map(|shard| shard - 1).collect(),
    })
}
