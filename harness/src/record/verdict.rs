//! Verdicts: what a check ends with, and how many ended how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use suites::Level;

/// What a check ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The server kept the rule.
    Pass,
    /// The server broke the rule.
    Fail,
    /// The check cannot be judged here; the reason says why.
    Skip,
    /// The harness or its environment failed; nothing is said about the server.
    Broken,
    /// Listed as failing, and fails.
    Known,
    /// Listed as failing, but passes: the list is out of date.
    Stale,
    /// Listed as failing now and then, and failed.
    Flaky,
}

/// How many checks ended with each verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Counts {
    /// Checks that passed.
    pub pass: usize,
    /// Checks that failed, whatever their level.
    pub fail: usize,
    /// Checks that could not be judged here.
    pub skip: usize,
    /// Checks that the harness or its environment spoiled.
    pub broken: usize,
    /// Checks that are listed as failing, and fail.
    pub known: usize,
    /// Checks that are listed as failing, but pass.
    pub stale: usize,
    /// Checks that are listed as failing now and then, and failed.
    pub flaky: usize,
}

impl Counts {
    /// Counts one more verdict.
    pub fn add(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Skip => &mut self.skip,
            Verdict::Broken => &mut self.broken,
            Verdict::Known => &mut self.known,
            Verdict::Stale => &mut self.stale,
            Verdict::Flaky => &mut self.flaky,
        } += 1;
    }

    /// Returns the number of checks with a verdict.
    pub fn with(&self, verdict: Verdict) -> usize {
        match verdict {
            Verdict::Pass => self.pass,
            Verdict::Fail => self.fail,
            Verdict::Skip => self.skip,
            Verdict::Broken => self.broken,
            Verdict::Known => self.known,
            Verdict::Stale => self.stale,
            Verdict::Flaky => self.flaky,
        }
    }

    /// Returns the number of checks that were judged: all but the skipped and the broken.
    pub fn judged(&self) -> usize {
        self.pass + self.fail + self.known + self.stale + self.flaky
    }
}

impl FromIterator<Verdict> for Counts {
    fn from_iter<I: IntoIterator<Item = Verdict>>(verdicts: I) -> Self {
        let mut counts = Self::default();
        verdicts.into_iter().for_each(|verdict| counts.add(verdict));
        counts
    }
}

impl Verdict {
    /// Every verdict, in the order in which reports show them.
    pub const ALL: [Self; 7] =
        [Self::Pass, Self::Fail, Self::Skip, Self::Broken, Self::Known, Self::Stale, Self::Flaky];

    /// Returns whether the server kept the rule, and was expected to.
    pub fn is_pass(self) -> bool {
        self == Self::Pass
    }

    /// Returns the verdict as `run.json` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Broken => "broken",
            Self::Known => "known",
            Self::Stale => "stale",
            Self::Flaky => "flaky",
        }
    }

    /// Returns the verdict as people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Skip => "SKIP",
            Self::Broken => "BROKEN",
            Self::Known => "KNOWN",
            Self::Stale => "STALE",
            Self::Flaky => "FLAKY",
        }
    }
}
