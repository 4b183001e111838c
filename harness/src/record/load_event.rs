//! What can happen in a load run, and the way from running to reporting.
//!
//! The runner sends each event once into a [`LoadEventLine`], which hands it to every [`LoadReporter`] together with the
//! record. This is for load what [`super::event_line`] is for checks.

use std::time::Duration;

use jiff::Timestamp;
use loadgen::outline::Outline;
use loadgen::read_back::BadKey;
use loadgen::recorder::{Interval, Lane};
use loadgen::timeline::Progress;

use super::error::ReportError;
use super::fault::{FaultNews, FaultRecord};
use super::load::LoadRecord;

/// Something that happened in a load run.
#[derive(Clone, Copy)]
pub enum LoadEvent<'a> {
    /// The cluster is up, and the record names it.
    TargetReady,
    /// rct writes or deletes the keys of one key space.
    KeysProgress {
        /// What is done to the keys: `filled` or `deleted`.
        done: &'static str,
        /// The name of the key space.
        space: &'a str,
        /// How many keys are done.
        keys: u64,
        /// How many keys there are.
        wanted: u64,
    },
    /// rct wrote, read or deleted every key of one key space.
    KeysDone {
        /// What was done to the keys: `filled`, `read back` or `deleted`.
        done: &'static str,
        /// The name of the key space.
        space: &'a str,
        /// How many keys.
        keys: u64,
        /// How long that took, in seconds.
        duration_s: f64,
    },
    /// The clients are connected, and the load begins.
    Connected {
        /// When.
        at: Timestamp,
        /// How many sockets are ready.
        ready: usize,
        /// How many there shall be: one for each client, or one for each node if there are fewer clients.
        wanted: usize,
        /// How long that took.
        took: Duration,
    },
    /// The intervals that follow belong to the load, which starts at an instant of their clock.
    LoadStarts {
        /// That instant.
        start_ns: u64,
        /// The plan of this generator.
        outline: &'a Outline,
    },
    /// A worker has handed over what it saw in a second.
    HandedOver {
        /// What it saw.
        interval: &'a Interval,
    },
    /// One part of the timeline is over, usually a second.
    SecondEnded {
        /// What happened in it.
        progress: &'a Progress,
        /// The histograms of it.
        lanes: &'a [Lane],
        /// The names of the commands, in the order of the lanes.
        commands: &'a [String],
    },
    /// Something about a fault or change during the load.
    Fault {
        /// The event, as far as it has come.
        fault: &'a FaultRecord,
        /// What is new.
        news: &'a FaultNews,
    },
    /// rct gave the cluster its processes, roles and slots back.
    Restored {
        /// How long that took.
        took: Duration,
    },
    /// A key whose value is wrong after the load.
    BadKey {
        /// The key, and what is wrong.
        key: &'a BadKey,
        /// The number of the event to which the loss belongs, from 1.
        event: Option<usize>,
    },
    /// Something that the user should act on.
    Warning {
        /// What is wrong, and what to do about it.
        text: &'a str,
    },
    /// Everything is stopped, and the record is complete.
    RunFinished,
}

/// Reports a load run while it goes.
pub trait LoadReporter {
    /// Takes one event, and the record as it stands after it.
    ///
    /// # Errors
    ///
    /// If the output of the reporter cannot be written. The run goes on, and later events still come.
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError>;
}

/// The line into which a load run's events are sent.
pub struct LoadEventLine {
    record: LoadRecord,
    reporters: Vec<Box<dyn LoadReporter>>,
    failure: Option<ReportError>,
}

impl LoadEventLine {
    /// Returns a line that tells `reporters`, in their order. A reporter that writes files comes before one that names
    /// them.
    pub fn new(record: LoadRecord, reporters: Vec<Box<dyn LoadReporter>>) -> Self {
        Self { record, reporters, failure: None }
    }

    /// Adds a reporter, which gets what happens from now on.
    pub fn add(&mut self, reporter: Box<dyn LoadReporter>) {
        self.reporters.push(reporter);
    }

    /// Tells every reporter one event; keeps the first failure of any for [`Self::failure`].
    pub fn send(&mut self, event: &LoadEvent<'_>) {
        for reporter in &mut self.reporters {
            if let Err(error) = reporter.event(event, &self.record) {
                self.failure.get_or_insert(error);
            }
        }
    }

    /// Takes the first failure of a reporter so far.
    ///
    /// # Errors
    ///
    /// That failure.
    pub fn failure(&mut self) -> Result<(), ReportError> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Returns the record.
    pub fn record(&self) -> &LoadRecord {
        &self.record
    }

    /// Returns the record, for the runner to fill in what it learns.
    pub fn record_mut(&mut self) -> &mut LoadRecord {
        &mut self.record
    }
}
