//! Push messages: distinguishes them from replies, and keeps them until somebody reads them.

use std::collections::VecDeque;

use crate::command::Command;
use crate::reply::{Kind, Reply};
use crate::value::bytes_of;

/// How many pushes are kept for [`Connection::next_push`](super::Connection::next_push). When there are more, the
/// oldest are dropped.
pub const PUSHES_KEPT: usize = 10_000;
/// How many bytes of pushes are kept. When there are more, the oldest pushes are dropped.
pub const PUSH_BYTES_KEPT: usize = 64 << 20;

/// The first elements of the messages that a subscriber receives. In RESP2 these messages are ordinary arrays.
const SUBSCRIBER_KINDS: [&str; 9] = [
    "message",
    "pmessage",
    "smessage",
    "subscribe",
    "psubscribe",
    "ssubscribe",
    "unsubscribe",
    "punsubscribe",
    "sunsubscribe",
];

/// The pushes of a connection that nobody has read yet.
#[derive(Default)]
pub(super) struct Pushes {
    kept: VecDeque<Reply>,
    bytes: usize,
    dropped: u64,
    subscribed: bool,
}

impl Pushes {
    /// Notes whether a command makes the connection a subscriber.
    pub(super) fn expect(&mut self, command: &Command) {
        self.subscribed |= command.args().first().is_some_and(|name| is_subscription(name));
    }

    /// Whether this is the reply to the command, and not a push that arrived before it.
    ///
    /// The reply to SUBSCRIBE and similar commands is the confirmation, which has the form of a push.
    pub(super) fn is_reply(&self, reply: &Reply, command: &Command) -> bool {
        self.kind(reply).is_none_or(|kind| {
            let name = command.args().first().map_or(&[][..], Vec::as_slice);
            is_subscription(name) && name.eq_ignore_ascii_case(kind.as_bytes())
        })
    }

    pub(super) fn keep(&mut self, push: Reply) {
        self.bytes += push.bytes().len();
        self.kept.push_back(push);
        while self.kept.len() > PUSHES_KEPT || self.bytes > PUSH_BYTES_KEPT {
            self.next();
            self.dropped += 1;
        }
    }

    pub(super) fn next(&mut self) -> Option<Reply> {
        let push = self.kept.pop_front()?;
        self.bytes -= push.bytes().len();
        Some(push)
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn kind(&self, reply: &Reply) -> Option<String> {
        if !self.subscribed || reply.kind() != Kind::Array {
            return reply.push_kind();
        }
        let first = bytes_of(reply.items()?.first()?)?;
        SUBSCRIBER_KINDS.iter().find(|kind| kind.as_bytes() == first).map(|kind| (*kind).to_owned())
    }
}

fn is_subscription(name: &[u8]) -> bool {
    const SUFFIX: &[u8] = b"SUBSCRIBE";
    name.len() >= SUFFIX.len() && name[name.len() - SUFFIX.len()..].eq_ignore_ascii_case(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command;

    fn reply(bytes: &'static [u8]) -> Reply {
        Reply::parse(bytes).unwrap()
    }

    const MESSAGE: &[u8] = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n";
    const CONFIRMATION: &[u8] = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";

    #[test]
    fn an_array_is_a_message_only_to_a_subscriber() {
        let mut pushes = Pushes::default();
        let (read, subscribe) = (command!["LRANGE", "k", "0", "-1"], command!["subscribe", "c"]);
        assert!(pushes.is_reply(&reply(MESSAGE), &read));
        pushes.expect(&subscribe);
        assert!(!pushes.is_reply(&reply(MESSAGE), &command!["PING"]));
        assert!(!pushes.is_reply(&reply(MESSAGE), &subscribe));
        assert!(!pushes.is_reply(&reply(CONFIRMATION), &command!["PING"]));
        assert!(pushes.is_reply(&reply(CONFIRMATION), &subscribe));
        assert!(pushes.is_reply(&reply(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"), &command!["PING"]));
    }

    #[test]
    fn a_push_answers_the_command_of_its_kind_alone() {
        let pushes = Pushes::default();
        let confirmation = reply(b">3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n");
        assert!(pushes.is_reply(&confirmation, &command!["SSubscribe", "c"]));
        assert!(!pushes.is_reply(&confirmation, &command!["SUBSCRIBE", "c"]));
        assert!(!pushes.is_reply(&reply(b">1\r\n+invalidate\r\n"), &command!["INVALIDATE"]));
        assert!(pushes.is_reply(&reply(b"-MOVED 1 :7000\r\n"), &command!["SSUBSCRIBE", "c"]));
    }

    #[test]
    fn the_oldest_pushes_go_first() {
        let mut pushes = Pushes::default();
        for _ in 0..PUSHES_KEPT {
            pushes.keep(reply(b">1\r\n+old\r\n"));
        }
        pushes.keep(reply(b">1\r\n+new\r\n"));
        assert_eq!(pushes.dropped(), 1);
        let kinds: Vec<_> = std::iter::from_fn(|| pushes.next()).filter_map(|push| push.push_kind()).collect();
        assert_eq!(kinds.len(), PUSHES_KEPT);
        assert_eq!(kinds.last().map(String::as_str), Some("new"));
        assert_eq!(pushes.bytes, 0);
    }
}
