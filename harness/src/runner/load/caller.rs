//! Commands to the node that serves one slot of the cluster under load, wherever that node is now.

use std::time::{Duration, Instant};

use loadgen::{LoadError, LoadPlan, Routing};
use tokio::time::sleep;
use wire::{Command, ConnectOptions, Connection, Reply, Slot, WireError};

/// How long rct tries to reach the node that serves the slot.
const NODE_LIMIT: Duration = Duration::from_secs(10);
/// The pause before it tries again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Why a command got no good reply.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The node does not answer.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// Nobody says which node serves the slot.
    #[error("{0}")]
    Layout(#[from] LoadError),
    /// The node refuses the command.
    #[error("{0}")]
    Refused(String),
}

/// Sends commands to the node that serves a slot.
pub(super) struct Caller {
    plan: LoadPlan,
    slot: Slot,
    connection: Option<Connection>,
}

impl Caller {
    /// Makes a caller for the keys that share the slot of this one.
    pub(super) fn new(plan: &LoadPlan, key: &str) -> Self {
        let mut plan = plan.clone();
        if plan.routing == Routing::Redirect {
            // That setting is about the operations of the load.
            plan.routing = Routing::Slots;
        }
        Self { plan, slot: Slot::of(key), connection: None }
    }

    /// Sends a command, and tries again after errors that pass.
    ///
    /// # Errors
    ///
    /// [`CallError`] if the node refuses it, or no node could execute it in time.
    pub(super) async fn call(&mut self, command: Command) -> Result<Reply, CallError> {
        let deadline = Instant::now() + NODE_LIMIT;
        loop {
            let problem = match self.try_call(&command).await {
                Ok(reply) => match reply.error().map(|error| error.to_string()) {
                    None => return Ok(reply),
                    Some(text) if may_pass(&text) => CallError::Refused(text),
                    Some(text) => return Err(CallError::Refused(text)),
                },
                Err(error) => error,
            };
            self.connection = None;
            if Instant::now() > deadline {
                return Err(problem);
            }
            sleep(AGAIN_AFTER).await;
        }
    }

    /// Gives a connection to the node.
    ///
    /// # Errors
    ///
    /// [`CallError`] if there is none.
    pub(super) async fn connection(&mut self) -> Result<&mut Connection, CallError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        Ok(self.connection.insert(connection))
    }

    async fn try_call(&mut self, command: &Command) -> Result<Reply, CallError> {
        Ok(self.connection().await?.call(command).await?)
    }

    async fn connect(&self) -> Result<Connection, CallError> {
        let layout = loadgen::layout(&self.plan).await?;
        let owner = layout.owner(self.slot).unwrap_or(0);
        let address = layout.nodes.get(owner).map(|node| node.address.clone());
        let address = address.ok_or_else(|| CallError::Refused("no node serves the slot".to_owned()))?;
        let options = ConnectOptions {
            access: self.plan.access.clone(),
            connect_timeout: self.plan.connect_timeout,
            ..ConnectOptions::new(address)
        };
        Ok(Connection::open(&options).await?)
    }
}

/// Whether an error may go away: a failover, or slots that move.
fn may_pass(error: &str) -> bool {
    let passing = ["MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN"];
    error.split(' ').next().is_some_and(|word| passing.contains(&word))
}
