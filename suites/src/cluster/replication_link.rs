//! The link over which a replica gets the data of its primary: cut and restored while both nodes keep running.

use wire::{Node, command};

use super::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;
use crate::words::or;

/// The setting with the password that a replica sends to its primary.
const REPLICA_PASSWORD: &str = "masterauth";
/// A password that every primary refuses, also one without a password.
const WRONG_PASSWORD: &str = "rct-cut-off";

impl Cluster {
    /// Cuts the replication link between a replica and its primary, while both stay in the cluster.
    ///
    /// The replica gets a password that its primary refuses, until [`Cluster::restore_replication`] or the end of the
    /// check.
    ///
    /// # Errors
    /// Skip, if the server refuses the setting; a mismatch, if the link does not go down in time.
    pub async fn cut_replication(&self, replica: &Node, primary: &Node) -> Outcome {
        self.note(replica, "cut the replication link");
        // A handshake that has already started would still succeed.
        self.link_is(replica, "up", async || Ok(())).await?;
        let before = self.secret_config(replica, REPLICA_PASSWORD).await?;
        self.change_config(replica, REPLICA_PASSWORD, WRONG_PASSWORD, before).await?;
        let kill = command!["CLIENT", "KILL", "TYPE", "replica"];
        self.link_is(replica, "down", async || self.expect(primary, &kill, Expect::NoError).await.map(drop)).await
    }

    /// Waits until a replica reports this status of the link to its primary, and calls `first` before each attempt.
    async fn link_is(&self, replica: &Node, wanted: &str, mut first: impl AsyncFnMut() -> Outcome) -> Outcome {
        self.until(
            self.limits().replicate,
            &format!("the replication link of {} is {wanted}", replica.address),
            async || {
                first().await?;
                let status = self.info(replica, &command!["INFO", "replication"]).await?.remove("master_link_status");
                ensure!(
                    status.as_deref() == Some(wanted),
                    format!("master_link_status:{wanted} in INFO of {}", replica.address),
                    "master_link_status:{}",
                    or(status.as_deref(), "missing")
                );
                Ok(())
            },
        )
        .await
    }

    /// Restores the replication link that [`Cluster::cut_replication`] cut.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn restore_replication(&self, replica: &Node) -> Outcome {
        self.note(replica, "restore the replication link");
        self.put_back_now(replica, REPLICA_PASSWORD).await
    }
}
