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
    /// How many operations are left, where their number ends the run.
    budget: Option<u64>,
}

impl Source {
    /// The share of worker `index` of a plan.
    pub(super) fn of(plan: &LoadPlan, index: usize) -> Self {
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
                Some(Schedule::new(course, *arrivals, plan.seed, index, plan.threads))
            }
        };
        Self {
            generator: Generator::new(Arc::clone(&plan.workload), plan.seed, index, plan.threads),
            schedule,
            held: None,
            budget: plan.operations_of(index),
        }
    }

    /// Whether operations have planned instants, which do not depend on the servers.
    #[inline]
    pub(super) fn is_open_loop(&self) -> bool {
        self.schedule.is_some()
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

    /// Whether a waiting operation must be sent or counted as failed.
    ///
    /// Closed loop draws the others ahead, for sockets that may never ask for them.
    pub(super) fn is_due(&self, operation: &Operation) -> bool {
        operation.attempts > 0 || self.is_open_loop() || self.is_sequential()
    }
}
