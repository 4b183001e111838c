//! The proxy of `--defect`.

use defects::{Defect, Mode};

use super::error::TargetSpecError;
use crate::runner::pattern::hint;

/// The name that `--defect` takes for a proxy that passes everything through.
const NO_DEFECT: &str = "none";

/// What a proxy before the servers does with their replies.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum ProxySpec {
    /// It passes everything through.
    PassThrough,
    /// It shows one defect.
    Defect(&'static Defect),
}

impl ProxySpec {
    pub(super) fn parse(name: &str) -> Result<Self, TargetSpecError> {
        if name == NO_DEFECT {
            return Ok(Self::PassThrough);
        }
        defects::find(name).map(Self::Defect).ok_or_else(|| TargetSpecError::UnknownDefect {
            name: name.to_owned(),
            hint: hint(name, defects::all().map(|defect| defect.name)),
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::PassThrough => NO_DEFECT,
            Self::Defect(defect) => defect.name,
        }
    }

    /// Returns what the proxy does once a cluster is formed.
    pub(in crate::cli) fn mode(self) -> Mode {
        match self {
            Self::PassThrough => Mode::PassThrough,
            Self::Defect(defect) => Mode::Defective(defect),
        }
    }
}

impl PartialEq for ProxySpec {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}
