//! The actions on the nodes of a cluster given by address, which need a fault hook.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use suites::control::ControlFuture;
use suites::{ControlError, Fault, NodeControl, NodeState, Restart, Spare};
use wire::{Access, Address, AddressMap, ConnectOptions, Connection, command, parse_info};

use crate::bootstrap::member::{Life, answering};
use crate::external::fault_hook::{Act, FaultHook};

/// How long a node may go on after the hook has ended it.
const GONE_LIMIT: Duration = Duration::from_secs(10);
const GONE_POLL: Duration = Duration::from_millis(20);
/// How long one answer of a node may take that is perhaps gone.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// For how long a node must keep silent to be taken for a paused one.
const SILENCE: Duration = Duration::from_millis(150);

/// The nodes of a cluster that is given by address.
pub(crate) struct ExternalNodes {
    hook: Option<Rc<FaultHook>>,
    access: Access,
    map: AddressMap,
    /// How the hook has left each node that it was called for.
    states: RefCell<HashMap<Address, NodeState>>,
}

/// A server of which nothing is known but what it answers.
struct Unseen;

impl Life for Unseen {
    fn end(&self) -> Option<String> {
        None
    }

    fn log_tail(&self) -> Option<String> {
        None
    }

    fn kill_without_waiting(&self) {}
}

impl ExternalNodes {
    pub(crate) fn new(hook: Option<Rc<FaultHook>>, access: Access, map: AddressMap) -> Self {
        Self { hook, access, map, states: RefCell::default() }
    }

    fn can(&self, act: Act) -> bool {
        self.hook.as_ref().is_some_and(|hook| hook.offers(act))
    }

    async fn act(&self, act: Act, fault: Fault, node: &Address) -> Result<(), ControlError> {
        match self.hook.as_ref().filter(|hook| hook.offers(act)) {
            Some(hook) => hook.call(act, node).await,
            None => Err(ControlError::NotOffered(fault)),
        }
    }

    /// As [`ExternalNodes::act`], for what leaves a node in a bad state; that is noted before, since an act that is cut
    /// short may have had its effect.
    async fn harm(&self, act: Act, fault: Fault, node: &Address, state: NodeState) -> Result<(), ControlError> {
        self.note(node, state);
        let done = self.act(act, fault, node).await;
        if done.is_err() {
            self.states.borrow_mut().remove(node);
        }
        done
    }

    fn note(&self, node: &Address, state: NodeState) {
        self.states.borrow_mut().insert(node.clone(), state);
    }

    /// Has a node ended, and makes sure that it has: that nobody answers, or a process that is another one.
    async fn end(&self, act: Act, fault: Fault, node: &Address) -> Result<(), ControlError> {
        let before = self.run_id(node, ANSWER_LIMIT).await;
        self.harm(act, fault, node, NodeState::Ended("by the fault hook".to_owned())).await?;
        let started = Instant::now();
        while let Some(now) = self.run_id(node, ANSWER_LIMIT).await {
            if before.as_ref().is_some_and(|before| *before != now) {
                return Err(ControlError::Failed(format!(
                    "{node} runs again, although the fault hook did not restart it"
                )));
            }
            if started.elapsed() > GONE_LIMIT {
                return Err(ControlError::Failed(format!(
                    "{node} still answers {} s after the fault hook reported that it ended the node",
                    GONE_LIMIT.as_secs()
                )));
            }
            tokio::time::sleep(GONE_POLL).await;
        }
        Ok(())
    }

    /// Has a node made to answer again, and waits until it does.
    async fn revive(&self, act: Act, fault: Fault, node: &Address) -> Result<(), ControlError> {
        self.act(act, fault, node).await?;
        let answered = answering(&self.map.reachable(node), &Unseen, &self.access).await;
        answered.map_err(|problem| ControlError::Failed(problem.to_string()))?;
        self.note(node, NodeState::Running);
        Ok(())
    }

    async fn pause(&self, node: &Address) -> Result<(), ControlError> {
        self.harm(Act::Pause, Fault::Pause, node, NodeState::Paused).await?;
        match self.run_id(node, SILENCE).await {
            None => Ok(()),
            Some(_) => {
                Err(ControlError::Failed(format!("the fault hook reports {node} as paused, but {node} answers")))
            }
        }
    }

    /// What a node calls its process (empty if it has no word for it); `None` if it does not answer.
    async fn run_id(&self, node: &Address, limit: Duration) -> Option<String> {
        let options = ConnectOptions {
            access: self.access.clone(),
            connect_timeout: limit,
            reply_timeout: limit,
            ..ConnectOptions::new(self.map.reachable(node))
        };
        let reply = Connection::open(&options).await.ok()?.call(&command!["INFO", "server"]).await.ok()?;
        Some(parse_info(&reply.text().unwrap_or_default()).remove("run_id").unwrap_or_default())
    }
}

impl NodeControl for ExternalNodes {
    fn offers(&self, fault: Fault) -> bool {
        match fault {
            Fault::Kill => self.can(Act::Kill),
            Fault::Restart => self.can(Act::Stop) && self.can(Act::Restart),
            Fault::Pause => self.can(Act::Pause),
            Fault::Isolate => self.can(Act::Isolate),
            Fault::Spare | Fault::Discard => false,
        }
    }

    fn kill<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.end(Act::Kill, Fault::Kill, node))
    }

    fn stop<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.end(Act::Stop, Fault::Restart, node))
    }

    fn restart<'a>(&'a self, node: &'a Address, how: Restart) -> ControlFuture<'a> {
        let act = if how == Restart::WithData { Act::Restart } else { Act::RestartWithoutData };
        Box::pin(async move {
            if !matches!(self.state(node), NodeState::Ended(_)) {
                self.end(Act::Stop, Fault::Restart, node).await?;
            }
            self.revive(act, Fault::Restart, node).await
        })
    }

    fn pause<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.pause(node))
    }

    fn resume<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.revive(Act::Resume, Fault::Pause, node))
    }

    fn isolate<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.harm(Act::Isolate, Fault::Isolate, node, NodeState::CutOff))
    }

    fn heal<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(self.revive(Act::Heal, Fault::Isolate, node))
    }

    fn start_spare<'a>(&'a self, _spare: Spare) -> ControlFuture<'a, Address> {
        Box::pin(async { Err(ControlError::NotOffered(Fault::Spare)) })
    }

    fn state(&self, node: &Address) -> NodeState {
        self.states.borrow().get(node).cloned().unwrap_or(NodeState::Unknown)
    }

    fn log_tail(&self, _node: &Address) -> Option<String> {
        None
    }
}
