//! What a defect is: a name, a sentence, the checks that exist to catch it, and the code that tampers.

use wire::{Command, Reply};

use crate::request::Request;
use crate::scene::Scene;

/// One way in which a cluster is wrong.
#[derive(Debug, Clone, Copy)]
pub struct Defect {
    /// Lower-case words with hyphens; never reused.
    pub name: &'static str,
    /// What the server does wrong, as one sentence without a full stop.
    pub sentence: &'static str,
    /// The ids of the one to three checks that exist to catch it.
    ///
    /// More checks may fail because of it: [`crate::Matrix`] has all of them.
    pub caught_by: &'static [&'static str],
    /// Where the proxy tampers, and what it does there.
    pub tampering: Tampering,
}

/// What the proxy does with a request that it tampers with; `None` leaves the request as it is.
pub type TamperWithRequest = fn(&mut Scene<'_>, &Request) -> Option<Replacement>;

/// What the proxy does with the reply to a request; `None` leaves the reply as it is.
pub type TamperWithReply = fn(&mut Scene<'_>, &Request, &Reply) -> Option<Replacement>;

/// What the client gets in place of a message that the node sends by itself; `None` leaves the message as it is.
///
/// No bytes drop the message. The scene shows the state of the connection when the message arrives.
pub type TamperWithPush = fn(&mut Scene<'_>, &Reply) -> Option<Vec<u8>>;

/// Where the proxy tampers.
#[derive(Debug, Clone, Copy)]
pub enum Tampering {
    /// Before the node sees the request.
    Request(TamperWithRequest),
    /// Before the node sees the request, with effects that other connections see.
    ///
    /// One check runs at a time, so that no check sees the effects of another one.
    ExclusiveRequest(TamperWithRequest),
    /// Before the client sees the reply.
    Reply(TamperWithReply),
    /// Before the client sees the reply, but only on a cluster that no check disturbs.
    ///
    /// A check that kills nodes or moves slots first waits until all views agree. A wrong view ends each such check
    /// in its preparations, which says nothing about what the check is for.
    CalmReply(TamperWithReply),
    /// Before the client sees a message that the node sends by itself, such as one to a subscriber.
    Push(TamperWithPush),
}

impl Tampering {
    /// Whether the proxy tampers on clusters that checks disturb, too.
    #[must_use]
    pub fn applies_to_disturbed_clusters(&self) -> bool {
        !matches!(self, Self::CalmReply(_))
    }
}

/// What the proxy does in place of passing a request or a reply on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// The client gets these bytes.
    Answer(Vec<u8>),
    /// The node gets these commands, and the client gets the reply to the one at `shown`; for requests only.
    Send {
        /// The commands, at least one.
        commands: Vec<Command>,
        /// The position of the command whose reply the client gets.
        shown: usize,
    },
    /// Another connection sends these commands to a node, and the client gets the last reply; for replies only.
    Ask {
        /// The address that the node announces.
        node: String,
        /// The commands, at least one.
        commands: Vec<Command>,
    },
    /// The client gets these bytes, and another connection sends these commands to a node; for replies only.
    AnswerAndAsk {
        /// What the client gets.
        answer: Vec<u8>,
        /// The address that the node announces.
        node: String,
        /// The commands, at least one.
        commands: Vec<Command>,
    },
    /// The client gets no reply.
    Silence,
    /// The proxy closes the connection.
    HangUp,
}

/// A defect that changes or replaces requests.
pub(crate) const fn on_request(
    name: &'static str,
    sentence: &'static str,
    caught_by: &'static [&'static str],
    tamper: TamperWithRequest,
) -> Defect {
    Defect { name, sentence, caught_by, tampering: Tampering::Request(tamper) }
}

/// A defect that changes or replaces requests, with effects that other connections see.
pub(crate) const fn on_exclusive_request(
    name: &'static str,
    sentence: &'static str,
    caught_by: &'static [&'static str],
    tamper: TamperWithRequest,
) -> Defect {
    Defect { name, sentence, caught_by, tampering: Tampering::ExclusiveRequest(tamper) }
}

/// A defect that changes or replaces replies.
pub(crate) const fn on_reply(
    name: &'static str,
    sentence: &'static str,
    caught_by: &'static [&'static str],
    tamper: TamperWithReply,
) -> Defect {
    Defect { name, sentence, caught_by, tampering: Tampering::Reply(tamper) }
}

/// A defect that changes or replaces replies, but only on a cluster that no check disturbs.
pub(crate) const fn on_calm_reply(
    name: &'static str,
    sentence: &'static str,
    caught_by: &'static [&'static str],
    tamper: TamperWithReply,
) -> Defect {
    Defect { name, sentence, caught_by, tampering: Tampering::CalmReply(tamper) }
}

/// A defect that changes or drops messages that a node sends by itself.
pub(crate) const fn on_push(
    name: &'static str,
    sentence: &'static str,
    caught_by: &'static [&'static str],
    tamper: TamperWithPush,
) -> Defect {
    Defect { name, sentence, caught_by, tampering: Tampering::Push(tamper) }
}
