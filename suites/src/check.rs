//! What a check is: its name, what it claims, what it asks of a target, and its body.

use std::fmt;
use std::panic::Location;
use std::path::PathBuf;
use std::str::FromStr;

use futures_util::future::LocalBoxFuture;
use serde::{Deserialize, Serialize};

use crate::cluster::Cluster;
use crate::data::{self, DataBody};
use crate::outcome::{Outcome, Stop};
use crate::server::ServerRange;

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

/// How much hangs on a rule; `Must` is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An optional feature.
    May,
    /// Documented or uniform, but a client can live without it.
    Should,
    /// A client or an operator breaks without it.
    #[default]
    Must,
}

impl Level {
    /// Its name, as it is written everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::May => "may",
            Self::Should => "should",
            Self::Must => "must",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The size of a cluster: primaries, and replicas of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// Primaries that own slots, 1 or more.
    pub primaries: u16,
    /// Replicas of each primary.
    #[serde(default)]
    pub replicas: u16,
}

impl Shape {
    /// The largest number of primaries, and of replicas of each, that rct brings up.
    pub const LARGEST: Shape = Shape { primaries: 100, replicas: 5 };

    /// A shape of so many primaries with so many replicas each.
    #[must_use]
    pub const fn new(primaries: u16, replicas: u16) -> Self {
        Self { primaries, replicas }
    }

    /// Whether a check that asks for `wanted` can be judged on a cluster of this shape.
    #[must_use]
    pub const fn holds(self, wanted: Shape) -> bool {
        self.primaries >= wanted.primaries && self.replicas >= wanted.replicas
    }

    /// The number of nodes.
    #[must_use]
    pub const fn nodes(self) -> u16 {
        self.primaries * (1 + self.replicas)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{}+{}", self.primaries, self.replicas))
    }
}

/// A text that is not a shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {0:?} as a shape: expected PRIMARIES+REPLICAS, such as 3+1, up to {max}", max = Shape::LARGEST)]
pub struct ShapeError(String);

impl FromStr for Shape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        text.split_once('+')
            .and_then(|(primaries, replicas)| Some(Shape::new(primaries.parse().ok()?, replicas.parse().ok()?)))
            .filter(|shape| shape.primaries >= 1 && Shape::LARGEST.holds(*shape))
            .ok_or_else(|| ShapeError(text.to_owned()))
    }
}

/// What a check asks of its target beyond keys of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Need {
    /// Ends a node's process without warning.
    KillNode,
    /// Stops a node's process and lets it go on later.
    PauseNode,
    /// Stops a node and starts it again.
    RestartNode,
    /// Cuts a node off from the others.
    IsolateNode,
    /// Starts a node that belongs to no cluster yet.
    FreshNode,
    /// Starts a server without cluster support.
    StandaloneNode,
    /// Moves, adds or deletes slots.
    MoveSlot,
    /// Leaves a shard without slots for good; its nodes join another, and only a reset would free them.
    EmptyShard,
    /// Makes primaries replicas or replicas primaries.
    ChangeRoles,
    /// Changes settings or users of a node.
    SetConfig,
    /// Might leave a node that has the defect looked for broken until its restart.
    RiskNode,
    /// Calls a command that not all servers have, such as `command:SPUBLISH`.
    Command(&'static str),
}

impl Need {
    /// Every need but commands, by its name.
    pub const NAMED: [(&'static str, Need); 11] = [
        ("kill-node", Need::KillNode),
        ("pause-node", Need::PauseNode),
        ("restart-node", Need::RestartNode),
        ("isolate-node", Need::IsolateNode),
        ("fresh-node", Need::FreshNode),
        ("standalone-node", Need::StandaloneNode),
        ("move-slot", Need::MoveSlot),
        ("empty-shard", Need::EmptyShard),
        ("change-roles", Need::ChangeRoles),
        ("set-config", Need::SetConfig),
        ("risk-node", Need::RiskNode),
    ];

    /// Whether other checks on the same cluster, or its owner, could notice.
    #[must_use]
    pub const fn disturbs(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode)
    }

