//! Times, counts and rates as they are typed.

use std::time::Duration;

use jiff::Timestamp;

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

/// Reads an instant: RFC 3339, or seconds since 1970.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    let refuse = || "expected an instant such as 2026-08-22T10:14:03Z, or seconds since 1970".to_owned();
    let of_seconds = text.parse::<f64>().ok().filter(|seconds| seconds.abs() < 1e11);
    match of_seconds {
        Some(seconds) => Timestamp::from_millisecond((seconds * 1e3) as i64).map_err(|_| refuse()),
        None => text.parse().map_err(|_| refuse()),
    }
}

/// The most bytes of a name.
const NAME_BYTES_MOST: usize = 60;

/// Reads a name that becomes part of a key.
pub(super) fn name(text: &str) -> Result<String, String> {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    match !text.is_empty() && text.len() <= NAME_BYTES_MOST && text.chars().all(is_safe) {
        true => Ok(text.to_owned()),
        false => Err(format!("expected 1 to {NAME_BYTES_MOST} letters, digits, dots, dashes and underscores")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_names_are_read() {
        let wanted = Timestamp::from_millisecond(1_700_000_000_500).unwrap();
        assert_eq!((instant("1700000000.5"), instant("2023-11-14T22:13:20.5Z")), (Ok(wanted), Ok(wanted)));
        for text in ["", "soon", "10:00", "1e300", "nan"] {
            assert!(instant(text).is_err(), "{text:?}");
        }
        assert_eq!(name("night-2_b.c"), Ok("night-2_b.c".to_owned()));
        for text in ["", "a b", "{a}", "a*", &"a".repeat(61)] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }

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
