//! What a defect can see: the node, the other nodes, and the state of the connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

/// The numbers that a defect remembers, by name.
pub(crate) type Notes = BTreeMap<&'static str, i64>;

/// The state that requests have put a connection into.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct State {
    pub(crate) in_transaction: bool,
    pub(crate) readonly: bool,
    pub(crate) asking: bool,
    pub(crate) resp3: bool,
}

/// The position of the node among those of the cluster, which of them began as replicas, and how the client reaches it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) nodes: &'a [String],
    pub(crate) plain_ports: &'a [Option<u16>],
    pub(crate) number: usize,
    pub(crate) by_tls: bool,
    pub(crate) replicas: &'a Range<usize>,
}

/// What a defect can see when one node gets one request.
pub struct Scene<'a> {
    pub(crate) place: Place<'a>,
    pub(crate) state: State,
    pub(crate) own: &'a mut Notes,
    pub(crate) shared: &'a Rc<RefCell<Notes>>,
}

impl Scene<'_> {
    /// The node's number: nodes are counted in the order in which they were started, primaries first.
    #[must_use]
    pub fn node(&self) -> usize {
        self.place.number
    }

    /// The address that the node announces.
    #[must_use]
    pub fn address(&self) -> &str {
        self.place.nodes.get(self.place.number).map_or("", String::as_str)
    }

    /// The address of the next node in order; the first node follows the last one.
    #[must_use]
    pub fn next_address(&self) -> &str {
        self.place.nodes.get((self.place.number + 1) % self.place.nodes.len().max(1)).map_or("", String::as_str)
    }

    /// The addresses of all nodes, in order.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        self.place.nodes
    }

    /// The ports without TLS that nodes with TLS announce besides, in order; none where nodes have no two ports.
    #[must_use]
    pub fn plain_ports(&self) -> &[Option<u16>] {
        self.place.plain_ports
    }

    /// Whether the client speaks TLS.
    #[must_use]
    pub fn by_tls(&self) -> bool {
        self.place.by_tls
    }

    /// Whether the node began as a replica; a failover may have changed that.
    #[must_use]
    pub fn is_replica(&self) -> bool {
        self.place.replicas.contains(&self.place.number)
    }

    /// Whether the request was sent between MULTI and EXEC.
    #[must_use]
    pub fn in_transaction(&self) -> bool {
        self.state.in_transaction
    }

    /// Whether the connection had asked for READONLY before the request.
    #[must_use]
    pub fn readonly(&self) -> bool {
        self.state.readonly
    }

    /// Whether the request followed ASKING.
    #[must_use]
    pub fn asking(&self) -> bool {
        self.state.asking
    }

    /// Whether the connection had asked for RESP3 before the request.
    #[must_use]
    pub fn resp3(&self) -> bool {
        self.state.resp3
    }

    /// A number that the defect remembers for this connection; 0 at first.
    pub fn note(&mut self, name: &'static str) -> &mut i64 {
        self.own.entry(name).or_default()
    }

    /// A number that the defect remembers for the whole cluster; 0 at first.
    #[must_use]
    pub fn shared(&self, name: &'static str) -> i64 {
        self.shared.borrow().get(name).copied().unwrap_or_default()
    }

    /// Remembers a number for the whole cluster.
    pub fn share(&mut self, name: &'static str, value: i64) {
        self.shared.borrow_mut().insert(name, value);
    }
}
