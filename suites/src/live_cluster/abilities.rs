//! What the servers answer properly before any check has provoked an error, and what our user may do.
//!
//! Operators rename commands and restrict users. Neither is the server's fault, so what is missing here is not asked
//! for later, and a refusal skips the check that needs more.

use std::collections::BTreeMap;

use wire::NodeId;

/// What was learned of a cluster when it was entered.
#[derive(Debug, Clone)]
pub struct Abilities {
    pub(super) rights: Rights,
    /// Why the table of commands cannot be read, if so.
    pub(super) commands: Result<(), String>,
    pub(super) nodes: BTreeMap<NodeId, NodeAbilities>,
}

/// What our user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rights {
    /// All commands on all keys and channels, by ACL GETUSER or because the server knows no users.
    pub(super) all: bool,
    /// Keys that do not begin as those of a run do.
    pub(super) any_key: bool,
}

/// What a node answered properly.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeAbilities {
    /// PING was answered with PONG.
    pub ping: bool,
    /// A script that was answered with PONG, if one was.
    pub script: Option<&'static str>,
}

impl Abilities {
    /// Whether our user is known to have all rights, so that NOPERM would be the server's fault.
    #[must_use]
    pub fn has_all_rights(&self) -> bool {
        self.rights.all
    }

    /// Whether our user may use keys that do not begin as those of a run do.
    #[must_use]
    pub fn may_use_any_key(&self) -> bool {
        self.rights.any_key
    }

    /// What a node answered properly; a node that came later is taken to be as the others.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> NodeAbilities {
        self.nodes.get(node).or_else(|| self.nodes.values().next()).copied().unwrap_or_default()
    }

    /// What the user should be told once.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let reason = self.commands.as_ref().err()?;
        Some(format!("{reason}; rct skips the checks that need the server's table of commands"))
    }
}
