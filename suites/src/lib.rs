//! The checks of rct, in TOML and in Rust, and everything that a check may do to a cluster.
//!
//! A check is written against [`Cluster`] and does not know where the cluster comes from. The targets implement
//! [`NodeControl`], and nothing in this crate depends on them. The harness decides which checks run, and judges and
//! reports their outcomes.

pub mod catalogue;
pub mod check;
pub mod cluster;
pub mod code;
pub mod code_check;
pub mod commands;
pub mod control;
pub mod data;
pub mod endpoints;
pub mod environment;
pub mod expect;
pub mod findings;
pub mod keys;
pub mod level;
pub mod limits;
pub mod lint;
pub mod live_cluster;
pub mod need;
pub mod outcome;
pub mod own_changes;
mod refusal;
pub mod release;
pub mod server;
pub mod session;
pub mod shape;
pub mod snapshot;
pub mod statements;
pub mod times;
pub mod tls_ports;
pub mod transcript;
pub mod until;
pub mod words;

pub use catalogue::{Catalogue, CatalogueError};
pub use check::{Body, Check, Source};
pub use cluster::{Cluster, ClusterSettings};
pub use code_check::CodeCheck;
pub use control::{ControlError, Crash, Fault, NodeControl, NodeState, Restart, Spare};
pub use endpoints::Endpoints;
pub use expect::Expect;
pub use findings::{Closing, Findings, FoundOpenSlot, LeftOut};
pub use keys::Keys;
pub use level::Level;
pub use limits::Limits;
pub use live_cluster::LiveCluster;
pub use need::Need;
pub use outcome::{Mismatch, Outcome, Stop};
pub use own_changes::OwnChanges;
pub use release::{Release, UnknownRelease};
pub use server::{Product, Server, ServerRange, Version};
pub use session::Session;
pub use shape::{Shape, ShapeError};
pub use snapshot::Snapshot;
pub use tls_ports::TlsPorts;
pub use transcript::Transcript;
