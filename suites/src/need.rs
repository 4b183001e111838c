//! What a check may ask of its target.

use std::fmt;

/// What a check asks of its target beyond keys of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// Ends a node's process without warning.
    KillNode,
    /// Stops a node's process and lets it go on later.
    PauseNode,
    /// Stops a node and starts it again.
    RestartNode,
    /// Cuts a node off from the others.
    IsolateNode,
    /// Starts a node that belongs to no cluster yet.
    FreshNode,
    /// Starts a server without cluster support.
    StandaloneNode,
    /// Moves, adds or deletes slots.
    MoveSlot,
    /// Leaves a shard without slots for good; its nodes join another, and only a reset would free them.
    EmptyShard,
    /// Makes primaries replicas or replicas primaries.
    ChangeRoles,
    /// Changes settings or users of a node.
    SetConfig,
    /// Might leave a node that has the defect looked for broken until its restart.
    RiskNode,
    /// Calls a command that not all servers have, such as `command:SPUBLISH`.
    Command(String),
}

impl Need {
    /// Every need except commands, with its name.
    pub const NAMED: [(&'static str, Need); 11] = [
        ("kill-node", Need::KillNode),
        ("pause-node", Need::PauseNode),
        ("restart-node", Need::RestartNode),
        ("isolate-node", Need::IsolateNode),
        ("fresh-node", Need::FreshNode),
        ("standalone-node", Need::StandaloneNode),
        ("move-slot", Need::MoveSlot),
        ("empty-shard", Need::EmptyShard),
        ("change-roles", Need::ChangeRoles),
        ("set-config", Need::SetConfig),
        ("risk-node", Need::RiskNode),
    ];

    /// Whether other checks on the same cluster, or its owner, could notice.
    #[must_use]
    pub const fn disturbs(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode)
    }

    /// Whether the cluster must be thrown away, or repaired with care, afterwards.
    #[must_use]
    pub const fn breaks(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode | Need::SetConfig)
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
