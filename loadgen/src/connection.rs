//! The state of one connection, without I/O: the bytes to send, the operations in flight, and which reply answers which
//! operation.
//!
//! It skips replies instead of reading them: it needs only the first byte, and the line of an error. It counts the
//! bytes of a long string and does not keep them, so no reply costs more memory than [`PARTIAL_BYTES_MAX`]. Only a
//! connection of a run that checks replies keeps the strings and numbers.

use std::collections::VecDeque;

use wire::{FrameError, FrameLimits, Framer};

use crate::operation::{ABANDONED, Operation};

/// The longest reply with several elements, in bytes. The first part of such a reply is kept until the rest arrives.
pub const PARTIAL_BYTES_MAX: usize = 16 << 20;
/// The longest string, in bytes. It is the default limit of servers.
pub const STRING_BYTES_MAX: usize = 512 << 20;
/// The longest string that a connection keeps whose replies are checked, in bytes.
pub const KEPT_BYTES_MAX: usize = PARTIAL_BYTES_MAX - 64;
/// How many bytes of an error are kept.
const ERROR_BYTES_KEPT: usize = 256;
/// Buffers that are larger than this are freed after use.
pub(crate) const BUFFER_BYTES_KEPT: usize = 64 * 1024;

const LIMITS: FrameLimits =
    FrameLimits { depth: 32, bulk_bytes: STRING_BYTES_MAX, elements: 1_000_000, reply_bytes: STRING_BYTES_MAX + 64 };

/// The answer of a server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A reply that is neither an error nor empty.
    Value,
    /// A null or an empty array: the key does not exist.
    Nothing,
    /// A bulk string, on a connection that keeps replies.
    Text(Box<[u8]>),
    /// A number of 0 or more, on a connection that keeps replies.
    Number(u64),
    /// An error: the beginning of its line, without the `-`.
    Error(Box<str>),
}

/// Why the bytes of a connection can no longer be matched to operations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The bytes are not a valid reply within the limits.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A reply arrived while no operation was in flight.
    #[error("the server sent a reply to no command")]
    Unasked,
}

/// The state of one connection.
#[derive(Debug)]
pub struct Connection {
    outgoing: Vec<u8>,
    sent: usize,
    in_flight: VecDeque<Operation>,
    /// The bytes of an incomplete reply.
    partial: Vec<u8>,
    framer: Framer,
    /// How many bytes of a long string are still missing.
    skip: usize,
    /// Whether answers have the strings and numbers of replies.
    keeps_replies: bool,
    /// The answer to the oldest operation so far: its first error, or else its last reply.
    verdict: Option<Answer>,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            outgoing: Vec::new(),
            sent: 0,
            in_flight: VecDeque::new(),
            partial: Vec::new(),
            framer: Framer::new(LIMITS),
            skip: 0,
            keeps_replies: false,
            verdict: None,
        }
    }
}

impl Connection {
    /// Makes a connection whose answers have the strings and numbers of replies, if `keeps_replies` says so.
    #[must_use]
    pub fn new(keeps_replies: bool) -> Self {
        Self { keeps_replies, ..Self::default() }
    }

    /// Leaves a new connection of the same kind, and returns this one.
    pub(crate) fn take(&mut self) -> Self {
        let new = Self::new(self.keeps_replies);
        std::mem::replace(self, new)
    }

    /// Adds an operation after all others. `write` appends its bytes, which must cause `operation.replies` replies.
    pub fn push(&mut self, operation: Operation, write: impl FnOnce(&mut Vec<u8>)) {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
        write(&mut self.outgoing);
        self.in_flight.push_back(operation);
    }

    /// The bytes to send.
    #[must_use]
    pub fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// Swaps the bytes to send with an empty buffer. They count as sent.
    pub(crate) fn take_outgoing(&mut self, buffer: &mut Vec<u8>) {
        if self.sent > 0 {
            self.outgoing.drain(..self.sent);
            self.sent = 0;
        }
        std::mem::swap(&mut self.outgoing, buffer);
    }

