//! Makes the report of a run from its sums.

use std::collections::BTreeMap;

use super::{
    CommandReport, Distributions, Latencies, LoadReport, NodeReport, Percentiles, SEND_LAG_US_MOST, SLOTS_PER_CELL,
    SlotCells, SlotReport, SlotsReport, StepReport,
};
use crate::outcome::{Outcome, Outcomes};
use crate::outline::{OpenLoop, Outline, SeenNode};
use crate::plan::Until;
use crate::ranks::{QUANTILES, Ranked};
use crate::recorder::{AllTimes, Measure, NodeCounts, SlotCounts, add, times};
use crate::schedule::Arrivals;
use crate::timeline::{StepTotals, Totals, named};

/// The share of the offered operations that the generator must reach in a valid run.
const REACHED_SHARE_LEAST: f64 = 0.995;
/// How many of the busiest slots a report names.
const SLOTS_NAMED: usize = 10;

/// What rct measures besides the operations.
pub(crate) struct Surroundings {
    pub(crate) measured_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) memory_mb: f64,
    pub(crate) sockets: usize,
    pub(crate) connect_s: f64,
    pub(crate) is_interrupted: bool,
    pub(crate) stopped_after_s: Option<f64>,
    pub(crate) engine: String,
}

/// Makes the report of a run that has ended.
pub(crate) fn report(
    plan: &Outline,
    seen: &[SeenNode],
    totals: Totals,
    slots: &[SlotCounts],
    around: &Surroundings,
) -> LoadReport {
    let mut all = NodeCounts::default();
    totals.nodes.values().for_each(|counts| all.add(counts));
    let operations = all.outcomes.of(Outcome::Ok);
    let is_open = plan.is_open_loop();
    let planned = if is_open { all.planned } else { operations + all.failed };
    let times_of = |measure| Ranked::answered(collect(&totals, measure, |_, _| true));
    let response = response(plan, &totals, |_, _| true);
    let service = times_of(Measure::Service);
    let answered = times_of(Measure::Response);
    let mut send_lag = percentiles(&Ranked::answered(totals.send_lag.clone()));
    if !is_open {
        send_lag.count = operations;
    }
    let invalid_because = weaknesses(plan, planned, all.not_sent, &send_lag, around);
    let reads = all.hits + all.misses;
    LoadReport {
        workload: plan.workload.clone(),
        clients: plan.clients,
        connections: around.sockets,
        threads: plan.threads,
        engine: around.engine.clone(),
        pipeline: plan.pipeline,
        mode: if is_open { "open" } else { "closed" }.to_owned(),
        offered_per_s: plan.rates_per_s().first().copied(),
        planned,
        operations,
        answered_share: (planned > 0).then(|| share(operations, planned)),
        operations_per_s: per(operations as f64, around.measured_s),
        duration_s: around.measured_s,
        stopped_after_s: around.stopped_after_s,
        late_operations: totals.late,
        cpu_s: around.cpu_s,
        client_cpu_us_per_operation: per(around.cpu_s * 1e6, operations as f64),
        client_memory_mb: around.memory_mb,
        connect_s: around.connect_s,
        outcomes: named(&all.outcomes),
        error_codes: totals.codes.clone(),
        error_texts: totals.error_texts.clone(),
        failed: all.failed,
        unanswered: all.unanswered.named(),
        not_sent: all.not_sent,
        hit_ratio: (reads > 0).then(|| all.hits as f64 / reads as f64),
        valid: invalid_because.is_empty(),
        invalid_because,
        latency_us: Latencies {
            response: percentiles(&response),
            answered: percentiles(&answered),
            service: percentiles(&service),
            send_lag,
            failed: percentiles(&times_of(Measure::Failed)),
        },
        distributions: Distributions::of(&response, &answered.into_times(), &service),
        commands: commands(plan, &totals),
        nodes: nodes(plan, seen, &totals),
        steps: steps(plan, &totals, &response, around),
        slots: slots_report(slots),
        windows: totals.windows.into_iter().collect(),
        windows_dropped: totals.windows_dropped,
        outages: Vec::new(),
        stalls: Vec::new(),
        verify: None,
        wait: None,
        response: response.into_times(),
        service: service.into_times(),
    }
}

