//! Writes histograms in the formats of HdrHistogram tools: the interval log and the percentile text.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::recorder::{AllTimes, Lane, Measure};
use crate::timeline::Progress;

/// The head of an interval log. `began` is the time from the Unix epoch to the start of the run.
#[must_use]
pub fn log_head(began: Duration) -> String {
    format!(
        "#[Logged with rct; times in nanoseconds, tags are MEASURE.COMMAND.NODE]\n\
         #[Histogram log format version 1.3]\n#[StartTime: {0:.3} (seconds since epoch)]\n#[BaseTime: {0:.3} (seconds since epoch)]\n\
         \"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
        began.as_secs_f64()
    )
}

/// The lines of an interval log for one second: one for each node, command and measure.
///
/// # Errors
///
/// If a histogram cannot be encoded, which does not happen in practice.
pub fn log_lines(progress: &Progress, lanes: &[Lane], commands: &[String]) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let failed = |_| io::Error::other("the histogram cannot be written");
    {
        let mut log = IntervalLogWriterBuilder::new().begin_log_with(&mut text, &mut serializer)?;
        let (start, length) = (Duration::from_secs_f64(progress.at_s), Duration::from_secs_f64(progress.length_s));
        for lane in lanes {
            let command = commands.get(usize::from(lane.template)).map_or("?", String::as_str);
            for measure in measures(lane.measure) {
                let tag = format!("{measure}.{command}.{}", lane.node).replace([',', ' ', '\r', '\n'], "_");
                let Some(tag) = Tag::new(&tag) else { continue };
                log.write_histogram(&lane.times, start, length, Some(tag)).map_err(failed)?;
            }
        }
    }
    // The library writes its own head first, which is cut off here.
    let begin = text.windows(4).position(|four| four == b"Tag=").unwrap_or(text.len());
    Ok(text.split_off(begin))
}

fn measures(measure: Measure) -> &'static [&'static str] {
    match measure {
        Measure::Response => &["response"],
        Measure::Service => &["service"],
        Measure::ResponseAndService => &["response", "service"],
        Measure::Failed => &["failed"],
        Measure::SendLag => &["send-lag"],
    }
}

/// How many lines a percentile text has each time that the distance to 100 % halves.
const STEPS: u32 = 5;

/// The percentile text (`.hgrm`) of a histogram of nanoseconds. The values in the text are milliseconds.
#[must_use]
pub fn percentile_text(times: &AllTimes) -> String {
    let ms = |ns: f64| ns / 1e6;
    let mut text = format!("{:>12} {:>14} {:>10} {:>14}\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)");
    let mut count = 0;
    for step in times.iter_quantiles(STEPS) {
        count += step.count_since_last_iteration();
        let (value, quantile) = (ms(step.value_iterated_to() as f64), step.quantile_iterated_to());
        // Writing to a string does not fail.
        let _written = match quantile < 1.0 {
            true => writeln!(text, "{value:12.3} {quantile:2.12} {count:10} {:14.2}", 1.0 / (1.0 - quantile)),
            false => writeln!(text, "{value:12.3} {quantile:2.12} {count:10}"),
        };
    }
    let _written = write!(
        text,
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n#[Max     = {:12.3}, Total count    = {:12}]\n#[Buckets = {:12}, SubBuckets     = {:12}]\n",
        ms(times.mean()),
        ms(times.stdev()),
        ms(times.max() as f64),
        times.len(),
        times.buckets(),
        2048
    );
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use std::sync::Arc;

    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    use wire::Address;

    use super::*;
    use crate::recorder::{Times, times};
    use crate::timeline::Part;

    fn progress() -> Progress {
        Progress {
            at_s: 2.0,
            length_s: 1.0,
            part: Part::Measure,
            planned: None,
            answered: 2,
            failed: 0,
            waiting: 0,
            oldest_s: 0.0,
            redirects: 0,
            errors: 0,
            problems: BTreeMap::new(),
            nodes: Vec::new(),
            p50: None,
            p99: None,
            max: None,
        }
    }

    #[test]
    fn a_log_is_read_back_by_the_library() {
        let mut seen: Times = times();
        seen.record(1_000_000).unwrap();
        seen.record(2_000_000).unwrap();
        let lane = Lane {
            node: Arc::new(Address::new("::1", 7)),
            template: 0,
            measure: Measure::ResponseAndService,
            times: seen,
        };
        let mut log = log_head(Duration::from_secs(1_700_000_000)).into_bytes();
        log.extend(log_lines(&progress(), &[lane], &["GET".to_owned()]).unwrap());
        let intervals: Vec<_> = IntervalLogIterator::new(&log)
            .filter_map(|entry| match entry.unwrap() {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .collect();
        let tags: Vec<&str> = intervals.iter().map(|interval| interval.tag().unwrap().as_str()).collect();
        assert_eq!(tags, ["response.GET.::1:7", "service.GET.::1:7"]);
        assert_eq!(intervals[0].start_timestamp(), Duration::from_secs(2));
        let bytes = base64_of(intervals[0].encoded_histogram());
        let read: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!((read.len(), read.max() / 10_000), (2, 200));
    }

    /// Decodes standard base64.
    fn base64_of(text: &str) -> Vec<u8> {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut bytes = Vec::new();
        let (mut bits, mut count) = (0_u32, 0);
        for letter in text.bytes().filter(|&letter| letter != b'=') {
            bits = bits << 6 | LETTERS.iter().position(|&known| known == letter).unwrap() as u32;
            count += 6;
            if count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        bytes
    }

    #[test]
    fn a_percentile_text_ends_with_the_whole_count() {
        let mut seen: AllTimes = times();
        (1..=1000).for_each(|ms| seen.record(ms * 1_000_000).unwrap());
        let text = percentile_text(&seen);
        let half = text.lines().find(|line| line.contains(" 0.500000000000 ")).unwrap();
        let value: f64 = half.split_whitespace().next().unwrap().parse().unwrap();
        assert!((499.0..502.0).contains(&value), "{half}");
        assert!(text.contains("1.000000000000       1000\n"), "{text}");
    }
}
