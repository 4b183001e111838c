//! The cluster as a check sees it. The submodules have its methods, one group each.
//!
//! [`crate::LiveCluster`] is what all checks on a cluster share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wire::{Node, NodeId, Protocol};

use crate::keys::Keys;
use crate::limits::Limits;
use crate::live_cluster::LiveCluster;
use crate::own_changes::OwnChanges;
use crate::server::Server;
use crate::session::{Notes, Session};
use crate::transcript::Transcript;

mod actions;
mod connections;
mod excuses;
mod faults;
mod open_slots;
mod opened;
mod replication_link;
mod roles;
mod setting;
mod spares;
mod tidy;
mod views;
mod visited;
mod waits;

pub(crate) use faults::FAILOVER_ATTEMPT;

/// What one run of one check gets.
pub struct ClusterSettings {
    /// The cluster.
    pub live: Rc<LiveCluster>,
    /// The keys that the check may use.
    pub keys: Keys,
    /// The seed of all random choices of the check.
    pub seed: u64,
}

/// The cluster as one check sees it.
///
/// Roles and owners come from the view of rct, never from the reply under test. The nodes agree on this view before the
/// check starts, and again after [`Cluster::refresh`].
pub struct Cluster {
    live: Rc<LiveCluster>,
    keys: Keys,
    random: RefCell<StdRng>,
    transcript: Rc<Transcript>,
    sessions: RefCell<BTreeMap<(NodeId, String), Session>>,
    notes: Notes,
    changed: RefCell<Vec<setting::Setting>>,
    opened: RefCell<Vec<opened::Opened>>,
    libraries: RefCell<BTreeSet<String>>,
    users: RefCell<Vec<(NodeId, String)>>,
    measures: RefCell<Vec<Measure>>,
    spares: Cell<u32>,
    borrowed: RefCell<Vec<Node>>,
    replicas_wanted: Cell<u16>,
    protocol: Cell<Protocol>,
    slow: RefCell<Vec<String>>,
    /// The nodes of a large cluster that the check visits where it would ask every node.
    visited: OnceCell<BTreeSet<NodeId>>,
    /// Whether the check has waited in vain until all nodes know the config epochs.
    epochs_are_stuck: Cell<bool>,
}

/// A time that a check measured, such as that of a failover.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// What was measured.
    pub name: String,
    /// The value, in `unit`.
    pub value: f64,
    /// The unit: `ms` or `%`.
    pub unit: &'static str,
}

impl Cluster {
    /// The cluster for one run of one check.
    #[must_use]
    pub fn new(settings: ClusterSettings) -> Self {
        Self {
            live: settings.live,
            keys: settings.keys,
            random: RefCell::new(StdRng::seed_from_u64(settings.seed)),
            transcript: Rc::new(Transcript::new()),
            sessions: RefCell::default(),
            notes: Notes::default(),
            changed: RefCell::default(),
            opened: RefCell::default(),
            libraries: RefCell::default(),
            users: RefCell::default(),
            measures: RefCell::default(),
            spares: Cell::new(0),
            borrowed: RefCell::default(),
            replicas_wanted: Cell::new(0),
            protocol: Cell::new(Protocol::Resp2),
            slow: RefCell::default(),
            visited: OnceCell::new(),
            epochs_are_stuck: Cell::new(false),
        }
    }

    /// Prefers primaries with this many replicas when the check draws one: not every primary may have as many.
    #[must_use]
    pub fn wanting_replicas(self, replicas: u16) -> Self {
        self.replicas_wanted.set(replicas);
        self
    }

    /// Uses this protocol on all connections for which the check itself names none; the default is RESP2.
    #[must_use]
    pub fn speaking(self, protocol: Protocol) -> Self {
        self.protocol.set(protocol);
        self
    }

    /// The server under test; if nodes run different versions, the oldest one.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.live.server
    }

    /// The limits on waiting.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.live.limits
    }

    /// The keys that this check may use.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The traffic of this check.
    #[must_use]
    pub fn transcript(&self) -> &Rc<Transcript> {
        &self.transcript
    }

    /// What all checks on this cluster share.
    #[must_use]
    pub fn live(&self) -> &Rc<LiveCluster> {
        &self.live
    }

    /// Adds a measured time to the reports.
    pub fn measure(&self, name: &str, time: Duration) {
        let value = time.as_secs_f64() * 1e3;
        self.measures.borrow_mut().push(Measure { name: name.to_owned(), value, unit: "ms" });
    }

    /// Adds a measured share to the reports, in percent.
    pub fn measure_share(&self, name: &str, percent: f64) {
        self.measures.borrow_mut().push(Measure { name: name.to_owned(), value: percent, unit: "%" });
    }

    /// What was measured so far.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        self.measures.borrow().clone()
    }

    /// What the check has done to slots, roles and settings so far.
    #[must_use]
    pub fn own_changes(&self) -> OwnChanges {
        self.notes.changes.borrow().clone()
    }

    /// A random number below `bound`, from the seed of the check.
    #[must_use]
    pub fn random_below(&self, bound: usize) -> usize {
        self.random.borrow_mut().random_range(0..bound.max(1))
    }

    /// Random bytes from the seed of the check.
    #[must_use]
    pub fn random_bytes(&self, length: usize) -> Vec<u8> {
        let mut random = self.random.borrow_mut();
        (0..length).map(|_| random.random()).collect()
    }
}
