//! The record of a run: the types of `run.json`, and how events grow it.
//!
//! Every report is a pure function of a [`Record`]. Field names are a contract with scripts (`design.md`); a change
//! that breaks them raises [`SCHEMA`]. Reading and writing the file belongs to [`crate::results`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::text::clip_bytes;
pub use super::verdict::{Counts, Level, Verdict};
use crate::exit::ExitStatus;
use crate::runner::event::Event;

/// The version of `run.json` that this build writes and reads.
pub const SCHEMA: u32 = 1;

/// The most bytes of one text in the record (a reply, a reason, a title); the rest is cut and counted.
pub const TEXT_LIMIT_BYTES: usize = 16 * 1024;

/// The most warnings that a record keeps.
pub const WARNINGS_LIMIT: usize = 100;

/// Everything that is known about one run, as `run.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The limits in force, in milliseconds, by name.
    #[serde(default)]
    pub limits_ms: BTreeMap<String, u64>,
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

/// The command that made a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `rct conform`.
    Conform,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// The run goes on, or rct was killed before it could say how it ended.
    #[default]
    Running,
    /// Every selected check has a verdict.
    Complete,
    /// The user stopped the run.
    Interrupted,
    /// The cluster could not be brought up, or was lost.
    Lost,
}

/// What was under test.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Where the cluster comes from: `local`, `compose`, `containers` or `address`.
    pub kind: String,
    /// Primaries and replicas of each, such as `3+1`; null until it is known.
    pub shape: Option<String>,
    /// The distinct products and versions of the nodes.
    pub servers: Vec<ServerRecord>,
    /// The addresses by which rct reached the nodes.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// One product and version among the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// The product, such as `redis` or `valkey`.
    pub product: String,
    /// Its version, such as `7.0.15`.
    pub version: String,
}

/// One check that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// The suite and the name: `redirect/moved-from-non-owner`.
    pub id: String,
    /// The suite alone.
    #[serde(default)]
    pub suite: String,
    /// The rule in one sentence.
    #[serde(default)]
    pub title: String,
    /// How binding the rule is.
    pub level: Level,
    /// What the check ended with.
    pub verdict: Verdict,
    /// How long the check took, in milliseconds.
    pub duration_ms: f64,
    /// Why the verdict is what it is; always set for skip, broken and known.
    pub reason: Option<String>,
    /// The statements that the check covers.
    #[serde(default)]
    pub statements: Vec<String>,
    /// The section of the specification that holds the rule.
    #[serde(default)]
    pub spec: Option<String>,
    /// Where the check is written.
    #[serde(default)]
    pub source: Option<Source>,
    /// The shape of the cluster that the check ran on.
    #[serde(default)]
    pub shape: Option<String>,
    /// What was sent, expected and received, if the server broke the rule.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What the check measured on its way, such as the time of a failover.
    #[serde(default)]
    pub measured: Vec<Measured>,
    /// The transcript's path within the run's folder.
    #[serde(default)]
    pub transcript: Option<String>,
}

/// Where a check is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The file, relative to the repository or as the user gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// How the server's answer differs from the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Failure {
    /// Which step of how many: `2 of 2`.
    pub step: Option<String>,
    /// The command that was sent, as a person would type it.
    pub sent: Option<String>,
    /// Where it was sent and why there: `127.0.0.1:7002 (does not own slot 5081)`.
    pub to: Option<String>,
    /// What the rule asks for.
    pub expected: String,
    /// What came.
    pub received: String,
    /// What helps to understand the difference.
    pub note: Option<String>,
}

/// A value that a check measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What was measured: `failover`.
    pub name: String,
    /// The value; never infinite, never not a number.
    pub value: f64,
    /// The unit: `ms`.
    pub unit: String,
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
            limits_ms: BTreeMap::new(),
            target,
            counts: Counts::default(),
            warnings: Vec::new(),
            checks: Vec::new(),
            not_run: BTreeSet::new(),
        }
    }

    /// Grows the record by one event that happened `elapsed` after the run's start.
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
            check.transcript = Some(crate::results::transcript_path(&check.id));
        }
        self.not_run.remove(&check.id);
        match self.checks.binary_search_by(|other| other.id.cmp(&check.id)) {
            Ok(place) => self.checks[place] = check,
            Err(place) => self.checks.insert(place, check),
        }
        self.counts = Counts::of(&self.checks);
    }

    fn finish(&mut self, ended: Ended, problem: Option<&str>) {
        self.ended = ended;
        self.problem = problem.map(|text| clip_bytes(text, TEXT_LIMIT_BYTES).into_owned());
        self.exit_status = Some(ExitStatus::of(self).code());
    }
}

impl CheckRecord {
    /// Returns the suite, taken from the id if the record does not name it.
    pub fn suite(&self) -> &str {
        if self.suite.is_empty() { self.id.split('/').next().unwrap_or_default() } else { &self.suite }
    }

    /// Returns the check with every text cut to [`TEXT_LIMIT_BYTES`] and every number one that JSON can carry.
    fn bounded(&self) -> Self {
        let mut check = self.clone();
        check.duration_ms = to_three_digits(check.duration_ms);
        check.measured.retain(|measured| measured.value.is_finite());
        let failure = check.failure.as_mut().map(Failure::texts).into_iter().flatten();
        let texts = [&mut check.title].into_iter().chain(check.reason.as_mut()).chain(failure);
        for text in texts.filter(|text| text.len() > TEXT_LIMIT_BYTES) {
            *text = clip_bytes(text, TEXT_LIMIT_BYTES).into_owned();
        }
        check
    }
}

impl Failure {
    fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let optional = [&mut self.step, &mut self.sent, &mut self.to, &mut self.note];
        [&mut self.expected, &mut self.received].into_iter().chain(optional.into_iter().flatten())
    }
}

fn default_again() -> String {
    "rct conform".to_owned()
}

fn to_the_second(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

/// Rounds to three digits after the point; what is no number becomes 0, since JSON cannot carry it.
fn to_three_digits(value: f64) -> f64 {
    if value.is_finite() { (value * 1000.0).round() / 1000.0 } else { 0.0 }
}
