//! The states of containers, which rct follows in the event stream of the engine.
//!
//! A question to the engine can take seconds on a busy machine; this knows the answer at any time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::docker::engine::{DOCKER, Engine};
use crate::docker::engine_error::EngineError;

/// The longest line that rct reads.
const LINE_BYTES: u64 = 4 * 1024;
const POLL: Duration = Duration::from_millis(5);

/// The state of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    /// It runs.
    Running,
    /// It is paused.
    Paused,
    /// It has ended with this exit status, if the engine told it.
    Ended(Option<i32>),
}

/// The states of the containers of an engine. Dropping this ends the event stream.
pub(crate) struct ContainerStates {
    known: Rc<RefCell<HashMap<String, Status>>>,
    reader: JoinHandle<()>,
    _child: Child,
}

impl ContainerStates {
    /// Starts to read the event stream.
    ///
    /// # Errors
    ///
    /// The system cannot run the client of the engine.
    pub(crate) fn new(engine: &Engine) -> Result<Self, EngineError> {
        Self::open(engine).map_err(|source| EngineError::NotRun { program: DOCKER.to_owned(), source })
    }

    fn open(engine: &Engine) -> std::io::Result<Self> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut child = Command::new(DOCKER)
            .args(["events", "--since", &now.to_string(), "--filter", "type=container", "--format"])
            .arg("{{.Actor.ID}} {{.Action}} {{.Actor.Attributes.exitCode}}")
            .current_dir(engine.folder())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let known: Rc<RefCell<HashMap<String, Status>>> = Rc::default();
        let output = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let reader = tokio::task::spawn_local(listen(output, Rc::clone(&known)));
        Ok(Self { known, reader, _child: child })
    }

    /// Sets the state of a container for which no event has come yet.
    pub(crate) fn set_first(&self, id: &str, status: Status) {
        self.known.borrow_mut().entry(id.to_owned()).or_insert(status);
    }

    /// Sets the state of a container before its event comes.
    pub(crate) fn set(&self, id: &str, status: Status) {
        self.known.borrow_mut().insert(id.to_owned(), status);
    }

    /// The last known state of a container.
    pub(crate) fn status(&self, id: &str) -> Option<Status> {
        self.known.borrow().get(id).cloned()
    }

    /// Waits for a state of a container; returns whether it came in time.
    pub(crate) async fn until(&self, id: &str, limit: Duration, wanted: impl Fn(&Status) -> bool) -> bool {
        let started = Instant::now();
        while !self.known.borrow().get(id).is_some_and(&wanted) {
            if started.elapsed() > limit || self.reader.is_finished() {
                return false;
            }
            tokio::time::sleep(POLL).await;
        }
        true
    }
}

impl Drop for ContainerStates {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn listen(output: ChildStdout, known: Rc<RefCell<HashMap<String, Status>>>) {
    let mut reader = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match (&mut reader).take(LINE_BYTES).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if let Some((id, status)) = read(&String::from_utf8_lossy(&line)) {
            known.borrow_mut().insert(id.to_owned(), status);
        }
    }
}

/// Reads `ID ACTION EXIT-CODE`; returns `None` for an action that does not change the state.
fn read(line: &str) -> Option<(&str, Status)> {
    let mut words = line.split_whitespace();
    let (id, action) = (words.next()?, words.next()?);
    let status = match action {
        "start" | "unpause" => Status::Running,
        "pause" => Status::Paused,
        "die" => Status::Ended(words.next().and_then(|code| code.parse().ok())),
        _ => return None,
    };
    Some((id, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read() {
        assert_eq!(read("ab start <no value>\n"), Some(("ab", Status::Running)));
        assert_eq!(read("ab die 137\n"), Some(("ab", Status::Ended(Some(137)))));
        assert_eq!(read("ab die"), Some(("ab", Status::Ended(None))));
        assert_eq!(read("ab pause"), Some(("ab", Status::Paused)));
        assert_eq!(read("ab exec_start: sh 0"), None);
        assert_eq!(read(""), None);
    }
}
