//! Connections of a check to the nodes, and commands on them.

use std::borrow::Borrow;
use std::rc::Rc;

use wire::{Command, ConnectOptions, Connection, Node, Protocol, Reply, Tap, WireError, command};

use super::Cluster;
use crate::commands::CommandTable;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

impl Cluster {
    /// Sends a command to a node on the check's own connection, and returns the reply.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn call(&self, node: &Node, command: impl Borrow<Command>) -> Outcome<Reply> {
        let mut session = self.take_session(node, "").await?;
        let reply = session.call(command).await;
        self.keep_session(node, "", session, reply.is_ok());
        reply
    }

    /// Sends a command to a node and compares the reply with an expectation.
    ///
    /// # Errors
    /// As [`Session::expect`].
    pub async fn expect(&self, node: &Node, command: impl Borrow<Command>, expect: Expect) -> Outcome<Reply> {
        let command = command.borrow();
        let mut session = self.take_session(node, "").await?;
        let reply = session.call(command).await;
        let held = reply.and_then(|reply| session.require(command, &expect, &reply).map(|()| reply));
        self.keep_session(node, "", session, !matches!(held, Err(Stop::Broken(_))));
        held
    }

    /// Sends several commands to a node at once, and returns the replies.
    ///
    /// # Errors
    /// As [`Session::pipeline`].
    pub async fn pipeline(&self, node: &Node, commands: &[Command]) -> Outcome<Vec<Reply>> {
        let mut session = self.take_session(node, "").await?;
        let replies = session.pipeline(commands).await;
        self.keep_session(node, "", session, replies.is_ok());
        replies
    }

    /// Sends several commands to a node at once, and compares each reply with its expectation.
    ///
    /// # Errors
    /// As [`Session::expect_all`].
    pub async fn expect_all(&self, node: &Node, sent: &[(Command, Expect)]) -> Outcome<Vec<Reply>> {
        let mut session = self.take_session(node, "").await?;
        let held = session.expect_all(sent).await;
        self.keep_session(node, "", session, held.is_ok());
        held
    }

    /// Opens a new connection to a node in the protocol of the run.
    ///
    /// # Errors
    /// A mismatch, if the node refuses the connection but still answers PING; broken, if the node is lost.
    pub async fn session(&self, node: &Node) -> Outcome<Session> {
        self.session_in(node, self.protocol.get()).await
    }

    /// Opens a new connection to a node in the given protocol.
    ///
    /// # Errors
    /// As [`Cluster::session`].
    pub async fn session_in(&self, node: &Node, protocol: Protocol) -> Outcome<Session> {
        match self.try_session(node, protocol).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.live.judge(&node.address, error, "(opening a connection)").await),
        }
    }

    /// Opens a new connection to a node and puts it into READONLY mode.
    ///
    /// # Errors
    /// As [`Cluster::session`]; a mismatch, if READONLY is not answered with OK.
    pub async fn readonly_session(&self, node: &Node) -> Outcome<Session> {
        let mut session = self.session(node).await?;
        session.expect(command!["READONLY"], Expect::Ok).await?;
        Ok(session)
    }

    /// Opens a new connection to a node that may be down.
    ///
    /// # Errors
    /// Why the connection could not be opened.
    pub async fn try_session(&self, node: &Node, protocol: Protocol) -> Result<Session, WireError> {
        let options = ConnectOptions { protocol, tap: Some(self.tap()), ..self.live.options(&node.address) };
        self.open(node, &options).await
    }

    /// Opens a new connection without TLS to a node whose other port is for TLS.
    ///
    /// # Errors
    /// A skip, if the node has no such port; otherwise as [`Cluster::session`].
    pub async fn plain_session(&self, node: &Node) -> Outcome<Session> {
        let port = self.live.control.plain_port(&node.address);
        let port = port.ok_or_else(|| Stop::skip(format!("{} has no port without TLS", node.address)))?;
        let mut options = ConnectOptions { protocol: self.protocol.get(), ..self.options(node) };
        options.access.tls = None;
        options.address.port = port;
        match self.open(node, &options).await {
            Ok(session) => Ok(session),
            Err(error) => Err(self.live.judge(&node.address, error, "(opening a connection without TLS)").await),
        }
    }

    /// Opens a new connection with special settings, such as another user.
    ///
    /// # Errors
    /// Why the connection could not be opened.
    pub async fn open(&self, node: &Node, options: &ConnectOptions) -> Result<Session, WireError> {
        let connection = Connection::open(options).await?;
        let (live, notes) = (Rc::clone(&self.live), self.notes.clone());
        Ok(Session::new(live, notes, node.address.clone(), connection, options))
    }

    /// The settings of this check's connections to a node.
    #[must_use]
    pub fn options(&self, node: &Node) -> ConnectOptions {
        ConnectOptions { tap: Some(self.tap()), ..self.live.options(&node.address) }
    }

    /// The session to a node with this name, which is opened at first use; [`Cluster::keep_session`] puts it back.
    pub(crate) async fn take_session(&self, node: &Node, name: &str) -> Outcome<Session> {
        let kept = self.sessions.borrow_mut().remove(&(node.id, name.to_owned()));
        match kept {
            Some(session) => Ok(session),
            None => self.session(node).await,
        }
    }

    /// Keeps a session for later steps, unless it is no longer usable.
    pub(crate) fn keep_session(&self, node: &Node, name: &str, session: Session, usable: bool) {
        if usable {
            self.sessions.borrow_mut().insert((node.id, name.to_owned()), session);
        }
    }

    fn tap(&self) -> Rc<dyn Tap> {
        Rc::clone(&self.transcript) as Rc<dyn Tap>
    }

    /// The server's table of commands, which is read once for each cluster.
    ///
    /// # Errors
    /// As [`Cluster::call`]; a mismatch, if the table cannot be read.
    pub async fn commands(&self) -> Outcome<Rc<CommandTable>> {
        self.live.commands().await
    }
}
