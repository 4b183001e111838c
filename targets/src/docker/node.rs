//! A node that runs in a container: its life as the engine tells it, and the acts on it.

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use suites::{ControlError, NodeState};
use wire::{Address, AddressMap};

use crate::bootstrap::member::Life;
use crate::docker::container::{Inspected, Placement, connect};
use crate::docker::engine::{COMMAND_LIMIT, DOCKER, Engine};
use crate::docker::engine_error::EngineError;
use crate::docker::events::{Status, Watch};
use crate::docker::networks::Layout;

/// How long the stream of events may lag behind what the engine has done.
const EVENT_LIMIT: Duration = Duration::from_secs(20);
/// How long a server may take to end when it is asked to, before the engine kills it.
const STOP_LIMIT_S: &str = "20";
/// How much of a log is shown, in lines.
const LOG_TAIL_LINES: &str = "8";
/// How a killed server ends, in the engine's words.
const KILLED: &str = "exit status 137";

/// A server in a container.
pub(crate) struct ContainerNode {
    /// Where the other nodes meet it, which is also what it announces.
    pub(crate) address: Address,
    engine: Rc<Engine>,
    watch: Rc<Watch>,
    made: Inspected,
    port: u16,
    id: RefCell<String>,
    reachable: RefCell<Address>,
    pid: Cell<i32>,
    cut_off: Cell<bool>,
    nodes_file: RefCell<Option<String>>,
}

impl ContainerNode {
    /// A node of a container that runs and publishes a port; `None` if it does not publish any, or has no address.
    pub(crate) fn of(engine: &Rc<Engine>, watch: &Rc<Watch>, layout: &Layout, made: Inspected) -> Option<Self> {
        let (port, reachable) = made.published()?;
        let address = Address::new(made.address_in(&layout.nodes)?, port);
        watch.note(&made.id, Status::Running);
        Some(Self {
            address,
            engine: Rc::clone(engine),
            watch: Rc::clone(watch),
            port,
            id: RefCell::new(made.id.clone()),
            reachable: RefCell::new(reachable),
            pid: Cell::new(made.state.pid),
            cut_off: Cell::new(false),
            nodes_file: RefCell::default(),
            made,
        })
    }

    /// What the engine said of the container when it was first seen.
    pub(crate) fn made(&self) -> &Inspected {
        &self.made
    }

    /// The server's port in the container.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it is reached from here.
    pub(crate) fn reachable(&self) -> Address {
        self.reachable.borrow().clone()
    }

    /// Notes where the server keeps what it knows of its cluster.
    pub(crate) fn note_nodes_file(&self, path: String) {
        *self.nodes_file.borrow_mut() = Some(path);
    }

    /// Whether it runs.
    pub(crate) fn state(&self) -> NodeState {
        match self.watch.status(&self.id.borrow()) {
            Some(Status::Ended(how)) => NodeState::Ended(how),
            Some(Status::Paused) => NodeState::Paused,
            Some(Status::Running) if self.cut_off.get() => NodeState::CutOff,
            Some(Status::Running) => NodeState::Running,
            None => NodeState::Unknown,
        }
    }

    /// Ends the server without warning.
    pub(crate) async fn kill(&self) -> Result<(), ControlError> {
        // The engine kills none that is paused.
        self.resume_if_paused().await?;
        if self.kill_at_once().await {
            self.watch.tell(&self.id.borrow(), Status::Ended(KILLED.to_owned()));
            return Ok(());
        }
        self.act(&["kill"], "end", |status| matches!(status, Status::Ended(_))).await
    }

    #[cfg(target_os = "linux")]
    async fn kill_at_once(&self) -> bool {
        let id = self.id.borrow().clone();
        crate::docker::kill::kill_at_once(&id, self.pid.get()).await
    }

    /// Elsewhere the engine runs in a machine of its own.
    #[cfg(not(target_os = "linux"))]
    async fn kill_at_once(&self) -> bool {
        false
    }

    /// Asks the server to end.
    pub(crate) async fn stop(&self) -> Result<(), ControlError> {
        self.resume_if_paused().await?;
        self.act(&["stop", "-t", STOP_LIMIT_S], "end", |status| matches!(status, Status::Ended(_))).await
    }

    /// Freezes the server: its connections stay, and it answers nothing.
    pub(crate) async fn pause(&self) -> Result<(), ControlError> {
        self.act(&["pause"], "pause", |status| *status == Status::Paused).await
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), ControlError> {
        self.act(&["unpause"], "go on", |status| *status == Status::Running).await
    }

