//! How bytes print: bounded, on one line, and in a form that redis-cli reads back.

use std::fmt::{self, Write};

/// Writes bytes in double quotes, everything but printable ASCII escaped; `...` stands for what is beyond the limit.
pub(crate) fn write_quoted(out: &mut impl Write, bytes: &[u8], limit: usize) -> fmt::Result {
    out.write_char('"')?;
    for &byte in bytes.iter().take(limit) {
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            b' '..=b'~' => out.write_char(char::from(byte))?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    out.write_char('"')?;
    cut(out, bytes.len(), limit)
}

/// Writes a text as it is, but for control characters; `...` stands for what is beyond the limit.
pub(crate) fn write_line(out: &mut impl Write, text: &str, limit: usize) -> fmt::Result {
    for character in text.chars().take(limit) {
        if character.is_control() {
            write!(out, "{}", character.escape_default())?;
        } else {
            out.write_char(character)?;
        }
    }
    cut(out, text.chars().count(), limit)
}

fn cut(out: &mut impl Write, length: usize, limit: usize) -> fmt::Result {
    if length > limit { write!(out, "... ({length} bytes)") } else { Ok(()) }
}
