//! The empty nodes beside a cluster that wait for the next check; see [`crate::Cluster::empty_node`].

use std::cell::RefCell;
use std::rc::Rc;

use wire::Node;

/// The empty nodes that no check uses at the moment.
#[derive(Clone, Default)]
pub(crate) struct Spares(Rc<RefCell<Vec<Node>>>);

impl Spares {
    /// Takes one of them.
    pub(crate) fn take(&self) -> Option<Node> {
        self.0.borrow_mut().pop()
    }

    /// Adds one for the next check.
    pub(crate) fn put(&self, node: Node) {
        self.0.borrow_mut().push(node);
    }
}