    /// Waits until the engine, too, knows that it has ended: it may have been killed behind its back.
    pub(crate) async fn ended(&self) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&["wait", &id]).await.map(drop).map_err(failed)
    }

    /// Starts the container again and learns where it is published now.
    pub(crate) async fn start(&self, layout: &Layout, map: &AddressMap) -> Result<(), ControlError> {
        self.act(&["start"], "start", |status| *status == Status::Running).await?;
        let id = self.id.borrow().clone();
        let now = Inspected::one(&self.engine, &id).await.map_err(failed)?;
        self.pid.set(now.state.pid);
        let address = now.address_in(&layout.nodes);
        if !self.cut_off.get() && address != Some(self.address.host.as_str()) {
            return Err(ControlError::Failed(format!(
                "start {} again: the engine gave it another address ({}); give nodes fixed ones (ipv4_address)",
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

    /// Puts a new container into the place of one that has ended, which takes over only what the server knows of its
    /// cluster.
    pub(crate) async fn replace(&self, cluster: &str, layout: &Layout) -> Result<(), ControlError> {
        let file = self.nodes_file.borrow().clone();
        let file = file.ok_or_else(|| {
            ControlError::Failed("find the file in which the server keeps what it knows of its cluster".to_owned())
        })?;
        let old = self.id.borrow().clone();
        let kept = self.engine.folder().join(format!("{}.nodes", old.get(..12).unwrap_or(&old)));
        let kept_text = kept.display().to_string();
        // With owner and rights, which the server may need to write to it.
        self.engine.run(&["cp", "-a", &format!("{old}:{file}"), &kept_text]).await.map_err(failed)?;
        self.engine.run(&["rm", "-v", &old]).await.map_err(failed)?;
        let placement = Placement {
            cluster: cluster.to_owned(),
            name: self.made.shown_name().to_owned(),
            port: self.port,
            clients: layout.clients.clone(),
            bus: layout.bus(),
            address: self.made.fixed_address_in(&layout.nodes).map(str::to_owned),
        };
        let new = self.made.recipe().create(&self.engine, &placement).await.map_err(failed)?;
        self.engine.run(&["cp", "-a", &kept_text, &format!("{new}:{file}")]).await.map_err(failed)?;
        *self.id.borrow_mut() = new;
        Ok(())
    }

    /// Cuts it off from the other nodes.
    pub(crate) async fn isolate(&self, layout: &Layout) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&["network", "disconnect", &layout.nodes, &id]).await.map_err(failed)?;
        self.cut_off.set(true);
        Ok(())
    }

    /// Joins it to the other nodes again, at its old address.
    pub(crate) async fn heal(&self, layout: &Layout) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        connect(&self.engine, &layout.nodes, &id, Some(&self.address.host)).await.map_err(failed)?;
        self.cut_off.set(false);
        Ok(())
    }

    async fn resume_if_paused(&self) -> Result<(), ControlError> {
        if self.state() == NodeState::Paused { self.resume().await } else { Ok(()) }
    }

    async fn act(&self, command: &[&str], what: &str, wanted: impl Fn(&Status) -> bool) -> Result<(), ControlError> {
        let id = self.id.borrow().clone();
        self.engine.run(&[command, &[id.as_str()]].concat()).await.map_err(failed)?;
        if self.watch.until(&id, EVENT_LIMIT, wanted).await {
            return Ok(());
        }
        Err(ControlError::TimedOut {
            what: format!("see the container of {} {what}", self.address),
            limit: EVENT_LIMIT,
        })
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
        log_tail(&self.id.borrow())
    }

    fn kill_without_waiting(&self) {
        let id = self.id.borrow().clone();
        let kill = Command::new(DOCKER).args(["kill", &id]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        if let Ok(mut child) = kill {
            // Whether it comes to anything is for the events to tell.
            std::thread::spawn(move || child.wait());
        }
    }
}

/// The last lines of a container's log, indented by two spaces; nothing if there are none.
pub(crate) fn log_tail(id: &str) -> Option<String> {
    // `timeout` of the system is not everywhere; the engine answers at once or not at all.
    let (sender, receiver) = std::sync::mpsc::channel();
    let arguments = ["logs", "--tail", LOG_TAIL_LINES, id].map(str::to_owned);
    std::thread::spawn(move || sender.send(Command::new(DOCKER).args(arguments).stdin(Stdio::null()).output()));
    let output = receiver.recv_timeout(COMMAND_LIMIT).ok()?.ok()?;
    let mut text = Vec::new();
    text.write_all(&output.stdout).and_then(|()| text.write_all(&output.stderr)).ok()?;
    let text = String::from_utf8_lossy(&text);
    let shown =
        |line: &str| line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(300).collect::<String>();
    let lines: Vec<String> =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| format!("  {}", shown(line))).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

pub(crate) fn failed(error: EngineError) -> ControlError {
    ControlError::Failed(error.to_string())
}
