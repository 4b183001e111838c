//! From totals to the numbers of a run.

use std::collections::BTreeMap;

use super::{
    CommandReport, Latencies, LoadReport, NodeReport, Percentiles, SEND_LAG_US_MOST, SlotReport, SlotsReport,
    StepReport,
};
use crate::layout::Layout;
use crate::outcome::{Outcome, Outcomes};
use crate::plan::{LoadPlan, Pace, Until};
use crate::recorder::{AllTimes, Measure, NodeCounts, SlotCounts, times};
use crate::schedule::Arrivals;
use crate::timeline::{Totals, add, add_counts, microseconds, named};

/// The share of the offered operations that must have been planned.
const PLANNED_SHARE_LEAST: f64 = 0.995;
/// The busiest slots that are named.
const SLOTS_NAMED: usize = 10;

/// What is measured beside the operations.
pub(crate) struct Surroundings {
    pub(crate) measured_s: f64,
    pub(crate) cpu_s: f64,
    pub(crate) memory_mb: f64,
    pub(crate) connect_s: f64,
    pub(crate) is_interrupted: bool,
    pub(crate) engine: &'static str,
}

/// Makes the report of a run that has ended.
pub(crate) fn report(
    plan: &LoadPlan,
    layout: &Layout,
    totals: Totals,
    slots: &[SlotCounts],
    around: &Surroundings,
) -> LoadReport {
    let mut all = NodeCounts::default();
    totals.nodes.values().for_each(|counts| add_counts(&mut all, counts));
    let operations = all.outcomes.of(Outcome::Ok);
    let measure = |wanted| collect(&totals, wanted, |_, _| true);
    let (response, service) = (measure(Measure::Response), measure(Measure::Service));
    let offered = match &plan.pace {
        Pace::Closed => None,
        Pace::Open { rates_per_s, .. } => rates_per_s.first().copied(),
    };
    let mut send_lag = percentiles(&totals.send_lag);
    if offered.is_none() {
        send_lag.count = operations;
    }
    let planned = operations + all.failed + all.not_sent;
    let invalid_because = weaknesses(plan, planned, &send_lag, around);
    let reads = all.hits + all.misses;
    LoadReport {
        workload: plan.workload.name.clone(),
        clients: plan.clients,
        threads: plan.threads,
        engine: around.engine.to_owned(),
        pipeline: plan.pipeline,
        mode: if offered.is_some() { "open" } else { "closed" }.to_owned(),
        offered_per_s: offered,
        operations,
        operations_per_s: per(operations as f64, around.measured_s),
        duration_s: around.measured_s,
        late_operations: totals.late,
        client_cpu_us_per_operation: per(around.cpu_s * 1e6, operations as f64),
        client_memory_mb: around.memory_mb,
        connect_s: around.connect_s,
        outcomes: named(&all.outcomes),
        error_codes: totals.codes.clone(),
        failed: all.failed,
        not_sent: all.not_sent,
        hit_ratio: (reads > 0).then(|| all.hits as f64 / reads as f64),
        valid: invalid_because.is_empty(),
        invalid_because,
        latency_us: Latencies {
            response: percentiles(&response),
            service: percentiles(&service),
            send_lag,
            failed: percentiles(&measure(Measure::Failed)),
        },
        commands: commands(plan, &totals),
        nodes: nodes(layout, &totals),
        steps: steps(plan, &totals, around),
        slots: slots_report(slots),
        windows: totals.windows.into_iter().collect(),
        windows_dropped: totals.windows_dropped,
        response,
        service,
    }
}

