//! Where operations come from: the generator, the schedule of open loop, and the number that is left to send.

use std::sync::Arc;

use crate::operation::Operation;
use crate::plan::{LoadPlan, Pace};
use crate::schedule::{Course, Schedule};
use crate::workload::Generator;

/// The operations that a worker is still to send.
pub(super) struct Source {
    pub(super) generator: Generator,
    /// The planned instants; `None` in closed loop.
    pub(super) schedule: Option<Schedule>,
    /// An operation of a sequence that waits because too many others wait for its node.
    pub(super) held: Option<Operation>,
    /// Whether the clients share their connections, because there are fewer clients than nodes.
    is_shared: bool,
    /// How many operations may be in flight on a socket.
    most_in_flight: usize,
    /// How many operations are left, where their number ends the run.
    budget: Option<u64>,
}

impl Source {
    /// The share of worker `index` of a plan. `is_shared` says that its clients share their connections.
    pub(super) fn of(plan: &LoadPlan, index: usize, is_shared: bool) -> Self {
        let parts = plan.parts();
        let schedule = match &plan.pace {
            Pace::Closed => None,
            Pace::Open { rates_per_s, arrivals, .. } => {
                let course = Course {
                    ramp_ns: parts.ramp_ns,
                    warmup_ns: parts.measured_from_ns - parts.ramp_ns,
                    rates_per_s: rates_per_s.clone(),
                    step_ns: parts.step_ns,
                };
                Some(Schedule::new(course, *arrivals, plan.seed, index, plan.threads, plan.share))
            }
        };
        Self {
            generator: Generator::new(Arc::clone(&plan.workload), plan.seed, index, plan.threads),
            schedule,
            held: None,
            is_shared,
            most_in_flight: plan.pipeline * if is_shared { plan.clients_of(index) } else { 1 },
            budget: plan.operations_of(index),
        }
    }

    /// Whether operations have planned instants, which do not depend on the servers.
    #[inline]
    pub(super) fn is_open_loop(&self) -> bool {
        self.schedule.is_some()
    }

    /// Whether closed loop draws an operation only when a client is free, and queues it for its node: when clients share
    /// their connections.
    #[inline]
    pub(super) fn draws_for_clients(&self) -> bool {
        self.is_shared && !self.is_open_loop()
    }

    /// How many further operations a socket may take, of which this many are in flight.
    #[inline]
    pub(super) fn room(&self, in_flight: usize) -> usize {
        match self.is_open_loop() || self.is_shared {
            true => self.most_in_flight.saturating_sub(in_flight),
            // The next operations are sent together, once all are answered.
            false if in_flight > 0 => 0,
            false => self.most_in_flight,
        }
    }

    /// How many operations the clients may have, where they share their connections.
    pub(super) fn most_of_clients(&self) -> usize {
        self.most_in_flight
    }

    /// Whether each key must be drawn exactly once, so that the worker may drop no operation.
    #[inline]
    pub(super) fn is_sequential(&self) -> bool {
        self.generator.is_sequential()
    }

    /// Whether an operation only reads.
    #[inline]
    pub(super) fn is_read(&self, operation: &Operation) -> bool {
        self.generator.workload().templates[usize::from(operation.template)].is_read
    }

    /// Whether all operations have been sent, where their number ends the run.
    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.budget == Some(0)
    }

    /// Counts one operation as sent, where their number ends the run.
    #[inline]
    pub(super) fn spend(&mut self) {
        self.budget = self.budget.map(|budget| budget - 1);
    }

    /// Whether an operation must be sent or counted as failed before its `--timeout` has passed since it was drawn.
    ///
    /// Closed loop draws the others ahead, for sockets that may never ask for them.
    #[inline]
    pub(super) fn is_planned(&self, operation: &Operation) -> bool {
        operation.attempts > 0 || self.is_open_loop() || self.is_shared
    }

    /// Whether a waiting operation must be sent or counted as failed.
    pub(super) fn is_due(&self, operation: &Operation) -> bool {
        self.is_planned(operation) || self.is_sequential()
    }
}
