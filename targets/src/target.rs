//! What a place that clusters come from does, and what it is asked for.

use std::rc::Rc;
use std::time::Duration;

use defects::Proxy;
use futures_util::future::LocalBoxFuture;
use suites::{LiveCluster, Server, Shape};

use crate::error::TargetError;

/// A place that clusters come from: processes of this machine, containers, or an address.
pub trait Target {
    /// Its name in reports: `local`, `compose`, `containers` or `address`.
    fn kind(&self) -> &'static str;

    /// Whether it gives as many clusters as are asked for, of any shape, each fit to be thrown away.
    fn brings_up_more(&self) -> bool;

    /// The node timeout of clusters on which nodes die, unless the user says otherwise: long enough not to suspect a
    /// node of a busy machine, and to start one again within it.
    fn brisk_node_timeout(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// The server that its nodes run, where that is known before they do.
    fn server(&self) -> Option<Server>;

    /// Brings up a cluster, or finds the one that there is, until every node's view agrees and every replica is in
    /// sync. Dropping the future undoes what it has done so far.
    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>>;
}

/// The cluster that is wanted; a target that has only one ignores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BringUp {
    /// The size.
    pub shape: Shape,
    /// The `cluster-node-timeout` of its nodes, once it is formed.
    pub node_timeout: Duration,
    /// More settings of every node, as in the server's configuration file.
    pub settings: Vec<(String, String)>,
    /// Whether it is for checks that disturb nobody.
    pub is_calm: bool,
}

impl Default for BringUp {
    fn default() -> Self {
        Self { shape: Shape::new(3, 1), node_timeout: Duration::from_secs(5), settings: Vec::new(), is_calm: false }
    }
}

/// A cluster that is up, and its end.
pub struct Lease {
    /// The cluster.
    pub live: Rc<LiveCluster>,
    /// The proxy before its nodes, where the target has one, so that it can be switched to another mode.
    pub proxy: Option<Rc<Proxy>>,
    end: Box<dyn FnOnce() -> LocalBoxFuture<'static, ()>>,
}

impl Lease {
    /// A cluster that `end` shuts down. What `end` owns must clean up when it is dropped uncalled, too.
    pub fn new(live: Rc<LiveCluster>, end: impl FnOnce() -> LocalBoxFuture<'static, ()> + 'static) -> Self {
        Self { live, proxy: None, end: Box::new(end) }
    }

    /// The same with the proxy before its nodes.
    #[must_use]
    pub fn with_proxy(self, proxy: Option<Rc<Proxy>>) -> Self {
        Self { proxy, ..self }
    }

    /// Ends the cluster and leaves nothing behind.
    pub async fn shut_down(self) {
        let Self { live, proxy, end } = self;
        drop((live, proxy));
        end().await;
    }
}
