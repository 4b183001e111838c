//! The share of one generator in a run that several generators make together.
//!
//! The shares of all generators add up to the whole, without gaps and without overlap.

use std::fmt;
use std::num::NonZeroU32;
use std::ops::Range;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most generators of a run.
pub const PARTS_MAX: u32 = 10_000;

/// Generator `number` of `parts`, such as 3 of 8. Numbers count from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Share {
    number: NonZeroU32,
    parts: NonZeroU32,
}

/// A text that is not the share of a generator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// It is not two numbers.
    #[error("expected the number of this generator and the number of all, such as 3/8 or 2+1/8")]
    Form,
    /// The first number is not one of 1 to the second.
    #[error("there is no part {number} of {parts}; parts count from 1 to {parts}")]
    Number {
        /// The number of the part.
        number: u32,
        /// The number of all parts.
        parts: u32,
    },
    /// There is less than one thing for each part.
    #[error("cannot share {whole} {what} among {parts} parts; use {option} {parts} or more")]
    TooFew {
        /// What is shared, such as `clients`.
        what: String,
        /// How many of it there are.
        whole: u64,
        /// The number of all parts.
        parts: u32,
        /// The option that changes it.
        option: &'static str,
    },
    /// There are too many parts.
    #[error("a run has at most {PARTS_MAX} parts")]
    TooMany,
}

impl Share {
    /// The share of the only generator of a run.
    pub const WHOLE: Self = Self { number: NonZeroU32::MIN, parts: NonZeroU32::MIN };

    /// Makes the share of a generator.
    ///
    /// # Errors
    ///
    /// [`ShareError`] if the number is not one of 1 to `parts`, or there are more than [`PARTS_MAX`].
    pub fn new(number: u32, parts: u32) -> Result<Self, ShareError> {
        let (some_number, some_parts) = (NonZeroU32::new(number), NonZeroU32::new(parts));
        match (some_number, some_parts) {
            _ if parts > PARTS_MAX => Err(ShareError::TooMany),
            (_, None) => Err(ShareError::Form),
            (Some(number), Some(parts)) if number <= parts => Ok(Self { number, parts }),
            _ => Err(ShareError::Number { number, parts }),
        }
    }

    /// The number of the generator, from 1.
    #[must_use]
    pub fn number(self) -> u32 {
        self.number.get()
    }

    /// The number of all generators.
    #[must_use]
    pub fn parts(self) -> u32 {
        self.parts.get()
    }

    /// Whether this generator is the only one.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.parts() == 1
    }

    /// Its range of a whole. The first generators have one more if the division has a remainder.
    #[must_use]
    pub fn range(self, whole: u64) -> Range<u64> {
        let (before, parts) = (u64::from(self.number() - 1), u64::from(self.parts()));
        let (each, rest) = (whole / parts, whole % parts);
        let first = before * each + before.min(rest);
        first..first + each + u64::from(before < rest)
    }

    /// How much of a whole it has.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        let range = self.range(whole);
        range.end - range.start
    }

    /// Its share of something of which every generator needs at least one.
    ///
    /// # Errors
    ///
    /// [`ShareError::TooFew`] if there is not enough; it names `what` is shared, and the `option` that changes it.
    pub fn of_at_least_one(self, whole: u64, what: &str, option: &'static str) -> Result<u64, ShareError> {
        match whole < u64::from(self.parts()) {
            true => Err(ShareError::TooFew { what: what.to_owned(), whole, parts: self.parts(), option }),
            false => Ok(self.of(whole)),
        }
    }

    /// Its share of a rate. Whole operations per second are divided; the first generator also has the fraction.
    #[must_use]
    pub fn of_rate(self, rate_per_s: f64) -> f64 {
        let fraction = if self.number() == 1 { rate_per_s.fract() } else { 0.0 };
        self.of(rate_per_s.trunc() as u64) as f64 + fraction
    }

    /// Its seed, which follows from the seed of the run.
    #[must_use]
    pub fn seed(self, seed: u64) -> u64 {
        match self.is_whole() {
            true => seed,
            false => wire::fingerprint(seed, self.number().to_le_bytes()),
        }
    }

    /// Which part of the interval between two planned operations it lets pass first, from 0 to below 1.
    pub(crate) fn phase(self) -> f64 {
        f64::from(self.number() - 1) / f64::from(self.parts())
    }

    /// The number of the `own`-th thing of this generator, in a row in which all generators take turns.
    pub(crate) fn in_turn(self, own: u64) -> u64 {
        own * u64::from(self.parts()) + u64::from(self.number() - 1)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.parts)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let (number, parts) = text.split_once('/').ok_or(ShareError::Form)?;
        let read = |text: &str| text.parse::<u32>().map_err(|_| ShareError::Form);
        // Some schedulers count from 0: 2+1 is the third generator.
        let number = number.split('+').map(read).sum::<Result<u32, _>>()?;
        Self::new(number, read(parts)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        #[test]
        fn shares_follow_each_other_and_add_up(whole in any::<u32>(), parts in 1..200_u32) {
            let shares: Vec<Share> = (1..=parts).map(|number| Share::new(number, parts).unwrap()).collect();
            let mut next = 0;
            for share in &shares {
                let range = share.range(u64::from(whole));
                prop_assert_eq!(range.start, next);
                next = range.end;
                prop_assert_eq!(share.of(u64::from(whole)).abs_diff(u64::from(whole / parts)) <= 1, true);
            }
            prop_assert_eq!(next, u64::from(whole));
            // Quarters have no error in a double, so the sum is exact.
            let rate = f64::from(whole) + 0.25;
            prop_assert_eq!(shares.iter().map(|share| share.of_rate(rate)).sum::<f64>(), rate);
        }
    }

    #[test]
    fn a_share_is_read_as_it_is_typed() {
        let share: Share = "2+1/8".parse().unwrap();
        assert_eq!(Ok(share), "3/8".parse());
        assert_eq!((share.number(), share.parts(), share.to_string()), (3, 8, "3/8".to_owned()));
        for (text, error) in [
            ("9/8", ShareError::Number { number: 9, parts: 8 }),
            ("0/8", ShareError::Number { number: 0, parts: 8 }),
            ("3", ShareError::Form),
            ("+/8", ShareError::Form),
            ("8+1/8", ShareError::Number { number: 9, parts: 8 }),
            ("a/8", ShareError::Form),
            ("1/0", ShareError::Form),
            ("1/10001", ShareError::TooMany),
        ] {
            assert_eq!(text.parse::<Share>(), Err(error), "{text}");
        }
        assert_eq!(Share::WHOLE.seed(42), 42);
        assert_ne!(share.seed(42), Share::new(4, 8).unwrap().seed(42));
    }
}
