//! What a check is: its name, what it claims, what it asks of a target, and its body.

use std::fmt;
use std::path::PathBuf;

use futures_util::future::LocalBoxFuture;

use crate::cluster::Cluster;
use crate::data::{self, DataBody};
use crate::level::Level;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::server::ServerRange;
use crate::shape::Shape;

/// One behaviour that a client can see, and how to judge it.
#[derive(Debug, Clone)]
pub struct Check {
    /// `suite/name`: written, never counted, never reused.
    pub id: String,
    /// The rule as one sentence in the present tense.
    pub title: String,
    /// How much hangs on the rule.
    pub level: Level,
    /// Where the rule is written: a section of the cluster specification or a command page.
    pub spec: String,
    /// The statements that the check covers.
    pub statements: Vec<String>,
    /// The smallest cluster on which the check can be judged.
    pub shape: Shape,
    /// What the check asks of its target beyond keys of its own.
    pub needs: Vec<Need>,
    /// The servers on which the rule holds; empty means all.
    pub servers: Vec<ServerRange>,
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

    /// Whether other checks on the same cluster, or its owner, could notice that the check runs.
    #[must_use]
    pub fn disturbs(&self) -> bool {
        self.needs.iter().any(Need::disturbs)
    }

    /// Runs the body, and then proves that every node which answered an error still works (the poison rule).
    ///
    /// # Errors
    /// As the body, or a mismatch where a node does not work any more.
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
    /// The file, relative to the repository for built-in checks.
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
