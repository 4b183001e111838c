//! How much depends on a rule: must, should or may.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much hangs on a rule; `Must` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An optional feature.
    May,
    /// Documented or uniform, but a client can live without it.
    Should,
    /// A client or an operator breaks without it.
    #[default]
    Must,
}

impl Level {
    /// Its name, as it is written everywhere.
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
