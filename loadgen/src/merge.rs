//! Puts together what several generators handed over, as if their workers belonged to one process.
//!
//! The intervals of all generators go through the same sums as those of one. So every percentile is the one that a
//! single generator would have reported, and not an average of percentiles.

use std::collections::BTreeMap;
use std::io;

use crate::handover::Reader;
use crate::ledger::VerifyReport;
use crate::outline::{Outline, SeenNode};
use crate::recorder::{Interval, Lane, SlotCounts};
use crate::report::{LoadReport, Surroundings, report};
use crate::sums::Sums;
use crate::timeline::Progress;
use crate::waits::WaitReport;

/// Where the merged run starts, on the clock of its intervals. Every generator started later than zero on its own.
const START_NS: u64 = 1 << 50;

/// What one generator brought.
pub struct Part {
    /// What its workers handed over.
    pub handover: Reader,
    /// What it verified.
    pub verify: Option<VerifyReport>,
    /// What WAIT answered it.
    pub wait: Option<WaitReport>,
}

/// The numbers of all generators together.
pub struct Merged {
    /// The report.
    pub report: LoadReport,
    /// The parts whose handover ends too early or cannot be read, by their place, and why.
    pub unreadable: Vec<(usize, io::Error)>,
}

/// Merges the parts of a run. `second` gets each second of the merged run, as an observer of a single run would.
///
/// It reads all parts side by side, so that memory holds only a few seconds of them. Gives `None` if there is no part.
pub fn merge(mut parts: Vec<Part>, second: &mut dyn FnMut(&Progress, &[Lane])) -> Option<Merged> {
    let outline = outline(&parts)?;
    let mut sums = Sums::new(&outline, START_NS);
    let mut unreadable = BTreeMap::new();
    while let Some(number) = parts.iter().filter_map(|part| part.handover.next_number()).min() {
        let mut ended = 0;
        for (place, part) in parts.iter_mut().enumerate() {
            let was_there = part.handover.next_number().is_some();
            if let Err(error) = take(part, number, &mut sums, second) {
                unreadable.insert(place, error);
            }
            if was_there && part.handover.next_number().is_none() {
                ended += part.handover.head().outline.threads;
            }
        }
        // Not before all parts have given the second: it would seem complete too early.
        sums.expect_fewer(ended);
    }
    sums.close(second);
    let mut merged = whole(&outline, sums, &parts);
    merged.verify = verified(&parts);
    merged.wait = waited(&parts);
    merged.windows.sort_by(|one, other| one.at_s.total_cmp(&other.at_s));
    Some(Merged { report: merged, unreadable: unreadable.into_iter().collect() })
}

/// The plan of all generators together.
fn outline(parts: &[Part]) -> Option<Outline> {
    let mut outlines = parts.iter().map(|part| &part.handover.head().outline);
    let mut sum = outlines.next()?.clone();
    outlines.for_each(|outline| sum.add(outline));
    Some(sum)
}

/// Adds the intervals of a part up to a number.
fn take(part: &mut Part, number: u32, sums: &mut Sums, second: &mut dyn FnMut(&Progress, &[Lane])) -> io::Result<()> {
    while let Some(interval) = part.handover.interval_until(number)? {
        let interval = moved(interval, part.handover.head().start_ns);
        if let Some((progress, lanes)) = sums.add(interval) {
            second(&progress, &lanes);
        }
    }
    Ok(())
}

/// Moves an interval of a generator that started at `start_ns` to the clock of the merged run.
fn moved(mut interval: Interval, start_ns: u64) -> Interval {
    let at = |ns: u64| (ns + START_NS).saturating_sub(start_ns);
    interval.from_ns = at(interval.from_ns);
    interval.to_ns = at(interval.to_ns);
    interval.waiting.oldest_ns = interval.waiting.oldest_ns.map(at);
    interval
}

fn whole(outline: &Outline, sums: Sums, parts: &[Part]) -> LoadReport {
    let tails = || parts.iter().filter_map(|part| part.handover.tail());
    let mut slots = vec![SlotCounts::default(); usize::from(wire::SLOT_COUNT)];
    let mut nodes: BTreeMap<&str, SeenNode> = BTreeMap::new();
    for tail in tails() {
        for seen in &tail.slots {
            let Some(slot) = slots.get_mut(seen.slot) else { continue };
            slot.ok += seen.operations;
            slot.redirects += seen.redirects;
            slot.errors += seen.errors;
        }
        tail.nodes.iter().for_each(|node| {
            nodes.entry(&node.address).or_insert_with(|| node.clone());
        });
    }
    let mut engines: Vec<&str> = tails().map(|tail| &*tail.engine).collect();
    engines.sort_unstable();
    engines.dedup();
    let around = Surroundings {
        measured_s: sums.measured_s(),
        cpu_s: tails().map(|tail| tail.cpu_s).sum(),
        memory_mb: tails().map(|tail| tail.memory_mb).sum(),
        sockets: tails().map(|tail| tail.connections).sum(),
        connect_s: tails().map(|tail| tail.connect_s).fold(0.0, f64::max),
        is_interrupted: tails().any(|tail| tail.is_interrupted),
        stopped_after_s: tails().filter_map(|tail| tail.stopped_after_s).reduce(f64::min),
        engine: engines.join(" and "),
    };
    let nodes: Vec<SeenNode> = nodes.into_values().collect();
    let (totals, stalls) = sums.finish();
    let mut report = report(outline, &nodes, totals, &slots, &around);
    report.stalls = stalls;
    report
}

fn verified(parts: &[Part]) -> Option<VerifyReport> {
    let mut sum: Option<VerifyReport> = None;
    for part in parts {
        let mut verify = part.verify.clone()?;
        if let Some(tail) = part.handover.tail() {
            verify.primaries.ages = tail.stale_primaries.clone();
            verify.replicas.ages = tail.stale_replicas.clone();
            if let Some(read_back) = &mut verify.read_back {
                read_back.lost_at = tail.lost.clone();
            }
        }
        match &mut sum {
            Some(sum) => sum.add(verify),
            none => *none = Some(verify),
        }
    }
    sum
}

fn waited(parts: &[Part]) -> Option<WaitReport> {
    let mut waits = parts.iter().map(|part| part.wait.clone());
    let mut sum = waits.next()??;
    for wait in waits {
        sum.add(&wait?);
    }
    Some(sum)
}