    /// Whether the cluster must be thrown away, or repaired with care, afterwards.
    #[must_use]
    pub const fn breaks(&self) -> bool {
        !matches!(self, Need::Command(_) | Need::StandaloneNode | Need::SetConfig)
    }
}

impl fmt::Display for Need {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Need::Command(name) => write!(formatter, "command:{name}"),
            named => {
                let name = Need::NAMED.iter().find(|(_, need)| need == named).map_or("", |(name, _)| name);
                formatter.pad(name)
            }
        }
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

/// A check written in Rust. [`check`] starts one, and every part is a constant, so that a file's checks are one too:
///
/// ```
/// # use suites::check::{CodeCheck, Need, check};
/// const CHECK: CodeCheck = check("durability/confirmed-write-survives")
///     .title("A write that WAIT confirmed is readable after its primary is killed")
///     .must("write-safety")
///     .covers(&["durability.confirmed-write"])
///     .shape(3, 1)
///     .needs(&[Need::KillNode])
///     .body(|cluster| Box::pin(async move { cluster.refresh().await.map(drop) }));
/// assert_eq!(CHECK.id, "durability/confirmed-write-survives");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CodeCheck {
    /// See [`Check::id`].
    pub id: &'static str,
    /// See [`Check::title`].
    pub title: &'static str,
    /// See [`Check::level`].
    pub level: Level,
    /// See [`Check::spec`].
    pub spec: &'static str,
    /// See [`Check::statements`].
    pub statements: &'static [&'static str],
    /// See [`Check::shape`]; one primary unless said.
    pub shape: Shape,
    /// See [`Check::needs`].
    pub needs: &'static [Need],
    /// Server ranges such as `redis >=7.0`; empty means all.
    pub servers: &'static [&'static str],
    /// The file and line where the check starts.
    pub place: &'static Location<'static>,
    /// What the check does.
    pub body: CodeBody,
}

/// A [`CodeCheck`] that has no body yet; [`Draft::body`] completes it.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Draft(CodeCheck);

/// Starts a check that is written in Rust, under its id.
#[track_caller]
pub const fn check(id: &'static str) -> Draft {
    Draft(CodeCheck {
        id,
        title: "",
        level: Level::Must,
        spec: "",
        statements: &[],
        shape: Shape::new(1, 0),
        needs: &[],
        servers: &[],
        place: Location::caller(),
        body: |_| Box::pin(async { Err(Stop::Broken("the check has no body".to_owned())) }),
    })
}

impl Draft {
    /// Says the rule; see [`Check::title`].
    pub const fn title(self, title: &'static str) -> Self {
        Self(CodeCheck { title, ..self.0 })
    }

    /// Makes the rule a must; `spec` says where it is written, as [`Check::spec`].
    pub const fn must(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::Must, spec, ..self.0 })
    }

    /// Makes the rule a should; `spec` says where it is written, as [`Check::spec`].
    pub const fn should(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::Should, spec, ..self.0 })
    }

    /// Makes the rule a may; `spec` says where it is written, as [`Check::spec`].
    pub const fn may(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::May, spec, ..self.0 })
    }

    /// Names the statements that the check covers.
    pub const fn covers(self, statements: &'static [&'static str]) -> Self {
        Self(CodeCheck { statements, ..self.0 })
    }

    /// Asks for a cluster of at least this size; without it, one primary is enough.
    pub const fn shape(self, primaries: u16, replicas: u16) -> Self {
        Self(CodeCheck { shape: Shape::new(primaries, replicas), ..self.0 })
    }

    /// Names what the check asks of its target.
    pub const fn needs(self, needs: &'static [Need]) -> Self {
        Self(CodeCheck { needs, ..self.0 })
    }

    /// Limits the check to servers for which the rule holds, such as `redis >=7.0`.
    pub const fn servers(self, servers: &'static [&'static str]) -> Self {
        Self(CodeCheck { servers, ..self.0 })
    }

    /// Completes the check with the function that performs it.
    pub const fn body(self, body: CodeBody) -> CodeCheck {
        CodeCheck { body, ..self.0 }
    }
}
