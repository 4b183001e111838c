//! Waits with a limit: until a rule holds, until the replicas have all writes, or until all nodes agree.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use wire::{Node, Topology, command};

use super::Cluster;
use crate::ensure;
use crate::outcome::Outcome;
use crate::until::{throughout, until};

impl Cluster {
    /// Repeats `look` until it gives `Ok`, for `limit` at most; see [`until`].
    ///
    /// # Errors
    /// The last mismatch, or why the last attempt failed.
    pub async fn until<T>(&self, limit: Duration, what: &str, look: impl AsyncFnMut() -> Outcome<T>) -> Outcome<T> {
        until(limit, self.limits().poll, what, look).await
    }

    /// Makes sure that `look` gives `Ok` during the whole of `span`; see [`throughout`].
    ///
    /// # Errors
    /// The first mismatch, or why the last attempt failed.
    pub async fn throughout(&self, span: Duration, what: &str, look: impl AsyncFnMut() -> Outcome) -> Outcome {
        throughout(span, self.limits().poll, what, look).await
    }

    /// Waits until every replica of a primary has everything that was written before the call.
    ///
    /// # Errors
    /// A mismatch after the limit `replicate`.
    pub async fn replicated(&self, primary: &Node) -> Outcome {
        let replicas = self.replicas_of(primary);
        let info = command!["INFO", "replication"];
        let offset =
            |fields: &BTreeMap<String, String>, name: &str| fields.get(name).and_then(|o| o.parse::<u64>().ok());
        let written = offset(&self.info(primary, &info).await?, "master_repl_offset").unwrap_or(0);
        self.until(self.limits().replicate, "every replica has all writes of its primary", async || {
            for replica in &replicas {
                let fields = self.info(replica, &info).await?;
                let reached = offset(&fields, "slave_repl_offset").unwrap_or(0);
                let linked = fields.get("master_link_status").is_some_and(|status| status == "up");
                ensure!(
                    linked && reached >= written,
                    format!("replica {} at offset {written}, its link up", replica.address),
                    "offset {reached}, its link {}",
                    if linked { "up" } else { "down" }
                );
            }
            Ok(())
        })
        .await
    }

    /// Waits until every node knows the config epochs of all primaries, before a slot changes hands; see
    /// [`crate::LiveCluster::epochs_are_known`].
    ///
    /// Other checks judge epochs. After one wait in vain, the check goes on and does not wait again.
    pub(crate) async fn epochs_spread(&self) {
        if self.epochs_are_stuck.get() {
            return;
        }
        let what = "every node knows the config epochs of all primaries";
        let spread = self.until(self.limits().converge, what, async || self.live.epochs_are_known().await).await;
        self.epochs_are_stuck.set(spread.is_err());
    }

    /// Updates the view of rct: asks every reachable node until all usable nodes agree.
    ///
    /// # Errors
    /// A mismatch, if they do not agree within the limit `converge`.
    pub async fn refresh(&self) -> Outcome<Rc<Topology>> {
        self.until(self.limits().converge, "all nodes agree on nodes, roles and slots", async || {
            let view = self.live.agreed_view().await?;
            self.live.set_topology(view);
            Ok(self.topology())
        })
        .await
    }
}
