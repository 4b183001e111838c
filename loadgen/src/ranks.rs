//! Percentiles over operations of which some got no good reply.
//!
//! An operation without a good reply ranks above all good replies. Its time counts until rct gave it up, and at least
//! `--timeout`, so that fast errors cannot improve a percentile.

use hdrhistogram::{Counter, Histogram};

use crate::recorder::{AllTimes, microseconds};

/// The percentiles of reports, by their names in `run.json`.
pub(crate) const QUANTILES: [(&str, f64); 7] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("p9999", 0.9999), ("max", 1.0)];

/// The times of operations in the order of their ranks.
pub(crate) struct Ranked {
    times: AllTimes,
    answered: u64,
}

/// The time at a rank.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct AtRank {
    /// The time, in microseconds.
    pub(crate) us: f64,
    /// Whether the operation got a good reply; if not, the time is the least that it took.
    pub(crate) is_answered: bool,
}

impl Ranked {
    /// Ranks good replies.
    pub(crate) fn answered(times: AllTimes) -> Self {
        Self { answered: times.len(), times }
    }

    /// Ranks operations without a good reply above good replies; each one counts with at least `least_ns`.
    pub(crate) fn with_unanswered<C: Counter>(answered: AllTimes, unanswered: &Histogram<C>, least_ns: u64) -> Self {
        let mut ranked = Self::answered(answered);
        let least_ns = least_ns.max(ranked.times.max());
        for step in unanswered.iter_recorded() {
            let time_ns = step.value_iterated_to().max(least_ns);
            ranked.times.saturating_record_n(time_ns, step.count_at_value().as_u64());
        }
        ranked
    }

    /// Ranks operations without a good reply of which only the count is known.
    pub(crate) fn with_count(answered: AllTimes, unanswered: u64, least_ns: u64) -> Self {
        let mut ranked = Self::answered(answered);
        // Recording a time zero times would still raise the largest time.
        if unanswered > 0 {
            let least_ns = least_ns.max(ranked.times.max());
            ranked.times.saturating_record_n(least_ns, unanswered);
        }
        ranked
    }

    /// Counts the operations.
    pub(crate) fn count(&self) -> u64 {
        self.times.len()
    }

    /// Counts the operations without a good reply.
    pub(crate) fn unanswered(&self) -> u64 {
        self.times.len() - self.answered
    }

    /// Gives the mean, in microseconds.
    pub(crate) fn mean_us(&self) -> f64 {
        microseconds(self.times.mean() as u64)
    }

    /// Gives the time of the operation at a quantile from 0 to 1.
    pub(crate) fn at(&self, quantile: f64) -> AtRank {
        // The histogram takes the same rank.
        let rank = ((quantile * self.times.len() as f64).ceil() as u64).max(1);
        let ns = if quantile < 1.0 { self.times.value_at_quantile(quantile) } else { self.times.max() };
        AtRank { us: microseconds(ns), is_answered: rank <= self.answered }
    }

    /// Names the percentiles of reports that fall among operations without a good reply.
    pub(crate) fn no_answer(&self) -> Vec<String> {
        let is_unanswered = |&(_, quantile): &(&str, f64)| self.count() > 0 && !self.at(quantile).is_answered;
        QUANTILES.into_iter().filter(is_unanswered).map(|(name, _)| name.to_owned()).collect()
    }

    /// Gives the times in a histogram, those of operations without a good reply included.
    pub(crate) fn into_times(self) -> AllTimes {
        self.times
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::{Times, times};

    const MS: u64 = 1_000_000;

    fn histogram<C: Counter>(times_ms: impl IntoIterator<Item = u64>) -> Histogram<C> {
        let mut histogram = times();
        times_ms.into_iter().for_each(|ms| histogram.saturating_record(ms * MS));
        histogram
    }

    fn ms_at(ranked: &Ranked, quantile: f64) -> (f64, bool) {
        let AtRank { us, is_answered } = ranked.at(quantile);
        ((us / 1e3).round(), is_answered)
    }

    #[test]
    fn a_rank_falls_among_good_replies_or_beyond_them() {
        // 90 good replies of 1 to 90 ms, and 10 operations that failed after 1 ms.
        let failed: Times = histogram([1; 10]);
        let ranked = Ranked::with_unanswered(histogram(1..=90), &failed, 2_000 * MS);
        assert_eq!((ranked.count(), ranked.unanswered()), (100, 10));
        assert_eq!(ms_at(&ranked, 0.5), (50.0, true));
        assert_eq!(ms_at(&ranked, 0.9), (90.0, true), "the largest good reply is the last with an answer");
        assert_eq!(ms_at(&ranked, 0.901), (2_001.0, false), "a fast error counts with the timeout");
        assert_eq!(ms_at(&ranked, 1.0), (2_001.0, false));
        assert_eq!(ranked.no_answer(), ["p95", "p99", "p999", "p9999", "max"]);
    }

    #[test]
    fn operations_without_an_answer_keep_the_time_until_rct_gave_up() {
        let failed: Times = histogram([100, 3_000, 4_000]);
        let ranked = Ranked::with_unanswered(histogram([1]), &failed, 2_000 * MS);
        let seen = [0.25, 0.5, 0.75, 1.0].map(|quantile| ms_at(&ranked, quantile));
        assert_eq!(seen, [(1.0, true), (2_001.0, false), (3_001.0, false), (4_001.0, false)]);
    }

    #[test]
    fn nothing_ranks_below_the_largest_good_reply() {
        let failed: Times = histogram([10]);
        let ranked = Ranked::with_unanswered(histogram([1, 5_000]), &failed, 2_000 * MS);
        assert!(ms_at(&ranked, 1.0).0 >= ms_at(&ranked, 0.66).0);
        assert_eq!(ranked.no_answer(), ["p90", "p95", "p99", "p999", "p9999", "max"]);
        let counted = Ranked::with_count(histogram([1, 5_000]), 1, 2_000 * MS);
        assert_eq!(ms_at(&counted, 1.0), ms_at(&ranked, 1.0));
    }

    #[test]
    fn without_failures_every_percentile_has_an_answer() {
        let failed: Times = histogram([]);
        let ranked = Ranked::with_unanswered(histogram(1..=10), &failed, 2_000 * MS);
        assert_eq!((ranked.unanswered(), ranked.no_answer().len()), (0, 0));
        assert_eq!(Ranked::answered(times()).no_answer(), Vec::<String>::new());
        let counted = Ranked::with_count(histogram(1..=10), 0, 2_000 * MS);
        assert_eq!(ms_at(&counted, 1.0), (10.0, true), "no operation took as long as the timeout");
    }
}
