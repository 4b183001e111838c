//! Conversations with the nodes of a slot that is moving, as tables: whom a check asks what, and the answer that it
//! expects.

use wire::{Command, Node, Protocol};

use super::route::Route;
use super::stage::{Motion, Stage};
use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// A node, by its part in the migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::code) enum At {
    /// The primary that the slot leaves.
    Source,
    /// The primary that gets the slot.
    Target,
    /// A primary at neither end.
    Third,
    /// A replica of the source.
    ReplicaOfSource,
    /// A replica of the target.
    ReplicaOfTarget,
}

/// An expected answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::code) enum Answer {
    Okay,
    Queued,
    Null,
    Integer(i64),
    Text(&'static str),
    Items(&'static [Answer]),
    /// Any answer that is no error.
    NoError,
    /// An error with these first words.
    Error(&'static str),
    /// ASK with the slot and the target.
    Ask,
    TryAgain,
    /// MOVED with the slot and the source.
    MovedToSource,
    /// MOVED with the slot and the target.
    MovedToTarget,
    /// The first answer on the named servers, and the second one on all others.
    On(&'static str, &'static Answer, &'static Answer),
    /// Any of these answers.
    AnyOf(&'static [Answer]),
}

/// The answer to several keys of which the source has some.
pub(in crate::code) const SOME_PRESENT: Answer = Answer::On("redis <7.0", &Answer::Ask, &Answer::TryAgain);

/// What a check sends over one new connection, and the answers.
///
/// A command may contain names in braces: `{here}` and `{here2}` are strings at the source, `{list}` is a list there,
/// `{gone}` and `{gone2}` have moved to the target, and `{none}` and `{none2}` do not exist. `{elsewhere}` is in another
/// slot of the source. `{host}` and `{port}` are those of the target, and `{auth}` is how
/// MIGRATE logs in there.
#[derive(Debug, Clone, Copy)]
pub(in crate::code) struct Talk {
    at: At,
    protocol: Protocol,
    is_pipelined: bool,
    lines: &'static [(&'static str, Answer)],
}

/// A conversation in RESP2 that waits for each answer.
pub(in crate::code) const fn talk(at: At, lines: &'static [(&'static str, Answer)]) -> Talk {
    Talk { at, protocol: Protocol::Resp2, is_pipelined: false, lines }
}

impl Talk {
    /// The same in RESP3.
    pub(in crate::code) const fn resp3(self) -> Self {
        Self { protocol: Protocol::Resp3, ..self }
    }

    /// The same, with all commands sent at once.
    pub(in crate::code) const fn pipelined(self) -> Self {
        Self { is_pipelined: true, ..self }
    }
}

/// Brings a slot to a stage, holds the conversations, and brings it back.
///
/// # Errors
/// The first answer that is not as expected.
pub(in crate::code) async fn holds(cluster: &Cluster, stage: Stage, talks: &[Talk]) -> Outcome {
    let motion = Motion::begin(cluster, stage).await?;
    motion.hold(talks).await?;
    motion.end().await
}

impl Motion<'_> {
    /// Holds conversations at the present stage, one after the other.
    ///
    /// Lines are left out whose command the server does not have.
    pub(in crate::code) async fn hold(&self, talks: &[Talk]) -> Outcome {
        for talk in talks {
            let node = self.node(talk.at)?;
            let mut sent: Vec<(Command, Expect)> = Vec::new();
            for (line, answer) in talk.lines {
                let command = self.command(line)?;
                if self.cluster.may_have(&command.name()).await? {
                    sent.push((command, self.expect(*answer)));
                }
            }
            let mut session = self.cluster.session_in(&node, talk.protocol).await?;
            if talk.is_pipelined {
                session.expect_all(&sent).await?;
                continue;
            }
            for (command, expect) in sent {
                session.expect(command, expect).await?;
            }
        }
        Ok(())
    }

    /// The node with this part in the migration.
    pub(in crate::code) fn node(&self, at: At) -> Outcome<Node> {
        match at {
            At::Source => Ok(self.route.source.clone()),
            At::Target => Ok(self.route.target.clone()),
            At::Third => self.route.third(self.cluster),
            At::ReplicaOfSource => self.cluster.replica_of(&self.route.source),
            At::ReplicaOfTarget => self.cluster.replica_of(&self.route.target),
        }
    }

    fn command(&self, line: &str) -> Outcome<Command> {
        let mut filled = line.to_owned();
        for name in ["here", "here2", "list", "gone", "gone2", "none", "none2", "copy", "other"] {
            let place = format!("{{{name}}}");
            if filled.contains(&place) {
                filled = filled.replace(&place, &self.key(name));
            }
        }
        if filled.contains("{elsewhere}") {
            filled = filled.replace("{elsewhere}", &self.elsewhere()?);
        }
        let Route { target, .. } = &self.route;
        let access = self.cluster.migrate_access().join(" ");
        filled = filled.replace("{host}", &target.address.host).replace("{port}", &target.address.port.to_string());
        filled = filled.replace("{auth}", &access).replace("{slot}", &self.route.slot.to_string());
        Command::parse(filled).map_err(|error| Stop::broken(error.to_string()))
    }

    /// A key in another slot of the source.
    fn elsewhere(&self) -> Outcome<String> {
        let mut slots = self.cluster.slots_of(&self.route.source).into_iter();
        let other = slots.rfind(|slot| *slot != self.route.slot);
        let other = other.ok_or_else(|| Stop::skip("the check needs a primary with two slots"))?;
        Ok(self.cluster.keys().named(other, "elsewhere"))
    }

    /// The expectation of an answer.
    pub(in crate::code) fn expect(&self, answer: Answer) -> Expect {
        let Route { slot, source, target } = &self.route;
        match answer {
            Answer::Okay => Expect::Ok,
            Answer::Queued => Expect::Queued,
            Answer::Null => Expect::Null,
            Answer::Integer(number) => Expect::Integer(number),
            Answer::Text(text) => Expect::text(text),
            Answer::Items(items) => Expect::Items(items.iter().map(|item| self.expect(*item)).collect()),
            Answer::NoError => Expect::NoError,
            Answer::Error(words) => Expect::error(words),
            Answer::Ask => Expect::error(format!("ASK {slot} {}", target.endpoint)),
            Answer::TryAgain => Expect::error("TRYAGAIN"),
            Answer::MovedToSource => Expect::moved(*slot, source),
            Answer::MovedToTarget => Expect::moved(*slot, target),
            Answer::On(servers, there, elsewhere) => {
                self.expect(if self.cluster.server().is(servers) { *there } else { *elsewhere })
            }
            Answer::AnyOf(answers) => Expect::AnyOf(answers.iter().map(|answer| self.expect(*answer)).collect()),
        }
    }
}
