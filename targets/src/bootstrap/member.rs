//! One node while its cluster is formed: its process, and a connection to it.

use std::time::{Duration, Instant};

use suites::Server;
use wire::{Access, Address, Command, ConnectOptions, Connection, Reply, WireError, command, parse_info};

use crate::bootstrap::error::{ANSWER_LIMIT, BringUpError};

const ANSWER_POLL: Duration = Duration::from_millis(3);
/// How long one connection, and one reply, may take while a cluster is formed on a busy machine.
const REPLY_LIMIT: Duration = Duration::from_secs(15);
const COMMAND_CHARACTERS_SHOWN: usize = 60;

/// What rct knows about a server without asking it: whether it runs, and what it has logged.
pub(crate) trait Life {
    /// How it ended, if it has.
    fn end(&self) -> Option<String>;

    /// The last lines of its log, indented.
    fn log_tail(&self) -> Option<String>;

    /// Ends it, some time soon.
    fn kill_without_waiting(&self);
}

/// Who a server is, where, and how it is spoken to.
pub(crate) struct Member<'a> {
    /// Where the other servers meet it.
    pub(crate) address: &'a Address,
    life: &'a dyn Life,
    connection: Connection,
}

impl<'a> Member<'a> {
    /// Connects to a server that has just been started, once it answers.
    pub(crate) async fn of(address: &'a Address, life: &'a dyn Life, access: &Access) -> Result<Self, BringUpError> {
        Self::through(address, address, life, access).await
    }

    /// As [`Member::of`], where the server is reached from here at another address than by the other servers.
    pub(crate) async fn through(
        address: &'a Address,
        reachable: &Address,
        life: &'a dyn Life,
        access: &Access,
    ) -> Result<Self, BringUpError> {
        let connection = answering(reachable, life, access).await?;
        Ok(Self { address, life, connection })
    }

    /// What the server says that it is, where it says so.
    pub(crate) async fn server(&mut self) -> Result<Option<Server>, BringUpError> {
        let info = self.ask(&command!["INFO", "server"]).await?;
        Ok(Server::from_info(&parse_info(&info.text().unwrap_or_default())))
    }

    /// Sends a command and gives the reply, which must not be an error.
    pub(crate) async fn ask(&mut self, command: &Command) -> Result<Reply, BringUpError> {
        let reply = self.try_ask(command).await?;
        match reply.error() {
            None => Ok(reply),
            Some(error) => Err(self.refused(&command.to_string(), error.text)),
        }
    }

    /// Sends a command and gives the reply, whatever it is.
    pub(crate) async fn try_ask(&mut self, command: &Command) -> Result<Reply, BringUpError> {
        match self.connection.call(command).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(lost(self.address, self.life, error)),
        }
    }

    /// Sends commands at once; none of the replies may be an error.
    pub(crate) async fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>, BringUpError> {
        let replies = match self.connection.pipeline(commands).await {
            Ok(replies) => replies,
            Err(error) => return Err(lost(self.address, self.life, error)),
        };
        for (command, reply) in commands.iter().zip(&replies) {
            if let Some(error) = reply.error() {
                return Err(self.refused(&command.to_string(), error.text));
            }
        }
        Ok(replies)
    }

    /// The trouble that the server's answer to a command is.
    pub(crate) fn refused(&self, command: &str, error: String) -> BringUpError {
        let command = command.chars().take(COMMAND_CHARACTERS_SHOWN).collect();
        BringUpError::Refused { at: self.address.clone(), command, error }
    }

    /// Ends the server's process.
    pub(crate) fn kill_without_waiting(&self) {
        self.life.kill_without_waiting();
    }
}

/// Connects to a server that was started and waits until it answers PING and has loaded its data.
pub(crate) async fn answering(address: &Address, life: &dyn Life, access: &Access) -> Result<Connection, BringUpError> {
    let options = ConnectOptions {
        access: access.clone(),
        connect_timeout: REPLY_LIMIT,
        reply_timeout: REPLY_LIMIT,
        ..ConnectOptions::new(address.clone())
    };
    let started = Instant::now();
    loop {
        let said = match Connection::open(&options).await {
            Ok(mut connection) => match connection.call(&command!["PING"]).await {
                Ok(reply) => match reply.error() {
                    None => return Ok(connection),
                    Some(error) => error.to_string(),
                },
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        if let Some(how) = life.end() {
            return Err(BringUpError::Ended { at: address.clone(), how, log: life.log_tail() });
        }
        if started.elapsed() > ANSWER_LIMIT {
            return Err(BringUpError::Silent { at: address.clone(), said, log: life.log_tail() });
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

fn lost(address: &Address, life: &dyn Life, error: WireError) -> BringUpError {
    match life.end() {
        Some(how) => BringUpError::Ended { at: address.clone(), how, log: life.log_tail() },
        None => BringUpError::Wire(error),
    }
}
