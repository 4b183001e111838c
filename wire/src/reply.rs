//! A reply: its exact bytes, its value, and how it prints.
//!
//! The `redis` crate reads the value. It does not keep the kind of a null or the exact text of an error, so those come
//! from the bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memchr;
use redis::Value;

use crate::describe::describe;
use crate::frame::{FrameError, FrameLimits, Framer};
use crate::value::{ErrorReply, bytes_of, items_of, plain};

/// A reply of a server. Clones share the bytes and the value.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    bytes: Bytes,
    value: Arc<Value>,
}

/// The RESP type of a reply, from its first byte after any attributes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `+`
    Simple,
    /// `-`
    Error,
    /// `:`
    Integer,
    /// `$`
    Bulk,
    /// `*`
    Array,
    /// `_`
    Null,
    /// `,`
    Double,
    /// `#`
    Boolean,
    /// `!`
    BulkError,
    /// `=`
    Verbatim,
    /// `(`
    BigNumber,
    /// `%`
    Map,
    /// `~`
    Set,
    /// `>`
    Push,
}

/// The form of a null.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NullKind {
    /// `$-1`, RESP2's null string.
    Bulk,
    /// `*-1`, RESP2's null array.
    Array,
    /// `_`, RESP3's null.
    Null,
}

impl Reply {
    /// Reads bytes that must be exactly one reply, within the default limits.
    ///
    /// # Errors
    ///
    /// [`FrameError`] if the bytes are malformed, incomplete, or more than one reply.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, FrameError> {
        let bytes = bytes.into();
        match Framer::new(FrameLimits::default()).scan(&bytes)? {
            Some(end) if end == bytes.len() => Self::of_frame(bytes),
            Some(end) => Err(FrameError::Trailing { count: bytes.len() - end }),
            None => Err(FrameError::Incomplete),
        }
    }

    /// Reads bytes that a [`Framer`] found to be one reply.
    pub(crate) fn of_frame(bytes: Bytes) -> Result<Self, FrameError> {
        let value =
            redis::parse_redis_value(&readable(&bytes)).map_err(|error| FrameError::Value(error.to_string()))?;
        Ok(Self { bytes, value: Arc::new(value) })
    }

    /// The exact bytes, with attributes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The value, without attributes.
    #[must_use]
    pub fn value(&self) -> &Value {
        plain(&self.value)
    }

    /// The attributes before the value; empty if there are none.
    #[must_use]
    pub fn attributes(&self) -> &[(Value, Value)] {
        match &*self.value {
            Value::Attribute { attributes, .. } => attributes,
            _ => &[],
        }
    }

    /// The type of the value.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.payload().first() {
            Some(b'+') => Kind::Simple,
            Some(b'-') => Kind::Error,
            Some(b':') => Kind::Integer,
            Some(b'$') => Kind::Bulk,
            Some(b'*') => Kind::Array,
            Some(b',') => Kind::Double,
            Some(b'#') => Kind::Boolean,
            Some(b'!') => Kind::BulkError,
            Some(b'=') => Kind::Verbatim,
            Some(b'(') => Kind::BigNumber,
            Some(b'%') => Kind::Map,
            Some(b'~') => Kind::Set,
            Some(b'>') => Kind::Push,
            _ => Kind::Null,
        }
    }

    /// The error, if the reply is one (`-` or `!`), taken from the exact bytes.
    #[must_use]
    pub fn error(&self) -> Option<ErrorReply> {
        let payload = self.payload();
        let text = match payload.first()? {
            b'-' => payload.get(1..payload.len() - 2)?,
            b'!' => payload.get(memchr(b'\n', payload)? + 1..payload.len() - 2)?,
            _ => return None,
        };
        Some(ErrorReply::new(String::from_utf8_lossy(text)))
    }

    /// Whether the reply is `+OK`.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.value(), Value::Okay)
    }

    /// Whether the reply is a null of any form.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.null_kind().is_some()
    }

    /// The form of null that the reply is.
    #[must_use]
    pub fn null_kind(&self) -> Option<NullKind> {
        match self.payload() {
            b"$-1\r\n" => Some(NullKind::Bulk),
            b"*-1\r\n" => Some(NullKind::Array),
            b"_\r\n" => Some(NullKind::Null),
            _ => None,
        }
    }

    /// The number of an integer reply; `None` for a string of digits.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self.value() {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The bytes of a simple, bulk or verbatim string, without the format of a verbatim string.
    #[must_use]
    pub fn bytes_value(&self) -> Option<&[u8]> {
        bytes_of(self.value())
    }

    /// The text of a simple, bulk or verbatim string, with invalid UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        self.bytes_value().map(String::from_utf8_lossy)
    }

    /// The elements of an array, set or push, without the kind of a push.
    #[must_use]
    pub fn items(&self) -> Option<&[Value]> {
        items_of(self.value())
    }

    /// The kind of a push, such as `message`.
    #[must_use]
    pub fn push_kind(&self) -> Option<String> {
        match self.value() {
            Value::Push { kind, .. } => Some(kind.to_string()),
            _ => None,
        }
    }

    /// The bytes after any attributes.
    fn payload(&self) -> &[u8] {
        let mut rest: &[u8] = &self.bytes;
        while rest.first() == Some(&b'|') {
            rest = match skip_attributes(rest) {
                Some(payload) => payload,
                None => return rest,
            };
        }
        rest
    }
}

