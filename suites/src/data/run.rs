//! Runs the steps of a check in TOML.

use std::fmt::Display;

use wire::{Command, Node, Reply};

use super::names::Names;
use super::steps::{DataBody, Expected, Step, What};
use super::template::Template;
use crate::cluster::Cluster;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// Runs the steps of a check in order, up to the first that does not hold.
///
/// # Errors
/// Why that step did not hold.
pub async fn run(body: &DataBody, cluster: &Cluster) -> Outcome {
    let names = Names::draw(cluster, &body.key)?;
    let runner = Runner { cluster, names: &names };
    for (index, step) in body.steps.iter().enumerate() {
        runner.step(step).await.map_err(|stop| locate(stop, index + 1, body.steps.len()))?;
    }
    Ok(())
}

fn locate(stop: Stop, step: usize, steps: usize) -> Stop {
    match stop {
        Stop::Mismatch(mut mismatch) => {
            mismatch.step = Some(format!("{step} of {steps}"));
            Stop::Mismatch(mismatch)
        }
        other => other,
    }
}

struct Runner<'a> {
    cluster: &'a Cluster,
    names: &'a Names<'a>,
}

impl Runner<'_> {
    async fn step(&self, step: &Step) -> Outcome {
        for node in self.names.nodes(step.to)? {
            match &step.what {
                What::Send { command, expect, within: None } => self.send(step, &node, command, expect).await?,
                What::Send { command, expect, within: Some(limit) } => {
                    let limit = self.cluster.limits().named(*limit);
                    let what = "the reply is as expected";
                    self.cluster.until(limit, what, async || self.send(step, &node, command, expect).await).await?;
                }
                What::Pipeline { commands, expect } => self.pipeline(step, &node, commands, expect).await?,
                What::Raw { bytes, expect } => self.raw(step, &node, bytes, expect).await?,
                What::Receive { expect } => self.receive(step, &node, expect).await?,
            }
        }
        Ok(())
    }

    async fn send(&self, step: &Step, node: &Node, command: &[String], expected: &Expected) -> Outcome {
        let command = self.command(command, node)?;
        let expect = self.fill(expected.for_server_of(self.cluster), node)?;
        let mut session = self.cluster.take_session(node, &step.on).await?;
        let reply = session.call(&command).await;
        self.cluster.keep_session(node, &step.on, session, reply.is_ok());
        self.require(node, &command, &expect, &reply?)
    }

    async fn pipeline(&self, step: &Step, node: &Node, commands: &[Vec<String>], expect: &[Expect]) -> Outcome {
        let commands = commands.iter().map(|command| self.command(command, node)).collect::<Outcome<Vec<_>>>()?;
        let mut session = self.cluster.take_session(node, &step.on).await?;
        let replies = session.pipeline(&commands).await;
        self.cluster.keep_session(node, &step.on, session, replies.is_ok());
        for ((command, expect), reply) in commands.iter().zip(expect).zip(&replies?) {
            self.require(node, command, &self.fill(expect, node)?, reply)?;
        }
        Ok(())
    }

    async fn raw(&self, step: &Step, node: &Node, bytes: &[u8], expect: &Expect) -> Outcome {
        let text = self.text(&String::from_utf8_lossy(bytes), node)?;
        let mut session = self.cluster.take_session(node, &step.on).await?;
        let reply = async {
            session.send_raw(text.as_bytes()).await?;
            session.receive().await
        };
        let reply = reply.await;
        self.cluster.keep_session(node, &step.on, session, reply.is_ok());
        self.require(node, text.escape_debug(), &self.fill(expect, node)?, &reply?)
    }

    async fn receive(&self, step: &Step, node: &Node, expect: &Expect) -> Outcome {
        let expect = self.fill(expect, node)?;
        let mut session = self.cluster.take_session(node, &step.on).await?;
        let received = session.expect_push(expect).await;
        self.cluster.keep_session(node, &step.on, session, received.is_ok());
        received.map(drop)
    }

    fn require(&self, node: &Node, sent: impl Display, expect: &Expect, reply: &Reply) -> Outcome {
        expect.require(reply, sent, || self.names.describe(node))
    }

    fn command(&self, arguments: &[String], node: &Node) -> Outcome<Command> {
        let filled = arguments.iter().map(|argument| self.text(argument, node)).collect::<Outcome<Vec<_>>>()?;
        Ok(Command::new(filled))
    }

    fn fill(&self, expect: &Expect, node: &Node) -> Outcome<Expect> {
        expect.filled(&mut |text| self.text(text, node))
    }

    fn text(&self, text: &str, node: &Node) -> Outcome<String> {
        Template::parse(text).map_err(Stop::broken)?.fill(|name| self.names.value(name, node))
    }
}

impl Expected {
    /// What the server under test should reply.
    fn for_server_of(&self, cluster: &Cluster) -> &Expect {
        let own = self.dialects.iter().find(|(ranges, _)| ranges.iter().any(|range| range.contains(cluster.server())));
        own.map_or(&self.usual, |(_, expect)| expect)
    }
}
