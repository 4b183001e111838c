//! What a defect is: a name, a sentence, the checks that must notice, and the lie.

use wire::{Command, Reply};

use crate::request::Request;
use crate::scene::Scene;

/// One way in which a cluster is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Defect {
    /// Its name: lower-case words with hyphens; never reused.
    pub name: &'static str,
    /// What the cluster does wrong, as one sentence.
    pub sentence: &'static str,
    /// The checks that fail because of it, and no others: ids, or `suite/*` patterns.
    pub fails: &'static [&'static str],
    /// How it is told.
    pub lie: Lie,
}

/// Where a lie steps in. `None` leaves the request or the reply as it is.
#[derive(Debug, Clone, Copy)]
pub enum Lie {
    /// Before the node sees the request.
    Request(fn(&mut Scene<'_>, &Request) -> Option<Instead>),
    /// The same, where what one connection does shows on others: told to one check at a time, so that they do not meet.
    Across(fn(&mut Scene<'_>, &Request) -> Option<Instead>),
    /// Before the client sees the reply.
    Reply(fn(&mut Scene<'_>, &Request, &Reply) -> Option<Instead>),
    /// The same, but only on a cluster that nobody disturbs. Whoever kills nodes or moves slots waits until views agree,
    /// so a wrong view ends any such check in its preparations, which says nothing about the check.
    Calm(fn(&mut Scene<'_>, &Request, &Reply) -> Option<Instead>),
}

impl Lie {
    /// Whether it is told where checks disturb the cluster, too.
    #[must_use]
    pub fn is_told_always(&self) -> bool {
        !matches!(self, Self::Calm(_))
    }
}

/// What happens instead of the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instead {
    /// The client is answered with these bytes.
    Say(Vec<u8>),
    /// The node is sent these commands, and the client gets the reply to the one at `shown`. Only before the node sees
    /// the request.
    Send {
        /// The commands, at least one.
        commands: Vec<Command>,
        /// The position of the one whose reply the client gets.
        shown: usize,
    },
    /// A node is sent these commands on a connection of their own, and the client gets the last reply. Only before the
    /// client sees the reply.
    Ask {
        /// The address that the node announces.
        node: String,
        /// The commands, at least one.
        commands: Vec<Command>,
    },
    /// The client is answered with these bytes, and a node is sent these commands on a connection of their own. Only
    /// before the client sees the reply.
    SayAndAsk {
        /// What the client gets.
        say: Vec<u8>,
        /// The address that the node announces.
        node: String,
        /// The commands, at least one.
        commands: Vec<Command>,
    },
    /// The client is not answered.
    Silence,
    /// The connection is closed.
    HangUp,
}
