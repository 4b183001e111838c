//! The plan of a load run: its target, how much it sends, how long it lasts, and what it retries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::{Access, Address, Protocol};

use crate::layout::Layout;
use crate::schedule::Arrivals;
use crate::share::Share;
use crate::workload::Workload;

/// The most clients of a run.
pub const CLIENTS_MAX: usize = 100_000;
/// How many sockets clients that share connections have beyond one for each node, so that a node that joins gets one.
const SHARED_SPARE: usize = 1;
/// The most operations in flight on one socket.
pub const PIPELINE_MAX: usize = 10_000;
/// The most threads of a run.
pub const THREADS_MAX: usize = 256;

/// The plan of a load run.
#[derive(Clone, Debug)]
pub struct LoadPlan {
    /// Reachable addresses of nodes that rct asks for the layout first; at least one.
    pub seeds: Vec<Address>,
    /// User, password and TLS.
    pub access: Access,
    /// The protocol to speak.
    pub protocol: Protocol,
    /// The map from announced to reachable addresses. An address that is not in it is reachable itself.
    pub map: Arc<HashMap<Address, Address>>,
    /// The operations to send.
    pub workload: Arc<Workload>,
    /// The number of clients; each thread needs at least one. A client is one connection to one node. A thread with fewer
    /// clients than nodes has one connection to each node, which its clients share.
    pub clients: usize,
    /// The number of threads. Each thread drives its share of the clients.
    pub threads: usize,
    /// The most operations in flight on one socket. In closed loop, a socket sends that many together and sends the next
    /// ones when all are answered.
    pub pipeline: usize,
    /// When to send each operation.
    pub pace: Pace,
    /// When to end the run.
    pub until: Until,
    /// How long the load runs before it is measured.
    pub warmup: Duration,
    /// How long an operation may take from its planned instant. A socket may be silent for as long.
    pub timeout: Duration,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// Which operations to retry.
    pub retry: Retry,
    /// Which nodes serve reads.
    pub read_from: ReadFrom,
    /// How a worker learns which node serves a slot.
    pub routing: Routing,
    /// The engine for input and output.
    pub engine: EngineChoice,
    /// Whether rct looks for stalls of the shards, which a run with faults reports.
    pub finds_stalls: bool,
    /// The seed of all random choices.
    pub seed: u64,
    /// Which generator of the run this is. The clients, the rates and the seed are its own; the key spaces are those of
    /// the whole run.
    pub share: Share,
}

/// When the load sends operations.
#[derive(Clone, PartialEq, Debug)]
pub enum Pace {
    /// Closed loop: each socket sends its next operations as soon as the last ones are answered.
    Closed,
    /// Open loop: operations have planned instants, whatever the servers do.
    Open {
        /// The rates of the steps, in operations per second of all clients together. Each step lasts the measured time.
        rates_per_s: Vec<f64>,
        /// How the planned instants are spaced.
        arrivals: Arrivals,
        /// How long the rate rises to that of the first step, before the warm-up.
        ramp: Duration,
    },
}

/// When a run ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Until {
    /// After this much measured time; in open loop, each step lasts that long.
    Elapsed(Duration),
    /// After this many operations.
    Operations(u64),
}

/// Which operations are retried until their timeout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Retry {
    /// None.
    None,
    /// Those that a server refused to run: MOVED, ASK, TRYAGAIN, CLUSTERDOWN and LOADING.
    #[default]
    Redirects,
    /// Those of [`Retry::Redirects`], and those that a server may have run before the connection broke or timed out.
    All,
}

/// Which nodes serve reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadFrom {
    /// The primary of the slot.
    #[default]
    Primary,
    /// A replica of the slot's primary, if there is one.
    Replica,
    /// The primary or any of its replicas.
    Any,
}

/// How a worker learns which node serves a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Routing {
    /// From CLUSTER SLOTS, as a cluster client does.
    #[default]
    Slots,
    /// It never learns. It sends each operation to a random node and follows the redirect, as a client without a slot
    /// map does.
    Redirect,
    /// There is nothing to learn: one server without cluster support serves every slot.
    Standalone,
}

/// The engine for input and output. TLS needs tokio.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EngineChoice {
    /// `io_uring` if the kernel allows it, and else tokio.
    #[default]
    Auto,
    /// The runtime tokio, with epoll and one task for each socket.
    Tokio,
    /// `io_uring`. The run fails if the kernel does not allow it.
    Uring,
}

/// The parts of a run, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// How long the rate rises.
    pub(crate) ramp_ns: u64,
    /// When the measured time begins, after the ramp and the warm-up.
    pub(crate) measured_from_ns: u64,
    /// The length of a step; `u64::MAX` if the number of operations ends the run.
    pub(crate) step_ns: u64,
    /// The number of steps, at least one.
    pub(crate) steps: usize,
}

impl Parts {
    /// When the measured time ends; `u64::MAX` if the number of operations ends the run.
    pub(crate) fn end_ns(&self) -> u64 {
        self.step_ns.saturating_mul(self.steps as u64).saturating_add(self.measured_from_ns)
    }
}

/// A duration in nanoseconds, at most `u64::MAX` (584 years).
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl LoadPlan {
    /// How long the rate rises before the warm-up; zero in closed loop.
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

    /// The parts of the run.
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

    /// The address at which rct reaches the node that announces this address.
    #[must_use]
    pub fn reachable(&self, announced: Address) -> Address {
        self.map.get(&announced).cloned().unwrap_or(announced)
    }

    /// How many clients a worker has. The first workers have one more if the division has a remainder.
    pub(crate) fn clients_of(&self, worker: usize) -> usize {
        self.clients / self.threads + usize::from(worker < self.clients % self.threads)
    }

    /// Whether a worker has fewer clients than the layout has nodes for it, so that its clients share connections.
    pub(crate) fn shares_connections(&self, worker: usize, layout: &Layout) -> bool {
        self.clients_of(worker) < layout.used_nodes(self.read_from != ReadFrom::Primary)
    }

    /// How many sockets a worker has.
    pub(crate) fn sockets_of(&self, worker: usize, layout: &Layout) -> usize {
        match self.shares_connections(worker, layout) {
            true => layout.used_nodes(self.read_from != ReadFrom::Primary) + SHARED_SPARE,
            false => self.clients_of(worker),
        }
    }

    /// How many connections a run has.
    #[must_use]
    pub fn sockets(&self, layout: &Layout) -> usize {
        (0..self.threads).map(|worker| self.sockets_of(worker, layout)).sum()
    }

    /// How many operations a worker sends; `None` if time ends the run.
    pub(crate) fn operations_of(&self, worker: usize) -> Option<u64> {
        let Until::Operations(all) = self.until else { return None };
        let (worker, threads) = (worker as u64, self.threads as u64);
        Some(all / threads + u64::from(worker < all % threads))
    }
}
