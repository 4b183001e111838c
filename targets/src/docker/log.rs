//! What the engine tells of a container after something went wrong: its log, and how it ended.
//!
//! The questions block the thread, because a report of a crash is made where rct cannot wait otherwise. Each has a limit.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::crash::{indented, last_lines, lines_of_crash};
use crate::docker::engine::{COMMAND_LIMIT, DOCKER};

/// How many of the last lines of a log rct reads: reports of crashes have some hundred.
const LINES_READ: &str = "4000";
/// The longest line of a log that rct shows, in characters.
const LINE_SHOWN: usize = 300;
/// How long the engine may take to notice that a container has ended.
const END_LIMIT: Duration = Duration::from_secs(5);

/// The last lines of the log of a container, both of its outputs; empty if the engine does not show it in time.
pub(crate) fn log(id: &str) -> String {
    let Some(output) = ask(&["logs", "--tail", LINES_READ, id], COMMAND_LIMIT) else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    let shortened = |line: &str| line.chars().take(LINE_SHOWN).collect::<String>();
    String::from_utf8_lossy(&text).lines().map(|line| shortened(line) + "\n").collect()
}

/// The lines of the log of a container that show a crash if it has ended, or else the last ones, indented by two
/// spaces; `None` if there are none.
pub(crate) fn log_tail(id: &str, has_ended: bool) -> Option<String> {
    let log = log(id);
    let crash = lines_of_crash(&log).filter(|_| has_ended);
    crash.map(|lines| indented(&lines)).or_else(|| last_lines(&log))
}

/// The exit status of a container whose server has ended; `None` if the engine does not tell in time.
pub(crate) fn exit_status(id: &str) -> Option<i32> {
    let output = ask(&["wait", id], END_LIMIT)?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn ask(arguments: &[&str], limit: Duration) -> Option<Output> {
    // A thread bounds the wait, because a hanging engine never answers.
    let (sender, receiver) = std::sync::mpsc::channel();
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    std::thread::spawn(move || sender.send(Command::new(DOCKER).args(arguments).stdin(Stdio::null()).output()));
    receiver.recv_timeout(limit).ok()?.ok()
}
