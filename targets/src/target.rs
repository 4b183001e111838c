//! The interface of all targets, and the clusters that they bring up.

use std::rc::Rc;
use std::time::Duration;

use defects::Proxy;
use futures_util::future::LocalBoxFuture;
use suites::{LiveCluster, Server, Shape, TlsPorts};

use crate::error::TargetError;

/// A source of clusters: processes on this machine, containers, or a cluster given by address.
pub trait Target {
    /// Its name in reports: `local`, `compose`, `containers` or `address`.
    fn kind(&self) -> &'static str;

    /// Whether it brings up any number of clusters of any shape, which checks may damage.
    fn brings_up_more(&self) -> bool;

    /// The default node timeout of clusters whose nodes checks disturb.
    ///
    /// It is long enough for a busy machine, and for the restart of a node.
    fn disturbed_node_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// The server that its nodes run, if the target knows it before they start.
    fn server(&self) -> Option<Server>;

    /// Why it cannot start servers with TLS ports, as a clause; `None` if it can.
    fn without_tls<'a>(&'a self) -> LocalBoxFuture<'a, Option<&'static str>> {
        Box::pin(async { Some("this target starts no servers with TLS ports") })
    }

    /// Brings up a cluster, or finds the existing one, and waits until all nodes agree and all replicas are in sync.
    ///
    /// Dropping the future removes what it has created so far.
    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>>;
}

/// A request for a cluster. A target with only one cluster ignores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BringUp {
    /// The numbers of primaries and replicas.
    pub shape: Shape,
    /// The `cluster-node-timeout` of its nodes once it is formed.
    pub node_timeout: Duration,
    /// More settings of every node, as in the configuration file of the server.
    pub settings: Vec<(String, String)>,
    /// Whether it is for checks that do not disturb the cluster.
    pub is_calm: bool,
    /// Whether to start one server without cluster support instead of a cluster. Only the target `local` does.
    pub is_standalone: bool,
    /// Whether it is for load, which needs a map of the slots and nothing else.
    pub is_for_load: bool,
    /// The TLS ports of its nodes; without them, those of the target. Only the target `local` knows them.
    pub tls: Option<TlsPorts>,
}

impl Default for BringUp {
    fn default() -> Self {
        Self {
            shape: Shape::new(3, 1),
            node_timeout: Duration::from_secs(5),
            settings: Vec::new(),
            is_calm: false,
            is_standalone: false,
            is_for_load: false,
            tls: None,
        }
    }
}

/// A cluster that is up, and the way to shut it down.
pub struct Lease {
    /// The cluster.
    pub live: Rc<LiveCluster>,
    /// The proxy in front of its nodes, if there is one; it can be switched to another mode.
    pub proxy: Option<Rc<Proxy>>,
    end: Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>,
}

impl Lease {
    /// Makes a lease that `end` shuts down. What `end` owns must also clean up if it is dropped without a call.
    pub fn new(live: Rc<LiveCluster>, end: impl FnOnce() -> LocalBoxFuture<'static, ()> + 'static) -> Self {
        Self { live, proxy: None, end: Box::new(end) }
    }

    /// The same lease with the proxy in front of its nodes.
    #[must_use]
    pub fn with_proxy(self, proxy: Option<Rc<Proxy>>) -> Self {
        Self { proxy, ..self }
    }

    /// Shuts the cluster down and removes everything that belongs to it.
    pub async fn shut_down(self) {
        let Self { live, proxy, end } = self;
        drop((live, proxy));
        end().await;
    }
}
