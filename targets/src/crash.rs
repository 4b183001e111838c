//! What shows that a server crashed: how its process ended, and what it logged.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The signals by which a program ends that made a mistake. rct never sends them.
const SIGNALS: [(Signal, &str); 5] = [
    (Signal::SEGV, "SIGSEGV"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::ILL, "SIGILL"),
    (Signal::FPE, "SIGFPE"),
];
/// The exit status of a shell whose command ended by a signal is this number more.
const SHELL_OFFSET: i32 = 128;
/// What servers log when they crash, or find their own files to be wrong.
const MARKS: [&str; 6] = [
    "ASSERTION FAILED",
    "crashed by signal",
    "STACK TRACE",
    "Guru Meditation",
    "corrupted cluster config",
    "Unrecoverable error",
];
/// The lines of the log that are shown before and after each mark, and in all.
const LINES_BEFORE: usize = 1;
const LINES_AFTER: usize = 3;
const LINES_SHOWN: usize = 14;

/// The lines of a log that are shown if none of them shows the crash.
const LINES_AT_THE_END: usize = 12;
/// What servers log when something else than the server keeps them from starting.
const ENVIRONMENT: [&str; 4] = ["in use", "No space left", "Cannot allocate memory", "Permission denied"];

/// What a target knows of a server, from which follows whether it crashed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The signal of a crash by which it ended, in words.
    pub(crate) signal: Option<String>,
    /// How it ended; `None` while it runs.
    pub(crate) end: Option<String>,
    /// Whether it was killed, or ended without an error.
    pub(crate) was_killed: bool,
    /// Whether it ended when it was started again from its own files.
    pub(crate) was_refused: bool,
    /// Whether the log counts although the server runs.
    pub(crate) log_counts: bool,
}

impl Seen {
    /// How the server crashed, as a clause whose subject is the server, with the lines of its log that show it; `None`
    /// if it did not.
    pub(crate) fn crash(&self, log: impl FnOnce() -> String) -> Option<(String, Option<String>)> {
        let how = match (&self.signal, &self.end) {
            (Some(signal), _) => format!("it ended by {signal}"),
            (None, Some(end)) if self.was_refused => format!("it does not start from its own files ({end})"),
            // Killed by rct or by somebody else: what it logged before does not matter.
            (None, Some(_)) if self.was_killed => return None,
            (None, Some(end)) => format!("it ended ({end}) after its log told of a crash"),
            (None, None) if self.log_counts => "its log tells of a crash, although its process still runs".to_owned(),
            (None, None) => return None,
        };
        let is_certain = self.signal.is_some() || self.was_refused;
        let log = log();
        match lines_of_crash(&log) {
            Some(lines) => Some((how, Some(indented(&lines)))),
            None if is_certain => Some((how, last_lines(&log))),
            None => None,
        }
    }
}

/// The signal of a crash by which a process ended, in words.
pub(crate) fn signal_of(status: ExitStatus) -> Option<String> {
    status.signal().and_then(named).or_else(|| signal_of_code(status.code()?))
}

/// The signal of a crash that an exit status of a shell, or of a container, stands for, in words.
pub(crate) fn signal_of_code(code: i32) -> Option<String> {
    named(code - SHELL_OFFSET)
}

fn named(number: i32) -> Option<String> {
    let (_, name) = SIGNALS.iter().find(|(signal, _)| signal.as_raw() == number)?;
    Some(format!("signal {number} ({name})"))
}

/// Whether the end of a log names a reason outside of the server that keeps it from starting.
pub(crate) fn names_the_environment(log: &str) -> bool {
    let mut last = log.lines().rev().take(LINES_AT_THE_END);
    last.any(|line| ENVIRONMENT.iter().any(|reason| line.contains(reason)))
}

/// The last lines of a log, indented by two spaces; `None` if there are none.
pub(crate) fn last_lines(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(LINES_AT_THE_END)..];
    (!shown.is_empty()).then(|| indented(shown))
}

/// Lines of a log as a message shows them.
pub(crate) fn indented(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("  {}", printable(line))).collect::<Vec<_>>().join("\n")
}

fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The lines of a log that show a crash.
pub(crate) fn lines_of_crash(log: &str) -> Option<Vec<&str>> {
    let lines: Vec<&str> = log.lines().filter(|line| !line.trim().is_empty()).collect();
    let marked = |line: &str| MARKS.iter().any(|mark| line.contains(mark));
    let marks: Vec<usize> = lines.iter().enumerate().filter(|(_, line)| marked(line)).map(|(at, _)| at).collect();
    let is_near = |at: usize| marks.iter().any(|mark| at + LINES_BEFORE >= *mark && at <= mark + LINES_AFTER);
    let shown: Vec<&str> = (0..lines.len()).filter(|at| is_near(*at)).map(|at| lines[at]).take(LINES_SHOWN).collect();
    (!shown.is_empty()).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signals_of_mistakes_are_crashes() {
        let ended = |raw: i32| signal_of(ExitStatus::from_raw(raw));
        assert_eq!(ended(11).unwrap(), "signal 11 (SIGSEGV)");
        assert_eq!(ended(139 << 8).unwrap(), "signal 11 (SIGSEGV)");
        assert_eq!([ended(9), ended(15), ended(0), ended(1 << 8)], [None, None, None, None]);
    }

    #[test]
    fn a_container_ends_with_the_status_of_a_shell() {
        assert_eq!(signal_of_code(134).unwrap(), "signal 6 (SIGABRT)");
        assert_eq!([signal_of_code(137), signal_of_code(143), signal_of_code(0)], [None, None, None]);
    }

    #[test]
    fn only_a_server_that_ends_by_itself_crashes() {
        let log = || "=== REDIS BUG REPORT START\n1:M # Redis 7 crashed by signal: 11\n".to_owned();
        let crash = |seen: Seen| seen.crash(log).map(|(how, _)| how);
        let ended = || Seen { end: Some("exit status 1".to_owned()), ..Seen::default() };
        assert_eq!(crash(Seen { was_killed: true, ..ended() }), None);
        assert_eq!(crash(Seen::default()), None);
        assert!(crash(ended()).unwrap().contains("after its log told of a crash"));
        assert!(crash(Seen { log_counts: true, ..Seen::default() }).unwrap().contains("still runs"));
        assert!(crash(Seen { was_refused: true, ..ended() }).unwrap().contains("does not start"));
        let silent = Seen { signal: signal_of_code(139), ..ended() };
        let shown = silent.crash(|| "1:M * Ready\n".to_owned()).unwrap();
        assert_eq!(shown, ("it ended by signal 11 (SIGSEGV)".to_owned(), Some("  1:M * Ready".to_owned())));
        assert_eq!(ended().crash(|| "1:M * Ready\n".to_owned()), None);
    }

    #[test]
    fn lines_around_a_mark_are_shown_and_the_rest_is_not() {
        let log =
            "start\nbusy\n=== ASSERTION FAILED ===\n==> t.c:1 'x' is not true\na\nb\nc\n\nFast memory test PASSED\n";
        let shown = lines_of_crash(log).unwrap();
        assert_eq!(shown, ["busy", "=== ASSERTION FAILED ===", "==> t.c:1 'x' is not true", "a", "b"]);
        assert_eq!(lines_of_crash("start\nready\n"), None);
    }
}
