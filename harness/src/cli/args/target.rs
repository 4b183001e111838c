//! Which cluster, and how it is reached: the same for every command that needs one.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use suites::{Product, Server, Shape, TlsPorts};

/// The headings of `--help` that several commands share.
pub(super) const CLUSTER: &str = "Cluster";
const STARTED: &str = "Clusters that rct starts";
pub(super) const BY_ADDRESS: &str = "Clusters given by address";

/// Where the cluster comes from.
#[derive(Debug, Args)]
pub struct TargetArguments {
    /// Where the cluster comes from: local, compose, containers or addresses.
    ///
    /// local starts server processes on this machine. compose starts the nodes of a Compose file. containers starts
    /// containers without Compose. Anything else is the address of a running cluster: HOST:PORT[,HOST:PORT...],
    /// redis://USER:PASSWORD@HOST:PORT, or rediss://... for TLS. One address suffices, since rct asks that node for the
    /// others. RCT_USERNAME and RCT_PASSWORD give the credentials that the address leaves out.
    #[arg(long, value_name = "TARGET", default_value = "local", env = "RCT_TARGET", hide_env_values = true,
        help_heading = CLUSTER)]
    pub target: String,
    /// The number of primaries, and of replicas of each primary.
    ///
    /// In `rct conform` this is the cluster that the checks share; rct skips the checks that need a larger one. A check
    /// that disturbs nodes gets a cluster of its own, in the shape that it needs. A cluster given by address keeps its
    /// own shape.
    #[arg(long, value_name = "SHAPE", default_value = "3+1", help_heading = STARTED)]
    pub shape: Shape,
    /// The server program of --target local [default: valkey-server or redis-server on PATH].
    ///
    /// Without this option rct takes the first of the two names that it finds on PATH.
    #[arg(long, value_name = "PATH", help_heading = STARTED)]
    pub server: Option<PathBuf>,
    /// The image of --target compose or containers [default: $RCT_IMAGE, or redis:8.2.2].
    ///
    /// A Compose file of your own uses the image if it refers to the variable RCT_IMAGE.
    #[arg(long, value_name = "IMAGE", conflicts_with = "server", help_heading = STARTED)]
    pub image: Option<String>,
    /// The file of --target compose [default: the built-in docker-compose.yml of six nodes].
    ///
    /// Each service that publishes a port is a node. docs/targets.md says what the file has to contain.
    #[arg(long, value_name = "FILE", help_heading = STARTED)]
    pub compose_file: Option<PathBuf>,
    /// The cluster-node-timeout in ms [default: 5000; for checks that disturb nodes 1000 (local) or 2500 (containers)].
    ///
    /// The default is 5000 for a cluster on which no check disturbs a node, for `rct load` and for `rct up`. A check that
    /// disturbs nodes gets a cluster with 1000 under --target local, and with 2500 under --target compose or containers.
    /// A cluster given by address keeps its own setting, and rct derives all its limits from that.
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(100..=600_000), help_heading = STARTED)]
    pub node_timeout: Option<u32>,
    /// Put a proxy in front of the servers of --target local that makes this mistake [default: no proxy].
    ///
    /// Use it to see what a failure looks like. `rct list --defects` shows the names; `none` starts a proxy that changes
    /// nothing.
    #[arg(long, value_name = "NAME", help_heading = STARTED)]
    pub defect: Option<String>,
    /// Start servers of --target local that speak TLS, with this choice of ports [default: no TLS].
    ///
    /// `both` gives each node a port for TLS and one without; `only` gives it the port for TLS alone. The nodes also speak
    /// TLS with each other, and require a certificate of every client. rct makes the certificates for the run, and
    /// connects with TLS itself. `rct up` prints what other clients need.
    #[arg(long = "tls", value_name = "PORTS", value_enum, help_heading = STARTED)]
    pub tls_ports: Option<TlsPortsName>,
    /// Connect to REACHABLE where a node announces ADDRESS (repeatable) [default: connect to ADDRESS].
    ///
    /// Both are HOST:PORT. Use it where the cluster announces addresses that this machine cannot reach.
    #[arg(long, value_name = "ADDRESS=REACHABLE", help_heading = BY_ADDRESS)]
    pub map: Vec<String>,
    /// Judge the servers as this product and version, such as redis:7.2 [default: as they say].
    ///
    /// Use it where a server does not say what it is, or repeats the name of another product.
    #[arg(long, value_name = "NAME:VERSION", value_parser = product, help_heading = BY_ADDRESS)]
    pub product: Option<Server>,
    /// TLS settings.
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// The ports of servers that speak TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsPortsName {
    /// A port for TLS, and one without.
    Both,
    /// A port for TLS alone.
    Only,
}

impl From<TlsPortsName> for TlsPorts {
    fn from(name: TlsPortsName) -> Self {
        match name {
            TlsPortsName::Both => Self::Both,
            TlsPortsName::Only => Self::Only,
        }
    }
}

/// One server instead of a cluster, for the commands that take one.
#[derive(Debug, Args)]
pub struct StandaloneArgument {
    /// Start one server without cluster support instead of a cluster, with --target local.
    ///
    /// Use it to see what a cluster costs. A server that runs already needs only its address in --target.
    #[arg(long, conflicts_with_all = ["shape", "node_timeout", "defect"], help_heading = STARTED)]
    pub standalone: bool,
}

/// How to speak TLS.
#[derive(Debug, Args)]
pub struct TlsArguments {
    /// Trust these certificates, in PEM [default: those that the system trusts].
    #[arg(long, value_name = "FILE", help_heading = BY_ADDRESS)]
    pub tls_ca: Option<PathBuf>,
    /// Present this client certificate, in PEM [default: none].
    #[arg(long, value_name = "FILE", requires = "tls_key", help_heading = BY_ADDRESS)]
    pub tls_cert: Option<PathBuf>,
    /// The private key of the client certificate, in PEM [default: none].
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = BY_ADDRESS)]
    pub tls_key: Option<PathBuf>,
    /// The name that the server's certificate must contain [default: the host].
    #[arg(long, value_name = "NAME", help_heading = BY_ADDRESS)]
    pub tls_server_name: Option<String>,
    /// Accept any certificate without verifying it.
    #[arg(long, help_heading = BY_ADDRESS)]
    pub tls_insecure: bool,
}

impl TargetArguments {
    /// The node timeout that was asked for.
    pub fn node_timeout(&self) -> Option<Duration> {
        self.node_timeout.map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }
}

/// Reads `NAME:VERSION`.
fn product(text: &str) -> Result<Server, String> {
    let named = text.split_once(':').and_then(|(name, version)| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let is_version = version.starts_with(|c: char| c.is_ascii_digit());
        let version = version.parse().ok().filter(|_| is_version)?;
        (!name.is_empty() && name.chars().all(is_name)).then(|| Server { product: Product::named(name), version })
    });
    named.ok_or_else(|| "expected NAME:VERSION, such as redis:7.2 or valkey:9.1".to_owned())
}

impl TargetArguments {
    /// Returns the arguments for a running cluster whose address is all that is typed.
    pub fn of_address(address: &str) -> Self {
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            target: TargetArguments,
        }
        Only::parse_from(["rct", "--target", address]).target
    }
}
