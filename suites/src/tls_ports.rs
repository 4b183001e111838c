//! The ports of servers that speak TLS.

/// The ports for clients that each server of a cluster has, if it speaks TLS.
///
/// The servers also speak TLS with each other, on the cluster bus and for replication, and require a certificate of
/// every client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsPorts {
    /// A port for TLS, and one without.
    Both,
    /// A port for TLS alone.
    Only,
}

impl TlsPorts {
    /// The word of the command line for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Only => "only",
        }
    }
}
