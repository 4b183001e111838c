//! How a check is written in Rust; [`crate::code`] has the checks themselves.

use std::panic::Location;

use wire::Protocol;

#[cfg(doc)]
use crate::check::Check;
use crate::check::CodeBody;
use crate::level::Level;
use crate::need::Need;
use crate::outcome::Stop;
use crate::shape::Shape;

/// A check that is written in Rust.
///
/// [`check`] starts one. Every part is a constant, so the checks of a file form one constant list:
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
    /// See [`Check::shape`]; the default is one primary.
    pub shape: Shape,
    /// See [`Check::needs`]; the needed commands are in [`CodeCheck::commands`].
    pub needs: &'static [Need],
    /// The commands that the server must have; see [`Need::Command`].
    pub commands: &'static [&'static str],
    /// The servers on which the rule holds, such as `redis >=7.0`; empty means all.
    pub servers: &'static [&'static str],
    /// See [`Check::protocol`].
    pub protocol: Option<Protocol>,
    /// The place in the source where the check starts.
    pub place: &'static Location<'static>,
    /// What the check does.
    pub body: CodeBody,
}

/// A [`CodeCheck`] that has no body yet; [`Draft::body`] completes it.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Draft(CodeCheck);

/// Starts a check with its id, such as `moved/three-fields`.
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
        protocol: None,
        place: Location::caller(),
        body: |_| Box::pin(async { Err(Stop::Broken("the check has no body".to_owned())) }),
    })
}

impl Draft {
    /// Sets the rule that the check tests; see [`Check::title`].
    pub const fn title(self, title: &'static str) -> Self {
        Self(CodeCheck { title, ..self.0 })
    }

    /// Sets the level to must and the source of the rule; see [`Check::spec`].
    pub const fn must(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::Must, spec, ..self.0 })
    }

    /// Sets the level to should and the source of the rule; see [`Check::spec`].
    pub const fn should(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::Should, spec, ..self.0 })
    }

    /// Sets the level to may and the source of the rule; see [`Check::spec`].
    pub const fn may(self, spec: &'static str) -> Self {
        Self(CodeCheck { level: Level::May, spec, ..self.0 })
    }

    /// Sets the statements that the check covers; see [`Check::statements`].
    pub const fn covers(self, statements: &'static [&'static str]) -> Self {
        Self(CodeCheck { statements, ..self.0 })
    }

    /// Sets the smallest cluster on which the check can run; the default is one primary.
    pub const fn shape(self, primaries: u16, replicas: u16) -> Self {
        Self(CodeCheck { shape: Shape::new(primaries, replicas), ..self.0 })
    }

    /// Sets what the check needs of its target; see [`Check::needs`].
    pub const fn needs(self, needs: &'static [Need]) -> Self {
        Self(CodeCheck { needs, ..self.0 })
    }

    /// Sets the commands that the server must have; rct skips the check on other servers.
    pub const fn commands(self, commands: &'static [&'static str]) -> Self {
        Self(CodeCheck { commands, ..self.0 })
    }

    /// Limits the check to the servers on which the rule holds, such as `redis >=7.0`.
    pub const fn servers(self, servers: &'static [&'static str]) -> Self {
        Self(CodeCheck { servers, ..self.0 })
    }

    /// Uses RESP2 in every run, because the check compares replies that RESP3 gives another form.
    pub const fn in_resp2(self) -> Self {
        Self(CodeCheck { protocol: Some(Protocol::Resp2), ..self.0 })
    }

    /// Completes the check with the function that runs it.
    pub const fn body(self, body: CodeBody) -> CodeCheck {
        CodeCheck { body, ..self.0 }
    }
}
