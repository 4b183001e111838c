//! An incremental scanner that finds where RESP2 and RESP3 replies end, with limits on depth, length and count.
//!
//! It does not read values. It refuses hostile bytes before they cost memory, and the load generator uses it to skip
//! replies.

use memchr::memchr2;

/// The longest line, in bytes. A line is a simple string, an error, a number or a length.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// How many bytes of a reply the fast path searches for the end of a line.
const SHORT_LINE_BYTES: usize = 32;

/// The limits on the size of a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FrameLimits {
    /// The depth of nested aggregates; at most 100 if the value of the reply is read.
    pub depth: usize,
    /// The bytes of one bulk string.
    pub bulk_bytes: usize,
    /// The elements of all aggregates of a reply together.
    pub elements: usize,
    /// The bytes of a whole reply.
    pub reply_bytes: usize,
}

impl Default for FrameLimits {
    fn default() -> Self {
        Self { depth: 32, bulk_bytes: 64 << 20, elements: 1_000_000, reply_bytes: 128 << 20 }
    }
}

/// Why bytes are not a valid reply within the limits. After this error, the rest of the stream is unreadable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte does not start any RESP type.
    #[error("no RESP type starts with the byte 0x{byte:02x}")]
    UnknownType {
        /// The byte.
        byte: u8,
    },
    /// A length or count is not a decimal number, or is negative where only null may be.
    #[error("the length after {kind:?} is not a number from 0 up")]
    Length {
        /// The first byte of the type.
        kind: char,
    },
    /// A number, boolean or null is malformed.
    #[error("the value after {kind:?} is malformed")]
    Malformed {
        /// The first byte of the type.
        kind: char,
    },
    /// A streamed length (`?`), which no known server sends.
    #[error("rct does not support the streamed length after {kind:?}")]
    Streamed {
        /// The first byte of the type.
        kind: char,
    },
    /// A line has a lone CR or LF, or a bulk string does not end in CRLF.
    #[error("a line or bulk string does not end in CRLF")]
    Terminator,
    /// A line is longer than [`LINE_BYTES_MAX`].
    #[error("a line is longer than {limit} bytes")]
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A bulk string is longer than the limit.
    #[error("a bulk string is longer than {limit} bytes")]
    BulkTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The reply is longer than the limit.
    #[error("the reply is longer than {limit} bytes")]
    ReplyTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The reply has more elements than the limit.
    #[error("the reply has more than {limit} elements")]
    TooManyElements {
        /// The limit.
        limit: usize,
    },
    /// Aggregates are nested deeper than the limit.
    #[error("the reply has more than {limit} levels of nesting")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The bytes end before the reply does.
    #[error("the bytes end before the reply does")]
    Incomplete,
    /// More bytes follow the reply.
    #[error("{count} more {} the reply", if *count == 1 { "byte follows" } else { "bytes follow" })]
    Trailing {
        /// How many bytes follow.
        count: usize,
    },
    /// The reply is complete, but its value is invalid.
    #[error("the value of the reply is invalid: {0}")]
    Value(String),
}

/// Finds where replies end in a growing buffer. It scans each complete element only once.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: FrameLimits,
    /// Where the next element begins; every element before it is complete.
    position: usize,
    /// How far the search for the end of the line at `position` has come.
    searched: usize,
    /// Where the current bulk string ends, with its CRLF; 0 outside a bulk string.
    bulk_end: usize,
    /// The number of missing elements of each open aggregate.
    open: Vec<usize>,
    /// The number of elements that all headers so far announced.
    elements: usize,
}

impl Default for Framer {
    fn default() -> Self {
        Self::new(FrameLimits::default())
    }
}

impl Framer {
    /// Makes a scanner that expects the start of a reply.
    #[must_use]
    pub fn new(limits: FrameLimits) -> Self {
        Self { limits, position: 0, searched: 0, bulk_end: 0, open: Vec::new(), elements: 0 }
    }

