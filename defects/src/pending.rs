//! The requests of a connection that wait for their replies, in order.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use crate::edit::Tree;
use crate::request::Request;
use crate::scene::State;

/// One thing that the client, or the proxy itself, waits for.
#[derive(Debug)]
pub(crate) enum Owed {
    /// The node's answer to a request.
    Answer {
        /// The request as the client sent it.
        request: Request,
        /// The connection's state when it was sent.
        state: State,
        /// How many frames the answer has yet.
        frames: Frames,
    },
    /// The reply of the node to a command of the proxy, which the client does not see.
    Nothing,
    /// An answer that is ready.
    Ready(Vec<u8>),
    /// No answer, and no answer to any later request.
    Silence,
}

/// How many frames answer a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// One frame, as for nearly all requests.
    One,
    /// One frame for each named channel, unless the first one is an error.
    Confirmations(usize),
    /// One frame for each channel to which the connection is subscribed.
    AllOf(Kind),
}

/// The three kinds of subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Channels,
    Patterns,
    Shards,
}

/// The subscriptions of a connection, and the replies that it waits for.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    owed: VecDeque<Owed>,
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shards: BTreeSet<Bytes>,
}

impl Pending {
    pub(crate) fn len(&self) -> usize {
        self.owed.len()
    }

    pub(crate) fn push(&mut self, owed: Owed) {
        self.owed.push_back(owed);
    }

    /// Takes the next answer, if it is ready.
    pub(crate) fn pop_ready(&mut self) -> Option<Vec<u8>> {
        match self.owed.front() {
            Some(Owed::Ready(_)) => match self.owed.pop_front() {
                Some(Owed::Ready(bytes)) => Some(bytes),
                _ => None,
            },
            _ => None,
        }
    }

    /// From now on, the client gets no answer.
    pub(crate) fn fall_silent(&mut self) {
        self.owed.push_front(Owed::Silence);
    }

    /// Finds what a frame answers; `None` for a push. The flag says whether the frame is the last one of the answer.
    pub(crate) fn belongs(&mut self, frame: &[u8]) -> Option<(&Owed, bool)> {
        let message = self.message(frame);
        if let Some(Message { word, channel }) = &message {
            let confirms = self.note(word, channel);
            let expected = match self.owed.front() {
                Some(Owed::Answer { frames, .. }) => *frames != Frames::One,
                _ => false,
            };
            if !confirms || !expected {
                return None;
            }
        }
        let confirmed = message.is_some();
        let all_left = match self.owed.front() {
            Some(Owed::Answer { frames: Frames::AllOf(kind), .. }) => self.set(*kind).is_empty(),
            _ => true,
        };
        let front = self.owed.front_mut()?;
        let last = match front {
            Owed::Answer { frames: Frames::Confirmations(left), .. } if confirmed => {
                *left = left.saturating_sub(1);
                *left == 0
            }
            Owed::Answer { frames: Frames::AllOf(_), .. } if confirmed => all_left,
            _ => true,
        };
        Some((front, last))
    }

    /// Removes the request that got its last frame.
    pub(crate) fn pop(&mut self) {
        self.owed.pop_front();
    }

    fn set(&self, kind: Kind) -> &BTreeSet<Bytes> {
        match kind {
            Kind::Channels => &self.channels,
            Kind::Patterns => &self.patterns,
            Kind::Shards => &self.shards,
        }
    }

    /// Reads a push of RESP3, or its form in RESP2 while there is or may be a subscription.
    fn message(&self, frame: &[u8]) -> Option<Message> {
        let subscribing = matches!(self.owed.front(), Some(Owed::Answer { frames, .. }) if *frames != Frames::One);
        let subscribed = !(self.channels.is_empty() && self.patterns.is_empty() && self.shards.is_empty());
        match frame.first() {
            Some(b'>') => {}
            Some(b'*') if subscribing || subscribed => {}
            _ => return None,
        }
        let tree = Tree::read(frame)?;
        let items = tree.items()?;
        let word = String::from_utf8(items.first()?.text()?.to_vec()).ok()?;
        let channel = items.get(1).and_then(Tree::text).map(Bytes::copy_from_slice).unwrap_or_default();
        let known = ["message", "pmessage", "smessage", "subscribe", "psubscribe", "ssubscribe"];
        let is_message = frame[0] == b'>' || known.contains(&word.as_str()) || word.ends_with("unsubscribe");
        is_message.then_some(Message { word, channel })
    }

    /// Follows the subscriptions; says whether the message confirms one or its end.
    fn note(&mut self, word: &str, channel: &Bytes) -> bool {
        match word {
            "subscribe" => self.channels.insert(channel.clone()),
            "psubscribe" => self.patterns.insert(channel.clone()),
            "ssubscribe" => self.shards.insert(channel.clone()),
            "unsubscribe" => self.channels.remove(channel),
            "punsubscribe" => self.patterns.remove(channel),
            "sunsubscribe" => self.shards.remove(channel),
            _ => return false,
        };
        true
    }
}

struct Message {
    word: String,
    channel: Bytes,
}

impl Frames {
    /// How many frames a node answers a request with.
    pub(crate) fn of(request: &Request) -> Self {
        let kind = match request.name() {
            "SUBSCRIBE" | "UNSUBSCRIBE" => Kind::Channels,
            "PSUBSCRIBE" | "PUNSUBSCRIBE" => Kind::Patterns,
            "SSUBSCRIBE" | "SUNSUBSCRIBE" => Kind::Shards,
            _ => return Self::One,
        };
        match request.words().len() - 1 {
            0 if request.name().contains("UNSUB") => Self::AllOf(kind),
            // The node answers an arity error if there is no channel.
            0 => Self::One,
            named => Self::Confirmations(named),
        }
    }
}
