//! The transcript of a check: all bytes that went over its connections, with times.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use wire::{Address, Tap};

/// The largest part of a message that is kept, in bytes; longer messages are cut, and their length is noted.
const MESSAGE_BYTES: usize = 4_096;
/// The largest number of messages that are kept: the first half of them, and the last half.
const MESSAGES: usize = 2_000;

/// The traffic of one check, limited in size.
#[derive(Debug)]
pub struct Transcript {
    started: Instant,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    first: Vec<Line>,
    last: std::collections::VecDeque<Line>,
    dropped: u64,
}

#[derive(Debug)]
struct Line {
    at: Duration,
    connection: u64,
    address: Address,
    what: What,
}

#[derive(Debug)]
enum What {
    Opened,
    Closed,
    Sent(Excerpt),
    Received(Excerpt),
    Note(String),
}

#[derive(Debug)]
struct Excerpt {
    bytes: Vec<u8>,
    length: usize,
}

impl Excerpt {
    fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes[..bytes.len().min(MESSAGE_BYTES)].to_vec(), length: bytes.len() }
    }
}

impl Transcript {
    /// An empty transcript whose times count from now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), state: RefCell::default() }
    }

    /// Adds a note, such as a fault that was injected.
    pub fn note(&self, address: &Address, text: impl Into<String>) {
        self.push(0, address, What::Note(text.into()));
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.borrow().first.is_empty()
    }

    /// The transcript as text.
    ///
    /// Each line is a message: the time since the start in milliseconds, the connection, the node, and the bytes with
    /// control characters escaped. Below, the same commands follow as redis-cli calls.
    #[must_use]
    pub fn render(&self) -> String {
        let state = self.state.borrow();
        let mut text = String::from("# milliseconds  connection  node  what\n");
        for line in &state.first {
            line.render(&mut text);
        }
        if state.dropped > 0 {
            let _ = writeln!(text, "# {} messages left out", state.dropped);
        }
        for line in &state.last {
            line.render(&mut text);
        }
        text.push_str("\n# the same by hand\n");
        let by_hand: Vec<String> = state.first.iter().chain(&state.last).flat_map(Line::by_hand).collect();
        for alike in by_hand.chunk_by(|one, next| one == next) {
            // A command that was repeated in a wait is one line.
            let times = if alike.len() > 1 { format!(", {} times", alike.len()) } else { String::new() };
            let _ = writeln!(text, "{}{times}", alike[0]);
        }
        text
    }

    fn push(&self, connection: u64, address: &Address, what: What) {
        let line = Line { at: self.started.elapsed(), connection, address: address.clone(), what };
        let mut state = self.state.borrow_mut();
        if state.first.len() < MESSAGES / 2 {
            state.first.push(line);
            return;
        }
        state.last.push_back(line);
        if state.last.len() > MESSAGES / 2 {
            state.last.pop_front();
            state.dropped += 1;
        }
    }
}

impl Default for Transcript {
    fn default() -> Self {
        Self::new()
    }
}

impl Tap for Transcript {
    fn opened(&self, connection: u64, address: &Address) {
        self.push(connection, address, What::Opened);
    }

    fn closed(&self, connection: u64, address: &Address) {
        self.push(connection, address, What::Closed);
    }

    fn sent(&self, connection: u64, address: &Address, bytes: &[u8]) {
        self.push(connection, address, What::Sent(Excerpt::of(bytes)));
    }

    fn received(&self, connection: u64, address: &Address, bytes: &[u8]) {
        self.push(connection, address, What::Received(Excerpt::of(bytes)));
    }
}

impl Line {
    fn render(&self, text: &mut String) {
        let millis = self.at.as_secs_f64() * 1e3;
        let _ = write!(text, "{millis:>12.3}  #{:<4} {:<21}  ", self.connection, self.address.to_string());
        let _ = match &self.what {
            What::Opened => writeln!(text, "-- opened"),
            What::Closed => writeln!(text, "-- closed"),
            What::Sent(excerpt) => writeln!(text, "-> {excerpt}"),
            What::Received(excerpt) => writeln!(text, "<- {excerpt}"),
            What::Note(note) => writeln!(text, "== {note}"),
        };
    }

    fn by_hand(&self) -> Vec<String> {
        let Address { host, port } = &self.address;
        let typed = |command: wire::Command| {
            format!("redis-cli -h {host} -p {port} {command}    # connection {}", self.connection)
        };
        match &self.what {
            What::Sent(excerpt) if excerpt.length == excerpt.bytes.len() => {
                commands_of(&excerpt.bytes).into_iter().map(typed).collect()
            }
            What::Note(note) => vec![format!("# {note} ({host}:{port})")],
            _ => Vec::new(),
        }
    }
}

impl std::fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.bytes.escape_ascii())?;
        if self.length > self.bytes.len() {
            write!(formatter, "... ({} bytes)", self.length)?;
        }
        Ok(())
    }
}

/// The commands in a message that rct sent; each is an array of bulk strings.
fn commands_of(mut bytes: &[u8]) -> Vec<wire::Command> {
    let mut commands = Vec::new();
    while let Ok(Some(end)) = wire::Framer::default().scan(bytes) {
        if let Some(command) = command_of(&bytes[..end]) {
            commands.push(command);
        }
        bytes = &bytes[end..];
    }
    commands
}

fn command_of(bytes: &[u8]) -> Option<wire::Command> {
    let reply = wire::Reply::parse(bytes.to_vec()).ok()?;
    let arguments = reply.items()?.iter().map(wire::bytes_of);
    Some(wire::Command::new(arguments.collect::<Option<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_first_and_the_last_messages() {
        let transcript = Transcript::new();
        let address = Address { host: "127.0.0.1".into(), port: 7000 };
        for number in 0..5_000 {
            transcript.sent(1, &address, &wire::command!["ECHO", number.to_string()].pack());
        }
        let text = transcript.render();
        assert!(text.contains("ECHO 0 ") && text.contains("ECHO 4999 "));
        assert!(text.contains("# 3000 messages left out"));
        assert!(text.len() < 1_000_000);
    }

    #[test]
    fn what_is_polled_is_one_line_by_hand() {
        let transcript = Transcript::new();
        let address = Address { host: "127.0.0.1".into(), port: 7000 };
        for command in ["PING", "PING", "PING", "READONLY"] {
            transcript.sent(1, &address, &wire::command![command].pack());
        }
        let text = transcript.render();
        let by_hand = text.split_once("# the same by hand\n").unwrap().1;
        assert_eq!(
            by_hand,
            "redis-cli -h 127.0.0.1 -p 7000 PING    # connection 1, 3 times\n\
             redis-cli -h 127.0.0.1 -p 7000 READONLY    # connection 1\n"
        );
    }
}
