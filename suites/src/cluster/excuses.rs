//! Mismatches that come from a command which the server does not have.

use super::Cluster;
use crate::outcome::{Mismatch, Stop};

impl Cluster {
    /// Why a mismatch says nothing of the server: it comes from a command that the server does not have.
    ///
    /// The table of commands decides; where the server shows none, its first words do (`ERR unknown command`).
    pub async fn excuse(&self, mismatch: &Mismatch) -> Option<Stop> {
        let unknown = self.notes.unknown.borrow().clone();
        let received_unknown = mismatch.received.contains("unknown command");
        let mut about = unknown.iter().filter(|name| {
            let sent = mismatch.sent.as_ref().and_then(|sent| sent.split(' ').next());
            received_unknown || sent.is_none_or(|sent| sent.eq_ignore_ascii_case(name))
        });
        let table = self.commands().await.ok();
        let missing = about.find(|name| table.as_ref().is_none_or(|table| !table.has(name)))?;
        Some(Stop::skip(format!("this server has no command {missing}")))
    }

    /// Whether the server has a command, as far as it shows its table of commands; without one, only trying tells.
    ///
    /// # Errors
    /// As [`Cluster::commands`], except that a missing table is none.
    pub async fn may_have(&self, name: &str) -> crate::Outcome<bool> {
        match self.commands().await {
            Ok(table) => Ok(table.has(name)),
            Err(Stop::Skip(_)) => Ok(true),
            Err(stop) => Err(stop),
        }
    }
}
