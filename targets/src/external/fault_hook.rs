//! The program of `--fault-hook`, which rct calls to kill, pause or restart nodes.
//!
//! rct calls it with a fault and a node: `PROGRAM kill 10.0.0.5:6379`. Before that, rct calls it once with the word
//! `offers`, and it prints the faults that it can inject.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use suites::ControlError;
use tokio::process::Command;
use tokio::time::timeout;
use wire::Address;

use crate::error::TargetError;
use crate::external::hook_error::HookError;

/// How long it may take over a fault.
const FAULT_LIMIT: Duration = Duration::from_secs(60);
/// How long it may take to say what it offers.
const OFFERS_LIMIT: Duration = Duration::from_secs(10);
/// How much of what it says is read, and how many lines of that, and characters of a line, are shown.
const OUTPUT_BYTES: u64 = 64 * 1024;
const LINES_SHOWN: usize = 5;
const CHARACTERS_SHOWN: usize = 300;
/// The word by which it is asked what it can do.
const OFFERS: &str = "offers";

/// What a hook may be asked to do to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// End it without warning, so that it stays down until it is restarted.
    Kill,
    /// Ask it to end, and wait until it has.
    Stop,
    /// Start it again, with its data.
    Restart,
    /// Start it again with what it knows of its cluster, but without data.
    RestartWithoutData,
    /// Let it stand still: it keeps its connections and answers nothing.
    Pause,
    /// Let it go on.
    Resume,
    /// Cut it off from the other nodes.
    Isolate,
    /// Join it to them again.
    Heal,
}

/// The words that stand for acts.
const WORDS: [(&str, Act); 8] = [
    ("kill", Act::Kill),
    ("stop", Act::Stop),
    ("restart", Act::Restart),
    ("restart-without-data", Act::RestartWithoutData),
    ("pause", Act::Pause),
    ("resume", Act::Resume),
    ("isolate", Act::Isolate),
    ("heal", Act::Heal),
];
/// What has to be undone, and by what: a hook that cannot do the second may not offer the first.
const UNDONE_BY: [(Act, Act); 4] =
    [(Act::Kill, Act::Restart), (Act::Stop, Act::Restart), (Act::Pause, Act::Resume), (Act::Isolate, Act::Heal)];

impl Act {
    fn word(self) -> &'static str {
        WORDS.iter().find(|(_, act)| *act == self).map_or("", |(word, _)| word)
    }
}

/// A hook, and what it offers.
pub(crate) struct FaultHook {
    program: PathBuf,
    offered: Vec<Act>,
}

impl FaultHook {
    /// Asks a program what it offers.
    ///
    /// # Errors
    ///
    /// If it cannot be run, fails, or says what makes no sense.
    pub(crate) async fn open(program: &Path) -> Result<Self, TargetError> {
        // What is not on PATH is found in the folder that rct was started in, however it is spelt.
        let program = if program.is_file() { std::path::absolute(program) } else { Ok(program.to_owned()) };
        let program = program.map_err(|error| refused(Path::new("."), HookError::Start(error)))?;
        let offered = async { read_offers(&run(&program, &[OFFERS], OFFERS_LIMIT).await?) };
        let offered = offered.await.map_err(|source| refused(&program, source))?;
        Ok(Self { program, offered })
    }

    /// Whether it can do this.
    pub(crate) fn offers(&self, act: Act) -> bool {
        self.offered.contains(&act)
    }

    /// Has it do this to a node, which is named as it announces itself.
    ///
    /// # Errors
    ///
    /// If it fails or does not end within 60 s.
    pub(crate) async fn call(&self, act: Act, node: &Address) -> Result<(), ControlError> {
        let done = run(&self.program, &[act.word(), &node.to_string()], FAULT_LIMIT).await;
        done.map(drop)
            .map_err(|error| ControlError::Failed(format!("the fault hook failed to {} {node}: {error}", act.word())))
    }
}

fn refused(program: &Path, source: HookError) -> TargetError {
    TargetError::FaultHook { program: program.to_owned(), source }
}

