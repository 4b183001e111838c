//! What a check is: its id, the rule that it tests, what it needs of a target, and its body.
//!
//! [`crate::code_check`] is how a check is written in Rust, and [`crate::data`] how it is written in TOML.

use std::fmt;
use std::path::PathBuf;

use futures_util::future::LocalBoxFuture;
use wire::Protocol;

use crate::cluster::Cluster;
use crate::data::{self, DataBody};
use crate::level::Level;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::release::Release;
use crate::server::ServerRange;
use crate::shape::Shape;
use crate::tls_ports::TlsPorts;

/// One behaviour that a client can see, and how to judge it.
#[derive(Debug, Clone)]
pub struct Check {
    /// The id `suite/name`. It is written by hand, and no other check ever gets the same one.
    pub id: String,
    /// The rule as one sentence in the present tense.
    pub title: String,
    /// How much depends on the rule.
    pub level: Level,
    /// Where the rule is written: a section of the cluster specification, or the page of a command or setting.
    pub spec: String,
    /// The statements of `statements.tsv` that the check covers.
    pub statements: Vec<String>,
    /// The smallest cluster on which the check can be judged.
    pub shape: Shape,
    /// What the check needs of its target besides its own keys.
    pub needs: Vec<Need>,
    /// The servers on which the rule holds; empty means all.
    pub servers: Vec<ServerRange>,
    /// The protocol of its connections; `None` is that of the run.
    pub protocol: Option<Protocol>,
    /// The release of rct that brought the check.
    pub since: Release,
    /// Where the check is written.
    pub source: Source,
    /// What the check does.
    pub body: Body,
}

impl Check {
    /// The part of the id before the slash.
    #[must_use]
    pub fn suite(&self) -> &str {
        self.id.split('/').next().unwrap_or(&self.id)
    }

    /// Whether other checks on the same cluster, or the owner of the cluster, could notice this check.
    #[must_use]
    pub fn disturbs(&self) -> bool {
        self.needs.iter().any(Need::disturbs)
    }

    /// The TLS ports that the nodes must have; `None` if it does not matter whether they speak TLS.
    #[must_use]
    pub fn tls_ports(&self) -> Option<TlsPorts> {
        self.needs.iter().find_map(Need::tls_ports)
    }

    /// Runs the body, and then makes sure that every node that answered with an error still works.
    ///
    /// # Errors
    /// What the body gives, or a mismatch if such a node no longer works.
    pub async fn perform(&self, cluster: &Cluster) -> Outcome {
        match &self.body {
            Body::Data(body) => data::run(body, cluster).await?,
            Body::Code(body) => body(cluster).await?,
        }
        cluster.prove_unpoisoned().await
    }
}

/// Where a check is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file; for a built-in check, relative to the root of the repository.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file.display(), self.line)
    }
}

/// What a check does.
#[derive(Debug, Clone)]
pub enum Body {
    /// A flat list of steps, from a suite file.
    Data(DataBody),
    /// A function.
    Code(CodeBody),
}

/// The function of a check that is written in Rust.
pub type CodeBody = for<'a> fn(&'a Cluster) -> LocalBoxFuture<'a, Outcome>;
