//! Times, counts and rates as they are typed.

use std::time::Duration;

/// Reads a time: a number followed by ms, s, m or h.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let refuse =
        || format!("expected a time such as 500ms, 10s, 2m or 1h, at most {} h", DURATION_MOST.as_secs() / 3600);
    let at = text.find(|character: char| character.is_ascii_alphabetic()).ok_or_else(refuse)?;
    let unit_s = match &text[at..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(refuse()),
    };
    let number: f64 = text[..at].parse().map_err(|_| refuse())?;
    let read = Duration::try_from_secs_f64(number * unit_s).map_err(|_| refuse())?;
    if read > DURATION_MOST { Err(refuse()) } else { Ok(read) }
}

/// The longest time that can be given.
const DURATION_MOST: Duration = Duration::from_secs(1_000 * 3600);

/// Reads a rate in operations per second.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let (number, factor) = without_unit(text);
    let rate = number.parse::<f64>().ok().map(|rate| rate * factor as f64).filter(|rate| (0.1..=1e8).contains(rate));
    rate.ok_or_else(|| "expected operations per second such as 500 or 20k, from 0.1 to 100000000".to_owned())
}

/// Reads the number of keys.
pub(super) fn keys(text: &str) -> Result<u64, String> {
    count(text, 1_000_000_000)
}

/// Reads the number of operations.
pub(super) fn requests(text: &str) -> Result<u64, String> {
    count(text, u64::MAX)
}

fn count(text: &str, most: u64) -> Result<u64, String> {
    let (number, factor) = without_unit(text);
    let count = number.parse::<u64>().ok().and_then(|count| count.checked_mul(factor));
    let count = count.filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("expected a number such as 500, 20k or 1M, from 1 to {most}"))
}

/// Splits a number from its unit: k stands for thousands, and M for millions.
fn without_unit(text: &str) -> (&str, u64) {
    let thousands = text.strip_suffix(['k', 'K']).map(|number| (number, 1_000));
    thousands.or_else(|| text.strip_suffix(['m', 'M']).map(|number| (number, 1_000_000))).unwrap_or((text, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_rates_are_read() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "5", "s", "-1s", "1d", "2000h", "infs", "nans"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert_eq!((rate("20k"), rate("1.5M")), (Ok(20_000.0), Ok(1_500_000.0)));
        assert_eq!((keys("500"), keys("20k"), requests("2M")), (Ok(500), Ok(20_000), Ok(2_000_000)));
        for text in ["", "k", "0", "-1", "1.5k", "2000M", "1kb"] {
            assert!(keys(text).is_err(), "{text:?}");
        }
        assert!(rate("0").is_err() && rate("nan").is_err() && rate("1e3") == Ok(1000.0));
    }
}
