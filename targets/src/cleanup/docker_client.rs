//! The client of the container engine for code without an async runtime, such as the guard.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// How much output rct reads: enough for some thousand lines.
const OUTPUT_BYTES: u64 = 1024 * 1024;
const POLL: Duration = Duration::from_millis(5);
/// How long the output may take to arrive after the client has ended. Its children may keep the output open.
const READ_LIMIT: Duration = Duration::from_secs(2);

/// Runs a command of the client, and returns what it prints on stdout.
///
/// With the folder of a run, the client works there in a process group of its own: Ctrl-C does not reach it, and it
/// ends with the run, however rct ends. Without a folder, it belongs to the process group of the caller.
///
/// # Errors
///
/// There is no client, or it fails. `TimedOut` if it does not end within the limit, or its output is not complete 2 s
/// later.
pub(crate) fn docker(folder: Option<&Path>, arguments: &[&str], limit: Duration) -> io::Result<String> {
    let mut command = Command::new("docker");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(folder.unwrap_or(Path::new("/")));
    if folder.is_some() {
        command.process_group(0);
    }
    let mut child = command.spawn()?;
    let output = child.stdout.take().map(read_in_thread);
    let errors = child.stderr.take().map(read_in_thread);
    let command_name = || arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
    let Some(status) = wait_at_most(&mut child, limit)? else {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("docker {} did not end within {} s", command_name(), limit.as_secs()),
        ));
    };
    let (output, errors) = (text(output), text(errors).unwrap_or_default());
    if !status.success() {
        return Err(io::Error::other(format!(
            "docker {} failed: {}",
            command_name(),
            errors.lines().next().unwrap_or("it printed nothing")
        )));
    }
    output.ok_or_else(|| {
        io::Error::new(io::ErrorKind::TimedOut, format!("docker {} keeps its output open", command_name()))
    })
}

/// Waits for the end of a process; `None` after the limit.
fn wait_at_most(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if started.elapsed() > limit => return Ok(None),
            None => thread::sleep(POLL),
        }
    }
}

/// Reads a pipe in a thread of its own.
fn read_in_thread(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _read = pipe.take(OUTPUT_BYTES).read_to_end(&mut bytes);
        // It fails when nobody waits any more, after the limit.
        let _sent = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn text(reader: Option<Receiver<String>>) -> Option<String> {
    reader?.recv_timeout(READ_LIMIT).ok()
}
