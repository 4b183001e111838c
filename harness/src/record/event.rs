//! What can happen in a conformance run.
//!
//! The runner sends each event once into an [`EventLine`](super::event_line::EventLine). Reports hear of a run in no other
//! way, so all of them agree.

use super::check::CheckRecord;
use super::exit::Ended;
use super::target::TargetRecord;

/// Something that happened in a run.
#[derive(Debug, Clone)]
pub enum Event {
    /// The plan is made; nothing runs yet.
    RunStarted {
        /// The ids of the selected checks.
        planned: Vec<String>,
    },
    /// A cluster is being brought up, or brought back into order.
    BringUp {
        /// What is being done: `starting 6 nodes`.
        what: String,
        /// How much of it is done.
        done: usize,
        /// How much there is to do; 0 if unknown.
        total: usize,
    },
    /// The first cluster answers, and says what it is.
    TargetReady(TargetRecord),
    /// A check has begun.
    CheckStarted {
        /// Its id.
        id: String,
    },
    /// A check has its verdict.
    CheckFinished {
        /// The verdict and its evidence; the transcript's path is filled in by the record.
        check: Box<CheckRecord>,
        /// The transcript's text; kept only if the check did not pass.
        transcript: Option<String>,
    },
    /// Something worth a line while it happens, and no longer.
    Notice(String),
    /// Something that the user should act on; kept in the record.
    Warning {
        /// What is wrong.
        text: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// The user asked the run to stop; what runs is being wound up.
    Interrupted,
    /// Everything is stopped, and nothing more happens.
    RunFinished {
        /// How the run ended.
        ended: Ended,
        /// Why it ended before its time.
        problem: Option<String>,
    },
}

impl Event {
    /// Returns a warning without a hint.
    pub fn warning(text: impl Into<String>) -> Self {
        Self::Warning { text: text.into(), hint: None }
    }
}
