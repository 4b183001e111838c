//! How a check is written in Rust.

use std::panic::Location;

#[cfg(doc)]
use crate::check::Check;
use crate::check::CodeBody;
use crate::level::Level;
use crate::need::Need;
use crate::outcome::Stop;
use crate::shape::Shape;

/// A check written in Rust. [`check`] starts one, and every part is a constant, so that a file's checks are one too:
///
/// ```
/// # use suites::code_check::{CodeCheck, check};
/// # use suites::Need;
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
    /// See [`Check::needs`]; commands stand in [`CodeCheck::commands`].
    pub needs: &'static [Need],
    /// The commands that the server must have; see [`Need::Command`].
    pub commands: &'static [&'static str],
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
        commands: &[],
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

    /// Names the commands that the server must have.
    pub const fn commands(self, commands: &'static [&'static str]) -> Self {
        Self(CodeCheck { commands, ..self.0 })
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
