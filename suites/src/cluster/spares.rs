//! Empty nodes beside the cluster, which several checks use in turn.

use wire::{Node, command};

use super::Cluster;
use crate::control::Spare;
use crate::outcome::Outcome;

impl Cluster {
    /// An empty node that belongs to no cluster: one that an earlier check left as new, or a new server.
    ///
    /// After the check, rct resets the node. The next check gets the same server only if it is as new then.
    ///
    /// # Errors
    /// As [`Cluster::start_spare`].
    pub async fn empty_node(&self) -> Outcome<Node> {
        while let Some(node) = self.live.spares.take() {
            if self.is_as_new(&node).await {
                self.borrowed.borrow_mut().push(node.clone());
                return Ok(node);
            }
            self.end_spare(&node).await;
        }
        let node = self.start_spare(Spare::default()).await?;
        self.borrowed.borrow_mut().push(node.clone());
        Ok(node)
    }

    /// Empties the nodes that the check borrowed, and ends those that are not as new afterwards.
    pub(super) async fn give_spares_back(&self) {
        for node in self.borrowed.take() {
            let was_configured = self.changed.borrow().iter().any(|setting| setting.node == node.id);
            match self.emptied(&node).await.filter(|_| !was_configured) {
                Some(node) => self.live.spares.put(node),
                None => self.end_spare(&node).await,
            }
        }
    }

    /// The node under its new id, if a reset makes it as new.
    async fn emptied(&self, node: &Node) -> Option<Node> {
        let reset = command!["CLUSTER", "RESET", "HARD"];
        if self.live.ask(node, &reset).await.ok()?.error().is_some() {
            // A primary with keys refuses a reset.
            self.live.ask(node, &command!["FLUSHALL"]).await.ok()?;
            self.live.ask(node, &reset).await.ok()?;
        }
        let id = self.live.ask(node, &command!["CLUSTER", "MYID"]).await.ok()?.text()?.parse().ok()?;
        let node = Node { id, ..node.clone() };
        self.is_as_new(&node).await.then_some(node)
    }

    /// Whether a node knows only itself, and has no slot, no key, and the epoch 0.
    async fn is_as_new(&self, node: &Node) -> bool {
        let Ok(view) = self.live.view_of(node).await else { return false };
        let keys = self.live.ask(node, &command!["DBSIZE"]).await.ok().and_then(|reply| reply.integer());
        let own = view.myself().filter(|own| own.id == node.id && own.primary.is_none() && own.config_epoch == 0);
        let is_empty = own.is_some_and(|own| own.slots.is_empty() && own.open.is_empty());
        is_empty && view.nodes.len() == 1 && keys == Some(0)
    }

    /// Ends a spare server that nobody can use any more. One that does not end runs until the cluster is shut down.
    async fn end_spare(&self, node: &Node) {
        self.live.control.kill(&node.address).await.ok();
    }
}
