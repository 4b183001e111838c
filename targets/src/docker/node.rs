//! A node in a container: its state, and the actions on it.

use std::cell::{Cell, RefCell};
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use suites::{ControlError, NodeState};
use wire::{Address, AddressMap};

use crate::bootstrap::member::Life;
use crate::crash::{Seen, names_the_environment, signal_of_code};
use crate::docker::container::{Inspected, Placement, connect};
use crate::docker::container_states::{ContainerStates, Status};
use crate::docker::engine::{DOCKER, Engine};
use crate::docker::engine_error::EngineError;
#[cfg(target_os = "linux")]
use crate::docker::kill::{has_ended, process_of};
use crate::docker::log::{exit_status, log, log_tail};
use crate::docker::networks::ClusterNetworks;

/// How long after an action its event may come.
const EVENT_LIMIT: Duration = Duration::from_secs(20);
/// How long a server may take to end before the engine kills it, in seconds.
const STOP_LIMIT_S: &str = "20";
/// The exit status of a killed server, as the engine reports it.
const KILLED: i32 = 137;
/// The exit status of servers that end on request, by themselves or by SIGTERM.
const STOPPED: [i32; 2] = [0, 143];

/// A server in a container.
pub(crate) struct ContainerNode {
    /// The address that it announces, at which the other nodes reach it.
    pub(crate) address: Address,
    engine: Rc<Engine>,
    states: Rc<ContainerStates>,
    description: Inspected,
    port: u16,
    id: RefCell<String>,
    reachable: RefCell<Address>,
    pid: Cell<i32>,
    /// Its process, where that is one of this machine.
    #[cfg(target_os = "linux")]
    process: RefCell<Option<OwnedFd>>,
    cut_off: Cell<bool>,
    /// Whether it ended when it was started again from its own files.
    refused: Cell<bool>,
    nodes_file: RefCell<Option<String>>,
}

impl ContainerNode {
    /// Makes a node from a running container; `None` if that publishes no port or has no address.
    pub(crate) fn of(
        engine: &Rc<Engine>,
        states: &Rc<ContainerStates>,
        networks: &ClusterNetworks,
        description: Inspected,
    ) -> Option<Self> {
        let (port, reachable) = description.published()?;
        let address = Address::new(description.address_in(&networks.nodes)?, port);
        states.set_first(&description.id, Status::Running);
        Some(Self {
            address,
            engine: Rc::clone(engine),
            states: Rc::clone(states),
            port,
            id: RefCell::new(description.id.clone()),
            reachable: RefCell::new(reachable),
            pid: Cell::new(description.state.pid),
            #[cfg(target_os = "linux")]
            process: RefCell::new(process_of(&description.id, description.state.pid)),
            cut_off: Cell::new(false),
            refused: Cell::new(false),
            nodes_file: RefCell::default(),
            description,
        })
    }

    /// How the engine described the container when rct first saw it.
    pub(crate) fn description(&self) -> &Inspected {
        &self.description
    }

    /// The port of the server in the container.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address at which rct reaches it.
    pub(crate) fn reachable(&self) -> Address {
        self.reachable.borrow().clone()
    }

    /// Notes the path of its `nodes.conf` in the container.
    pub(crate) fn note_nodes_file(&self, path: String) {
        *self.nodes_file.borrow_mut() = Some(path);
    }

    /// Its state.
    pub(crate) fn state(&self) -> NodeState {
        match self.states.status(&self.id.borrow()) {
            Some(Status::Ended(status)) => NodeState::Ended(in_words(status)),
            Some(Status::Paused) => NodeState::Paused,
            Some(Status::Running) if self.cut_off.get() => NodeState::CutOff,
            Some(Status::Running) => NodeState::Running,
            None => NodeState::Unknown,
        }
    }

