//! Events: the only road from running to reporting, so that all outputs agree.
//!
//! The runner sends each event once into an [`EventLine`]. The line grows the run's [`Record`] by it and hands both to
//! every [`Reporter`]. A reporter never feeds back into the run: one that fails is a warning to the others.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use crate::report::error::ReportError;
use crate::report::record::{CheckRecord, Ended, Record, TargetRecord};

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

/// Something that tells of a run as it goes.
pub trait Reporter {
    /// Takes one event, and the record as it stands after it.
    ///
    /// # Errors
    ///
    /// When what the reporter writes to cannot be written. The run goes on, and later events still come.
    fn event(&mut self, event: &Event, record: &Record) -> Result<(), ReportError>;
}

/// The line into which a run's events are sent; clones share it.
#[derive(Clone)]
pub struct EventLine {
    state: Rc<RefCell<State>>,
}

struct State {
    record: Record,
    began: Instant,
    listeners: Vec<Listener>,
}

struct Listener {
    reporter: Box<dyn Reporter>,
    has_failed: bool,
}

impl EventLine {
    /// Returns a line that grows `record` and tells `reporters`, in their order.
    ///
    /// What writes files comes before what says that they are written. The run's clock starts now.
    pub fn new(record: Record, reporters: Vec<Box<dyn Reporter>>) -> Self {
        let listeners = reporters.into_iter().map(|reporter| Listener { reporter, has_failed: false }).collect();
        Self { state: Rc::new(RefCell::new(State { record, began: Instant::now(), listeners })) }
    }

    /// Sends one event to the record and to every reporter.
    pub fn send(&self, event: Event) {
        self.state.borrow_mut().send(&event);
    }

    /// Returns the record as it stands.
    pub fn record(&self) -> Record {
        self.state.borrow().record.clone()
    }
}

impl State {
    fn send(&mut self, event: &Event) {
        for warning in self.deliver(event) {
            // What fails while a failure is told has had its warning: each reporter gets one in a run.
            self.deliver(&warning);
        }
    }

    fn deliver(&mut self, event: &Event) -> Vec<Event> {
        self.record.apply(event, self.began.elapsed());
        let mut warnings = Vec::new();
        for listener in &mut self.listeners {
            let Err(error) = listener.reporter.event(event, &self.record) else { continue };
            if !listener.has_failed {
                listener.has_failed = true;
                warnings.push(Event::warning(error.to_string()));
            }
        }
        warnings
    }
}
