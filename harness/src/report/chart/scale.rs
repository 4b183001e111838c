//! Scales: where a value lies between the two ends of an axis, and which values get a tick.

/// Steps of an axis of seconds that are round for people.
const SECONDS: [f64; 16] =
    [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0];

/// From this many powers of ten on, a logarithmic axis has a tick at each power only.
const DECADES_WITHOUT_PARTS: f64 = 2.5;

/// The values between the two ends of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    from: f64,
    to: f64,
    is_logarithmic: bool,
}

impl Scale {
    /// Makes a linear scale between two values.
    pub fn linear(from: f64, to: f64) -> Self {
        Self { from, to: if to > from { to } else { from + 1.0 }, is_logarithmic: false }
    }

    /// Makes a linear scale from zero to a round value that is at least `most`.
    pub fn from_zero(most: f64, parts: u32) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = round_step(most, parts);
        Self::linear(0.0, (most / step).ceil() * step)
    }

    /// Makes a logarithmic scale that contains both values, which are above zero. Its ends are powers of ten
    /// or, if they are near, 1, 2 or 5 times one. They differ by a factor of ten at least.
    pub fn logarithmic(least: f64, most: f64) -> Self {
        let from = one_two_five(least.max(1e-9)).0;
        let to = one_two_five(most.max(from)).1.max(from * 10.0);
        if (to / from).log10() <= DECADES_WITHOUT_PARTS {
            return Self { from, to, is_logarithmic: true };
        }
        // Both ends have a tick.
        let power = |exponent: f64| 10_f64.powf(exponent);
        Self { from: power(from.log10().floor()), to: power((to.log10() - 1e-9).ceil()), is_logarithmic: true }
    }

    /// Whether equal distances are equal ratios.
    pub fn is_logarithmic(self) -> bool {
        self.is_logarithmic
    }

    /// The last value.
    pub fn to(self) -> f64 {
        self.to
    }

    /// Returns where a value lies: 0 at the beginning, 1 at the end. Values beyond an end lie at it.
    pub fn at(self, value: f64) -> f64 {
        let share = match self.is_logarithmic {
            false => (value - self.from) / (self.to - self.from),
            true => (value.max(self.from) / self.from).ln() / (self.to / self.from).ln(),
        };
        share.clamp(0.0, 1.0)
    }

    /// Returns the values that get a tick: round ones, about as many as there are `parts`.
    pub fn ticks(self, parts: u32) -> Vec<f64> {
        if self.is_logarithmic {
            return self.logarithmic_ticks(parts);
        }
        let step = round_step(self.to - self.from, parts);
        multiples(self.from, self.to, step)
    }

    /// Returns the ticks of an axis of seconds.
    pub fn ticks_of_seconds(self, parts: u32) -> Vec<f64> {
        let least = (self.to - self.from) / f64::from(parts);
        let step = SECONDS.into_iter().find(|step| *step >= least);
        multiples(self.from, self.to, step.unwrap_or_else(|| 3_600.0 * round_step(least / 3_600.0, 1)))
    }

    /// Powers of ten, with 2 and 5 times each if there is room for them; of many powers every second or third.
    fn logarithmic_ticks(self, parts: u32) -> Vec<f64> {
        let decades = (self.to / self.from).log10();
        let few: &[f64] = &[1.0];
        let digits: &[f64] = if decades > DECADES_WITHOUT_PARTS { few } else { &[1.0, 2.0, 5.0] };
        let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
        let of = |digits: &[f64]| -> Vec<f64> {
            let all = (first..=last).flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power)));
            // Powers are not exact.
            all.filter(|tick| (self.from * 0.999..=self.to * 1.001).contains(tick)).collect()
        };
        let ticks = of(digits);
        let most = parts as usize + 2;
        if ticks.len() <= most {
            return ticks;
        }
        let powers = of(few);
        match powers.len() {
            0 | 1 => vec![ticks[0], ticks[ticks.len() - 1]],
            number => powers.into_iter().step_by(number.div_ceil(most)).collect(),
        }
    }
}

/// Returns the distance of two ticks of an axis of length `most` with at most `parts` parts: 1, 2 or 5 times a power of
/// ten.
pub fn round_step(most: f64, parts: u32) -> f64 {
    one_two_five(most / f64::from(parts)).1
}

/// The nearest values below and above that are 1, 2 or 5 times a power of ten; the value itself if it is one.
fn one_two_five(value: f64) -> (f64, f64) {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power);
    let is_near = |step: f64| (step / value - 1.0).abs() < 1e-9;
    let below = steps.into_iter().rev().find(|step| *step <= value || is_near(*step)).unwrap_or(power);
    let above = steps.into_iter().find(|step| *step >= value || is_near(*step)).unwrap_or(10.0 * power);
    (below, above)
}

fn multiples(from: f64, to: f64, step: f64) -> Vec<f64> {
    let first = (from / step).ceil() as u64;
    (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= to + step * 1e-6).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_ticks() {
        assert_eq!([6.0, 7.0, 40.0, 6520.0].map(|most| round_step(most, 6)), [1.0, 2.0, 10.0, 2000.0]);
        assert_eq!(Scale::from_zero(1_870.0, 4).ticks(4), [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!(Scale::from_zero(0.0, 4).to(), 1.0);
        let seconds = |end_s| Scale::linear(0.0, end_s).ticks_of_seconds(8);
        assert_eq!(seconds(21.0), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(seconds(900.0), [0.0, 120.0, 240.0, 360.0, 480.0, 600.0, 720.0, 840.0]);
        assert_eq!(seconds(40_000.0), [0.0, 7_200.0, 14_400.0, 21_600.0, 28_800.0, 36_000.0]);
    }

    #[test]
    fn a_logarithmic_axis_holds_both_ends() {
        let narrow = Scale::logarithmic(230.0, 4_100.0);
        assert_eq!(narrow.ticks(5), [200.0, 500.0, 1_000.0, 2_000.0, 5_000.0]);
        let wide = Scale::logarithmic(230.0, 2_010_000.0);
        assert_eq!(wide.ticks(5).len(), 6, "100 us to 10 s");
        assert_eq!((wide.at(100.0), wide.at(2e7), wide.at(0.0)), (0.0, 1.0, 0.0));
        assert_eq!(Scale::logarithmic(52_000.0, 9e6).ticks(3), [1e5, 1e6, 1e7], "there is no room for 2 and 5");
        assert_eq!(Scale::logarithmic(1.0, 1e7).ticks(2), [1.0, 100.0, 10_000.0, 1e6]);
        assert!((Scale::logarithmic(1.0, 100.0).at(10.0) - 0.5).abs() < 1e-9);
        assert_eq!(Scale::logarithmic(100.0, 100.0).to(), 1_000.0);
    }
}
