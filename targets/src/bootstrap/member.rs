//! One node while its cluster is formed: its process, and a connection to it.

use std::io;
use std::time::{Duration, Instant};

use defects::ProxyError;
use suites::Server;
use wire::{Access, Address, Command, ConnectOptions, Connection, Reply, WireError, command, parse_info};

use crate::error::TargetError;

/// How long a server may take from its start until it answers.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const ANSWER_POLL: Duration = Duration::from_millis(3);
/// How long one connection, and one reply, may take while a cluster is formed on a busy machine.
const REPLY_LIMIT: Duration = Duration::from_secs(15);
const COMMAND_CHARACTERS_SHOWN: usize = 60;

/// What is known of a server but by asking it: whether it runs, and what it has logged.
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
    pub(crate) async fn of(address: &'a Address, life: &'a dyn Life, access: &Access) -> Result<Self, Trouble> {
        Self::through(address, address, life, access).await
    }

    /// As [`Member::of`], where the server is reached from here at another address than by the other servers.
    pub(crate) async fn through(
        address: &'a Address,
        reachable: &Address,
        life: &'a dyn Life,
        access: &Access,
    ) -> Result<Self, Trouble> {
        let connection = answering(reachable, life, access).await?;
        Ok(Self { address, life, connection })
    }

    /// What the server says that it is, where it says so.
    pub(crate) async fn server(&mut self) -> Result<Option<Server>, Trouble> {
        let info = self.ask(&command!["INFO", "server"]).await?;
        Ok(Server::from_info(&parse_info(&info.text().unwrap_or_default())))
    }

    /// Sends a command and gives the reply, which must not be an error.
    pub(crate) async fn ask(&mut self, command: &Command) -> Result<Reply, Trouble> {
        let reply = self.try_ask(command).await?;
        match reply.error() {
            None => Ok(reply),
            Some(error) => Err(self.refused(&command.to_string(), error.text)),
        }
    }

    /// Sends a command and gives the reply, whatever it is.
    pub(crate) async fn try_ask(&mut self, command: &Command) -> Result<Reply, Trouble> {
        match self.connection.call(command).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(lost(self.address, self.life, error)),
        }
    }

    /// Sends commands at once; none of the replies may be an error.
    pub(crate) async fn ask_all(&mut self, commands: &[Command]) -> Result<Vec<Reply>, Trouble> {
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
    pub(crate) fn refused(&self, command: &str, error: String) -> Trouble {
        let command = command.chars().take(COMMAND_CHARACTERS_SHOWN).collect();
        Trouble::Refused { at: self.address.clone(), command, error }
    }

    /// Ends the server's process.
    pub(crate) fn kill_without_waiting(&self) {
        self.life.kill_without_waiting();
    }
}

/// Connects to a server that was started and waits until it answers PING and has loaded its data.
pub(crate) async fn answering(address: &Address, life: &dyn Life, access: &Access) -> Result<Connection, Trouble> {
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
            return Err(Trouble::Ended { at: address.clone(), how, log: life.log_tail() });
        }
        if started.elapsed() > ANSWER_LIMIT {
            return Err(Trouble::Silent { at: address.clone(), said, log: life.log_tail() });
        }
        tokio::time::sleep(ANSWER_POLL).await;
    }
}

fn lost(address: &Address, life: &dyn Life, error: WireError) -> Trouble {
    match life.end() {
        Some(how) => Trouble::Ended { at: address.clone(), how, log: life.log_tail() },
        None => Trouble::Wire(error),
    }
}

/// Why a cluster could not be formed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// A server ended.
    #[error("the server at {at} ended ({how}){}", log_of(log))]
    Ended { at: Address, how: String, log: Option<String> },
    /// A server runs, but does not answer.
    #[error("the server at {at} does not answer within {} s: {said}{}", ANSWER_LIMIT.as_secs(), log_of(log))]
    Silent { at: Address, said: String, log: Option<String> },
    /// A server answered a command of the forming with an error.
    #[error("the server at {at} refuses {command}: {error}")]
    Refused { at: Address, command: String, error: String },
    /// A connection broke, or its answer makes no sense.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// The nodes do not agree in time.
    #[error("the nodes do not agree after {limit_s} s: {differences}")]
    Late { limit_s: u64, differences: String },
    /// The cluster has become another than was planned, which happens when a node is so slow that others take over.
    #[error("the nodes changed their roles while the cluster was formed: {0}")]
    Astray(String),
    /// Somebody else listens where a proxy is to.
    #[error("a port was taken: {0}")]
    Taken(io::Error),
    /// This machine has no more files, ports, processes or space.
    #[error("{0}")]
    Machine(String),
}

impl Trouble {
    /// Whether somebody else took a port between its choice and the server's start.
    pub(crate) fn is_taken_port(&self) -> bool {
        match self {
            Self::Taken(_) => true,
            Self::Ended { log: Some(log), .. } => log.contains("in use"),
            _ => false,
        }
    }

    /// Whether it may succeed when nodes are given more time.
    pub(crate) fn may_be_haste(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Astray(_) | Self::Refused { .. })
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::Taken(error),
            _ => Self::Machine(format!("a server cannot be started: {error}")),
        }
    }
}

impl From<ProxyError> for Trouble {
    fn from(error: ProxyError) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<Trouble> for TargetError {
    fn from(trouble: Trouble) -> Self {
        TargetError::failed(format!("the cluster could not be brought up: {trouble}"))
    }
}

fn log_of(log: &Option<String>) -> String {
    log.as_ref().map_or_else(String::new, |log| format!("; the last lines of its log:\n{log}"))
}
