//! The record of a conformance run: what `run.json` of `rct conform` holds, and how each event changes it.
//!
//! Every report is a pure function of a [`Record`]. Scripts rely on the names of its fields; a change that breaks them
//! raises [`SCHEMA`]. [`super::file`] reads the file, and `report::folder` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{CheckRecord, TEXT_LIMIT_BYTES, to_three_digits};
use super::event::Event;
use super::exit::{Ended, ExitStatus};
use super::host::HostRecord;
use super::layout::{SCHEMA, transcript_path};
use super::target::TargetRecord;
use super::verdict::{Counts, Level, Verdict};
use crate::text::clip_bytes;

/// The most warnings that a record keeps.
pub const WARNINGS_LIMIT: usize = 100;

/// Everything that is known about one run, as `run.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The version of this format, [`SCHEMA`].
    pub schema: u32,
    /// Which command made the run.
    pub kind: Kind,
    /// The version of rct.
    pub rct: String,
    /// When the run started, in UTC, to the second.
    pub started: Timestamp,
    /// How long the run took so far, bring-up included, in seconds.
    pub duration_s: f64,
    /// The seed of every random choice; JSON readers keep it exactly up to 2^53.
    pub seed: u64,
    /// How the run ended, or that it has not.
    #[serde(default)]
    pub ended: Ended,
    /// Why the run ended before its time, in one or two lines.
    #[serde(default)]
    pub problem: Option<String>,
    /// The exit status, once the run has ended.
    #[serde(default)]
    pub exit_status: Option<u8>,
    /// The lowest level whose failure fails the run.
    #[serde(default)]
    pub level: Level,
    /// The command line as typed, without secrets.
    #[serde(default)]
    pub command: Vec<String>,
    /// The command that runs a single check of this run again, without its `--run`.
    #[serde(default = "default_again")]
    pub again: String,
    /// The earlier release of rct whose checks the user asked for, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks_as_of: Option<ChecksAsOf>,
    /// The machine on which rct ran.
    #[serde(default)]
    pub host: Option<HostRecord>,
    /// What was under test.
    pub target: TargetRecord,
    /// How many checks ended with each verdict.
    pub counts: Counts,
    /// What the user should know beside the verdicts.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The checks that ended, ordered by id.
    pub checks: Vec<CheckRecord>,
    /// The ids of the selected checks that have not ended, in order.
    #[serde(default)]
    pub not_run: BTreeSet<String>,
}

/// The release of rct whose checks a run has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChecksAsOf {
    /// The version of rct.
    pub version: String,
    /// How many selected checks came later, so that the run leaves them out.
    pub left_out: usize,
}

/// The command that made a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `rct conform`.
    Conform,
}

impl Record {
    /// Returns the record of a conformance run that is about to start, with nothing planned yet.
    pub fn conform(started: Timestamp, seed: u64, target: TargetRecord) -> Self {
        Self {
            schema: SCHEMA,
            kind: Kind::Conform,
            rct: env!("CARGO_PKG_VERSION").to_owned(),
            started: to_the_second(started),
            duration_s: 0.0,
            seed,
            ended: Ended::Running,
            problem: None,
            exit_status: None,
            level: Level::Must,
            command: Vec::new(),
            again: default_again(),
            checks_as_of: None,
            host: None,
            target,
            counts: Counts::default(),
            warnings: Vec::new(),
            checks: Vec::new(),
            not_run: BTreeSet::new(),
        }
    }

    /// Adds to the record what one event says; it happened `elapsed` after the run's start.
    pub fn apply(&mut self, event: &Event, elapsed: Duration) {
        self.duration_s = to_three_digits(elapsed.as_secs_f64());
        match event {
            Event::RunStarted { planned } => self.not_run = planned.iter().cloned().collect(),
            Event::TargetReady(target) => self.target = target.clone(),
            Event::CheckFinished { check, transcript } => self.insert(check, transcript.is_some()),
            Event::Warning { text, .. } if self.warnings.len() < WARNINGS_LIMIT => {
                self.warnings.push(clip_bytes(text, TEXT_LIMIT_BYTES).into_owned());
            }
            Event::Interrupted => self.finish(Ended::Interrupted, None),
            Event::RunFinished { ended, problem } => self.finish(*ended, problem.as_deref()),
            Event::Warning { .. } | Event::BringUp { .. } | Event::CheckStarted { .. } | Event::Notice(_) => {}
        }
    }

    /// Returns the exit status of the run, as it would be if the run ended now.
    ///
    /// A stopped run says nothing about the checks that it did not reach, so an interruption wins over every verdict.
    /// A broken rule is certain whatever else went wrong, so it wins over a lost cluster and over BROKEN. A run that
    /// could not judge a check, or judged none, must not open a gate, so neither is a success.
    pub fn status(&self) -> ExitStatus {
        if self.ended == Ended::Interrupted {
            ExitStatus::Interrupted
        } else if self.checks.iter().any(|check| self.is_failing(check)) {
            ExitStatus::RuleBroken
        } else if self.ended != Ended::Complete || self.counts.broken > 0 || !self.not_run.is_empty() {
            ExitStatus::ClusterLost
        } else if self.counts.judged() == 0 {
            ExitStatus::NothingRan
        } else {
            ExitStatus::Success
        }
    }

    /// Returns how many checks were selected.
    pub fn planned(&self) -> usize {
        self.checks.len() + self.not_run.len()
    }

    /// Returns the checks that ended with a verdict, ordered by id.
    pub fn with_verdict(&self, verdict: Verdict) -> impl Iterator<Item = &CheckRecord> {
        self.checks.iter().filter(move |check| check.verdict == verdict)
    }

    /// Returns the checks of each suite, both ordered by name.
    pub fn suites(&self) -> BTreeMap<&str, Vec<&CheckRecord>> {
        let mut suites: BTreeMap<&str, Vec<&CheckRecord>> = BTreeMap::new();
        for check in &self.checks {
            suites.entry(check.suite()).or_default().push(check);
        }
        suites
    }

    /// Returns whether a check's verdict fails the run: a broken rule at or above the run's level, or a stale entry.
    pub fn is_failing(&self, check: &CheckRecord) -> bool {
        match check.verdict {
            Verdict::Fail => check.level >= self.level,
            Verdict::Stale => true,
            _ => false,
        }
    }

    fn insert(&mut self, check: &CheckRecord, has_transcript: bool) {
        let mut check = check.bounded();
        if has_transcript && !check.verdict.is_pass() {
            check.transcript = Some(transcript_path(&check.id));
        }
        self.not_run.remove(&check.id);
        match self.checks.binary_search_by(|other| other.id.cmp(&check.id)) {
            Ok(place) => self.checks[place] = check,
            Err(place) => self.checks.insert(place, check),
        }
        self.counts = self.checks.iter().map(|check| check.verdict).collect();
    }

    fn finish(&mut self, ended: Ended, problem: Option<&str>) {
        self.ended = ended;
        self.problem = problem.map(|text| clip_bytes(text, TEXT_LIMIT_BYTES).into_owned());
        self.exit_status = Some(self.status().code());
    }
}

fn default_again() -> String {
    "rct conform".to_owned()
}

fn to_the_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}
