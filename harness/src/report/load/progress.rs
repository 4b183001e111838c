//! What goes on during a load run, one line at a time: standard error, and never part of the results.

use std::io::Write;

use loadgen::timeline::{Part, Progress, ProgressTime};

use super::events::sighted;
use super::rows::{grouped, percentile, share, time};
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{FaultNews, FaultRecord};
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

    fn second(&mut self, progress: &Progress) {
        let is_empty = progress.answered + progress.failed + progress.waiting == 0;
        if progress.part != Part::Drain || !is_empty {
            self.write(&line(progress));
        }
    }
}

impl<W: Write> LoadReporter for LoadProgress<W> {
    fn event(&mut self, event: &LoadEvent<'_>, _record: &LoadRecord) -> Result<(), ReportError> {
        match event {
            LoadEvent::KeysProgress { done, space, keys, wanted } if keys < wanted => {
                self.write(&format!("{done} {} of {} keys of {space:?}", grouped(*keys), grouped(*wanted)));
            }
            LoadEvent::SecondEnded { progress, .. } => self.second(progress),
            _ => {
                if let Some(line) = news(event) {
                    self.write(&line);
                }
            }
        }
        Ok(())
    }
}

/// What a user reads once of an event; `None` for what goes on and on.
pub(super) fn news(event: &LoadEvent<'_>) -> Option<String> {
    match event {
        LoadEvent::KeysDone { done, space, keys, duration_s } => {
            Some(format!("{done} {} keys of {space:?} in {duration_s:.1} s", grouped(*keys)))
        }
        LoadEvent::Connected { ready, wanted, took, .. } => {
            let missing = wanted.saturating_sub(*ready);
            let missing = if missing > 0 { format!(", {missing} not yet") } else { String::new() };
            Some(format!("{} sockets ready in {:.2} s{missing}", grouped(*ready as u64), took.as_secs_f64()))
        }
        LoadEvent::Fault { fault, news } => Some(fault_line(fault, news)),
        LoadEvent::Restored { took } => {
            Some(format!("restored processes, roles and slots in {:.1} s", took.as_secs_f64()))
        }
        LoadEvent::Warning { text } => Some(format!("warning: {}", printable(text))),
        LoadEvent::TargetReady
        | LoadEvent::LoadStarts { .. }
        | LoadEvent::HandedOver { .. }
        | LoadEvent::BadKey { .. }
        | LoadEvent::KeysProgress { .. }
        | LoadEvent::SecondEnded { .. }
        | LoadEvent::RunFinished => None,
    }
}

/// The line of an event, at its beginning, at its end, or when nodes show something.
fn fault_line(fault: &FaultRecord, news: &FaultNews) -> String {
    let (action, from_s) = (printable(&fault.action), fault.began_s.unwrap_or(fault.planned_s));
    let (at_s, what) = match news {
        FaultNews::Began => (from_s, action.into_owned()),
        FaultNews::Seen(sighting) => (sighting.at_s, sighted(sighting, from_s)),
        FaultNews::Ended => match &fault.problem {
            Some(problem) => (fault.ended_s.unwrap_or(from_s), format!("PROBLEM: {action}: {}", printable(problem))),
            None => (fault.ended_s.unwrap_or(from_s), format!("done: {action}")),
        },
    };
    format!("{at_s:>6.2} s  EVENT {}  {what}", fault.number)
}

/// The line of a second.
fn line(progress: &Progress) -> String {
    let at_s = progress.at_s + progress.length_s;
    let (part, is_drain) = match progress.part {
        Part::Ramp => ("  ramp", false),
        Part::Warmup => ("  warm-up", false),
        Part::Measure => ("", false),
        Part::Drain => ("  drain", true),
    };
    let answered = grouped(progress.answered);
    let done = match progress.planned {
        Some(planned) if !is_drain => {
            let share = share(progress.answered, planned);
            format!("planned {}  answered {answered}{share}  {}", grouped(planned), waiting(progress))
        }
        Some(_) => format!("answered {answered}  {}", waiting(progress)),
        // What was in flight comes within milliseconds, of which no rate can be made.
        None if is_drain => format!("{answered} in total"),
        None => format!(
            "{:>13}",
            format!("{}/s", grouped((progress.answered as f64 / progress.length_s.max(0.001)) as u64))
        ),
    };
    let (p50, p99) = (shown(progress.p50), shown(progress.p99));
    let no_answer =
        if progress.failed > 0 { format!("  no answer {}", grouped(progress.failed)) } else { String::new() };
    format!(
        "{at_s:>6.0} s  {done}  p50 {p50:>8}  p99 {p99:>8}{no_answer}  errors {}  redirects {}{part}",
        grouped(progress.errors),
        grouped(progress.redirects),
    )
}

/// How many operations wait, and since when the oldest one.
pub(super) fn waiting(progress: &Progress) -> String {
    match progress.waiting {
        0 => "waiting 0".to_owned(),
        count => format!("waiting {}, oldest {}", grouped(count), time(progress.oldest_s * 1e6)),
    }
}

/// A percentile of a second, for people.
pub(super) fn shown(time_of: Option<ProgressTime>) -> String {
    match time_of {
        None => "-".to_owned(),
        Some(ProgressTime::Answered(us)) => time(us),
        Some(ProgressTime::Waiting) => "no answer yet".to_owned(),
        Some(ProgressTime::NoAnswer(us)) => percentile(us, true),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn progress() -> Progress {
        Progress {
            at_s: 11.0,
            length_s: 1.0,
            part: Part::Measure,
            planned: Some(300),
            answered: 201,
            failed: 0,
            waiting: 99,
            oldest_s: 0.94,
            redirects: 0,
            errors: 0,
            problems: BTreeMap::new(),
            nodes: Vec::new(),
            p50: Some(ProgressTime::Answered(325.0)),
            p99: Some(ProgressTime::Waiting),
            max: None,
        }
    }

    #[test]
    fn a_line_shows_what_waits_and_what_got_no_answer() {
        assert_eq!(
            line(&progress()),
            "    12 s  planned 300  answered 201 (67.0 %)  waiting 99, oldest 940.0 ms  p50   325 us  \
             p99 no answer yet  errors 0  redirects 0"
        );
        let p99 = Some(ProgressTime::NoAnswer(2e6));
        let (failed, waiting, oldest_s) = (98, 198, 1.98);
        assert_eq!(
            line(&Progress { p99, failed, waiting, oldest_s, errors: 3, ..progress() }),
            "    12 s  planned 300  answered 201 (67.0 %)  waiting 198, oldest 1.98 s  p50   325 us  \
             p99 ≥ 2.00 s (no answer)  no answer 98  errors 3  redirects 0"
        );
        let p99 = Some(ProgressTime::Answered(812.0));
        let closed = Progress { planned: None, answered: 132_000, waiting: 0, oldest_s: 0.0, p99, ..progress() };
        assert_eq!(line(&closed), "    12 s      132,000/s  p50   325 us  p99   812 us  errors 0  redirects 0");
    }
}
