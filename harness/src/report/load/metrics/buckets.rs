//! Response times as a histogram of Prometheus, whose buckets are exact at their edges.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use loadgen::recorder::Times;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};

/// The powers of two at which buckets end: from 16 us to 69 s.
///
/// At these values the buckets of our own histograms end too, so that no time is counted on the wrong side.
const POWERS: std::ops::RangeInclusive<u32> = 14..=36;
const EDGES: usize = (*POWERS.end() - *POWERS.start() + 1) as usize;

/// The response times of a node. Clones share their counts.
#[derive(Clone, Default, Debug)]
pub(super) struct ResponseTimes(Arc<Mutex<Counts>>);

#[derive(Default, Debug)]
struct Counts {
    /// The times up to each edge and above the one before; the last place has those above all edges.
    buckets: [u64; EDGES + 1],
    sum_s: f64,
}

impl ResponseTimes {
    /// Adds the times of a second.
    pub(super) fn add(&self, times: &Times) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for step in times.iter_recorded() {
            counts.buckets[place(step.value_iterated_to())] += u64::from(step.count_at_value());
        }
        counts.sum_s += times.mean() * times.len() as f64 / 1e9;
    }
}

/// The place of a time in nanoseconds: the first edge that it does not exceed. An edge is a power of two minus one.
fn place(time_ns: u64) -> usize {
    let power = u64::BITS - time_ns.leading_zeros();
    (power.saturating_sub(*POWERS.start()) as usize).min(EDGES)
}

/// The edge of a bucket, in seconds.
fn edge_s(place: usize) -> f64 {
    match POWERS.clone().nth(place) {
        Some(power) => ((1_u64 << power) - 1) as f64 / 1e9,
        None => f64::INFINITY,
    }
}

impl TypedMetric for ResponseTimes {
    const TYPE: MetricType = MetricType::Histogram;
}

impl EncodeMetric for ResponseTimes {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let buckets: Vec<(f64, u64)> =
            counts.buckets.iter().enumerate().map(|(place, count)| (edge_s(place), *count)).collect();
        encoder.encode_histogram::<NoLabelSet>(counts.sum_s, counts.buckets.iter().sum(), &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

#[cfg(test)]
mod tests {
    use loadgen::recorder::times;

    use super::*;

    #[test]
    fn times_at_an_edge_count_below_it_and_those_above_it_do_not() {
        for power in POWERS {
            let mut at_edge: Times = times();
            at_edge.saturating_record((1 << power) - 1);
            let mut above: Times = times();
            above.saturating_record(1 << power);
            let counted = |seen: &Times| {
                let response = ResponseTimes::default();
                response.add(seen);
                let counts = response.0.lock().unwrap();
                counts.buckets.iter().position(|count| *count > 0)
            };
            let place = (power - 14) as usize;
            assert_eq!((counted(&at_edge), counted(&above)), (Some(place), Some(place + 1)), "2^{power}");
        }
        assert_eq!((place(0), place(u64::MAX), edge_s(EDGES)), (0, EDGES, f64::INFINITY));
    }
}
