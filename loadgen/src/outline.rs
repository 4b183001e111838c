//! What the sums and the report of a run need to know about its plan and its nodes.
//!
//! Unlike the plan, it can be written to a file, so that the numbers of several generators can be put together later.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{LoadPlan, Pace, Parts, Until, nanoseconds};
use crate::schedule::Arrivals;

/// The outline of a plan.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Outline {
    /// The workload's name.
    pub workload: String,
    /// The names of its commands.
    pub commands: Vec<String>,
    /// The number of clients.
    pub clients: usize,
    /// The number of threads.
    pub threads: usize,
    /// The most operations in flight on one socket.
    pub pipeline: usize,
    /// The rates of open loop; `None` in closed loop.
    pub open: Option<OpenLoop>,
    /// When the run ends.
    pub until: Until,
    /// How long the load runs before it is measured.
    pub warmup: Duration,
    /// How long an operation may take.
    pub timeout: Duration,
    /// The slots of each shard, if the run looks for stalls.
    pub shards: Vec<String>,
}

/// When open loop plans operations.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OpenLoop {
    /// The rates of the steps, in operations per second.
    pub rates_per_s: Vec<f64>,
    /// How the planned instants are spaced.
    pub arrivals: Arrivals,
    /// How long the rate rises to that of the first step, before the warm-up.
    pub ramp: Duration,
}

/// A node at the end of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SeenNode {
    /// The address at which rct reached it.
    pub address: String,
    /// Its id, if the cluster announced one.
    pub id: Option<String>,
    /// `primary`, `replica`, or `gone` if it serves nothing.
    pub role: String,
}

impl Outline {
    /// Returns the outline of a plan, with the slots of the shards for whose stalls it looks.
    pub(crate) fn of(plan: &LoadPlan, shards: Vec<String>) -> Self {
        Self {
            workload: plan.workload.name.clone(),
            commands: plan.workload.templates.iter().map(|template| template.name.clone()).collect(),
            clients: plan.clients,
            threads: plan.threads,
            pipeline: plan.pipeline,
            open: match &plan.pace {
                Pace::Closed => None,
                Pace::Open { rates_per_s, arrivals, ramp } => {
                    Some(OpenLoop { rates_per_s: rates_per_s.clone(), arrivals: *arrivals, ramp: *ramp })
                }
            },
            until: plan.until,
            warmup: plan.warmup,
            timeout: plan.timeout,
            shards,
        }
    }

    /// Adds the clients, the threads and the rates of another generator of the same run.
    pub(crate) fn add(&mut self, more: &Self) {
        self.clients += more.clients;
        self.threads += more.threads;
        if let (Some(own), Some(more)) = (&mut self.open, &more.open) {
            own.rates_per_s.iter_mut().zip(&more.rates_per_s).for_each(|(rate, more)| *rate += more);
        }
        if let (Until::Operations(own), Until::Operations(more)) = (&mut self.until, more.until) {
            *own += more;
        }
    }

    /// Whether operations have planned instants.
    pub(crate) fn is_open_loop(&self) -> bool {
        self.open.is_some()
    }

    /// The rates of the steps; none in closed loop.
    pub(crate) fn rates_per_s(&self) -> &[f64] {
        self.open.as_ref().map_or(&[], |open| &open.rates_per_s)
    }

    /// How long an operation may take, in nanoseconds.
    pub(crate) fn timeout_ns(&self) -> u64 {
        nanoseconds(self.timeout)
    }

    /// The parts of the run.
    pub(crate) fn parts(&self) -> Parts {
        let ramp = self.open.as_ref().map_or(Duration::ZERO, |open| open.ramp);
        Parts {
            ramp_ns: nanoseconds(ramp),
            measured_from_ns: nanoseconds(ramp + self.warmup),
            step_ns: match self.until {
                Until::Elapsed(step) => nanoseconds(step),
                Until::Operations(_) => u64::MAX,
            },
            steps: self.rates_per_s().len().max(1),
        }
    }
}
