//! The link by which a replica gets its primary's data: cut and mended without a fault of either node.

use wire::{Node, command};

use super::Cluster;
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;

/// The setting that holds the password a replica gives to its primary.
const REPLICA_PASSWORD: &str = "masterauth";
/// A password that no primary takes, nor does one without passwords.
const WRONG_PASSWORD: &str = "rct-cut-off";

impl Cluster {
    /// Cuts a replica off the data of its primary while both stay in the cluster, until [`Cluster::mend_replication`]
    /// or the end of the check: the replica is given a password that its primary refuses.
    ///
    /// # Errors
    /// Skip, where the server refuses the setting; a mismatch, where the link does not go down in time.
    pub async fn cut_replication(&self, replica: &Node, primary: &Node) -> Outcome {
        self.note(replica, "cut off its primary's data");
        // A handshake that is under way would still succeed.
        self.link_is(replica, "up", async || Ok(())).await?;
        let before = self.secret_config(replica, REPLICA_PASSWORD).await?;
        self.change_config(replica, REPLICA_PASSWORD, WRONG_PASSWORD, before).await?;
        let kill = command!["CLIENT", "KILL", "TYPE", "replica"];
        self.link_is(replica, "down", async || self.expect(primary, &kill, Expect::NoError).await.map(drop)).await
    }

    /// Waits until a replica says so of the link to its primary, and does something before each look.
    async fn link_is(&self, replica: &Node, wanted: &str, mut first: impl AsyncFnMut() -> Outcome) -> Outcome {
        self.until(self.limits().replicate, &format!("the link of the replica is {wanted}"), async || {
            first().await?;
            let status = self.info(replica, &command!["INFO", "replication"]).await?.remove("master_link_status");
            ensure!(status.as_deref() == Some(wanted), format!("master_link_status:{wanted}"), "{status:?}");
            Ok(())
        })
        .await
    }

    /// Lets a replica that was cut off get its primary's data again.
    ///
    /// # Errors
    /// As [`Cluster::kill`].
    pub async fn mend_replication(&self, replica: &Node) -> Outcome {
        self.note(replica, "give its primary's data back");
        self.put_back_now(replica, REPLICA_PASSWORD).await
    }
}
