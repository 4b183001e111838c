//! Why the command line names no target.

use targets::SeedsError;
use wire::WireError;

/// Why the command line names no target.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum TargetSpecError {
    /// `--target` is neither the name of a target nor a list of addresses.
    #[error(
        "{0}; --target takes local, compose, containers, host:port[,host:port...], \
         redis://user:password@host:port or rediss://..."
    )]
    Seeds(#[from] SeedsError),
    /// An option that works only on a cluster given by address.
    #[error("{option} is for a cluster given by address; --target {target} starts and reaches its nodes by itself")]
    NeedsAddress {
        /// The option.
        option: &'static str,
        /// The name of the target.
        target: &'static str,
    },
    /// `--compose-file` with another target.
    #[error("--compose-file needs --target compose")]
    ComposeFile,
    /// `--image` with a target that has no images.
    #[error("--image needs --target compose or --target containers")]
    Image,
    /// `--server` with another target than `local`.
    #[error(
        "--server names a program that --target local starts; leave out --server or --target\n\
         containers run images: script/node-image builds an image of a program, and --image names it"
    )]
    Server,
    /// `--standalone` with another target than `local`.
    #[error(
        "--standalone starts a server with --target local; a server that runs already needs only its address in --target"
    )]
    Standalone,
    /// `--defect` with another target than `local`.
    #[error("--defect needs --target local, because rct puts a proxy before the servers that it starts")]
    DefectNeedsLocal,
    /// `--tls` with another target than `local`.
    #[error(
        "--tls needs --target local, where rct starts the servers; to reach a running cluster with TLS, \
         use --target rediss://HOST:PORT"
    )]
    TlsNeedsLocal,
    /// `--defect` with an unknown name.
    #[error("no defect is called {name:?}{hint}; `rct list --defects` shows all")]
    UnknownDefect {
        /// The name.
        name: String,
        /// What may have been meant, as a question in brackets, or nothing.
        hint: String,
    },
    /// `--map` with something else than a pair of addresses.
    #[error("--map takes ADDRESS=REACHABLE, such as 10.0.0.5:6379=127.0.0.1:7000, but got {0:?}")]
    Map(String),
    /// TLS options for a cluster without TLS.
    #[error("{option} needs --target rediss://HOST:PORT, which makes rct connect with TLS")]
    TlsOption {
        /// The option.
        option: &'static str,
    },
    /// The TLS files cannot be used.
    #[error(transparent)]
    Tls(#[from] WireError),
    /// `--target containers` in a build without it.
    #[cfg(not(feature = "containers"))]
    #[error(
        "this rct was built without --target containers\n\
         build it with `cargo build --release --features containers`, or use --target compose, which also takes any shape"
    )]
    NotBuilt,
}