    /// Returns how many bytes the first reply in the buffer has; `None` while the reply is incomplete.
    ///
    /// After `None`, call it again with the same bytes and more after them. After an end, remove that many bytes from
    /// the buffer: the scanner then expects the next reply. Attributes belong to the reply after them.
    ///
    /// # Errors
    ///
    /// [`FrameError`] as soon as the bytes cannot become a reply within the limits. The scanner is unusable afterwards.
    pub fn scan(&mut self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        if !self.is_partial()
            && let Some(end) = self.short_reply(buffer)
        {
            return Ok(Some(end));
        }
        loop {
            let settled = if self.bulk_end > 0 { self.end_bulk(buffer)? } else { self.element(buffer)? };
            match settled {
                Settled::NotYet => return Ok(None),
                Settled::Opened => {}
                Settled::Element if self.close_element() => {
                    let end = self.position;
                    self.reset();
                    return Ok(Some(end));
                }
                Settled::Element => {}
            }
        }
    }

    /// True while a reply is only partly received.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.position > 0 || self.searched > 0
    }

    /// The end of a complete reply that is no aggregate and has a short first line, as nearly all replies of a load do.
    ///
    /// Returns `None` for any other reply, valid or not; [`Framer::scan`] judges those.
    #[inline]
    #[must_use]
    pub fn short_reply(&self, buffer: &[u8]) -> Option<usize> {
        let line = buffer.get(1..buffer.len().min(SHORT_LINE_BYTES))?;
        let line = &line[..line.iter().position(|&byte| matches!(byte, b'\r' | b'\n'))?];
        let next = 1 + line.len() + 2;
        let end = match buffer[0] {
            b'$' => match length(b'$', line, true).ok()? {
                Some(bytes) if bytes > self.limits.bulk_bytes => return None,
                Some(bytes) => next.checked_add(bytes)?.checked_add(2)?,
                None => next,
            },
            kind @ (b'+' | b'-' | b':') if is_well_formed(kind, line) => next,
            _ => return None,
        };
        let whole = buffer.get(next - 2..next)? == b"\r\n" && buffer.get(end - 2..end)? == b"\r\n";
        (whole && end <= self.limits.reply_bytes).then_some(end)
    }

    fn reset(&mut self) {
        self.position = 0;
        self.searched = 0;
        self.bulk_end = 0;
        self.elements = 0;
        self.open.clear();
    }

    fn element(&mut self, buffer: &[u8]) -> Result<Settled, FrameError> {
        let Some(&kind) = buffer.get(self.position) else { return Ok(Settled::NotYet) };
        // An unknown type is refused before its line is complete, so that nobody waits for a line that never ends.
        if !matches!(
            kind,
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' | b'$' | b'!' | b'=' | b'*' | b'~' | b'>' | b'%' | b'|'
        ) {
            return Err(FrameError::UnknownType { byte: kind });
        }
        let Some(line_end) = self.line_end(buffer)? else { return Ok(Settled::NotYet) };
        let line = &buffer[self.position + 1..line_end];
        self.advance_to(line_end + 2)?;
        match kind {
            b'$' | b'!' | b'=' => self.begin_bulk(kind, line),
            b'*' | b'~' | b'>' => self.open_aggregate(kind, line, 1, 0),
            b'%' => self.open_aggregate(kind, line, 2, 0),
            // The value after the attributes counts as one more element, so that both end as one reply.
            b'|' => self.open_aggregate(kind, line, 2, 1),
            _ if is_well_formed(kind, line) => Ok(Settled::Element),
            _ => Err(FrameError::Malformed { kind: char::from(kind) }),
        }
    }

    /// Where the CRLF of the line at `position` begins.
    fn line_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, FrameError> {
        let from = self.searched.max(self.position + 1);
        let Some(rest) = buffer.get(from..) else { return Ok(None) };
        let Some(offset) = memchr2(b'\r', b'\n', rest) else {
            self.searched = buffer.len();
            return self.check_line(buffer.len()).map(|()| None);
        };
        let end = from + offset;
        self.check_line(end)?;
        match (buffer[end], buffer.get(end + 1)) {
            (b'\r', Some(b'\n')) => Ok(Some(end)),
            (b'\r', None) => {
                self.searched = end;
                Ok(None)
            }
            _ => Err(FrameError::Terminator),
        }
    }

    fn check_line(&self, end: usize) -> Result<(), FrameError> {
        if end - self.position > LINE_BYTES_MAX {
            return Err(FrameError::LineTooLong { limit: LINE_BYTES_MAX });
        }
        Ok(())
    }

    fn begin_bulk(&mut self, kind: u8, line: &[u8]) -> Result<Settled, FrameError> {
        let Some(length) = length(kind, line, kind == b'$')? else { return Ok(Settled::Element) };
        if length > self.limits.bulk_bytes {
            return Err(FrameError::BulkTooLong { limit: self.limits.bulk_bytes });
        }
        let end = self.position.saturating_add(length).saturating_add(2);
        if end > self.limits.reply_bytes {
            return Err(FrameError::ReplyTooLong { limit: self.limits.reply_bytes });
        }
        self.bulk_end = end;
        Ok(Settled::Opened)
    }

    fn end_bulk(&mut self, buffer: &[u8]) -> Result<Settled, FrameError> {
        let Some(bulk) = buffer.get(..self.bulk_end) else { return Ok(Settled::NotYet) };
        if !bulk.ends_with(b"\r\n") {
            return Err(FrameError::Terminator);
        }
        self.position = self.bulk_end;
        self.bulk_end = 0;
        Ok(Settled::Element)
    }

    fn open_aggregate(&mut self, kind: u8, line: &[u8], times: usize, more: usize) -> Result<Settled, FrameError> {
        let Some(length) = length(kind, line, kind == b'*')? else { return Ok(Settled::Element) };
        let count = length.saturating_mul(times).saturating_add(more);
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(FrameError::TooManyElements { limit: self.limits.elements });
        }
        if count == 0 {
            return Ok(Settled::Element);
        }
        if self.open.len() >= self.limits.depth {
            return Err(FrameError::TooDeep { limit: self.limits.depth });
        }
        self.open.push(count);
        Ok(Settled::Opened)
    }

    fn advance_to(&mut self, position: usize) -> Result<(), FrameError> {
        if position > self.limits.reply_bytes {
            return Err(FrameError::ReplyTooLong { limit: self.limits.reply_bytes });
        }
        self.position = position;
        self.searched = position;
        Ok(())
    }

    /// Counts one element as complete. Returns true if it was the last one of the reply.
    fn close_element(&mut self) -> bool {
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return false;
            }
            self.open.pop();
        }
        true
    }
}

