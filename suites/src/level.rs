//! The levels of rules: must, should and may.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much depends on a rule; `Must` is the greatest level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The rule belongs to an optional feature.
    May,
    /// The rule is documented or holds on all servers, but clients work without it.
    Should,
    /// Clients or operators depend on the rule.
    #[default]
    Must,
}

impl Level {
    /// The name of the level in suite files, on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::May => "may",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