impl fmt::Display for Reply {
    /// Prints one short line: `OK`, `(integer) 3`, `"bulk"`, `error MOVED 1 127.0.0.1:7001`, `null`, `[1, "a"]`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error() {
            Some(error) => write!(formatter, "error {error}"),
            None => formatter.write_str(&describe(self.value())),
        }
    }
}

fn skip_attributes(bytes: &[u8]) -> Option<&[u8]> {
    let line_end = memchr(b'\r', bytes)?;
    let pairs: usize = std::str::from_utf8(bytes.get(1..line_end)?).ok()?.parse().ok()?;
    let mut framer = Framer::default();
    let mut rest = bytes.get(line_end + 2..)?;
    for _ in 0..pairs.checked_mul(2)? {
        let end = framer.scan(rest).ok()??;
        rest = rest.get(end..)?;
    }
    Some(rest)
}

/// The frame with `?` in place of each non-ASCII byte of a line with invalid UTF-8, which the `redis` crate refuses.
///
/// All lengths and all bulk strings stay unchanged.
fn readable(frame: &[u8]) -> Cow<'_, [u8]> {
    let mut readable = Cow::Borrowed(frame);
    let mut position = 0;
    while let Some(length) = frame.get(position..).and_then(|rest| memchr(b'\n', rest)) {
        let line = position..position + length;
        position = line.end + 1;
        match frame.get(line.start) {
            Some(b'$' | b'!' | b'=') => {
                let digits =
                    frame.get(line.start + 1..line.end - 1).and_then(|digits| std::str::from_utf8(digits).ok());
                position += digits.and_then(|digits| digits.parse::<usize>().ok()).map_or(0, |length| length + 2);
            }
            _ if std::str::from_utf8(&frame[line.clone()]).is_err() => {
                for byte in readable.to_mut()[line].iter_mut().filter(|byte| !byte.is_ascii()) {
                    *byte = b'?';
                }
            }
            _ => {}
        }
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::error_of;

    fn reply(bytes: &str) -> Reply {
        Reply::parse(bytes.to_owned()).unwrap()
    }

    /// One error line for every code that servers send, and lines that a parser could damage.
    const ERRORS: &[&str] = &[
        "MOVED 3999 127.0.0.1:6381",
        "MOVED 1 :7000",
        "MOVED 1 ?:7000",
        "MOVED 1 ::1:7000",
        "ASK 3999 127.0.0.1:6381",
        "REDIRECT 127.0.0.1:6379",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "CROSSSLOT Keys in request don't hash to the same slot",
        "CLUSTERDOWN Hash slot not served",
        "EXECABORT Transaction discarded because of previous errors.",
        "READONLY You can't write against a read only replica.",
        "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
        "NOREPLICAS Not enough good replicas to write.",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "LOADING Redis is loading the dataset in memory",
        "BUSY Redis is busy running a script.",
        "OOM command not allowed when used memory > 'maxmemory'.",
        "MISCONF Errors writing to the AOF file",
        "NOAUTH Authentication required.",
        "WRONGPASS invalid username-password pair or user is disabled.",
        "NOPERM User default has no permissions to run the 'get' command",
        "NOSCRIPT No matching script. Please use EVAL.",
        "BUSYKEY Target key name already exists.",
        "IOERR error or timeout writing to target instance",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "NOPROTO unsupported protocol version",
        "NOTBUSY No scripts in execution right now.",
        "NOSUB No subscription",
        "ERR unknown command 'x'",
        "ERR Target instance replied with error: BUSYKEY Target key name already exists.",
        "ERR ",
        "ERR",
        "MOVED",
        "ASK",
        "LOADING",
        "no-space",
        "moved 1 lower:1",
        "ERR  two  spaces ",
        " begins with a space",
        "",
        "ERR caf\u{e9}",
    ];

    #[test]
    fn errors_keep_the_text_that_the_server_sent() {
        for &text in ERRORS {
            let expected = Some(ErrorReply::new(text));
            let simple = reply(&format!("-{text}\r\n"));
            assert_eq!(simple.error(), expected, "{text:?}");
            assert_eq!(simple.kind(), Kind::Error);
            assert_eq!(error_of(simple.value()), expected, "{text:?} as a value");
            let bulk = reply(&format!("!{}\r\n{text}\r\n", text.len()));
            assert_eq!(bulk.error(), expected, "{text:?} as a bulk error");
            assert_eq!(bulk.kind(), Kind::BulkError);
            let inside = reply(&format!("*2\r\n:1\r\n-{text}\r\n"));
            assert_eq!(inside.error(), None);
            assert_eq!(error_of(&inside.items().unwrap()[1]), expected, "{text:?} inside an array");
        }
        assert_eq!(error_of(reply("+OK\r\n").value()), None);
        let moved = reply("-MOVED 1 :7000\r\n").error().unwrap();
        assert_eq!((moved.code.as_str(), moved.detail()), ("MOVED", "1 :7000"));
        assert_eq!(ErrorReply::new("ERR").detail(), "");
    }

    #[test]
    fn nulls_keep_their_form() {
        assert_eq!(reply("$-1\r\n").null_kind(), Some(NullKind::Bulk));
        assert_eq!(reply("*-1\r\n").null_kind(), Some(NullKind::Array));
        assert_eq!(reply("_\r\n").null_kind(), Some(NullKind::Null));
        assert_eq!(reply("|1\r\n+a\r\n+b\r\n_\r\n").null_kind(), Some(NullKind::Null));
        for other in ["$0\r\n\r\n", "*0\r\n", ":0\r\n", "#f\r\n"] {
            assert!(!reply(other).is_null(), "{other:?}");
        }
    }

    #[test]
    fn values_are_read_by_their_type() {
        assert!(reply("+OK\r\n").is_ok());
        assert!(!reply("$2\r\nOK\r\n").is_ok());
        assert_eq!(reply(":-3\r\n").integer(), Some(-3));
        assert_eq!(reply("$1\r\n3\r\n").integer(), None);
        for text in ["+OK\r\n", "$2\r\nOK\r\n", "=6\r\ntxt:OK\r\n"] {
            assert_eq!(reply(text).text().as_deref(), Some("OK"), "{text:?}");
        }
        assert_eq!(reply(":1\r\n").text(), None);
        let binary = Reply::parse(&b"$2\r\n\xff\x00\r\n"[..]).unwrap();
        assert_eq!(binary.bytes_value(), Some(&b"\xff\x00"[..]));
        assert_eq!(binary.text().as_deref(), Some("\u{fffd}\0"));
        assert_eq!(reply("~1\r\n:1\r\n").items(), Some(&[Value::Int(1)][..]));
        let push = reply(">2\r\n$7\r\nmessage\r\n:1\r\n");
        assert_eq!((push.push_kind().as_deref(), push.items()), (Some("message"), Some(&[Value::Int(1)][..])));
        assert_eq!(reply("*0\r\n").push_kind(), None);
    }

    #[test]
    fn attributes_do_not_change_the_value() {
        let bytes = "|1\r\n+ttl\r\n*1\r\n:3\r\n|0\r\n-MOVED 1 a:1\r\n";
        let attributed = reply(bytes);
        assert_eq!(attributed.bytes(), bytes);
        assert_eq!(attributed.kind(), Kind::Error);
        assert_eq!(attributed.error(), Some(ErrorReply::new("MOVED 1 a:1")));
        assert_eq!(attributed.attributes().len(), 1);
        assert_eq!(attributed.to_string(), "error MOVED 1 a:1");
    }

    #[test]
    fn lines_with_invalid_utf8_are_read() {
        let error = Reply::parse(&b"-ERR unknown command '\xff\xfe'\r\n"[..]).unwrap();
        assert_eq!(error.error().unwrap().text, "ERR unknown command '\u{fffd}\u{fffd}'");
        let array = Reply::parse(&b"*4\r\n$1\r\n\xff\r\n$-1\r\n+\xff\r\n-ERR \xff\r\n"[..]).unwrap();
        let items = array.items().unwrap();
        assert_eq!(items[0], Value::BulkString(vec![0xff]));
        assert_eq!(items[2], Value::SimpleString("?".to_owned()));
        assert_eq!(error_of(&items[3]), Some(ErrorReply::new("ERR ?")));
    }

    #[test]
    fn bytes_must_be_one_reply() {
        assert_eq!(Reply::parse("+a\r\n+b\r\n"), Err(FrameError::Trailing { count: 4 }));
        assert_eq!(Reply::parse("+a\r"), Err(FrameError::Incomplete));
        assert_eq!(Reply::parse(""), Err(FrameError::Incomplete));
        for unreadable in [":99999999999999999999\r\n", ",abc\r\n", "=2\r\nab\r\n", ">1\r\n:1\r\n"] {
            assert!(matches!(Reply::parse(unreadable), Err(FrameError::Value(_))), "{unreadable:?}");
        }
    }

    #[test]
    fn the_deepest_allowed_reply_is_read() {
        let depth = FrameLimits::default().depth;
        let deep = reply(&format!("{}_\r\n", "*1\r\n".repeat(depth)));
        assert_eq!(deep.items().map(<[_]>::len), Some(1));
    }

    proptest::proptest! {
        #[test]
        fn random_frames_never_panic(bytes in "[-+:$*%~|>_#,=!(0-3a:\r\n]{0,40}") {
            if let Ok(reply) = Reply::parse(bytes.clone()) {
                proptest::prop_assert_eq!(reply.bytes(), &bytes);
                proptest::prop_assert!(!reply.to_string().contains(['\r', '\n']));
            }
        }
    }
}