/// How far the scanner came with one element.
enum Settled {
    /// The element is incomplete.
    NotYet,
    /// A header was read; its content follows.
    Opened,
    /// An element is complete.
    Element,
}

/// The length that a header line announces; `None` for the null of RESP2 (`-1`), if `nullable`.
fn length(kind: u8, line: &[u8], nullable: bool) -> Result<Option<usize>, FrameError> {
    match line {
        b"-1" if nullable => Ok(None),
        b"?" => Err(FrameError::Streamed { kind: char::from(kind) }),
        // A number that overflows saturates, and so exceeds every limit.
        [_, ..] if line.iter().all(u8::is_ascii_digit) => Ok(Some(
            line.iter().fold(0usize, |sum, digit| sum.saturating_mul(10).saturating_add(usize::from(digit - b'0'))),
        )),
        _ => Err(FrameError::Length { kind: char::from(kind) }),
    }
}

fn is_well_formed(kind: u8, line: &[u8]) -> bool {
    match kind {
        b'_' => line.is_empty(),
        b'#' => matches!(line, b"t" | b"f"),
        b':' | b'(' => {
            let digits = line.strip_prefix(b"-").or_else(|| line.strip_prefix(b"+")).unwrap_or(line);
            !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn scan(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
        Framer::default().scan(bytes)
    }

    fn small() -> Framer {
        Framer::new(FrameLimits { depth: 2, bulk_bytes: 10, elements: 5, reply_bytes: 100 })
    }

    #[test]
    fn every_type_ends_where_it_ends() {
        for frame in [
            "+OK\r\n",
            "+\r\n",
            "-ERR no\r\n",
            ":-12\r\n",
            "$3\r\na\r\n\r\n",
            "$0\r\n\r\n",
            "$-1\r\n",
            "*-1\r\n",
            "*0\r\n",
            "*2\r\n:1\r\n$1\r\na\r\n",
            "_\r\n",
            ",1.5\r\n",
            ",inf\r\n",
            "#t\r\n",
            "!5\r\nERR a\r\n",
            "=5\r\ntxt:a\r\n",
            "(-123456789012345678901234567890\r\n",
            "%1\r\n+k\r\n:1\r\n",
            "%0\r\n",
            "~1\r\n:1\r\n",
            ">1\r\n+a\r\n",
            "|1\r\n+k\r\n+v\r\n:1\r\n",
            "|0\r\n:1\r\n",
            "*1\r\n|1\r\n+k\r\n+v\r\n*1\r\n:1\r\n",
            "*3\r\n*0\r\n*1\r\n_\r\n*-1\r\n",
        ] {
            let followed = format!("{frame}+next\r\n");
            assert_eq!(scan(followed.as_bytes()), Ok(Some(frame.len())), "{frame:?}");
            for length in 0..frame.len() {
                assert_eq!(scan(&frame.as_bytes()[..length]), Ok(None), "{frame:?} cut at {length}");
            }
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for (bytes, error) in [
            ("hello\r\n", FrameError::UnknownType { byte: b'h' }),
            ("\r\n", FrameError::UnknownType { byte: b'\r' }),
            ("*1\r\n;", FrameError::UnknownType { byte: b';' }),
            ("$-2\r\n", FrameError::Length { kind: '$' }),
            ("$\r\n", FrameError::Length { kind: '$' }),
            ("$+1\r\n", FrameError::Length { kind: '$' }),
            ("$1x\r\n", FrameError::Length { kind: '$' }),
            ("!-1\r\n", FrameError::Length { kind: '!' }),
            ("%-1\r\n", FrameError::Length { kind: '%' }),
            ("~-1\r\n", FrameError::Length { kind: '~' }),
            (">-1\r\n", FrameError::Length { kind: '>' }),
            ("|-1\r\n", FrameError::Length { kind: '|' }),
            ("$?\r\n", FrameError::Streamed { kind: '$' }),
            ("*?\r\n", FrameError::Streamed { kind: '*' }),
            ("%?\r\n", FrameError::Streamed { kind: '%' }),
            ("_x\r\n", FrameError::Malformed { kind: '_' }),
            ("#true\r\n", FrameError::Malformed { kind: '#' }),
            (":1.5\r\n", FrameError::Malformed { kind: ':' }),
            (":\r\n", FrameError::Malformed { kind: ':' }),
            ("(0x1\r\n", FrameError::Malformed { kind: '(' }),
            ("+a\n", FrameError::Terminator),
            ("-ERR a\rb\r\n", FrameError::Terminator),
            ("-ERR a\nb\r\n", FrameError::Terminator),
            ("$1\r\nabc", FrameError::Terminator),
            ("$1\r\na\n\r", FrameError::Terminator),
        ] {
            assert_eq!(scan(bytes.as_bytes()), Err(error), "{bytes:?}");
        }
    }

    #[test]
    fn limits_hold_before_the_bytes_are_there() {
        for (bytes, error) in [
            ("$11\r\n", FrameError::BulkTooLong { limit: 10 }),
            ("$99999999999999999999999999\r\n", FrameError::BulkTooLong { limit: 10 }),
            ("*6\r\n", FrameError::TooManyElements { limit: 5 }),
            ("*18446744073709551615\r\n", FrameError::TooManyElements { limit: 5 }),
            ("%3\r\n", FrameError::TooManyElements { limit: 5 }),
            ("%18446744073709551615\r\n", FrameError::TooManyElements { limit: 5 }),
            ("|9223372036854775807\r\n", FrameError::TooManyElements { limit: 5 }),
            ("*2\r\n*2\r\n*2\r\n", FrameError::TooManyElements { limit: 5 }),
            ("*1\r\n*1\r\n*1\r\n", FrameError::TooDeep { limit: 2 }),
            ("|0\r\n|0\r\n|0\r\n", FrameError::TooDeep { limit: 2 }),
        ] {
            assert_eq!(small().scan(bytes.as_bytes()), Err(error), "{bytes:?}");
        }
        let line = format!("+{}", "a".repeat(LINE_BYTES_MAX));
        assert_eq!(scan(line.as_bytes()), Err(FrameError::LineTooLong { limit: LINE_BYTES_MAX }));
        let line = format!("+{}\r\n", "a".repeat(LINE_BYTES_MAX - 1));
        assert_eq!(scan(line.as_bytes()), Ok(Some(line.len())));
        let reply = format!("+{}\r\n", "a".repeat(100));
        assert_eq!(small().scan(reply.as_bytes()), Err(FrameError::ReplyTooLong { limit: 100 }));
        let many = Framer::new(FrameLimits { reply_bytes: 12, ..FrameLimits::default() }).scan(b"*2\r\n$9\r\n");
        assert_eq!(many, Err(FrameError::ReplyTooLong { limit: 12 }));
    }

    #[test]
    fn deepest_nesting_is_found_without_recursion() {
        let depth = 1_000_000;
        let frame = format!("{}_\r\n", "*1\r\n".repeat(depth));
        let mut framer = Framer::new(FrameLimits { depth, ..FrameLimits::default() });
        assert_eq!(framer.scan(frame.as_bytes()), Ok(Some(frame.len())));
    }

    #[test]
    fn a_shorter_buffer_than_before_is_no_panic() {
        let mut framer = Framer::default();
        assert_eq!(framer.scan(b"*2\r\n+abcdef"), Ok(None));
        assert_eq!(framer.scan(b""), Ok(None));
        assert!(framer.is_partial());
    }

    fn frame() -> impl Strategy<Value = Vec<u8>> {
        let leaf = prop_oneof![
            "[-+][a-zA-Z0-9 ]{0,12}\r\n".prop_map(String::into_bytes),
            any::<i64>().prop_map(|number| format!(":{number}\r\n").into_bytes()),
            Just(b"_\r\n".to_vec()),
            Just(b"$-1\r\n".to_vec()),
            vec(any::<u8>(), 0..30)
                .prop_map(|bytes| { [format!("${}\r\n", bytes.len()).as_bytes(), bytes.as_slice(), b"\r\n"].concat() }),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            (prop_oneof![Just('*'), Just('~'), Just('%'), Just('|')], vec(inner, 0..6)).prop_map(|(kind, mut items)| {
                let length = match kind {
                    '*' | '~' => items.len(),
                    // A map needs whole pairs. An attribute also needs a value after its pairs.
                    '%' => {
                        items.truncate(items.len() / 2 * 2);
                        items.len() / 2
                    }
                    _ => {
                        items.truncate(items.len() / 2 * 2);
                        items.push(b"+v\r\n".to_vec());
                        items.len() / 2
                    }
                };
                [format!("{kind}{length}\r\n").into_bytes(), items.concat()].concat()
            })
        })
    }

    proptest! {
        #[test]
        fn a_short_reply_is_judged_as_by_its_elements(
            kind in "[-$:+*]", number in prop_oneof![Just(-1i64), 0..12i64], rest in "[ab\r\n]{0,14}",
        ) {
            for bytes in [format!("{kind}{number}\r\n{rest}"), format!("{kind}{rest}\r\n")] {
                let (at_once, mut framer) = (small().scan(bytes.as_bytes()), small());
                framer.searched = 1;
                prop_assert_eq!(framer.scan(bytes.as_bytes()), at_once, "{:?}", bytes);
            }
        }

        #[test]
        fn a_split_anywhere_gives_the_same_end(frame in frame(), mut cuts in vec(any::<prop::sample::Index>(), 0..6)) {
            let buffer = [frame.as_slice(), b":7\r\n"].concat();
            prop_assert_eq!(scan(&buffer), Ok(Some(frame.len())));
            let mut framer = Framer::default();
            cuts.sort_by_key(|cut| cut.index(frame.len()));
            for cut in cuts {
                prop_assert_eq!(framer.scan(&buffer[..cut.index(frame.len())]), Ok(None));
            }
            prop_assert_eq!(framer.scan(&buffer), Ok(Some(frame.len())));
            prop_assert_eq!(framer.scan(&buffer[frame.len()..]), Ok(Some(4)));
        }

        #[test]
        fn bytes_one_by_one_judge_as_bytes_at_once(bytes in "[-+:$*%~|_#0-3?a\r\n]{0,40}") {
            let mut framer = Framer::default();
            let slowly = (0..=bytes.len()).map(|end| framer.scan(&bytes.as_bytes()[..end])).find(|found| *found != Ok(None));
            prop_assert_eq!(slowly.unwrap_or(Ok(None)), scan(bytes.as_bytes()));
        }

        #[test]
        fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
            if let Ok(Some(end)) = scan(&bytes) {
                prop_assert!(end <= bytes.len());
            }
        }
    }
}