/// Why the numbers say more of the generator than of the servers.
fn weaknesses(plan: &LoadPlan, planned: u64, send_lag: &Percentiles, around: &Surroundings) -> Vec<String> {
    let mut reasons = Vec::new();
    let Pace::Open { rates_per_s, arrivals, .. } = &plan.pace else { return reasons };
    if send_lag.p99 > SEND_LAG_US_MOST {
        reasons.push(format!(
            "the generator was late: send lag p99 is {:.1} ms, more than {:.0} ms; use more --threads, a lower --rate, or a machine with less to do",
            send_lag.p99 / 1e3,
            SEND_LAG_US_MOST / 1e3
        ));
    }
    if let (Until::Elapsed(step), false) = (plan.until, around.is_interrupted) {
        let offered = rates_per_s.iter().sum::<f64>() * step.as_secs_f64();
        // The number of random arrivals varies by itself, by five deviations once in a million runs.
        let chance = if *arrivals == Arrivals::Poisson { 5.0 * offered.sqrt() } else { 1.0 };
        if (planned as f64) < offered * PLANNED_SHARE_LEAST - chance {
            reasons.push(format!(
                "the generator planned {planned} of {offered:.0} operations, less than {} %",
                PLANNED_SHARE_LEAST * 100.0
            ));
        }
    }
    reasons
}

fn commands(plan: &LoadPlan, totals: &Totals) -> Vec<CommandReport> {
    let command = |(template, name): (usize, &String)| {
        let of = |measure| percentiles(&collect(totals, measure, |_, other| usize::from(other) == template));
        let response_us = of(Measure::Response);
        CommandReport {
            name: name.clone(),
            operations: response_us.count,
            response_us,
            service_us: of(Measure::Service),
        }
    };
    plan.workload.templates.iter().map(|template| &template.name).enumerate().map(command).collect()
}

fn nodes(layout: &Layout, totals: &Totals) -> Vec<NodeReport> {
    let node = |(address, counts): (&wire::Address, &NodeCounts)| {
        let known = layout.nodes.iter().find(|node| node.address == *address);
        let of = |measure| percentiles(&collect(totals, measure, |other, _| other == address));
        NodeReport {
            id: known.and_then(|node| node.id).map(|id| id.to_string()),
            address: address.to_string(),
            role: match known {
                None => "gone",
                Some(node) if node.primary.is_some() => "replica",
                Some(_) => "primary",
            }
            .to_owned(),
            operations: counts.outcomes.of(Outcome::Ok),
            outcomes: trouble(&counts.outcomes),
            failed: counts.failed,
            not_sent: counts.not_sent,
            response_us: of(Measure::Response),
            service_us: of(Measure::Service),
        }
    };
    totals.nodes.iter().map(node).collect()
}

fn trouble(outcomes: &Outcomes) -> BTreeMap<String, u64> {
    named(outcomes).into_iter().filter(|&(_, count)| count > 0).collect()
}

fn steps(plan: &LoadPlan, totals: &Totals, around: &Surroundings) -> Vec<StepReport> {
    let rates: &[f64] = match &plan.pace {
        Pace::Open { rates_per_s, .. } => rates_per_s,
        Pace::Closed => &[],
    };
    let step_s = around.measured_s / totals.steps.len().max(1) as f64;
    let step = |(number, step): (usize, &crate::timeline::StepTotals)| StepReport {
        offered_per_s: rates.get(number).copied(),
        operations_per_s: per(step.operations as f64, step_s),
        failed: step.failed,
        not_sent: step.not_sent,
        response_us: percentiles(&step.response),
        send_lag_us: percentiles(&step.send_lag),
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
    SlotsReport { used, busiest, redirected, redirected_count, all: every }
}

/// All times of a measure whose node and template fit.
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

fn percentiles(times: &AllTimes) -> Percentiles {
    if times.is_empty() {
        return Percentiles::default();
    }
    let us = |quantile| microseconds(times.value_at_quantile(quantile));
    Percentiles {
        count: times.len(),
        mean: microseconds(times.mean() as u64),
        p50: us(0.5),
        p90: us(0.9),
        p95: us(0.95),
        p99: us(0.99),
        p999: us(0.999),
        p9999: us(0.9999),
        max: microseconds(times.max()),
    }
}

fn per(amount: f64, unit: f64) -> f64 {
    if unit > 0.0 { (amount / unit * 1e3).round() / 1e3 } else { 0.0 }
}
