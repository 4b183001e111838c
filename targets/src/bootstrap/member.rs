//! A node of a cluster that is being formed: its process, and a connection to it.

use std::time::{Duration, Instant};

use suites::Server;
use wire::{Access, Address, Command, ConnectOptions, Connection, Reply, WireError, command, parse_info};

use crate::bootstrap::error::{ANSWER_LIMIT, BringUpError};

const ANSWER_POLL: Duration = Duration::from_millis(3);
/// How long one connection, and one reply, may take while a cluster is formed on a busy machine.
const REPLY_LIMIT: Duration = Duration::from_secs(15);
const COMMAND_CHARACTERS_SHOWN: usize = 60;

/// What rct knows about a server without sending it a command: whether it runs, and what it has logged.
pub(crate) trait Life {
    /// How its process ended; `None` while it runs.
    fn end(&self) -> Option<String>;

    /// The last lines of its log, indented.
    fn log_tail(&self) -> Option<String>;

    /// Kills its process and returns at once.
    fn kill_without_waiting(&self);
}

/// A node of a cluster that is being formed.
pub(crate) struct Member<'a> {
    /// The address at which the other nodes reach it.
    pub(crate) address: &'a Address,
    life: &'a dyn Life,
    connection: Connection,
}

impl<'a> Member<'a> {
    /// Waits until a server that has just started answers, and connects to it.
    pub(crate) async fn of(address: &'a Address, life: &'a dyn Life, access: &Access) -> Result<Self, BringUpError> {
        Self::through(address, address, life, access).await
    }

    /// Does what [`Member::of`] does, for a server that rct reaches at another address than the other nodes do.
    pub(crate) async fn through(
        address: &'a Address,
        reachable: &Address,
        life: &'a dyn Life,
        access: &Access,
    ) -> Result<Self, BringUpError> {
        let connection = answering(reachable, life, access).await?;
        Ok(Self { address, life, connection })
    }

    /// The name and version that the server gives, if it does.
    pub(crate) async fn server(&mut self) -> Result<Option<Server>, BringUpError> {
        let info = self.ask(&command!["INFO", "server"]).await?;
        let hello = self.try_ask(&command!["HELLO", "2"]).await?;
        Ok(Server::identify(&parse_info(&info.text().unwrap_or_default()), Some(&hello)))
    }

    /// Sends a command and returns the reply, which must not be an error.
    pub(crate) async fn ask(&mut self, command: &Command) -> Result<Reply, BringUpError> {
        let reply = self.try_ask(command).await?;
        match reply.error() {
            None => Ok(reply),
            Some(error) => Err(self.refused(&command.to_string(), error.text)),
        }
    }

    /// Sends a command and returns the reply, which may be an error.
    pub(crate) async fn try_ask(&mut self, command: &Command) -> Result<Reply, BringUpError> {
        match self.connection.call(command).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(connection_error(self.address, self.life, error)),
        }
    }

    /// Sends commands in one pipeline; none of the replies may be an error.
    pub(crate) async fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>, BringUpError> {
        let replies = match self.connection.pipeline(commands).await {
            Ok(replies) => replies,
            Err(error) => return Err(connection_error(self.address, self.life, error)),
        };
        for (command, reply) in commands.iter().zip(&replies) {
            if let Some(error) = reply.error() {
                return Err(self.refused(&command.to_string(), error.text));
            }
        }
        Ok(replies)
    }

    /// The error of a bring-up in which the server gave this answer to a command.
    pub(crate) fn refused(&self, command: &str, error: String) -> BringUpError {
        let command = command.chars().take(COMMAND_CHARACTERS_SHOWN).collect();
        BringUpError::Refused { at: self.address.clone(), command, error }
    }

    /// Kills the server's process and returns at once.
    pub(crate) fn kill_without_waiting(&self) {
        self.life.kill_without_waiting();
    }
}

/// Waits until a server answers PING and has loaded its data, and returns the connection.
pub(crate) async fn answering(address: &Address, life: &dyn Life, access: &Access) -> Result<Connection, BringUpError> {
    let options = ConnectOptions {
        access: access.clone(),
        connect_timeout: REPLY_LIMIT,
        reply_timeout: REPLY_LIMIT,
        ..ConnectOptions::new(address.clone())
    };
    let started = Instant::now();
    loop {
        let last_error = match Connection::open(&options).await {
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
            return Err(BringUpError::NoAnswer { at: address.clone(), last_error, log: life.log_tail() });
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

fn connection_error(address: &Address, life: &dyn Life, error: WireError) -> BringUpError {
    match life.end() {
        Some(how) => BringUpError::Ended { at: address.clone(), how, log: life.log_tail() },
        None => BringUpError::Wire(error),
    }
}
