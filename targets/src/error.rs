//! Why a target has no cluster.

use std::io;
use std::path::PathBuf;

use suites::{LiveCluster, Server, Stop};

use crate::bootstrap::error::BringUpError;
use crate::docker::engine_error::EngineError;
use crate::external::entry_error::EntryError;
use crate::external::hook_error::HookError;

/// Why a target has no cluster: a sentence, and where it helps a second line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The program that the command line names cannot be run.
    #[error(
        "{} cannot be run: {source}\nname the program of a server with --server, such as /usr/bin/redis-server",
        path.display()
    )]
    ServerProgram {
        /// The program.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The program that the command line names is not a server.
    #[error(
        "{} is not a server: it answers {said:?} to --version\n\
         name the program of a server with --server, such as /usr/bin/redis-server",
        path.display()
    )]
    NotAServer {
        /// The program.
        path: PathBuf,
        /// The first line that it prints.
        said: String,
    },
    /// The server is too old to run behind a proxy.
    #[error("{server} cannot run behind the proxy that applies a defect; use {needed}")]
    NotBehindProxy {
        /// The server.
        server: Server,
        /// The servers that can run behind a proxy.
        needed: &'static str,
    },
    /// The server does not speak TLS.
    #[error(
        "{} was built without TLS, which --tls needs\n\
         name another server with --server; make BUILD_TLS=yes builds one with TLS",
        path.display()
    )]
    NoTls {
        /// The program.
        path: PathBuf,
    },
    /// A text is not the name of an image.
    #[error("{0:?} is not the name of an image; --image takes a name such as redis:8.2")]
    Image(String),
    /// The compose file that the command line names cannot be read.
    #[error("{} cannot be read: {source}", file.display())]
    ComposeFile {
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Compose does not accept the file that the command line names.
    #[error("Compose cannot use {}: {source}", file.display())]
    ComposeFileRefused {
        /// The file.
        file: PathBuf,
        /// What Compose says.
        source: EngineError,
    },
    /// The compose file does not use the image that the command line names.
    #[error(
        "{} does not use the image of --image; write image: ${{{variable}}} in it, or leave out --image",
        file.display()
    )]
    ImageUnused {
        /// The file.
        file: PathBuf,
        /// The variable that holds the image.
        variable: &'static str,
    },
    /// The fault hook cannot be used.
    #[error(
        "the fault hook {} cannot be used: {source}\n\
         when it is called with the word offers, it must print the faults that it can do, such as: kill restart",
        program.display()
    )]
    FaultHook {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        source: HookError,
    },
    /// No server is installed.
    #[error(
        "there is no server: neither {} nor {} is on PATH\n\
         install one (script/demo does it, or: apt-get install redis-server), or name one with --server PATH",
        names[0], names[1]
    )]
    NoServer {
        /// The programs that rct looks for.
        names: [&'static str; 2],
    },
    /// The folder of a run cannot be made.
    #[error(
        "rct cannot keep its files in {}: {source}\nset TMPDIR to a folder that rct can write to",
        parent.display()
    )]
    NoFolder {
        /// The folder for temporary files.
        parent: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The client of the container engine is not installed.
    #[error(
        "there is no container engine: docker is not on PATH\n\
         install Docker (https://docs.docker.com/engine/install), or use local servers: --target local"
    )]
    NoDocker,
    /// The container engine cannot be used.
    #[error(
        "the container engine cannot be used: {0}\n{hint}, or use local servers: --target local",
        hint = engine_hint(.0)
    )]
    Engine(#[source] EngineError),
    /// Compose is not installed.
    #[error(
        "there is no Compose: neither docker compose nor docker-compose is installed\n\
         install the plugin (https://docs.docker.com/compose/install), or use --target local"
    )]
    NoCompose,
    /// The compose file has no services.
    #[error(
        "{} has no services, so it describes no nodes\n\
         leave out --compose-file to use the file of rct, or start from docker-compose.yml in the source of rct",
        .0.display()
    )]
    NoServices(PathBuf),
    /// The engine has no such image and cannot fetch it.
    #[error(
        "there is no image {image}, and it cannot be fetched: {source}\n\
         name another image with --image; script/node-image SERVER-BINARY TAG builds one from a server of this machine"
    )]
    NoImage {
        /// The image.
        image: String,
        /// What the engine says.
        source: EngineError,
    },
    /// Something that a run created is still in the container engine.
    #[error(
        "rct could not remove everything from the container engine: {0}\n\
         `docker network ls` shows whether the engine answers; restart it if it does not"
    )]
    Leftovers(#[source] io::Error),
    /// The cluster could not be brought up.
    #[error("the cluster could not be brought up: {0}")]
    BringUp(#[from] BringUpError),
    /// A cluster given by address cannot be entered.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// Not every node of the cluster answers any more.
    #[error("the cluster was lost: not every node of {0} answers any more")]
    Lost(String),
    /// A check changed the cluster, and rct could not restore it.
    #[error("the cluster is not as it was before the last check: {0}")]
    Unsettled(Stop),
}

impl TargetError {
    /// Returns whether the command line asks for something impossible, rather than the cluster failing.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::ServerProgram { .. }
            | Self::NotAServer { .. }
            | Self::NotBehindProxy { .. }
            | Self::Image(_)
            | Self::ComposeFile { .. }
            | Self::ComposeFileRefused { .. }
            | Self::ImageUnused { .. }
            | Self::FaultHook { .. } => true,
            Self::Entry(error) => error.is_usage(),
            Self::NoServer { .. }
            | Self::NoTls { .. }
            | Self::NoFolder { .. }
            | Self::NoDocker
            | Self::Engine(_)
            | Self::NoCompose
            | Self::NoServices(_)
            | Self::NoImage { .. }
            | Self::Leftovers(_)
            | Self::BringUp(_)
            | Self::Lost(_)
            | Self::Unsettled(_) => false,
        }
    }

    /// The error that a cluster is lost, with the addresses of its nodes.
    #[must_use]
    pub fn lost(live: &LiveCluster) -> Self {
        let addresses: Vec<String> = live.topology().nodes.iter().map(|node| node.address.to_string()).collect();
        Self::Lost(addresses.join(", "))
    }
}

impl From<EngineError> for TargetError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoProgram(_) => Self::NoDocker,
            error => Self::Engine(error),
        }
    }
}

fn engine_hint(error: &EngineError) -> &'static str {
    if error.says("permission denied") {
        "add this user to the group of its socket (usermod -aG docker USER)"
    } else {
        "start the engine, or restart it (`docker network ls` shows whether it answers)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_of_the_user_is_usage_and_a_failure_is_not() {
        let source = || io::Error::from(io::ErrorKind::NotFound);
        let mistake = TargetError::ServerProgram { path: "x".into(), source: source() };
        assert!(mistake.is_usage());
        assert_eq!(std::error::Error::source(&mistake).map(ToString::to_string), Some(source().to_string()));
        assert!(!TargetError::Leftovers(source()).is_usage() && !TargetError::NoDocker.is_usage());
    }

    #[test]
    fn every_message_is_one_or_two_lines() {
        let refused =
            EngineError::NotRun { program: "docker".to_owned(), source: io::ErrorKind::PermissionDenied.into() };
        for error in [
            TargetError::NoDocker,
            TargetError::NoCompose,
            TargetError::Engine(refused),
            TargetError::NoServices("x.yml".into()),
            TargetError::NoServer { names: ["a", "b"] },
        ] {
            let text = error.to_string();
            assert!((1..=2).contains(&text.lines().count()) && !text.contains("  "), "{text}");
        }
    }
}
