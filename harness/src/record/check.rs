//! The record of one check: its verdict and the evidence for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::verdict::{Level, Verdict};
use crate::text::clip_bytes;

/// The most bytes of one text in the record (a reply, a reason, a title); the rest is cut and counted.
pub const TEXT_LIMIT_BYTES: usize = 16 * 1024;

/// One check that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Source {
    /// The file, relative to the repository or as the user gave it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// How the server's answer differs from the rule.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// What was measured: `failover`.
    pub name: String,
    /// The value; never infinite, never not a number.
    pub value: f64,
    /// The unit: `ms` or `%`.
    pub unit: String,
}

impl CheckRecord {
    /// Returns the suite, taken from the id if the record does not name it.
    pub fn suite(&self) -> &str {
        if self.suite.is_empty() { self.id.split('/').next().unwrap_or_default() } else { &self.suite }
    }

    /// Returns the check with every text cut to [`TEXT_LIMIT_BYTES`] and every number one that JSON can carry.
    pub(super) fn bounded(&self) -> Self {
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

/// Rounds to three digits after the point; what is no number becomes 0, since JSON cannot carry it.
pub(super) fn to_three_digits(value: f64) -> f64 {
    if value.is_finite() { (value * 1000.0).round() / 1000.0 } else { 0.0 }
}
