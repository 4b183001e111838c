//! What goes on during a load run, one line at a time: standard error, and never part of the results.

use std::io::Write;

use loadgen::timeline::{Part, Window};

use super::rows::{grouped, time};
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{LoadRecord, ReportError};
use crate::text::printable;

/// Writes a line per second, and one for each thing that is done.
pub struct LoadProgress<W> {
    err: W,
}

impl<W: Write> LoadProgress<W> {
    /// Returns progress that writes its lines to `err`.
    pub fn new(err: W) -> Self {
        Self { err }
    }

    fn write(&mut self, line: &str) {
        // The run does not depend on whether somebody reads this.
        let _ignored = writeln!(self.err, "{line}");
    }

    fn window(&mut self, window: &Window) {
        if window.part == Part::Drain && window.operations + window.failed + window.not_sent == 0 {
            return;
        }
        let rate = format!("{}/s", grouped((window.operations as f64 / window.length_s.max(0.001)) as u64));
        let (done, part) = match window.part {
            Part::Ramp => (rate, "  ramp"),
            Part::Warmup => (rate, "  warm-up"),
            Part::Measure => (rate, ""),
            // The last replies come within milliseconds, too short a time for a rate.
            Part::Drain => (format!("{} in all", grouped(window.operations)), "  drain"),
        };
        let times = window.response_us.map_or("p50        -  p99        -".to_owned(), |brief| {
            format!("p50 {:>8}  p99 {:>8}", time(brief.p50), time(brief.p99))
        });
        self.write(&format!(
            "{:>6.0} s  {done:>13}  {times}  errors {}  redirects {}{part}",
            window.at_s + window.length_s,
            grouped(window.errors),
            grouped(window.redirects),
        ));
    }
}

impl<W: Write> LoadReporter for LoadProgress<W> {
    fn event(&mut self, event: &LoadEvent<'_>, _record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::KeysDone { done, space, keys, duration_s } => {
                self.write(&format!("{done} {} keys of {space:?} in {duration_s:.1} s", grouped(*keys)));
            }
            LoadEvent::Connected { ready, wanted, took, .. } => {
                let missing = wanted.saturating_sub(*ready);
                let missing = if missing > 0 { format!(", {missing} not yet") } else { String::new() };
                self.write(&format!(
                    "{} sockets ready in {:.2} s{missing}",
                    grouped(*ready as u64),
                    took.as_secs_f64()
                ));
            }
            LoadEvent::WindowEnded { window, .. } => self.window(window),
            LoadEvent::Warning { text } => self.write(&format!("warning: {}", printable(text))),
            LoadEvent::TargetReady | LoadEvent::RunFinished => {}
        }
        Ok(())
    }
}
