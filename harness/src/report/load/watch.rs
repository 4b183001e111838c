//! What is shown and written while a run of load goes: a line and the interval log's lines each second.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use loadgen::histograms::{log_head, log_lines};
use loadgen::recorder::Lane;
use loadgen::timeline::{Part, Window};
use loadgen::{LoadPlan, Observer};

use super::rows::{grouped, time};
use crate::record::ReportError;

/// The file of the interval log.
const LOG_FILE: &str = "latency.hlog";

/// Watches a run.
pub struct Watch {
    path: PathBuf,
    log: BufWriter<File>,
    /// The first trouble with the log; the run goes on without it.
    trouble: Option<std::io::Error>,
    began: Option<Timestamp>,
    commands: Vec<String>,
    clients: usize,
    is_talking: bool,
}

impl Watch {
    /// Begins the log in a folder; talks on stderr if asked to.
    ///
    /// # Errors
    ///
    /// When the log's file cannot be made.
    pub fn new(folder: &Path, plan: &LoadPlan, is_talking: bool) -> Result<Self, ReportError> {
        let path = folder.join(LOG_FILE);
        let file = File::create(&path).map_err(|source| ReportError::write(&path, source))?;
        let commands = plan.workload.templates.iter().map(|template| template.name.clone()).collect();
        Ok(Self {
            path,
            log: BufWriter::new(file),
            trouble: None,
            began: None,
            commands,
            clients: plan.clients,
            is_talking,
        })
    }

    /// Ends the log.
    ///
    /// # Errors
    ///
    /// The first trouble in writing it.
    pub fn finish(mut self) -> Result<(), ReportError> {
        let flushed = self.log.flush();
        match self.trouble.map_or(flushed, Err) {
            Ok(()) => Ok(()),
            Err(source) => Err(ReportError::Write { path: self.path, source }),
        }
    }

    fn talk(&self, line: &str) {
        if self.is_talking {
            let mut err = anstream::stderr().lock();
            let _closed = writeln!(err, "{line}");
        }
    }
}

impl Observer for Watch {
    fn connected(&mut self, ready: usize, took: Duration) {
        let now = Timestamp::now();
        self.began = Some(now);
        let since = Duration::try_from(now.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default();
        let written = self.log.write_all(log_head(since).as_bytes());
        self.trouble = self.trouble.take().or(written.err());
        let missing = self.clients.saturating_sub(ready);
        let rest = if missing > 0 { format!(", {missing} could not be yet") } else { String::new() };
        self.talk(&format!("{} sockets ready in {:.2} s{rest}", grouped(ready as u64), took.as_secs_f64()));
    }

    fn window(&mut self, window: &Window, lanes: &[Lane]) {
        let written = log_lines(window, lanes, &self.commands)
            .and_then(|lines| self.log.write_all(&lines))
            .and_then(|()| self.log.flush());
        self.trouble = self.trouble.take().or(written.err());
        if window.part == Part::Drain && window.operations + window.failed + window.not_sent == 0 {
            return;
        }
        let rate = format!("{}/s", grouped((window.operations as f64 / window.length_s.max(0.001)) as u64));
        let (done, part) = match window.part {
            Part::Ramp => (rate, "  ramp"),
            Part::Warmup => (rate, "  warm-up"),
            Part::Measure => (rate, ""),
            // What was still under way comes within milliseconds, of which no rate can be made.
            Part::Drain => (format!("{} in all", grouped(window.operations)), "  drain"),
        };
        let times = window.response_us.map_or("p50        -  p99        -".to_owned(), |brief| {
            format!("p50 {:>8}  p99 {:>8}", time(brief.p50), time(brief.p99))
        });
        self.talk(&format!(
            "{:>6.0} s  {done:>13}  {times}  errors {}  redirects {}{part}",
            window.at_s + window.length_s,
            grouped(window.errors),
            grouped(window.redirects),
        ));
    }
}
