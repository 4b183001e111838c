//! Waiting, always bounded: until something holds, until replicas have caught up, until all nodes agree.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use wire::{Node, Topology, command};

use super::Cluster;
use crate::ensure;
use crate::outcome::Outcome;
use crate::until::{throughout, until};

impl Cluster {
    /// Repeats `look` until it gives `Ok`, at most for `limit`; see [`until`].
    ///
    /// # Errors
    /// The last mismatch, or the last trouble.
    pub async fn until<T>(&self, limit: Duration, what: &str, look: impl AsyncFnMut() -> Outcome<T>) -> Outcome<T> {
        until(limit, self.limits().poll, what, look).await
    }

    /// Repeats `look` for the whole of `span`, for what must not happen; see [`throughout`].
    ///
    /// # Errors
    /// The first mismatch, or the last trouble.
    pub async fn throughout(&self, span: Duration, what: &str, look: impl AsyncFnMut() -> Outcome) -> Outcome {
        throughout(span, self.limits().poll, what, look).await
    }

    /// Waits until every replica of a primary has all that was written to it before the call.
    ///
    /// # Errors
    /// A mismatch after the limit `replicate`.
    pub async fn replicated(&self, primary: &Node) -> Outcome {
        let replicas = self.replicas_of(primary);
        let info = command!["INFO", "replication"];
        let offset =
            |fields: &BTreeMap<String, String>, name: &str| fields.get(name).and_then(|o| o.parse::<u64>().ok());
        let written = offset(&self.info(primary, &info).await?, "master_repl_offset").unwrap_or(0);
        self.until(self.limits().replicate, "the replicas have caught up", async || {
            for replica in &replicas {
                let fields = self.info(replica, &info).await?;
                let reached = offset(&fields, "slave_repl_offset").unwrap_or(0);
                let linked = fields.get("master_link_status").is_some_and(|status| status == "up");
                ensure!(
                    linked && reached >= written,
                    format!("replica {} at offset {written}, its link up", replica.address),
                    "offset {reached}, link {}",
                    if linked { "up" } else { "down" }
                );
            }
            Ok(())
        })
        .await
    }

    /// Reads the view anew: asks every node that can be reached, until all that are fit for use agree.
    ///
    /// # Errors
    /// A mismatch, where they do not agree within the limit `converge`.
    pub async fn refresh(&self) -> Outcome<Rc<Topology>> {
        self.until(self.limits().converge, "all nodes agree on the topology", async || {
            let view = self.live.agreed_view().await?;
            self.live.set_topology(view);
            Ok(self.topology())
        })
        .await
    }
}
