//! The sizes of values: one size, a range, or several sizes with weights.

use std::str::FromStr;

/// The size of the longest value, in bytes: what servers take unless `proto-max-bulk-len` says otherwise.
pub const VALUE_BYTES_MAX: u32 = 512 << 20;

/// The sizes of values, in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Sizes {
    /// Every value has this size.
    Fixed(u32),
    /// Every size from the first to the second, both included, is equally likely.
    Range(u32, u32),
    /// Sizes, each with the sum of all weights up to and including its own.
    Weighted(Vec<(u32, u64)>),
}

/// A text that is not a value size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot read {0:?} as value sizes; write bytes (64, 1KB), a range (64-1024) or weights (64:9,1024:1), none above {VALUE_BYTES_MAX}"
)]
pub struct SizesError(String);

impl Sizes {
    /// The smallest size, in bytes.
    #[must_use]
    pub fn smallest(&self) -> u32 {
        match self {
            Self::Fixed(size) | Self::Range(size, _) => *size,
            Self::Weighted(sizes) => sizes.iter().map(|&(size, _)| size).min().unwrap_or(0),
        }
    }

    /// Picks a size by a random number. The same number always gives the same size.
    #[must_use]
    pub fn pick(&self, number: u64) -> u32 {
        match self {
            Self::Fixed(size) => *size,
            Self::Range(least, most) => least + (number % (u64::from(most - least) + 1)) as u32,
            Self::Weighted(sizes) => {
                let total = sizes.last().map_or(1, |&(_, sum)| sum);
                let at = number % total;
                sizes.iter().find(|&&(_, sum)| at < sum).map_or(0, |&(size, _)| size)
            }
        }
    }

    /// The largest size, in bytes.
    #[must_use]
    pub fn largest(&self) -> u32 {
        match self {
            Self::Fixed(size) | Self::Range(_, size) => *size,
            Self::Weighted(sizes) => sizes.iter().map(|&(size, _)| size).max().unwrap_or(0),
        }
    }
}

impl FromStr for Sizes {
    type Err = SizesError;

    fn from_str(text: &str) -> Result<Self, SizesError> {
        let refuse = || SizesError(text.to_owned());
        let size = |text: &str| bytes(text.trim()).ok_or_else(refuse);
        if text.contains(':') {
            let mut sum = 0_u64;
            let mut sizes = Vec::new();
            for part in text.split(',') {
                let (bytes, weight) = part.split_once(':').ok_or_else(refuse)?;
                sum += u64::from(weight.trim().parse::<u32>().ok().filter(|&weight| weight > 0).ok_or_else(refuse)?);
                sizes.push((size(bytes)?, sum));
            }
            return Ok(Self::Weighted(sizes));
        }
        match text.split_once('-') {
            None => Ok(Self::Fixed(size(text)?)),
            Some((least, most)) => {
                let (least, most) = (size(least)?, size(most)?);
                if least > most { Err(refuse()) } else { Ok(Self::Range(least, most)) }
            }
        }
    }
}

/// Reads a size with the units of redis.conf: 1k is 1,000 bytes, and 1KB is 1,024.
fn bytes(text: &str) -> Option<u32> {
    let end = text.find(|character: char| character.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &*text[end..].to_ascii_lowercase() {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        _ => return None,
    };
    text[..end].parse::<u32>().ok()?.checked_mul(factor).filter(|&size| size <= VALUE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_picked() {
        assert_eq!("64".parse(), Ok(Sizes::Fixed(64)));
        assert_eq!("64-66".parse(), Ok(Sizes::Range(64, 66)));
        assert_eq!("1KB-2k".parse(), Ok(Sizes::Range(1_024, 2_000)));
        assert_eq!("512mb".parse(), Ok(Sizes::Fixed(512 << 20)));
        assert_eq!(["1-9MB", "3:1,5:1,4:9"].map(|text| text.parse::<Sizes>().unwrap().largest()), [9 << 20, 5]);
        let weighted: Sizes = "64:9, 1024:1".parse().unwrap();
        assert_eq!((weighted.smallest(), Sizes::Range(3, 5).smallest()), (64, 3));
        let long = (0..1000).filter(|&number| weighted.pick(number) == 1024).count();
        assert_eq!(long, 100);
        let range: Sizes = "3-5".parse().unwrap();
        assert_eq!((0..6).map(|number| range.pick(number)).collect::<Vec<_>>(), [3, 4, 5, 3, 4, 5]);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "x", "5-", "5-3", "1:0", "1:1,2", "-1", "999999999999", "1:x", "KB", "1GB", "513MB", "1.5KB"] {
            assert!(text.parse::<Sizes>().is_err(), "{text:?}");
        }
    }
}
