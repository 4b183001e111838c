//! How the times of a run are distributed: the curves of percentiles, and the histogram.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ranks::Ranked;
use crate::recorder::AllTimes;

/// The points of a curve within each power of ten of the distance to 100 %: this many tenths of it are left.
const TENTHS: [f64; 12] = [10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.5, 2.0, 1.5, 1.2];

/// The buckets of the histogram for each power of ten.
const BUCKETS_PER_DECADE: f64 = 20.0;

/// The distributions of the times of a run; empty in runs of rct 0.1.0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Distributions {
    /// The percentiles of the response times; in open loop of all planned operations.
    pub response: Vec<CurvePoint>,
    /// The percentiles of the service times.
    pub service: Vec<CurvePoint>,
    /// The response times of good replies: the buckets with an operation, from the shortest time on.
    pub histogram: Vec<Bucket>,
}

/// A point of a curve of percentiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurvePoint {
    /// The percentile, from 0 to 100.
    pub percentile: f64,
    /// The time, in microseconds.
    pub us: f64,
    /// Whether the operation got no good reply, so that the time is the least possible.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_answer: bool,
}

/// A bucket of a histogram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// The shortest time of the bucket, in microseconds. The bucket ends at 1.122 times that, a twentieth of a power of
    /// ten.
    pub from_us: f64,
    /// How many operations it has.
    pub count: u64,
}

impl Bucket {
    /// Where the bucket ends, in microseconds.
    #[must_use]
    pub fn to_us(&self) -> f64 {
        rounded(10_f64.powf(((self.from_us.log10() * BUCKETS_PER_DECADE).round() + 1.0) / BUCKETS_PER_DECADE))
    }
}

impl Distributions {
    /// Takes the distributions of ranked times. `answered` are the response times of good replies, in nanoseconds.
    pub(crate) fn of(response: &Ranked, answered: &AllTimes, service: &Ranked) -> Self {
        Self { response: curve(response), service: curve(service), histogram: histogram(answered) }
    }
}

/// The percentiles of times, up to the one that a single operation makes.
fn curve(times: &Ranked) -> Vec<CurvePoint> {
    let count = times.count() as f64;
    if count == 0.0 {
        return Vec::new();
    }
    let powers = (0..).map(|power| 10_f64.powi(-power)).take_while(|left| left * count >= 1.0);
    let left = powers.flat_map(|power| TENTHS.map(|tenths| power * tenths / 10.0));
    left.filter(|left| left * count >= 1.0).chain([0.0]).map(|left| point(times, 1.0 - left)).collect()
}

fn point(times: &Ranked, quantile: f64) -> CurvePoint {
    let at = times.at(quantile);
    // Differences such as 1 - 0.9 are not exact.
    CurvePoint { percentile: (quantile * 1e11).round() / 1e9, us: at.us, no_answer: !at.is_answered }
}

/// The buckets with an operation.
fn histogram(times: &AllTimes) -> Vec<Bucket> {
    let mut buckets: Vec<(i32, u64)> = Vec::new();
    for step in times.iter_recorded() {
        let us = (step.value_iterated_to() as f64 / 1e3).max(0.1);
        let (number, count) = ((us.log10() * BUCKETS_PER_DECADE).floor() as i32, step.count_at_value());
        match buckets.last_mut() {
            Some((last, sum)) if *last == number => *sum += count,
            _ => buckets.push((number, count)),
        }
    }
    let bucket =
        |(number, count)| Bucket { from_us: rounded(10_f64.powf(f64::from(number) / BUCKETS_PER_DECADE)), count };
    buckets.into_iter().map(bucket).collect()
}

/// Four significant digits, so that files stay short.
fn rounded(us: f64) -> f64 {
    let scale = 10_f64.powf(3.0 - us.log10().floor());
    (us * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::times;

    fn milliseconds(times_ms: impl IntoIterator<Item = u64>) -> AllTimes {
        let mut all = times();
        times_ms.into_iter().for_each(|ms| all.saturating_record(ms * 1_000_000));
        all
    }

    #[test]
    fn a_curve_ends_where_one_operation_decides() {
        let ranked = Ranked::with_count(milliseconds(1..=990), 10, 5_000_000_000);
        let points = curve(&ranked);
        let at = |percentile: f64| points.iter().find(|point| point.percentile == percentile).unwrap();
        assert_eq!(points.first().map(|point| point.percentile), Some(0.0));
        assert!((at(50.0).us - 500e3).abs() < 1e3 && !at(50.0).no_answer);
        assert!((at(99.0).us - 990e3).abs() < 1e3 && !at(99.0).no_answer);
        assert!(at(99.1).no_answer && at(99.1).us >= 5e6);
        assert_eq!(points[points.len() - 2].percentile, 99.9, "one of 1000 operations is left");
        assert_eq!(points.last().map(|point| point.percentile), Some(100.0));
        assert_eq!(curve(&Ranked::answered(times())), []);
    }

    #[test]
    fn a_histogram_has_every_operation_once() {
        let buckets = histogram(&milliseconds((1..=100).chain([1, 1])));
        assert_eq!(buckets.iter().map(|bucket| bucket.count).sum::<u64>(), 102);
        assert_eq!((buckets[0].from_us, buckets[0].to_us(), buckets[0].count), (1_000.0, 1_122.0, 3));
        assert!(buckets.windows(2).all(|pair| pair[0].to_us() <= pair[1].from_us));
        assert_eq!(histogram(&times()), []);
    }
}
