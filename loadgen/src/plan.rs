//! What is to be done: where, how hard, how long, and what to do about trouble.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wire::{Access, Address, Protocol};

use crate::schedule::Arrivals;
use crate::workload::Workload;

/// The most sockets of a run.
pub const CLIENTS_MAX: usize = 100_000;
/// The most operations in flight on a socket.
pub const PIPELINE_MAX: usize = 10_000;
/// The most threads.
pub const THREADS_MAX: usize = 256;

/// A run of load.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Where the cluster can be entered, by reachable addresses; at least one.
    pub seeds: Vec<Address>,
    /// Who we are to the servers, and TLS.
    pub access: Access,
    /// The protocol to speak.
    pub protocol: Protocol,
    /// Announced addresses to reachable ones; an address that is not in it stands for itself.
    pub map: Arc<HashMap<Address, Address>>,
    /// What to send.
    pub workload: Arc<Workload>,
    /// Sockets in total, at least one for each node that is used.
    pub clients: usize,
    /// Threads; each drives its share of the sockets.
    pub threads: usize,
    /// Operations in flight on a socket. In closed loop these go together, and the next when all are answered.
    pub pipeline: usize,
    /// When to send.
    pub pace: Pace,
    /// When to end.
    pub until: Until,
    /// How long to go on before measuring.
    pub warmup: Duration,
    /// How long an operation may take, from its planned instant, and a socket may be silent.
    pub timeout: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// What is sent again.
    pub retry: Retry,
    /// Who serves reads.
    pub read_from: ReadFrom,
    /// How the node of a slot is known.
    pub routing: Routing,
    /// What moves the bytes.
    pub engine: EngineChoice,
    /// The seed of all that is drawn by chance.
    pub seed: u64,
}

/// When operations are sent.
#[derive(Clone, PartialEq, Debug)]
pub enum Pace {
    /// Each socket sends as soon as it has its answers.
    Closed,
    /// At planned instants, whatever the servers do.
    Open {
        /// The rates of the steps, in operations a second of all sockets; each step lasts the measured time.
        rates_per_s: Vec<f64>,
        /// How the instants follow one another.
        arrivals: Arrivals,
        /// How long the rate rises to the first, before the warm-up.
        ramp: Duration,
    },
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Until {
    /// After this much measured time; of each step in open loop.
    Elapsed(Duration),
    /// After this many operations.
    Operations(u64),
}

/// What is sent again, within the time that an operation may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Retry {
    /// Nothing.
    None,
    /// What a server refused to execute: MOVED, ASK, TRYAGAIN, CLUSTERDOWN, LOADING.
    #[default]
    Redirects,
    /// That, and what may have been executed before the connection was lost or fell silent.
    All,
}

/// Who serves reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadFrom {
    /// The primary of the slot.
    #[default]
    Primary,
    /// A replica of it, where there is one.
    Replica,
    /// Any of them.
    Any,
}

/// How the node of a slot is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Routing {
    /// From the cluster's topology.
    #[default]
    Slots,
    /// From MOVED alone: a naive client.
    Redirect,
}

/// What moves the bytes. TLS is always spoken by tokio.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineChoice {
    /// `io_uring` where the kernel lets us have it, else tokio.
    #[default]
    Auto,
    /// A task of tokio for each socket, by epoll.
    Tokio,
    /// `io_uring`, or nothing.
    Uring,
}

/// When the parts of a run begin, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// How long the rate rises.
    pub(crate) ramp_ns: u64,
    /// When the measured time begins, after the rise and the warm-up.
    pub(crate) measured_from_ns: u64,
    /// The length of a step; `u64::MAX` where the number of operations ends the run.
    pub(crate) step_ns: u64,
    /// The number of steps, at least one.
    pub(crate) steps: usize,
}

impl Parts {
    /// When the measured time ends; `u64::MAX` where the number of operations ends the run.
    pub(crate) fn end_ns(&self) -> u64 {
        self.step_ns.saturating_mul(self.steps as u64).saturating_add(self.measured_from_ns)
    }
}

/// A duration in nanoseconds; the longest ones are cut to 584 years.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl LoadPlan {
    /// The rise before the warm-up; zero in closed loop.
    #[must_use]
    pub fn ramp(&self) -> Duration {
        match &self.pace {
            Pace::Open { ramp, .. } => *ramp,
            Pace::Closed => Duration::ZERO,
        }
    }

    /// The number of steps, at least one.
    #[must_use]
    pub fn steps(&self) -> usize {
        match &self.pace {
            Pace::Open { rates_per_s, .. } => rates_per_s.len().max(1),
            Pace::Closed => 1,
        }
    }

    /// When the parts of the run begin.
    pub(crate) fn parts(&self) -> Parts {
        Parts {
            ramp_ns: nanoseconds(self.ramp()),
            measured_from_ns: nanoseconds(self.ramp() + self.warmup),
            step_ns: match self.until {
                Until::Elapsed(step) => nanoseconds(step),
                Until::Operations(_) => u64::MAX,
            },
            steps: self.steps(),
        }
    }

    /// The address to dial for one that a node announced.
    #[must_use]
    pub fn reachable(&self, announced: Address) -> Address {
        self.map.get(&announced).cloned().unwrap_or(announced)
    }

    /// The sockets of a worker: the first ones have one more where the division leaves a rest.
    pub(crate) fn clients_of(&self, worker: usize) -> usize {
        self.clients / self.threads + usize::from(worker < self.clients % self.threads)
    }

    /// The share of a worker of a number of operations.
    pub(crate) fn operations_of(&self, worker: usize) -> Option<u64> {
        let Until::Operations(all) = self.until else { return None };
        let (worker, threads) = (worker as u64, self.threads as u64);
        Some(all / threads + u64::from(worker < all % threads))
    }
}
