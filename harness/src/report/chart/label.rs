//! The texts of ticks: as short as a tick allows, and with their unit.

/// Returns a count: `950`, `2,000`, `25k`, `1.5M`.
pub fn compact(count: f64) -> String {
    match count {
        count if count >= 1e6 => format!("{}M", trimmed(count / 1e6)),
        count if count >= 1e4 => format!("{}k", trimmed(count / 1e3)),
        count if count >= 1e3 => {
            let whole = count.round() as u64;
            format!("{},{:03}", whole / 1_000, whole % 1_000)
        }
        count => trimmed(count),
    }
}

/// Returns microseconds: `50 us`, `2 ms`, `1.5 s`.
pub fn short_time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", trimmed(us / 1e6)),
        us if us >= 1e3 => format!("{} ms", trimmed(us / 1e3)),
        us => format!("{} us", trimmed(us)),
    }
}

/// Returns an instant of a run that lasts `end_s` seconds: `15 s`, `2 min`, `1.5 h`.
pub fn seconds_label(at_s: f64, end_s: f64) -> String {
    match end_s {
        end_s if end_s > 2.0 * 3_600.0 => format!("{} h", trimmed(at_s / 3_600.0)),
        end_s if end_s > 120.0 => format!("{} min", trimmed(at_s / 60.0)),
        _ => format!("{} s", trimmed(at_s)),
    }
}

/// Returns a percentile as people write it: `p50`, `p99.9`, `max`.
pub fn percentile_label(percentile: f64) -> String {
    if percentile >= 100.0 { "max".to_owned() } else { format!("p{}", (percentile * 1e6).round() / 1e6) }
}

/// A number with at most two decimals, and none that are zero.
fn trimmed(number: f64) -> String {
    format!("{}", (number * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_short() {
        assert_eq!(
            [0.0, 0.5, 950.0, 2_000.0, 25_000.0, 1.5e6].map(compact),
            ["0", "0.5", "950", "2,000", "25k", "1.5M"]
        );
        assert_eq!([0.0, 50.0, 2e3, 1.5e6].map(short_time), ["0 us", "50 us", "2 ms", "1.5 s"]);
        assert_eq!(seconds_label(15.0, 20.0), "15 s");
        assert_eq!((seconds_label(90.0, 300.0), seconds_label(5_400.0, 9_000.0)), ("1.5 min".into(), "1.5 h".into()));
        assert_eq!([50.0, 99.9, 99.999, 100.0].map(percentile_label), ["p50", "p99.9", "p99.999", "max"]);
    }
}