/// Why the numbers describe the generator more than the servers.
fn weaknesses(
    plan: &Outline,
    planned: u64,
    not_sent: u64,
    send_lag: &Percentiles,
    around: &Surroundings,
) -> Vec<String> {
    let mut reasons = Vec::new();
    let Some(OpenLoop { rates_per_s, arrivals, .. }) = &plan.open else { return reasons };
    if send_lag.p99 > SEND_LAG_US_MOST {
        reasons.push(format!(
            "the generator was late: send lag p99 is {:.1} ms, more than {:.0} ms; use more --threads, a lower --rate, or a machine with less to do",
            send_lag.p99 / 1e3,
            SEND_LAG_US_MOST / 1e3
        ));
    }
    if share(planned - not_sent.min(planned), planned) < REACHED_SHARE_LEAST {
        reasons.push(format!(
            "the generator did not reach {not_sent} of {planned} planned operations; use more --threads or a lower --rate"
        ));
    }
    if let (Until::Elapsed(step), false) = (plan.until, around.is_interrupted) {
        let offered = rates_per_s.iter().sum::<f64>() * step.as_secs_f64();
        // The number of random arrivals varies by itself, by five deviations once in a million runs.
        let chance = if *arrivals == Arrivals::Poisson { 5.0 * offered.sqrt() } else { 1.0 };
        if (planned as f64) < offered * REACHED_SHARE_LEAST - chance {
            reasons.push(format!(
                "the generator planned {planned} of {offered:.0} operations, less than {} %",
                REACHED_SHARE_LEAST * 100.0
            ));
        }
    }
    reasons
}

fn commands(plan: &Outline, totals: &Totals) -> Vec<CommandReport> {
    let command = |(template, name): (usize, &String)| {
        let fits = |_: &wire::Address, other: u16| usize::from(other) == template;
        let response = response(plan, totals, fits);
        CommandReport {
            name: name.clone(),
            operations: response.count() - response.unanswered(),
            response_us: percentiles(&response),
            service_us: percentiles(&Ranked::answered(collect(totals, Measure::Service, fits))),
        }
    };
    plan.commands.iter().enumerate().map(command).collect()
}

fn nodes(plan: &Outline, seen: &[SeenNode], totals: &Totals) -> Vec<NodeReport> {
    let node = |(address, counts): (&wire::Address, &NodeCounts)| {
        let name = address.to_string();
        let known = seen.iter().find(|node| node.address == name);
        let fits = |other: &wire::Address, _: u16| other == address;
        NodeReport {
            id: known.and_then(|node| node.id.clone()),
            address: name,
            role: known.map_or("gone", |node| &node.role).to_owned(),
            planned: counts.planned,
            operations: counts.outcomes.of(Outcome::Ok),
            outcomes: problem(&counts.outcomes),
            failed: counts.failed,
            unanswered: counts.unanswered.named(),
            not_sent: counts.not_sent,
            longest_silence_s: (counts.longest_silence_ns as f64 / 1e6).round() / 1e3,
            response_us: percentiles(&response(plan, totals, fits)),
            service_us: percentiles(&Ranked::answered(collect(totals, Measure::Service, fits))),
        }
    };
    totals.nodes.iter().map(node).collect()
}

fn problem(outcomes: &Outcomes) -> BTreeMap<String, u64> {
    named(outcomes).into_iter().filter(|&(_, count)| count > 0).collect()
}

