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

/// The signal of a crash by which a process ended, in words.
pub(crate) fn signal_of(status: ExitStatus) -> Option<String> {
    let number = status.signal().or_else(|| status.code().map(|code| code - SHELL_OFFSET))?;
    let (_, name) = SIGNALS.iter().find(|(signal, _)| signal.as_raw() == number)?;
    Some(format!("signal {number} ({name})"))
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
    fn lines_around_a_mark_are_shown_and_the_rest_is_not() {
        let log =
            "start\nbusy\n=== ASSERTION FAILED ===\n==> t.c:1 'x' is not true\na\nb\nc\n\nFast memory test PASSED\n";
        let shown = lines_of_crash(log).unwrap();
        assert_eq!(shown, ["busy", "=== ASSERTION FAILED ===", "==> t.c:1 'x' is not true", "a", "b"]);
        assert_eq!(lines_of_crash("start\nready\n"), None);
    }
}
