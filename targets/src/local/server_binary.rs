//! The server program: the one that the user names, or the first one on PATH.

use std::env;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures_util::future::try_join_all;
use rustix::process::{Pid, Signal, kill_process_group};
use suites::{Product, Server};

use crate::error::TargetError;
use crate::output::read_at_most;

/// The programs that rct looks for on PATH, in this order.
const NAMES: [&str; 2] = ["valkey-server", "redis-server"];
/// How long a server may take to print its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);
/// How long a server may take to refuse a TLS port without a certificate.
const TLS_LIMIT: Duration = Duration::from_secs(5);
/// What a server with TLS says then.
const NO_CERTIFICATE: &str = "Failed to configure TLS";
/// How much of each of its outputs rct reads.
const VERSION_BYTES: usize = 4 * 1024;

/// A program that starts a server.
#[derive(Debug, Clone)]
pub(crate) struct ServerBinary {
    /// The program.
    pub(crate) path: PathBuf,
    /// The name and version that it prints.
    pub(crate) server: Server,
}

impl ServerBinary {
    /// Finds the named program, or the first of `valkey-server` and `redis-server` on PATH, and reads its version.
    ///
    /// # Errors
    ///
    /// There is no server, it cannot be run, or it does not print the version of a server.
    pub(crate) async fn locate(named: Option<&Path>) -> Result<Self, TargetError> {
        let path = match named {
            Some(path) => named_program(path)?,
            None => first_on_path().ok_or(TargetError::NoServer { names: NAMES })?,
        };
        let said = said_to(&path, &["--version"], VERSION_LIMIT).await.map_err(|error| cannot_run(&path, error))?;
        match parse(&said) {
            Some(server) => Ok(Self { path, server }),
            None => Err(not_a_server(&path, &said)),
        }
    }

    /// Whether the server was built with TLS. Asking starts the program, which ends at once.
    pub(crate) async fn has_tls(&self) -> bool {
        // With TLS it misses a certificate. Without TLS it does not know the setting, or says that it lacks TLS.
        let without_certificate = ["--bind", "127.0.0.1", "--port", "0", "--tls-port", "1", "--save", ""];
        said_to(&self.path, &without_certificate, TLS_LIMIT).await.is_ok_and(|said| said.contains(NO_CERTIFICATE))
    }
}

fn named_program(path: &Path) -> Result<PathBuf, TargetError> {
    // A name without a slash is looked up on PATH, as in a shell.
    let found = if path.components().count() == 1 { on_path(path) } else { None };
    let path = found.as_deref().unwrap_or(path);
    fs::metadata(path).map_err(|error| cannot_run(path, error))?;
    // Absolute, because servers run in folders of their own. Links are not followed, because some programs behave as
    // their name says.
    let path = std::path::absolute(path).map_err(|error| cannot_run(path, error))?;
    if is_program(&path) { Ok(path) } else { Err(cannot_run(&path, io::ErrorKind::PermissionDenied.into())) }
}

fn first_on_path() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| on_path(Path::new(name)))
}

fn on_path(name: &Path) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|path| is_program(path))?;
    std::path::absolute(found).ok()
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// What a program says that ends at once.
async fn said_to(path: &Path, arguments: &[&str], limit: Duration) -> io::Result<String> {
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let outputs: [Option<OwnedFd>; 2] = [child.stdout.take().map(Into::into), child.stderr.take().map(Into::into)];
    let read = outputs.into_iter().flatten().map(|output| read_at_most(output, VERSION_BYTES, limit));
    let said = try_join_all(read).await.map(|said| said.concat());
    // A program that does not know the option may still run.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _sent = kill_process_group(group, Signal::KILL);
    }
    child.wait()?;
    Ok(String::from_utf8_lossy(&said?).into_owned())
}

/// Reads `Redis server v=7.0.15 ...`; Valkey 7.2 prints `Server v=7.2.7 ...`, and says only when it runs what it is.
fn parse(said: &str) -> Option<Server> {
    let (product, rest) = said.lines().next()?.split_once("erver v=")?;
    let product = Product::named(product.strip_suffix(['s', 'S'])?.trim());
    Some(Server { product, version: rest.split(' ').next()?.parse().ok()? })
}

fn cannot_run(path: &Path, source: io::Error) -> TargetError {
    TargetError::ServerProgram { path: path.to_owned(), source }
}

fn not_a_server(path: &Path, said: &str) -> TargetError {
    let said = said.lines().next().unwrap_or_default().chars().take(100).collect();
    TargetError::NotAServer { path: path.to_owned(), said }
}

#[cfg(test)]
mod tests {
    use suites::Version;

    use super::*;

    #[test]
    fn case_f2_a_version_without_a_product_is_a_server() {
        let server = parse("Server v=7.2.7 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0\n").unwrap();
        assert_eq!((server.product, server.version), (Product::Unknown, Version(7, 2, 7)));
    }

    #[test]
    fn versions_are_read() {
        let read = |said| parse(said).map(|server| server.to_string());
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d\n";
        assert_eq!(read(redis).as_deref(), Some("redis 7.0.15"));
        assert_eq!(read("Valkey server v=9.1.2 sha=0").as_deref(), Some("valkey 9.1.2"));
        assert_eq!(read("KeyDB server v=6.3.4 sha=0").as_deref(), Some("keydb 6.3.4"));
        assert_eq!(read("cat (GNU coreutils) 9.1"), None);
        assert_eq!(read(""), None);
    }
}
