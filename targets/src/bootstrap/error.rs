//! Why a cluster could not be brought up.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use defects::ProxyError;
use wire::{Address, WireError};

use crate::docker::engine_error::EngineError;
use crate::local::ports::PortsError;

/// How long a server may take from its start until it answers.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What a server logs when it crashes because another node hung up while it introduced itself. It happens with TLS, on a
/// busy machine (redis/redis#14055, valkey-io/valkey#1535).
const HUNG_UP: &str = "nodeIp2String(node->ip";

/// Why a cluster could not be brought up.
#[derive(Debug, thiserror::Error)]
pub enum BringUpError {
    /// A server could not be started.
    #[error("cannot start a server: {0}")]
    Start(#[source] io::Error),
    /// A server ended.
    #[error("the server at {at} ended ({how}){}", log_of(log))]
    Ended {
        /// The server.
        at: Address,
        /// How it ended.
        how: String,
        /// The last lines of its log.
        log: Option<String>,
    },
    /// A server runs, but does not answer.
    #[error("the server at {at} did not answer within {} s: {last_error}{}", ANSWER_LIMIT.as_secs(), log_of(log))]
    NoAnswer {
        /// The server.
        at: Address,
        /// The error of the last attempt to connect.
        last_error: String,
        /// The last lines of its log.
        log: Option<String>,
    },
    /// A server answered a command of the forming with an error.
    #[error("the server at {at} refused {command}: {error}")]
    Refused {
        /// The server.
        at: Address,
        /// The command.
        command: String,
        /// The error reply.
        error: String,
    },
    /// A connection broke, or its answer makes no sense.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The nodes did not agree in time.
    #[error(
        "the nodes did not agree within {limit_s} s: {differences}\n\
         the machine may be too busy; run less at the same time"
    )]
    NotSettled {
        /// How long rct waited, in seconds.
        limit_s: u64,
        /// How the nodes' views differ from the plan.
        differences: String,
    },
    /// A replica took over from its primary, which happens when the primary is so slow that others take it for dead.
    #[error(
        "the nodes changed their roles while rct formed the cluster: {0}\n\
         the machine may be too busy; run less at the same time"
    )]
    RolesChanged(String),
    /// No server says what it is.
    #[error("no server of the cluster says what it is; rct reads its name and version from INFO server")]
    UnknownServer,
    /// Another process took a port after rct had chosen it.
    #[error("another process took a port that rct had chosen: {0}")]
    PortTaken(#[source] io::Error),
    /// There are not enough free ports.
    #[error(transparent)]
    Ports(#[from] PortsError),
    /// The proxy that applies a defect could not be started.
    #[error("cannot start the proxy in front of the servers: {0}")]
    Proxy(#[from] ProxyError),
    /// The certificates of servers with TLS could not be made.
    #[error("cannot make the certificates of the servers: {0}")]
    Certificates(#[source] io::Error),
    /// A command of the container engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Compose could not start the services.
    #[error("cannot start the services of {}: {source}{}", file.display(), advice(source))]
    Services {
        /// The compose file.
        file: PathBuf,
        /// What Compose says.
        source: EngineError,
    },
    /// The containers of a compose file have no network in common.
    #[error("the containers of {} share no network; put all nodes into one", .0.display())]
    NoSharedNetwork(PathBuf),
    /// No container publishes a port.
    #[error(
        "no running service publishes a port on this machine\n\
         publish the port of each node, as ports: [\"127.0.0.1::6379\"]"
    )]
    NoPublishedPort,
    /// A container could not be started.
    #[error("cannot start a container of the image {image}: {}", first_line(&**source))]
    Container {
        /// The image.
        image: String,
        /// The error of the container library.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A container ended before its server answered.
    #[error(
        "{container} ended at once with {how}: {last_line}\n\
         does its image start a server? docker run --rm IMAGE --version shows what it does"
    )]
    ContainerEnded {
        /// The container, with its image or its address.
        container: String,
        /// How it ended.
        how: String,
        /// The last line of its log.
        last_line: String,
    },
}

impl BringUpError {
    /// Whether another process took a port after rct chose it and before the server started.
    pub(crate) fn is_port_taken(&self) -> bool {
        match self {
            Self::PortTaken(_) => true,
            Self::Ended { log: Some(log), .. } => log.contains("in use"),
            _ => false,
        }
    }

    /// Whether a second try may succeed that gives the nodes more time.
    pub(crate) fn may_succeed_slowly(&self) -> bool {
        match self {
            Self::NotSettled { .. } | Self::RolesChanged(_) | Self::Refused { .. } => true,
            Self::Ended { log: Some(log), .. } => log.contains(HUNG_UP),
            _ => false,
        }
    }
}

impl From<io::Error> for BringUpError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken(error),
            _ => Self::Start(error),
        }
    }
}

fn log_of(log: &Option<String>) -> String {
    log.as_ref().map_or_else(String::new, |log| format!("; the last lines of its log:\n{log}"))
}

fn first_line(error: &dyn Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// What to do about an error of Compose, as a second line.
fn advice(error: &EngineError) -> &'static str {
    if error.says("already allocated") || error.says("address already in use") {
        "\na published port is taken: let the engine choose it, as ports: [\"127.0.0.1::6379\"]"
    } else if error.says("manifest unknown") || error.says("pull access denied") || error.says("no such image") {
        "\nname another image; script/node-image SERVER-BINARY TAG builds one from a server of this machine"
    } else {
        ""
    }
}