    /// Kills the server without warning.
    pub(crate) async fn kill(&self) -> Result<(), ControlError> {
        // The engine does not kill a paused container.
        self.resume_if_paused().await?;
        if self.kill_at_once().await {
            self.states.set(&self.id.borrow(), Status::Ended(Some(KILLED)));
            return Ok(());
        }
        self.act(&["kill"], "end the container", |status| matches!(status, Status::Ended(_))).await
    }

    #[cfg(target_os = "linux")]
    async fn kill_at_once(&self) -> bool {
        let id = self.id.borrow().clone();
        crate::docker::kill::kill_at_once(&id, self.pid.get()).await
    }

    /// On other systems the engine runs in a virtual machine, where rct cannot signal processes.
    #[cfg(not(target_os = "linux"))]
    async fn kill_at_once(&self) -> bool {
        false
    }

    /// Asks the server to end (SIGTERM).
    pub(crate) async fn stop(&self) -> Result<(), ControlError> {
        self.resume_if_paused().await?;
        self.act(&["stop", "-t", STOP_LIMIT_S], "end the container", |status| matches!(status, Status::Ended(_))).await
    }

    /// Pauses the server: it keeps its connections and answers nothing.
    pub(crate) async fn pause(&self) -> Result<(), ControlError> {
        self.act(&["pause"], "pause the container", |status| *status == Status::Paused).await
    }

    /// Resumes the server.
    pub(crate) async fn resume(&self) -> Result<(), ControlError> {
        self.act(&["unpause"], "resume the container", |status| *status == Status::Running).await
    }

