//! One connection of a check to one node, and the judgement of what goes wrong on it.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use wire::{Address, Command, ConnectOptions, Connection, Protocol, Reply, WireError, command};

use crate::expect::Expect;
use crate::live_cluster::LiveCluster;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::own_changes::NotedChanges;
use crate::refusal::{Unknown, refusal, unknown_command};

/// The nodes, by announced address, that answered an error to a check; each must still work afterwards.
pub(crate) type Provoked = Rc<RefCell<BTreeSet<Address>>>;

/// The commands of [`Session::expect_all`] that go out before the first reply is awaited.
const COMMANDS_AT_ONCE: usize = 1_000;

/// What a check sends while it waits for a push message.
const RECEIVING: &str = "(waiting for a message)";

/// A connection to a node. State such as READONLY, ASKING, MULTI and subscriptions lives on it, so a check opens a
/// session of its own for whatever must not see another's state.
pub struct Session {
    live: Rc<LiveCluster>,
    notes: Notes,
    announced: Address,
    connection: Connection,
    protocol: Protocol,
    /// Whether the connection is logged in as the user of the run, and not as one that the check made.
    is_ours: bool,
}

/// What the sessions of a check note for its end.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    pub(crate) provoked: Provoked,
    pub(crate) unknown: Unknown,
    pub(crate) changes: NotedChanges,
}

impl Session {
    pub(crate) fn new(
        live: Rc<LiveCluster>,
        notes: Notes,
        announced: Address,
        connection: Connection,
        options: &ConnectOptions,
    ) -> Self {
        let (own, access) = (&live.access, &options.access);
        let is_ours = access.username == own.username && access.password == own.password;
        Self { live, notes, announced, connection, protocol: options.protocol, is_ours }
    }

