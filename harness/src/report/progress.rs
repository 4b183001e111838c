//! What a run of checks is doing right now: standard error, and never part of the results.
//!
//! A terminal shows a bar with the checks that run. It moves by the time that checks take typically, so that it moves
//! evenly: a check that waits for a failover counts more than one that sends a command. Other outputs get a line for each
//! thing that begins, so that a CI log shows where the time goes.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::record::Record;
use crate::record::ReportError;
use crate::record::{Event, Reporter};
use crate::text::printable;

/// How often the bar moves while nothing happens.
const TICK: Duration = Duration::from_millis(200);

/// The most running checks that the bar names.
const NAMED_LIMIT: usize = 3;

const TEMPLATE: &str = "  {spinner} {elapsed_precise} [{bar:24}] {percent:>3}%  {prefix}  {wide_msg}";

/// Shows what is going on.
pub struct Progress<W> {
    err: W,
    bar: ProgressBar,
    running: Vec<String>,
    begun: String,
    planned: usize,
}

impl Progress<std::io::Stderr> {
    /// Returns progress on standard error: a bar if that is a terminal, lines if it is not.
    pub fn of_stderr() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::new(std::io::stderr(), ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self::new(std::io::stderr(), bar)
    }
}

impl<W: Write> Progress<W> {
    /// Returns progress that writes its lines to `err` and keeps clear of `bar`; a hidden bar means lines only.
    pub fn new(err: W, bar: ProgressBar) -> Self {
        Self { err, bar, running: Vec::new(), begun: String::new(), planned: 0 }
    }

    /// Returns the bar, for whoever writes to the same screen.
    pub fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    fn bring_up(&mut self, what: &str, done: usize, total: usize) {
        let what = printable(what).into_owned();
        self.bar.set_message(if total > 0 { format!("{what} {done}/{total}") } else { what.clone() });
        if !self.bar.is_hidden() || self.begun == what {
            return;
        }
        self.begun = what;
        let line = self.begun.clone();
        self.write(&line);
    }

    fn running(&self, record: &Record) {
        let counts = &record.counts;
        let problems = [(counts.fail, "failed"), (counts.broken, "broken"), (counts.stale, "stale")];
        let problems =
            problems.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}"));
        let named = self.running.iter().take(NAMED_LIMIT).map(|id| printable(id).into_owned());
        let others = self.running.len().saturating_sub(NAMED_LIMIT);
        let others = (others > 0).then(|| format!("and {others} more"));
        let message: Vec<_> = problems.chain(named).chain(others).collect();
        let ended = record.checks.iter().map(|check| check.id.as_str());
        self.bar.set_position(ended.map(work).sum());
        self.bar.set_prefix(format!("{}/{}", record.checks.len(), self.planned));
        self.bar.set_message(message.join(", "));
    }

    fn write(&mut self, line: &str) {
        let err = &mut self.err;
        self.bar.suspend(|| {
            // The run does not depend on whether somebody reads this.
            let _ignored = writeln!(err, "{line}");
        });
    }
}

/// How far a check moves the bar.
fn work(id: &str) -> u64 {
    u64::from(suites::times::typical_ms(id))
}

impl<W: Write> Reporter for Progress<W> {
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError> {
        match event {
            Event::RunStarted { planned } => {
                self.planned = planned.len();
                self.bar.set_length(planned.iter().map(|id| work(id)).sum());
                self.bar.enable_steady_tick(TICK);
            }
            Event::BringUp { what, done, total } => self.bring_up(what, *done, *total),
            Event::CheckStarted { id } => {
                self.running.push(id.clone());
                self.running(record);
            }
            Event::CheckFinished { check, .. } => {
                self.running.retain(|id| *id != check.id);
                self.running(record);
            }
            Event::Notice(text) => self.write(&printable(text)),
            Event::Warning { text, hint } => {
                self.write(&format!("warning: {}", printable(text)));
                if let Some(hint) = hint {
                    self.write(&format!("  hint: {}", printable(hint)));
                }
            }
            Event::Interrupted => self.write("interrupted: rct stops everything, and writes the reports of what ran"),
            Event::RunFinished { .. } => self.bar.finish_and_clear(),
            Event::TargetReady(_) => {}
        }
        Ok(())
    }
}
