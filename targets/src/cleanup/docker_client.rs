//! The engine's client for those that have no runtime: the guard, and whoever clears up.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How much it may say: a line for each of some thousand things.
const OUTPUT_BYTES: u64 = 1024 * 1024;
const POLL: Duration = Duration::from_millis(5);
/// How long its words may take to arrive once it has ended; what it has started may hold on to its outputs.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Runs a command of the engine's client, and gives what it says on its output.
///
/// In the folder of a run it is out of the reach of Ctrl-C, and ends with that run, whatever becomes of rct; without one
/// it is of its caller's process group.
///
/// # Errors
///
/// If there is no client, or it fails; TimedOut if it does not end within the limit, or its output is not there whole
/// 2 s later.
pub(crate) fn docker(folder: Option<&Path>, arguments: &[&str], limit: Duration) -> io::Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(folder.unwrap_or(Path::new("/")));
    if folder.is_some() {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let output = child.stdout.take().map(read_aside);
    let errors = child.stderr.take().map(read_aside);
    let what = || arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let Some(status) = ended(&mut child, limit)? else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(io::ErrorKind::TimedOut, format!("docker {} does not end", what())));
    };
    let (output, errors) = (text(output), text(errors).unwrap_or_default());
    if !status.success() {
        return Err(io::Error::other(errors.lines().next().unwrap_or("docker failed").to_owned()));
    }
    output.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, format!("docker {} keeps its output open", what())))
}

/// Waits for its end; `None` after the limit.
fn ended(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if started.elapsed() > limit => return Ok(None),
            None => thread::sleep(POLL),
        }
    }
}

fn read_aside(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _read = pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes);
        // Nobody waits for it any more after the limit.
        let _sent = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn text(reader: Option<Receiver<String>>) -> Option<String> {
    reader?.recv_timeout(READ_LIMIT).ok()
}
