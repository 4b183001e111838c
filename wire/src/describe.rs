//! How values print: one short line, bounded in width, depth and elements.

use std::fmt::{self, Write};

use redis::Value;

use crate::escape;
use crate::reply::{bytes_of, error_of, plain};

const BYTES_SHOWN: usize = 120;
const ITEMS_SHOWN: usize = 16;
const DEPTH_SHOWN: usize = 6;
const CHARACTERS_SHOWN: usize = 1_000;

/// Prints a value on one short line: `OK`, `(integer) 3`, `"bulk"`, `error ERR no`, `null`, `[1, "a"]`.
#[must_use]
pub fn describe(value: &Value) -> String {
    let mut line = Line(String::new());
    // An error only says that the line is full.
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

/// A line that refuses more characters than it shows.
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