fn steps(plan: &Outline, totals: &Totals, whole: &Ranked, around: &Surroundings) -> Vec<StepReport> {
    let step_s = around.measured_s / totals.steps.len().max(1) as f64;
    let timeout_ns = plan.timeout_ns();
    let step = |(number, step): (usize, &StepTotals)| StepReport {
        offered_per_s: plan.rates_per_s().get(number).copied(),
        planned: step.planned,
        operations_per_s: per(step.operations as f64, step_s),
        failed: step.failed,
        not_sent: step.not_sent,
        response_us: match (plan.is_open_loop(), totals.steps.len()) {
            // The whole run has finer histograms.
            (_, 1) => percentiles(whole),
            (false, _) => percentiles(&Ranked::answered(step.response.clone())),
            (true, _) => percentiles(&Ranked::with_count(step.response.clone(), step.failed, timeout_ns)),
        },
        send_lag_us: percentiles(&Ranked::answered(step.send_lag.clone())),
    };
    totals.steps.iter().enumerate().map(step).collect()
}

fn slots_report(slots: &[SlotCounts]) -> SlotsReport {
    let all = slots.iter().enumerate().map(|(slot, counts)| SlotReport {
        slot,
        operations: counts.ok,
        redirects: counts.redirects,
        errors: counts.errors,
    });
    let mut busiest: Vec<SlotReport> = all.filter(|slot| slot.operations + slot.redirects + slot.errors > 0).collect();
    let every = busiest.clone();
    let mut redirected: Vec<SlotReport> = busiest.iter().copied().filter(|slot| slot.redirects > 0).collect();
    let (used, redirected_count) = (busiest.iter().filter(|slot| slot.operations > 0).count(), redirected.len());
    busiest.sort_by_key(|slot| (std::cmp::Reverse(slot.operations), slot.slot));
    redirected.sort_by_key(|slot| (std::cmp::Reverse(slot.redirects), slot.slot));
    busiest.truncate(SLOTS_NAMED);
    redirected.truncate(SLOTS_NAMED);
    SlotsReport { used, busiest, redirected, redirected_count, cells: cells(slots), all: every }
}

fn cells(slots: &[SlotCounts]) -> SlotCells {
    let sums = |of: fn(&SlotCounts) -> u64| {
        let sums: Vec<u64> = slots.chunks(SLOTS_PER_CELL).map(|cell| cell.iter().map(of).sum()).collect();
        if sums.iter().all(|&sum| sum == 0) { Vec::new() } else { sums }
    };
    SlotCells {
        operations: sums(|slot| slot.ok),
        redirects: sums(|slot| slot.redirects),
        errors: sums(|slot| slot.errors),
    }
}

/// The response times of the operations whose node and command fit; in open loop also those without a good reply.
fn response(plan: &Outline, totals: &Totals, fits: impl Fn(&wire::Address, u16) -> bool) -> Ranked {
    let answered = collect(totals, Measure::Response, &fits);
    if !plan.is_open_loop() {
        return Ranked::answered(answered);
    }
    let failed = collect(totals, Measure::Failed, fits);
    Ranked::with_unanswered(answered, &failed, plan.timeout_ns())
}

/// All times of a measure whose node and command fit.
fn collect(totals: &Totals, wanted: Measure, fits: impl Fn(&wire::Address, u16) -> bool) -> AllTimes {
    let mut sum = times();
    for ((node, template, measure), seen) in &totals.lanes {
        let is_both = *measure == Measure::ResponseAndService && matches!(wanted, Measure::Response | Measure::Service);
        if (*measure == wanted || is_both) && fits(node, *template) {
            add(&mut sum, seen);
        }
    }
    sum
}

fn percentiles(ranked: &Ranked) -> Percentiles {
    if ranked.count() == 0 {
        return Percentiles::default();
    }
    let [p50, p90, p95, p99, p999, p9999, max] = QUANTILES.map(|(_, quantile)| ranked.at(quantile).us);
    Percentiles {
        count: ranked.count(),
        unanswered: ranked.unanswered(),
        no_answer: ranked.no_answer(),
        mean: ranked.mean_us(),
        p50,
        p90,
        p95,
        p99,
        p999,
        p9999,
        max,
    }
}

/// A share, rounded down, so that 1 means all.
fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { (part as f64 / all as f64 * 1e6).floor() / 1e6 }
}

fn per(amount: f64, unit: f64) -> f64 {
    if unit > 0.0 { (amount / unit * 1e3).round() / 1e3 } else { 0.0 }
}