    /// Waits until the engine knows that the container has ended, which it does not yet after a signal of rct.
    pub(crate) async fn ended(&self) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&["wait", &id]).await.map(drop).map_err(failed)
    }

    /// Starts the container again and reads the address at which it is published now.
    pub(crate) async fn start(&self, networks: &ClusterNetworks, map: &AddressMap) -> Result<(), ControlError> {
        self.act(&["start"], "start the container", |status| *status == Status::Running).await?;
        let id = self.id.borrow().clone();
        let now = Inspected::one(&self.engine, &id).await.map_err(failed)?;
        self.pid.set(now.state.pid);
        self.refused.set(false);
        #[cfg(target_os = "linux")]
        self.process.replace(process_of(&id, now.state.pid));
        let address = now.address_in(&networks.nodes);
        if !self.cut_off.get() && address != Some(self.address.host.as_str()) {
            return Err(ControlError::Failed(format!(
                "the engine gave the node {} another address ({}) when it started again; \
                 set ipv4_address for each node in the compose file",
                self.address,
                address.unwrap_or("none")
            )));
        }
        if let Some((_, reachable)) = now.published() {
            map.insert(self.address.clone(), reachable.clone());
            *self.reachable.borrow_mut() = reachable;
        }
        Ok(())
    }

    /// Replaces a container that has ended with a new one, which gets its `nodes.conf` and no data.
    pub(crate) async fn replace(&self, cluster: &str, networks: &ClusterNetworks) -> Result<(), ControlError> {
        let file = self.nodes_file.borrow().clone();
        let file = file.ok_or_else(|| {
            ControlError::Failed(format!("rct does not know where the node {} keeps its nodes.conf", self.address))
        })?;
        let old = self.id.borrow().clone();
        let kept = self.engine.folder().join(format!("{}.nodes", old.get(..12).unwrap_or(&old)));
        let kept_text = kept.display().to_string();
        // The copy keeps owner and mode, which the server may need in order to write to the file.
        self.engine.run(&["cp", "-a", &format!("{old}:{file}"), &kept_text]).await.map_err(failed)?;
        self.engine.run(&["rm", "-v", &old]).await.map_err(failed)?;
        let placement = Placement {
            cluster: cluster.to_owned(),
            name: self.description.shown_name().to_owned(),
            port: self.port,
            clients: networks.clients.clone(),
            bus: networks.bus(),
            address: self.description.fixed_address_in(&networks.nodes).map(str::to_owned),
        };
        let new = self.description.recipe().create(&self.engine, &placement).await.map_err(failed)?;
        self.engine.run(&["cp", "-a", &kept_text, &format!("{new}:{file}")]).await.map_err(failed)?;
        *self.id.borrow_mut() = new;
        Ok(())
    }

    /// Cuts the node off from the other nodes.
    pub(crate) async fn isolate(&self, networks: &ClusterNetworks) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&["network", "disconnect", &networks.nodes, &id]).await.map_err(failed)?;
        self.cut_off.set(true);
        Ok(())
    }

    /// Connects the node to the other nodes again, at its old address.
    pub(crate) async fn heal(&self, networks: &ClusterNetworks) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        connect(&self.engine, &networks.nodes, &id, Some(&self.address.host)).await.map_err(failed)?;
        self.cut_off.set(false);
        Ok(())
    }

    /// Notes that it ended by itself when it was started again, unless its log names a reason outside of it.
    pub(crate) fn note_refusal(&self) {
        self.refused.set(self.end().is_some() && !names_the_environment(&log(&self.id.borrow())));
    }

    /// How it crashed, as a clause whose subject is the server, with the lines of its log that show it; `None` if it did
    /// not. With `in_log`, rct looks closer at a container that still runs as far as the engine has told.
    pub(crate) fn crash(&self, in_log: bool) -> Option<(String, Option<String>)> {
        let id = self.id.borrow().clone();
        let mut status = self.states.status(&id)?;
        if in_log && status == Status::Running && self.is_gone() {
            status = Status::Ended(exit_status(&id));
        }
        let code = match status {
            Status::Ended(code) => code,
            Status::Running | Status::Paused => None,
        };
        let seen = Seen {
            signal: code.and_then(signal_of_code),
            was_killed: code.is_none_or(|code| code == KILLED || STOPPED.contains(&code)),
            end: matches!(status, Status::Ended(_)).then(|| in_words(code)),
            was_refused: self.refused.get(),
            log_counts: in_log && status == Status::Running,
        };
        seen.crash(|| log(&id))
    }

    /// Whether its process has ended, which the engine may not have noticed yet.
    #[cfg(target_os = "linux")]
    fn is_gone(&self) -> bool {
        self.process.borrow().as_ref().is_some_and(has_ended)
    }

    /// On other systems the engine runs in a virtual machine, where rct sees no processes.
    #[cfg(not(target_os = "linux"))]
    fn is_gone(&self) -> bool {
        false
    }

    async fn resume_if_paused(&self) -> Result<(), ControlError> {
        if self.state() == NodeState::Paused { self.resume().await } else { Ok(()) }
    }

    async fn act(&self, command: &[&str], what: &str, wanted: impl Fn(&Status) -> bool) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&[command, &[id.as_str()]].concat()).await.map_err(failed)?;
        if self.states.until(&id, EVENT_LIMIT, wanted).await {
            return Ok(());
        }
        Err(ControlError::TimedOut { what: format!("{what} of {}", self.address), limit: EVENT_LIMIT })
    }
}

impl Life for ContainerNode {
    fn end(&self) -> Option<String> {
        match self.state() {
            NodeState::Ended(how) => Some(how),
            _ => None,
        }
    }

    fn log_tail(&self) -> Option<String> {
        log_tail(&self.id.borrow(), self.end().is_some())
    }

    fn kill_without_waiting(&self) {
        let id = self.id.borrow().clone();
        let kill = Command::new(DOCKER).args(["kill", &id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if let Ok(mut child) = kill {
            // Nobody waits for the result: the event stream shows it.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// How a container ended.
fn in_words(status: Option<i32>) -> String {
    status.map_or_else(|| "exit status unknown".to_owned(), |status| format!("exit status {status}"))
}

pub(crate) fn failed(error: EngineError) -> ControlError {
    ControlError::Failed(error.to_string())
}
