//! The way from running to reporting: an [`EventLine`] tells every [`Reporter`] each event, once and in order.
//!
//! The line adds each event to the run's [`Record`] and hands both to the reporters. A reporter never changes the run:
//! if it fails, the other reporters hear a warning.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use super::error::ReportError;
use super::event::Event;
use super::run::Record;

/// Reports a run while it goes.
pub trait Reporter {
    /// Takes one event, and the record as it stands after it.
    ///
    /// # Errors
    ///
    /// If the output of the reporter cannot be written. The run goes on, and later events still come.
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

    /// Returns whether a check has failed the run.
    pub fn has_failed(&self) -> bool {
        let record = &self.state.borrow().record;
        record.checks.iter().any(|check| record.is_failing(check))
    }

    /// Returns the record as it stands.
    pub fn record(&self) -> Record {
        self.state.borrow().record.clone()
    }
}

impl State {
    fn send(&mut self, event: &Event) {
        for warning in self.deliver(event) {
            // A reporter that fails again while it takes this warning is not warned about twice.
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
