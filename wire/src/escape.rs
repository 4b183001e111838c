//! Prints bytes and texts on one line of limited length, in a form that redis-cli can read.

use std::fmt::{self, Write};

/// Writes bytes in double quotes and escapes everything except printable ASCII. `...` marks a cut at the limit.
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

/// Writes a text unchanged, except that it escapes control characters. `...` marks a cut at the limit.
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