fn read_offers(said: &str) -> Result<Vec<Act>, HookError> {
    let known = || WORDS.map(|(word, _)| word).join(", ");
    let act = |word: &str| WORDS.iter().find(|(known, _)| *known == word).map(|(_, act)| *act);
    let offered: Result<Vec<Act>, HookError> = said
        .split_whitespace()
        .map(|word| act(word).ok_or_else(|| HookError::Unknown { word: shown(word), known: known() }))
        .collect();
    let offered = offered?;
    if offered.is_empty() {
        return Err(HookError::Nothing { known: known() });
    }
    match UNDONE_BY.iter().find(|(act, undo)| offered.contains(act) && !offered.contains(undo)) {
        Some((act, undo)) => Err(HookError::NoUndo { act: act.word(), undo: undo.word() }),
        None => Ok(offered),
    }
}

/// Runs a program and gives what it says on its output. It and all that it started are killed if it does not end in
/// time, or the future is dropped; what it has left running when it ends goes on, as a server that it started does.
async fn run(program: &Path, words: &[&str], limit: Duration) -> Result<String, HookError> {
    // Files instead of pipes, since a server that is left running would hold those open.
    let (mut output, mut errors) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let mut child = Command::new(program)
        .args(words.iter().map(OsStr::new))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(errors.try_clone()?)
        // Of its own, so that Ctrl-C does not reach it, nor a server that it starts.
        .process_group(0)
        .spawn()?;
    let mut group = Group(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)));
    let Ok(ended) = timeout(limit, child.wait()).await else {
        return Err(HookError::TimedOut { limit, said: last_lines(&read(&mut errors)) });
    };
    let status = ended?;
    group.0 = None;
    let said = read(&mut output);
    if status.success() {
        return Ok(said);
    }
    let complaint = read(&mut errors);
    let said = last_lines(if complaint.trim().is_empty() { &said } else { &complaint });
    Err(HookError::Failed { status, said })
}

/// The processes of a hook, which are killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Whoever has ended already needs no end.
            let _killed = kill_process_group(group, Signal::KILL);
        }
    }
}

fn read(file: &mut File) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is not shown.
    let _read = file.rewind().and_then(|()| file.take(OUTPUT_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The last lines of what was said, for the end of a message.
fn last_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(shown).filter(|line| !line.trim().is_empty()).collect();
    match &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
        [] => "; it says nothing".to_owned(),
        last => format!("; it says:\n  {}", last.join("\n  ")),
    }
}

fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(CHARACTERS_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn offers_are_read() {
        assert_eq!(read_offers("kill\nrestart\n").unwrap(), [Act::Kill, Act::Restart]);
        assert_eq!(read_offers(&WORDS.map(|(word, _)| word).join(" ")).unwrap().len(), WORDS.len());
        for (said, complaint) in [
            ("", "offers nothing"),
            ("kil restart", "offers \"kil\"; faults are: kill, stop"),
            ("kill", "offers kill without restart"),
            ("pause restart", "offers pause without resume"),
        ] {
            let refused = read_offers(said).unwrap_err().to_string();
            assert!(refused.contains(complaint), "{refused}");
        }
    }

    fn sh(script: &str, limit: Duration) -> Result<String, HookError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(Path::new("sh"), &["-c", script], limit))
    }

    #[test]
    fn a_hook_that_hangs_is_ended_with_all_that_it_started() {
        // The inner one holds the pipe open for as long as it lives.
        let (mut reader, writer) = io::pipe().unwrap();
        let script = format!("echo stuck >&2; sleep 600 >/proc/{}/fd/{} & wait", std::process::id(), {
            use std::os::fd::AsRawFd;
            writer.as_raw_fd()
        });
        let error = sh(&script, Duration::from_millis(500)).unwrap_err();
        assert_eq!(error.to_string(), "it does not end within 0 s; it says:\n  stuck");
        drop(writer);
        assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn what_a_hook_leaves_running_is_not_awaited() {
        let said = sh("sleep 600 & echo $!", Duration::from_secs(60)).unwrap();
        let left = Pid::from_raw(said.trim().parse().unwrap()).unwrap();
        rustix::process::kill_process(left, Signal::KILL).unwrap();
    }

    #[test]
    fn the_last_lines_are_shown() {
        assert_eq!(last_lines(" \n"), "; it says nothing");
        assert_eq!(last_lines("a\n\nb\u{1b}[1m\n"), "; it says:\n  a\n  b\u{fffd}[1m");
        let many: String = (0..9).map(|number| format!("{number}\n")).collect();
        assert_eq!(last_lines(&many), "; it says:\n  4\n  5\n  6\n  7\n  8");
    }
}