    /// The node's address, as it announces it.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.announced
    }

    /// Sends a command and gives its reply, errors of the server included.
    ///
    /// # Errors
    /// Where no reply came: a mismatch if the node is alive all the same, broken if it is lost. A skip, where our user
    /// may not run the command.
    pub async fn call(&mut self, command: impl Borrow<Command>) -> Outcome<Reply> {
        let command = command.borrow();
        match self.try_call(command).await {
            Ok(reply) => self.permit(command, &reply).map(|()| reply),
            Err(error) => Err(self.judge(error, &command.to_string()).await),
        }
    }

    /// Sends a command and gives its reply, or what happened instead; for nodes that may be down.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn try_call(&mut self, command: impl Borrow<Command>) -> Result<Reply, WireError> {
        let command = command.borrow();
        self.note(command);
        let reply = self.connection.call(command).await?;
        self.see(&reply);
        self.follow(command, &reply);
        Ok(reply)
    }

    /// Sends a command and holds its reply against an expectation.
    ///
    /// # Errors
    /// A mismatch that names command, node, expectation and reply.
    pub async fn expect(&mut self, command: impl Borrow<Command>, expect: Expect) -> Outcome<Reply> {
        let command = command.borrow();
        let reply = self.call(command).await?;
        self.require(command, &expect, &reply)?;
        Ok(reply)
    }

    /// Sends commands in one go and gives their replies in order.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn pipeline(&mut self, commands: &[Command]) -> Outcome<Vec<Reply>> {
        let replies = self.exchange(commands).await?;
        commands.iter().zip(&replies).try_for_each(|(command, reply)| self.permit(command, reply))?;
        Ok(replies)
    }

    /// As [`Session::pipeline`], but gives a refusal of our user as the reply that it is.
    ///
    /// # Errors
    /// Where no reply came, as [`Session::call`].
    pub(crate) async fn exchange(&mut self, commands: &[Command]) -> Outcome<Vec<Reply>> {
        commands.iter().for_each(|command| self.note(command));
        match self.connection.pipeline(commands).await {
            Ok(replies) => {
                for (command, reply) in commands.iter().zip(&replies) {
                    self.see(reply);
                    self.follow(command, reply);
                }
                Ok(replies)
            }
            Err(error) => {
                let first = commands.first().map(ToString::to_string).unwrap_or_default();
                Err(self.judge(error, &format!("{first} and {} more", commands.len().saturating_sub(1))).await)
            }
        }
    }

    /// Sends commands, many in one go, and holds the reply to each against its expectation.
    ///
    /// # Errors
    /// The first mismatch.
    pub async fn expect_all(&mut self, sent: &[(Command, Expect)]) -> Outcome<Vec<Reply>> {
        let mut replies = Vec::with_capacity(sent.len());
        for chunk in sent.chunks(COMMANDS_AT_ONCE) {
            let commands: Vec<Command> = chunk.iter().map(|(command, _)| command.clone()).collect();
            for ((command, expect), reply) in chunk.iter().zip(self.pipeline(&commands).await?) {
                self.require(command, expect, &reply)?;
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    /// Sends a command and does not wait for its reply.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn send(&mut self, command: impl Borrow<Command>) -> Outcome {
        let command = command.borrow();
        self.note(command);
        match self.connection.send(command).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.judge(error, &command.to_string()).await),
        }
    }

    /// Sends bytes as they are, such as an inline command or a malformed frame.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn send_raw(&mut self, bytes: &[u8]) -> Outcome {
        match self.connection.send_raw(bytes).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.judge(error, &bytes.escape_ascii().to_string()).await),
        }
    }

    /// Waits for the next reply or push message.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn receive(&mut self) -> Outcome<Reply> {
        match self.try_receive(self.live.limits.reply).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.judge(error, "(waiting)").await),
        }
    }

    /// Waits for the next reply or push message, or gives what happened instead; for waits that may well end empty.
    ///
    /// # Errors
    /// The connection's own.
    pub async fn try_receive(&mut self, limit: Duration) -> Result<Reply, WireError> {
        let reply = self.connection.receive_within(limit).await?;
        self.see(&reply);
        Ok(reply)
    }

    /// Waits for the next push message that no call has returned; `None` if none arrives within the limit.
    ///
    /// In RESP2, the messages of subscriptions count as pushes. Call it only while no reply is due.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn next_push(&mut self, limit: Duration) -> Outcome<Option<Reply>> {
        match self.connection.next_push(limit).await {
            Ok(push) => Ok(push),
            Err(error) => Err(self.judge(error, RECEIVING).await),
        }
    }

    /// Waits for the next push message and compares it with an expectation. In RESP3 it must be a push, and in RESP2 it
    /// must not.
    ///
    /// # Errors
    /// As [`Session::call`]; a mismatch, if no message arrives within the limit `reply`, or another one.
    pub async fn expect_push(&mut self, expect: Expect) -> Outcome<Reply> {
        let limit = self.live.limits.reply;
        let Some(push) = self.next_push(limit).await? else {
            return Err(self.other_push(expect.to_string(), format!("no message within {:.1} s", limit.as_secs_f64())));
        };
        self.require(RECEIVING, &expect, &push)?;
        match (self.protocol, push.push_kind()) {
            (Protocol::Resp3, None) => Err(self.other_push("a push of RESP3".to_owned(), push.to_string())),
            (Protocol::Resp2, Some(_)) => Err(self.other_push("an array of RESP2".to_owned(), push.to_string())),
            _ => Ok(push),
        }
    }

    /// Requires that no push message has arrived before the reply to a PING.
    ///
    /// # Errors
    /// As [`Session::call`]; a mismatch that shows the message.
    pub async fn expect_no_push(&mut self) -> Outcome {
        self.expect(command!["PING"], Expect::NoError).await?;
        match self.next_push(Duration::ZERO).await? {
            None => Ok(()),
            Some(push) => Err(self.other_push("no further message".to_owned(), push.to_string())),
        }
    }

    /// The mismatch of a message.
    fn other_push(&self, expected: String, received: String) -> Stop {
        Stop::Mismatch(Box::new(Mismatch {
            sent: Some(RECEIVING.to_owned()),
            to: Some(self.live.describe_node(&self.announced)),
            expected,
            received,
            ..Mismatch::default()
        }))
    }

    /// Requires that a reply is as expected.
    ///
    /// # Errors
    /// A mismatch that names command, node, expectation and reply.
    pub fn require(&self, sent: impl Display, expect: &Expect, reply: &Reply) -> Outcome {
        let own = self.live.as_named_by(&self.announced, expect);
        own.as_ref().unwrap_or(expect).require(reply, sent, || self.live.describe_node(&self.announced))
    }

    /// Turns a problem of a connection into a verdict: the server's fault only if it is alive and broke the protocol,
    /// closed the connection, or left a command without an answer.
    pub async fn judge(&self, error: WireError, sent: &str) -> Stop {
        self.live.judge(&self.announced, error, sent).await
    }

    /// Requires that our user may run a command, by the reply to it. Where the user is known to have all rights, a
    /// refusal is a reply like others.
    ///
    /// # Errors
    /// A skip that names the command.
    pub(crate) fn permit(&self, command: &Command, reply: &Reply) -> Outcome {
        let error = reply.error().filter(|_| self.is_ours && !self.live.has_all_rights());
        error.and_then(|error| refusal(command, &error)).map_or(Ok(()), Err)
    }

    fn note(&self, command: &Command) {
        self.notes.changes.borrow_mut().note(&self.announced, command);
    }

    fn see(&self, reply: &Reply) {
        if reply.error().is_some() {
            self.notes.provoked.borrow_mut().insert(self.announced.clone());
        }
    }

    /// Notes what a reply says about who we are and what the node has.
    fn follow(&mut self, command: &Command, reply: &Reply) {
        if let Some(error) = reply.error() {
            self.notes.unknown.borrow_mut().extend(unknown_command(command, &error));
            return;
        }
        let own = &self.live.access.username;
        match (command.name().as_str(), command.args()) {
            ("HELLO", [_, version]) => {
                self.protocol = if version == b"3" { Protocol::Resp3 } else { Protocol::Resp2 };
            }
            ("AUTH", [_, user, _]) => self.is_ours = own.as_deref().unwrap_or("default").as_bytes() == user.as_slice(),
            ("HELLO", args) if args.len() > 2 => self.is_ours = false,
            ("RESET", _) => self.is_ours = self.live.access.password.is_none(),
            _ => {}
        }
    }
}
