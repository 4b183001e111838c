//! Which cluster, and how it is reached: the same for every command that needs one.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use suites::Shape;

/// Where the cluster comes from.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// local, compose, containers, or addresses: host:port,host:port, redis://user:password@host:port, rediss://...
    #[arg(long, value_name = "TARGET", default_value = "local", env = "RCT_TARGET", hide_env_values = true)]
    pub target: String,
    /// Primaries + replicas of each
    #[arg(long, value_name = "SHAPE", default_value = "3+1")]
    pub shape: Shape,
    /// The server program to start [default: valkey-server or redis-server on PATH]
    #[arg(long, value_name = "PATH")]
    pub server: Option<PathBuf>,
    /// The image of the nodes of --target compose or containers [default: RCT_IMAGE, or what docker-compose.yml says]
    #[arg(long, value_name = "IMAGE", conflicts_with = "server")]
    pub image: Option<String>,
    /// The compose file of --target compose [default: six nodes, as docker-compose.yml of rct's source]
    #[arg(long, value_name = "FILE")]
    pub compose_file: Option<PathBuf>,
    /// Reach a node that announces ADDRESS at another one (may be repeated)
    #[arg(long, value_name = "ADDRESS=REACHABLE")]
    pub map: Vec<String>,
    /// The cluster-node-timeout of clusters that rct starts, in milliseconds
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=600_000))]
    pub node_timeout: Option<u32>,
    /// Put a proxy before the servers of --target local that tells this lie, to see what a failure looks like
    #[arg(long, value_name = "NAME")]
    pub defect: Option<String>,
    /// TLS settings.
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// How to speak TLS.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// Certificates to trust, in PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// Our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The key of our own certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// The name that the server's certificate must hold [default: the host]
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Take any certificate
    #[arg(long)]
    pub tls_insecure: bool,
}

impl TargetArguments {
    /// The node timeout that was asked for.
    pub fn node_timeout(&self) -> Option<Duration> {
        self.node_timeout.map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }
}
