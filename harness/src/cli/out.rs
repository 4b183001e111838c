//! Data goes to stdout, and messages to stderr. A pipe that its reader closed is no error.
//!
//! A terminal gets lines that are broken between words. Everything else gets whole lines.

use std::io::{Stderr, Stdout, Write};

use terminal_size::terminal_size_of;

use crate::report::terminal::COLUMNS_WITHOUT_TERMINAL;
use crate::text::fit;

/// Prints data for programs.
pub(super) fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints text for people.
pub(super) fn text(text: &str) {
    match terminal_columns::<Stdout>(&std::io::stdout()) {
        Some(columns) => data(&fit(text, columns)),
        None => data(text),
    }
}

/// Prints a line of message.
pub(super) fn message(line: &str) {
    let fitted = terminal_columns::<Stderr>(&std::io::stderr()).map(|columns| fit(line, columns));
    let mut err = anstream::stderr().lock();
    let _closed = writeln!(err, "{}", fitted.as_deref().unwrap_or(line));
}

/// The columns that text on stdout may use.
pub(super) fn columns() -> usize {
    terminal_columns::<Stdout>(&std::io::stdout()).unwrap_or(COLUMNS_WITHOUT_TERMINAL)
}

/// The width of the terminal that is this output, if it is one.
fn terminal_columns<Output: std::os::fd::AsFd>(output: &Output) -> Option<usize> {
    terminal_size_of(output).map(|(width, _)| usize::from(width.0))
}
