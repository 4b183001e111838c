//! What a check may need of its target.

use std::fmt;

use crate::tls_ports::TlsPorts;

/// What a check needs of its target besides its own keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// The check kills a node without warning.
    KillNode,
    /// The check pauses a node and resumes it later.
    PauseNode,
    /// The check stops a node and starts it again.
    RestartNode,
    /// The check cuts a node off from the other nodes.
    IsolateNode,
    /// The check starts a node that belongs to no cluster yet.
    FreshNode,
    /// The check starts a server without cluster support.
    StandaloneNode,
    /// The check runs on a cluster that no other check has used.
    NewCluster,
    /// The check moves, adds or deletes slots.
    MoveSlot,
    /// The check takes all slots from a shard. Its nodes join another shard, and only a reset would free them.
    EmptyShard,
    /// The check turns primaries into replicas, or replicas into primaries.
    ChangeRoles,
    /// The check changes settings or users of a node.
    SetConfig,
    /// A node with the defect that the check looks for may be damaged until it restarts.
    RiskNode,
    /// The check runs on a cluster whose nodes have ports with TLS and without.
    TlsPorts,
    /// The check runs on a cluster whose nodes have a port with TLS alone.
    TlsOnly,
    /// The check sends a command that not every server has; written `command:SPUBLISH`.
    Command(String),
}

impl Need {
    /// The name of every need except [`Need::Command`].
    pub const NAMED: [(&'static str, Need); 14] = [
        ("kill-node", Need::KillNode),
        ("pause-node", Need::PauseNode),
        ("restart-node", Need::RestartNode),
        ("isolate-node", Need::IsolateNode),
        ("fresh-node", Need::FreshNode),
        ("standalone-node", Need::StandaloneNode),
        ("new-cluster", Need::NewCluster),
        ("move-slot", Need::MoveSlot),
        ("empty-shard", Need::EmptyShard),
        ("change-roles", Need::ChangeRoles),
        ("set-config", Need::SetConfig),
        ("risk-node", Need::RiskNode),
        ("tls-ports", Need::TlsPorts),
        ("tls-only", Need::TlsOnly),
    ];

    /// Whether other checks on the same cluster, or the owner of the cluster, could notice, or the cluster must be another
    /// one than most checks share.
    #[must_use]
    pub const fn disturbs(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode)
    }

    /// Whether primaries may become replicas, and replicas primaries.
    #[must_use]
    pub const fn may_change_roles(&self) -> bool {
        matches!(
            self,
            Need::KillNode
                | Need::PauseNode
                | Need::RestartNode
                | Need::IsolateNode
                | Need::EmptyShard
                | Need::ChangeRoles
        )
    }

    /// Whether the cluster must be repaired or replaced after the check.
    #[must_use]
    pub const fn breaks(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode | Need::SetConfig | Need::TlsPorts | Need::TlsOnly)
    }

    /// The ports that the nodes of the cluster must have.
    #[must_use]
    pub const fn tls_ports(&self) -> Option<TlsPorts> {
        match self {
            Need::TlsPorts => Some(TlsPorts::Both),
            Need::TlsOnly => Some(TlsPorts::Only),
            _ => None,
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Command(name) => write!(formatter, "command:{name}"),
            named => {
                let name = Need::NAMED.iter().find(|(_, need)| need == named).map_or("", |(name, _)| name);
                formatter.pad(name)
            }
        }
    }
}