    /// Notes that this many of the outgoing bytes were sent.
    pub fn note_sent(&mut self, count: usize) {
        self.sent = (self.sent + count).min(self.outgoing.len());
        if self.sent == self.outgoing.len() && self.outgoing.capacity() > BUFFER_BYTES_KEPT {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
    }

    /// The operations that are not answered yet, oldest first.
    #[must_use]
    pub fn in_flight(&self) -> &VecDeque<Operation> {
        &self.in_flight
    }

    /// Gives up the oldest operations, as long as `is_late` is true of them, and returns those that were not given up
    /// before. Their replies may still come, and answer nothing.
    pub(crate) fn abandon(&mut self, is_late: impl Fn(&Operation) -> bool) -> Vec<Operation> {
        let late = self.in_flight.iter_mut().take_while(|operation| is_late(operation));
        let new = late.filter(|operation| operation.template < ABANDONED);
        new.map(|operation| {
            let given_up = *operation;
            operation.template = ABANDONED;
            given_up
        })
        .collect()
    }

    /// Whether the next reply answers an operation that was given up.
    pub(crate) fn is_stuck(&self) -> bool {
        self.in_flight.front().is_some_and(|head| head.template == ABANDONED)
    }

    /// Returns the next operation, if its answer is one complete and plain reply, and removes the reply from `bytes`.
    ///
    /// Nearly all answers are like that. `None` leaves all others to [`Connection::next_answer`]. The bytes are the whole
    /// reply.
    #[inline]
    pub fn next_plain_answer<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<(Operation, &'a [u8])> {
        let is_between = self.skip == 0 && self.partial.is_empty() && self.verdict.is_none();
        let is_plain = matches!(bytes.first(), Some(b'$' | b'+' | b':'));
        let head = self.in_flight.front().filter(|head| is_between && is_plain && head.replies == 1)?;
        if head.template >= ABANDONED {
            return None;
        }
        let end = self.framer.short_reply(bytes)?;
        let (reply, rest) = bytes.split_at(end);
        *bytes = rest;
        self.in_flight.pop_front().map(|operation| (operation, reply))
    }

    /// Returns the next answered operation and removes its replies from `bytes`; `None` once no bytes are left.
    ///
    /// If an operation has several replies, its answer is the first error, or else the last reply.
    ///
    /// # Errors
    ///
    /// [`StreamError`] if the bytes cannot be matched to operations. The connection must then be closed.
    pub fn next_answer(&mut self, bytes: &mut &[u8]) -> Result<Option<(Operation, Answer)>, StreamError> {
        while let Some(answer) = self.next_reply(bytes)? {
            let head = self.in_flight.front_mut().ok_or(StreamError::Unasked)?;
            head.replies = head.replies.saturating_sub(1);
            if !matches!(self.verdict, Some(Answer::Error(_))) {
                self.verdict = Some(answer);
            }
            if head.replies == 0 {
                let operation = self.in_flight.pop_front().ok_or(StreamError::Unasked)?;
                return Ok(self.verdict.take().map(|answer| (operation, answer)));
            }
        }
        Ok(None)
    }

    /// Removes the next reply from the bytes. It skips pushes of RESP3.
    fn next_reply(&mut self, bytes: &mut &[u8]) -> Result<Option<Answer>, StreamError> {
        loop {
            if bytes.is_empty() {
                return Ok(None);
            }
            if self.skip > 0 {
                let skipped = self.skip.min(bytes.len());
                self.skip -= skipped;
                *bytes = &bytes[skipped..];
                if self.skip > 0 {
                    return Ok(None);
                }
                return Ok(Some(Answer::Value));
            }
            let answer = if self.partial.is_empty() { self.whole_reply(bytes)? } else { self.rest_of_reply(bytes)? };
            match answer {
                Some(Some(answer)) => return Ok(Some(answer)),
                Some(None) => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads a reply that begins at the first byte. The inner `None` is a push.
    fn whole_reply(&mut self, bytes: &mut &[u8]) -> Result<Option<Option<Answer>>, StreamError> {
        match self.framer.scan(bytes)? {
            Some(end) => {
                let answer = read(&bytes[..end], self.keeps_replies);
                *bytes = &bytes[end..];
                Ok(Some(answer))
            }
            None => {
                match self.skipped_end(bytes) {
                    Some(end) => {
                        self.skip = end - bytes.len();
                        self.framer = Framer::new(LIMITS);
                    }
                    None => self.partial.extend_from_slice(bytes),
                }
                *bytes = &[];
                Ok(None)
            }
        }
    }

    /// Reads a reply whose first part arrived earlier.
    fn rest_of_reply(&mut self, bytes: &mut &[u8]) -> Result<Option<Option<Answer>>, StreamError> {
        self.partial.extend_from_slice(bytes);
        let Some(end) = self.framer.scan(&self.partial)? else {
            if let Some(end) = self.skipped_end(&self.partial) {
                self.skip = end - self.partial.len();
                self.framer = Framer::new(LIMITS);
                self.partial.clear();
            } else if self.partial.len() > PARTIAL_BYTES_MAX {
                return Err(FrameError::ReplyTooLong { limit: PARTIAL_BYTES_MAX }.into());
            }
            *bytes = &[];
            return Ok(None);
        };
        let answer = read(&self.partial[..end], self.keeps_replies);
        let rest = self.partial.len() - end;
        *bytes = &bytes[bytes.len() - rest..];
        self.partial.clear();
        if self.partial.capacity() > BUFFER_BYTES_KEPT {
            self.partial = Vec::new();
        }
        Ok(Some(answer))
    }

    /// Where an incomplete bulk string will end whose bytes need not be kept.
    fn skipped_end(&self, bytes: &[u8]) -> Option<usize> {
        string_end(bytes).filter(|&end| !self.keeps_replies || end > KEPT_BYTES_MAX)
    }
}

/// Whether a plain reply is a null: the key does not exist.
#[inline]
pub(crate) fn is_null(reply: &[u8]) -> bool {
    reply.starts_with(b"$-")
}

/// The answer that a plain reply gives, with its string or number.
#[inline]
pub(crate) fn content(reply: &[u8]) -> Content<'_> {
    match reply {
        [b'$', b'-', ..] => Content::Nothing,
        [b'$', rest @ ..] => {
            let begin = rest.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            Content::Text(rest.get(begin..rest.len() - 2).unwrap_or_default())
        }
        [b':', rest @ ..] => {
            let digits = std::str::from_utf8(rest).map(str::trim_ascii).unwrap_or_default();
            digits.parse().map_or(Content::Other, Content::Number)
        }
        _ => Content::Other,
    }
}

/// What a reply contains, as far as checks need it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Content<'a> {
    /// A null.
    Nothing,
    /// A bulk string.
    Text(&'a [u8]),
    /// A number of 0 or more.
    Number(u64),
    /// Anything else, or a string that was too long to be kept.
    Other,
}

/// The answer that a complete reply gives; `None` for a push. Attributes are skipped.
fn read(reply: &[u8], keeps_replies: bool) -> Option<Answer> {
    match reply {
        [b'$' | b'*', b'-', ..] | [b'_', ..] | [b'*', b'0', b'\r', ..] => Some(Answer::Nothing),
        [b'-', line @ ..] => Some(Answer::Error(line_of(line))),
        [b'!', bulk @ ..] => {
            let begin = bulk.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            Some(Answer::Error(line_of(&bulk[begin..])))
        }
        [b'>', ..] => None,
        [b'|', ..] => read(after_attributes(reply), keeps_replies),
        _ if keeps_replies => Some(match content(reply) {
            Content::Text(text) => Answer::Text(text.into()),
            Content::Number(number) => Answer::Number(number),
            Content::Nothing | Content::Other => Answer::Value,
        }),
        _ => Some(Answer::Value),
    }
}

/// The reply after its attributes. The reply is known to be complete.
fn after_attributes(reply: &[u8]) -> &[u8] {
    // Attributes `|n` have 2n elements, just as a map `%n` has.
    let mut map = reply.to_vec();
    map[0] = b'%';
    match Framer::new(LIMITS).scan(&map) {
        Ok(Some(end)) if end < reply.len() => &reply[end..],
        _ => b"+\r\n",
    }
}

fn line_of(bytes: &[u8]) -> Box<str> {
    let end = bytes.iter().position(|&byte| byte == b'\r').unwrap_or(bytes.len()).min(ERROR_BYTES_KEPT);
    String::from_utf8_lossy(&bytes[..end]).into()
}

/// Where an incomplete bulk string will end; `None` if the bytes are no incomplete bulk string.
fn string_end(bytes: &[u8]) -> Option<usize> {
    let line_end = bytes.iter().take(24).position(|&byte| byte == b'\r')?;
    let digits = bytes.strip_prefix(b"$")?.get(..line_end - 1)?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(line_end + 2 + length + 2).filter(|&end| end > bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn operation(key: u64, replies: u8) -> Operation {
        Operation {
            planned_ns: 0,
            sent_ns: 0,
            key,
            seed: 0,
            slot: wire::Slot::MAX,
            template: 0,
            attempts: 0,
            replies,
            asking: false,
            problem: None,
        }
    }

    fn connection(replies: &[u8]) -> Connection {
        let mut connection = Connection::default();
        for (key, &replies) in replies.iter().enumerate() {
            connection.push(operation(key as u64, replies), |out| out.extend_from_slice(b"x"));
        }
        connection
    }

    /// The answers to bytes that arrive in pieces of the given length.
    fn answers(connection: &mut Connection, bytes: &[u8], piece: usize) -> Result<Vec<(u64, Answer)>, StreamError> {
        let mut answers = Vec::new();
        for mut piece in bytes.chunks(piece) {
            loop {
                // The worker tries the same two methods in this order.
                while let Some((operation, reply)) = connection.next_plain_answer(&mut piece) {
                    let answer = read(reply, connection.keeps_replies);
                    answers.push((operation.key, answer.unwrap()));
                }
                let Some((operation, answer)) = connection.next_answer(&mut piece)? else { break };
                answers.push((operation.key, answer));
            }
        }
        Ok(answers)
    }

    const REPLIES: &[u8] = b"+OK\r\n$3\r\nabc\r\n>2\r\n+invalidate\r\n*0\r\n$-1\r\n-MOVED 1 a:1\r\n*2\r\n:1\r\n$0\r\n\r\n_\r\n*0\r\n|1\r\n+ttl\r\n:3\r\n-ERR a\r\n!5\r\nERR b\r\n";

    #[test]
    fn replies_are_matched_however_they_are_cut() {
        for piece in [1, 2, 3, 7, 1000] {
            let mut connection = connection(&[1; 9]);
            let answers = answers(&mut connection, REPLIES, piece).unwrap();
            let expected = [
                Answer::Value,
                Answer::Value,
                Answer::Nothing,
                Answer::Error("MOVED 1 a:1".into()),
                Answer::Value,
                Answer::Nothing,
                Answer::Nothing,
                Answer::Error("ERR a".into()),
                Answer::Error("ERR b".into()),
            ];
            let expected: Vec<(u64, Answer)> =
                expected.into_iter().enumerate().map(|(key, answer)| (key as u64, answer)).collect();
            assert_eq!(answers, expected, "in pieces of {piece}");
            assert!(connection.in_flight().is_empty());
        }
    }

    #[test]
    fn a_connection_that_keeps_replies_has_their_strings_and_numbers() {
        let long = [b"$100000\r\n".as_slice(), &[b'x'; 100_000], b"\r\n"].concat();
        let bytes = [b"+OK\r\n:17\r\n$3\r\nabc\r\n$0\r\n\r\n$-1\r\n:-1\r\n".as_slice(), &long].concat();
        for piece in [1, 7, 4096, 1 << 20] {
            let mut connection = Connection { keeps_replies: true, ..connection(&[1; 7]) };
            let answers: Vec<Answer> =
                answers(&mut connection, &bytes, piece).unwrap().into_iter().map(|(_, answer)| answer).collect();
            let text = |bytes: &[u8]| Answer::Text(bytes.into());
            let long = text(&[b'x'; 100_000]);
            let (empty, abc) = (text(b""), text(b"abc"));
            let expected = [Answer::Value, Answer::Number(17), abc, empty, Answer::Nothing, Answer::Value, long];
            assert_eq!(answers, expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn an_operation_of_several_replies_is_answered_once() {
        let mut connection = connection(&[4, 1, 3]);
        let bytes = b"+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n-MOVED 1 a:1\r\n-EXECABORT x\r\n";
        let answers = answers(&mut connection, bytes, 5).unwrap();
        assert_eq!(answers, [(0, Answer::Value), (1, Answer::Value), (2, Answer::Error("MOVED 1 a:1".into()))]);
    }

    #[test]
    fn a_long_string_takes_no_memory() {
        let mut connection = connection(&[1, 1]);
        let length = 100 << 20;
        let mut head: &[u8] = b"$104857600\r\nabc";
        assert_eq!(connection.next_answer(&mut head), Ok(None));
        let chunk = vec![b'x'; 1 << 20];
        let mut left = length - 3;
        while left > 0 {
            let mut part = &chunk[..left.min(chunk.len())];
            left -= part.len();
            assert_eq!(connection.next_answer(&mut part), Ok(None));
        }
        let answers = answers(&mut connection, b"\r\n+OK\r\n", 1).unwrap();
        assert_eq!(answers, [(0, Answer::Value), (1, Answer::Value)]);
        assert!(connection.partial.capacity() < 1024);
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        for (bytes, error) in [
            (&b"HTTP/1.1 400\r\n"[..], StreamError::Frame(FrameError::UnknownType { byte: b'H' })),
            (b"$629145600\r\n", StreamError::Frame(FrameError::BulkTooLong { limit: STRING_BYTES_MAX })),
            (b"*9999999999\r\n", StreamError::Frame(FrameError::TooManyElements { limit: 1_000_000 })),
            (b"+OK\r\n+OK\r\n", StreamError::Unasked),
        ] {
            assert_eq!(answers(&mut connection(&[1]), bytes, 3), Err(error));
        }
        let mut endless = b"*1000\r\n".to_vec();
        endless
            .extend((0..20).flat_map(|_| [b"$1048576\r\n".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat()));
        let error = answers(&mut connection(&[1]), &endless, 1 << 16);
        assert_eq!(error, Err(StreamError::Frame(FrameError::ReplyTooLong { limit: PARTIAL_BYTES_MAX })));
    }

    #[test]
    fn outgoing_bytes_are_given_once() {
        let mut connection = connection(&[1, 1, 1]);
        assert_eq!(connection.outgoing(), b"xxx");
        connection.note_sent(2);
        assert_eq!(connection.outgoing(), b"x");
        connection.push(operation(9, 1), |out| out.push(b'y'));
        assert_eq!(connection.outgoing(), b"xy");
        connection.note_sent(2);
        connection.push(operation(9, 1), |out| out.push(b'z'));
        assert_eq!(connection.outgoing(), b"z");
    }

    proptest! {
        #[test]
        fn hostile_bytes_neither_panic_nor_loop(bytes in proptest::collection::vec(any::<u8>(), 0..200), piece in 1..50usize) {
            let mut connection = connection(&[1; 4]);
            let answered = answers(&mut connection, &bytes, piece).map_or(0, |answers| answers.len());
            prop_assert!(answered <= 4);
        }
    }
}
