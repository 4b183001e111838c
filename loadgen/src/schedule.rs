//! The planned instants of an open-loop run. A slow server does not shift them.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::share::Share;

/// How planned instants are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Arrivals {
    /// At equal intervals.
    #[default]
    Constant,
    /// At random, each independent of the others.
    Poisson,
}

/// The rate over time: a ramp, then steps.
#[derive(Clone, PartialEq, Debug)]
pub struct Course {
    /// How long the rate rises from zero to that of the first step.
    pub ramp_ns: u64,
    /// How long the first step runs before it is measured.
    pub warmup_ns: u64,
    /// The rates of the steps, in operations per second; at least one.
    pub rates_per_s: Vec<f64>,
    /// How long each step is measured.
    pub step_ns: u64,
}

impl Course {
    /// The rate at an instant.
    #[must_use]
    pub fn rate_per_s(&self, at_ns: u64) -> f64 {
        let first = self.rates_per_s.first().copied().unwrap_or(0.0);
        if at_ns < self.ramp_ns {
            // The ramp starts above zero: at rate zero the first operation would never be due.
            return first * (at_ns as f64 / self.ramp_ns as f64).max(RAMP_LEAST);
        }
        let measured_ns = at_ns.saturating_sub(self.ramp_ns + self.warmup_ns);
        let step = (measured_ns / self.step_ns.max(1)) as usize;
        self.rates_per_s.get(step).or(self.rates_per_s.last()).copied().unwrap_or(0.0)
    }
}

/// The lowest share of the rate during the ramp.
const RAMP_LEAST: f64 = 0.01;

/// The planned instants of one worker.
#[derive(Debug)]
pub struct Schedule {
    course: Course,
    arrivals: Arrivals,
    workers: f64,
    rng: SmallRng,
    next_ns: f64,
}

impl Schedule {
    /// Makes the schedule of worker `worker` of `workers`, which share the rate equally.
    ///
    /// `share` says which generator of the run they belong to; generators do not send at the same instants.
    #[must_use]
    pub fn new(course: Course, arrivals: Arrivals, seed: u64, worker: usize, workers: usize, share: Share) -> Self {
        let rng = SmallRng::seed_from_u64(seed.wrapping_add((worker as u64) << 32) ^ 0x5eed);
        let mut schedule = Self { course, arrivals, workers: workers as f64, rng, next_ns: 0.0 };
        // Each worker starts at another part of the first interval.
        schedule.next_ns = match arrivals {
            Arrivals::Constant => schedule.interval_ns() * (worker as f64 + share.phase()) / workers as f64,
            Arrivals::Poisson => schedule.gap_ns(),
        };
        schedule
    }

    /// The next planned instant, in nanoseconds from the start.
    #[must_use]
    pub fn next_ns(&self) -> u64 {
        self.next_ns as u64
    }

    /// Moves on to the next planned instant.
    pub fn advance(&mut self) {
        self.next_ns += self.gap_ns();
    }

    fn gap_ns(&mut self) -> f64 {
        let interval = self.interval_ns();
        match self.arrivals {
            Arrivals::Constant => interval,
            // The logarithm is finite: the number is above 0 and at most 1.
            Arrivals::Poisson => interval * -(1.0 - self.rng.random::<f64>()).ln(),
        }
    }

    fn interval_ns(&self) -> f64 {
        1e9 * self.workers / self.course.rate_per_s(self.next_ns as u64).max(1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn course(ramp_s: u64, rates_per_s: &[f64]) -> Course {
        Course { ramp_ns: ramp_s * SECOND, warmup_ns: 0, rates_per_s: rates_per_s.to_vec(), step_ns: SECOND }
    }

    fn instants(course: &Course, arrivals: Arrivals, workers: usize, until_ns: u64) -> Vec<u64> {
        let mut instants = Vec::new();
        for worker in 0..workers {
            let mut schedule = Schedule::new(course.clone(), arrivals, 1, worker, workers, Share::WHOLE);
            while schedule.next_ns() < until_ns {
                instants.push(schedule.next_ns());
                schedule.advance();
            }
        }
        instants.sort_unstable();
        instants
    }

    #[test]
    fn workers_share_a_constant_rate_evenly() {
        let instants = instants(&course(0, &[1000.0]), Arrivals::Constant, 4, SECOND);
        assert_eq!(instants.len(), 1000);
        assert!(instants.windows(2).all(|pair| (pair[1] - pair[0]).abs_diff(1_000_000) < 10));
    }

    #[test]
    fn poisson_keeps_the_rate_and_varies() {
        let instants = instants(&course(0, &[10_000.0]), Arrivals::Poisson, 2, SECOND);
        assert!((9_600..10_400).contains(&instants.len()), "{}", instants.len());
        let short = instants.windows(2).filter(|pair| pair[1] - pair[0] < 50_000).count();
        let share = short as f64 / instants.len() as f64;
        // 1 - e^-0.5 of the gaps are shorter than half of the mean.
        assert!((0.36..0.43).contains(&share), "{share}");
    }

    #[test]
    fn a_rise_gives_half_of_the_rate_and_steps_follow() {
        let course = course(2, &[1000.0, 3000.0]);
        let instants = instants(&course, Arrivals::Constant, 1, 4 * SECOND);
        let count = |from_s: u64, to_s: u64| {
            instants.iter().filter(|&&at| (from_s * SECOND..to_s * SECOND).contains(&at)).count()
        };
        assert!((950..1050).contains(&count(0, 2)), "{}", count(0, 2));
        assert!((995..1005).contains(&count(2, 3)), "{}", count(2, 3));
        assert!((2995..3005).contains(&count(3, 4)), "{}", count(3, 4));
    }
}
