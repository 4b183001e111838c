//! Data goes to stdout, and messages to stderr. A pipe that its reader closed is no error.

use std::io::Write;

/// Prints data.
pub(super) fn data(text: &str) {
    let mut out = anstream::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints a line of message.
pub(super) fn message(line: &str) {
    let mut err = anstream::stderr().lock();
    let _closed = writeln!(err, "{line}");
}
