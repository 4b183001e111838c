//! Prints values on one short line, with limits on width, depth and elements.

use std::fmt::{self, Write};

use redis::Value;

use crate::escape;
use crate::value::{bytes_of, error_of, plain};

const BYTES_SHOWN: usize = 120;
const ITEMS_SHOWN: usize = 16;
const DEPTH_SHOWN: usize = 6;
const CHARACTERS_SHOWN: usize = 1_000;

/// Prints a value on one short line: `OK`, `(integer) 3`, `"bulk"`, `error ERR no`, `null`, `[1, "a"]`.
#[must_use]
pub fn describe(value: &Value) -> String {
    let mut line = Line(String::new());
    // An error means only that the line is full.
    let _full = match plain(value) {
        Value::Int(number) => write!(line, "(integer) {number}"),
        Value::Double(number) => write!(line, "(double) {number}"),
        Value::BigNumber(digits) => write!(line, "(big number) {}", String::from_utf8_lossy(digits)),
        other => write_value(&mut line, other, DEPTH_SHOWN),
    };
    line.0
}

fn write_value(line: &mut Line, value: &Value, depth: usize) -> fmt::Result {
    match plain(value) {
        Value::Nil => line.write_str("null"),
        Value::Okay => line.write_str("OK"),
        Value::Int(number) => write!(line, "{number}"),
        Value::Double(number) => write!(line, "{number}"),
        Value::Boolean(flag) => write!(line, "{flag}"),
        Value::BigNumber(digits) => line.write_str(&String::from_utf8_lossy(digits)),
        Value::SimpleString(text) => escape::write_line(line, text, BYTES_SHOWN),
        text @ (Value::BulkString(_) | Value::VerbatimString { .. }) => {
            escape::write_quoted(line, bytes_of(text).unwrap_or_default(), BYTES_SHOWN)
        }
        Value::Array(items) => write_items(line, "[", items, "]", depth),
        Value::Set(items) => write_items(line, "set [", items, "]", depth),
        Value::Push { kind, data } => {
            line.write_str("push ")?;
            escape::write_line(line, &kind.to_string(), BYTES_SHOWN)?;
            write_items(line, " [", data, "]", depth)
        }
        Value::Map(pairs) => write_pairs(line, pairs, depth),
        error => match error_of(error) {
            Some(error) => write!(line, "error {error}"),
            None => line.write_str("a value of an unknown type"),
        },
    }
}

fn write_items(line: &mut Line, open: &str, items: &[Value], close: &str, depth: usize) -> fmt::Result {
    line.write_str(open)?;
    if depth == 0 && !items.is_empty() {
        line.write_str("...")?;
    } else {
        for (position, item) in items.iter().take(ITEMS_SHOWN).enumerate() {
            line.write_str(if position > 0 { ", " } else { "" })?;
            write_value(line, item, depth - 1)?;
        }
        write_rest(line, items.len())?;
    }
    line.write_str(close)
}

fn write_pairs(line: &mut Line, pairs: &[(Value, Value)], depth: usize) -> fmt::Result {
    line.write_str("{")?;
    if depth == 0 && !pairs.is_empty() {
        line.write_str("...")?;
    } else {
        for (position, (key, value)) in pairs.iter().take(ITEMS_SHOWN).enumerate() {
            line.write_str(if position > 0 { ", " } else { "" })?;
            write_value(line, key, depth - 1)?;
            line.write_str(": ")?;
            write_value(line, value, depth - 1)?;
        }
        write_rest(line, pairs.len())?;
    }
    line.write_str("}")
}

fn write_rest(line: &mut Line, count: usize) -> fmt::Result {
    match count.saturating_sub(ITEMS_SHOWN) {
        0 => Ok(()),
        more => write!(line, ", ... ({more} more)"),
    }
}

/// A line that takes at most [`CHARACTERS_SHOWN`] characters.
struct Line(String);

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() <= CHARACTERS_SHOWN {
            self.0.push_str(text);
            return Ok(());
        }
        if !self.0.ends_with("...") {
            self.0.push_str("...");
        }
        Err(fmt::Error)
    }
}

#[cfg(test)]
mod tests {
    use crate::reply::Reply;

    #[test]
    fn every_type_prints_on_one_short_line() {
        for (bytes, printed) in [
            ("+OK\r\n", "OK"),
            ("+PONG\r\n", "PONG"),
            (":3\r\n", "(integer) 3"),
            ("$4\r\nbulk\r\n", "\"bulk\""),
            ("$4\r\na\"\r\n\r\n", "\"a\\\"\\r\\n\""),
            ("-MOVED 1 127.0.0.1:7001\r\n", "error MOVED 1 127.0.0.1:7001"),
            ("!6\r\nERR\r\na\r\n", "error ERR\\r\\na"),
            ("$-1\r\n", "null"),
            ("*-1\r\n", "null"),
            ("_\r\n", "null"),
            ("*0\r\n", "[]"),
            ("*2\r\n:1\r\n$1\r\na\r\n", "[1, \"a\"]"),
            ("*2\r\n+OK\r\n-MOVED 1 a:1\r\n", "[OK, error MOVED 1 a:1]"),
            (",1.5\r\n", "(double) 1.5"),
            ("(12345678901234567890\r\n", "(big number) 12345678901234567890"),
            ("#t\r\n", "true"),
            ("=5\r\ntxt:a\r\n", "\"a\""),
            ("%1\r\n+k\r\n*1\r\n:1\r\n", "{k: [1]}"),
            ("~1\r\n:1\r\n", "set [1]"),
            (">2\r\n+message\r\n$1\r\nm\r\n", "push message [\"m\"]"),
            ("|1\r\n+k\r\n+v\r\n:1\r\n", "(integer) 1"),
            ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "[[[[[[[...]]]]]]]"),
        ] {
            assert_eq!(Reply::parse(bytes).unwrap().to_string(), printed, "{bytes:?}");
        }
    }

    #[test]
    fn long_values_are_cut() {
        let bulk = Reply::parse(format!("$200\r\n{}\r\n", "a".repeat(200))).unwrap();
        assert_eq!(bulk.to_string(), format!("\"{}\"... (200 bytes)", "a".repeat(super::BYTES_SHOWN)));
        let array = Reply::parse(format!("*20\r\n{}", ":1\r\n".repeat(20))).unwrap();
        assert!(array.to_string().ends_with("1, 1, ... (4 more)]"), "{array}");
        let wide = format!("*16\r\n{}", format!("$100\r\n{}\r\n", "\x01".repeat(100)).repeat(16));
        let line = Reply::parse(wide).unwrap().to_string();
        assert!(line.len() <= super::CHARACTERS_SHOWN + 3 && line.ends_with("..."), "{line}");
    }
}
