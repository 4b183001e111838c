//! What a user can choose of a load run, and the plan that follows from it once the cluster is up.

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use loadgen::read_back::Copies;
use loadgen::recorder::Class;
use loadgen::workload::Workload;
use loadgen::{EngineChoice, LoadPlan, Pace, ReadFrom, Retry, Routing, Share, Until};
use suites::LiveCluster;
use wire::Protocol;

use super::events::Fault;
use super::meeting::Together;

/// The number of clients for which a further thread pays off.
const CLIENTS_PER_THREAD: usize = 50;

/// The settings of a load run. Each field means what the field of the same name means in loadgen's plan.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// What is sent.
    pub workload: Arc<Workload>,
    /// Which copies rct verifies; `None` if it verifies nothing.
    pub verify: Option<Copies>,
    /// Whether rct writes every key before the load begins.
    pub preload: bool,
    /// How many sockets, over all nodes.
    pub clients: usize,
    /// How many threads drive them; by default as many as pay off.
    pub threads: Option<usize>,
    /// How many operations are in flight on each socket.
    pub pipeline: usize,
    /// Open or closed loop, and the rate.
    pub pace: Pace,
    /// When the run ends.
    pub until: Until,
    /// How long the load goes on before rct measures it.
    pub warmup: Duration,
    /// How long an operation may take.
    pub timeout: Duration,
    /// What is sent again.
    pub retry: Retry,
    /// Which nodes serve reads.
    pub read_from: ReadFrom,
    /// How the node of a slot is found.
    pub routing: Routing,
    /// What moves the bytes.
    pub engine: EngineChoice,
    /// The version of RESP.
    pub protocol: Protocol,
    /// The faults and changes during the load.
    pub faults: Vec<Fault>,
    /// The seed of every random choice of the run.
    pub seed: u64,
    /// Which generator of the run this is. The clients, the rates and the number of operations are its own.
    pub share: Share,
    /// How the generators of the run start together.
    pub together: Together,
}

impl LoadSettings {
    /// Returns the planned end of the load, from its start; `None` if the number of operations ends it.
    pub fn end(&self) -> Option<Duration> {
        let (ramp, steps) = match &self.pace {
            Pace::Open { ramp, rates_per_s, .. } => (*ramp, rates_per_s.len().max(1)),
            Pace::Closed => (Duration::ZERO, 1),
        };
        match self.until {
            Until::Elapsed(step) => Some(ramp + self.warmup + step.saturating_mul(steps as u32)),
            Until::Operations(_) => None,
        }
    }

    /// Returns the classes of operations that the workload has.
    pub fn classes(&self) -> Vec<Class> {
        let has =
            |class: &Class| self.workload.templates.iter().any(|template| template.is_read == (*class == Class::Reads));
        Class::ALL.into_iter().filter(has).collect()
    }

    /// Returns the plan of a run with these settings on a cluster that is up.
    pub fn plan(&self, live: &LiveCluster) -> LoadPlan {
        let topology = live.topology();
        let is_standalone = live.findings.is_standalone;
        LoadPlan {
            seeds: topology.nodes.iter().map(|node| live.map.reachable(&node.address)).collect(),
            access: live.access.clone(),
            protocol: self.protocol,
            map: Arc::new(live.map.snapshot()),
            workload: Arc::clone(&self.workload),
            clients: self.clients,
            threads: self.threads.unwrap_or_else(|| threads(self.clients)),
            pipeline: self.pipeline,
            pace: self.pace.clone(),
            until: self.until,
            warmup: self.warmup,
            timeout: self.timeout,
            connect_timeout: live.limits.connect,
            retry: self.retry,
            // A server without cluster support has no MOVED, and refuses READONLY.
            read_from: if is_standalone { ReadFrom::Primary } else { self.read_from },
            routing: if is_standalone { Routing::Standalone } else { self.routing },
            engine: self.engine,
            finds_stalls: !self.faults.is_empty(),
            seed: self.share.seed(self.seed),
            share: self.share,
        }
    }
}

/// How many threads drive so many clients: at most one for each two cores.
///
/// Servers may share the machine. One busy thread makes larger batches than two threads that wait for a core, which
/// means fewer system calls, and planned instants are met more closely.
fn threads(clients: usize) -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    cores.div_ceil(2).min(clients / CLIENTS_PER_THREAD).max(1)
}
