//! Times and rates as they are typed.

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
    let rate = text.parse::<f64>().ok().filter(|rate| (0.1..=1e8).contains(rate));
    rate.ok_or_else(|| "expected operations per second, from 0.1 to 100000000".to_owned())
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
        assert!(rate("0").is_err() && rate("nan").is_err() && rate("1e3") == Ok(1000.0));
    }
}
