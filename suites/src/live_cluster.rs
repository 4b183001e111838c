//! A cluster that is up: what all checks on it share.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;
use wire::{
    Access, Address, AddressMap, ConnectOptions, Connection, Node, Topology, WireError, command, parse_info,
    parse_nodes,
};

use crate::commands::CommandTable;
use crate::control::{NodeControl, NodeState};
use crate::endpoints::Endpoints;
use crate::limits::Limits;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::server::Server;
use crate::shape::Shape;

mod questions;

use questions::Questions;

/// Longest that a process is seen to run after it closed its sockets: it gives its memory back before it is gone.
const EXIT_LAG: Duration = Duration::from_millis(500);

/// Between two looks at whether it is gone.
const EXIT_PAUSE: Duration = Duration::from_millis(5);

/// What a target tells of a cluster that it brought up or found.
pub struct LiveClusterSettings {
    /// Acts on nodes.
    pub control: Rc<dyn NodeControl>,
    /// Who we are to the servers.
    pub access: Access,
    /// Announced addresses to reachable ones.
    pub map: AddressMap,
    /// The servers that the nodes run, oldest first; at least one.
    pub servers: Vec<Server>,
    /// The limits on waiting.
    pub limits: Limits,
    /// The size.
    pub shape: Shape,
    /// By which kind of name the nodes send clients to each other.
    pub endpoints: Endpoints,
    /// The view: from the plan where we formed the cluster, from what its nodes agree on elsewhere.
    pub topology: Topology,
}

/// A cluster that is up.
pub struct LiveCluster {
    /// Acts on nodes.
    pub control: Rc<dyn NodeControl>,
    /// Who we are to the servers.
    pub access: Access,
    /// Announced addresses to reachable ones.
    pub map: AddressMap,
    /// The oldest server among the nodes.
    pub server: Server,
    /// All servers among the nodes.
    pub servers: Vec<Server>,
    /// The limits on waiting.
    pub limits: Limits,
    /// The size.
    pub shape: Shape,
    endpoints: Endpoints,
    topology: RefCell<Rc<Topology>>,
    commands: OnceCell<Rc<CommandTable>>,
    questions: Questions,
}

impl LiveCluster {
    /// A cluster as its target describes it; `None` where it names no server.
    #[must_use]
    pub fn new(settings: LiveClusterSettings) -> Option<Self> {
        let live = Self {
            control: settings.control,
            access: settings.access,
            map: settings.map,
            server: settings.servers.first()?.clone(),
            servers: settings.servers,
            limits: settings.limits,
            shape: settings.shape,
            endpoints: settings.endpoints,
            topology: RefCell::default(),
            commands: OnceCell::new(),
            questions: Questions::default(),
        };
        live.set_topology(settings.topology);
        Some(live)
    }

    /// The same cluster, of which nothing has been read yet.
    #[must_use]
    pub fn afresh(&self) -> Self {
        Self {
            control: Rc::clone(&self.control),
            access: self.access.clone(),
            map: self.map.clone(),
            server: self.server.clone(),
            servers: self.servers.clone(),
            limits: self.limits,
            shape: self.shape,
            endpoints: self.endpoints,
            topology: RefCell::new(self.topology()),
            commands: OnceCell::new(),
            questions: Questions::default(),
        }
    }

    /// The view.
    #[must_use]
    pub fn topology(&self) -> Rc<Topology> {
        Rc::clone(&self.topology.borrow())
    }

    /// Replaces the view.
    pub fn set_topology(&self, mut topology: Topology) {
        for node in &mut topology.nodes {
            node.endpoint = self.endpoints.endpoint(node);
        }
        *self.topology.borrow_mut() = Rc::new(topology);
    }

    /// The settings of a connection to a node, by the address that it announces.
    #[must_use]
    pub fn options(&self, announced: &Address) -> ConnectOptions {
        ConnectOptions {
            access: self.access.clone(),
            connect_timeout: self.limits.connect,
            reply_timeout: self.limits.reply,
            ..ConnectOptions::new(self.map.reachable(announced))
        }
    }

    /// A node's address and role, for messages.
    #[must_use]
    pub fn introduce(&self, announced: &Address) -> String {
        let topology = self.topology();
        match topology.nodes.iter().find(|node| node.address == *announced) {
            Some(node) if node.primary.is_some() => format!("{announced} (replica)"),
            Some(node) if node.slots.is_empty() => format!("{announced} (primary without slots)"),
            Some(_) => format!("{announced} (primary)"),
            None => announced.to_string(),
        }
    }

    /// Whether a node answers PING on a new connection.
    pub async fn answers(&self, announced: &Address) -> bool {
        match Connection::open(&self.options(announced)).await {
            Ok(mut connection) => connection.call(&command!["PING"]).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Turns a connection's trouble into a verdict; see [`crate::Session::judge`].
    pub async fn judge(&self, announced: &Address, error: WireError, sent: &str) -> Stop {
        let broke_protocol = matches!(error, WireError::Protocol(_));
        if broke_protocol || (error.is_lost() && self.answers(announced).await) {
            return Stop::Mismatch(Box::new(Mismatch {
                sent: Some(sent.to_owned()),
                to: Some(self.introduce(announced)),
                expected: "a well-formed reply in time".to_owned(),
                received: error.to_string(),
                note: (!broke_protocol).then(|| "the node answers PING on a new connection".to_owned()),
                ..Mismatch::default()
            }));
        }
        if error.is_lost() {
            self.wait_for_the_end_of(announced).await;
        }
        Stop::Broken(self.describe_lost_node(announced, &error))
    }

    /// Waits while a node that closed its sockets still counts as running: a process ends a moment after them.
    async fn wait_for_the_end_of(&self, announced: &Address) {
        let given_up = Instant::now() + EXIT_LAG;
        while matches!(self.control.state(announced), NodeState::Running) && Instant::now() < given_up {
            tokio::time::sleep(EXIT_PAUSE).await;
        }
    }

    /// Reads every reachable node's view and gives it if all agree.
    ///
    /// # Errors
    /// A mismatch, where they differ; broken, where none can be asked.
    pub async fn agreed_view(&self) -> Outcome<Topology> {
        let known = self.topology();
        let mut agreed: Option<(Address, Topology)> = None;
        for node in &known.nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            let view = self.view_of(node).await?;
            match &agreed {
                None => agreed = Some((node.address.clone(), view)),
                Some((_, first)) if first.signature() == view.signature() => {}
                Some((address, first)) => {
                    return Err(Stop::mismatch(
                        format!("the view of {address}: {}", first.signature()),
                        format!("the view of {}: {}", node.address, view.signature()),
                    ));
                }
            }
        }
        agreed.map(|(_, view)| view).ok_or_else(|| Stop::broken("reach any node of the cluster"))
    }

    /// The server's own table of commands, read once.
    ///
    /// # Errors
    /// Broken, where it cannot be asked; a mismatch, where it cannot be read.
    pub async fn commands(&self) -> Outcome<Rc<CommandTable>> {
        self.commands.get_or_try_init(|| self.read_commands()).await.cloned()
    }

    async fn read_commands(&self) -> Outcome<Rc<CommandTable>> {
        let topology = self.topology();
        let runs = |node: &&Node| matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown);
        let node = topology.nodes.iter().filter(runs).find(|node| node.is_usable());
        let node = node.ok_or_else(|| Stop::broken("find a node that runs"))?;
        let reply = self.ask(node, &command!["COMMAND"]).await?;
        CommandTable::parse(reply.value()).map(Rc::new).map_err(|error| Stop::mismatch("a table of commands", error))
    }

    /// A node's own view.
    ///
    /// # Errors
    /// As [`LiveCluster::ask`]; a mismatch, where it cannot be read.
    pub async fn view_of(&self, node: &Node) -> Outcome<Topology> {
        let reply = self.ask(node, &command!["CLUSTER", "NODES"]).await?;
        let text = reply.text().ok_or_else(|| Stop::mismatch("the lines of CLUSTER NODES", reply.to_string()))?;
        let view = parse_nodes(&text);
        let mut view = view.map_err(|error| Stop::mismatch("the lines of CLUSTER NODES", error.to_string()))?;
        for own in view.nodes.iter_mut().filter(|own| own.is_myself() && own.address.host.is_empty()) {
            // A node that never met another does not know its own host yet.
            own.address.clone_from(&node.address);
        }
        Ok(view)
    }

    /// Asks a node once, on a connection that no transcript sees.
    ///
    /// The connection is kept for the next question, so a command that changes the connection itself is not for this.
    ///
    /// # Errors
    /// As [`crate::Session::call`].
    pub async fn ask(&self, node: &Node, command: &wire::Command) -> Outcome<wire::Reply> {
        match self.questions.ask(&self.options(&node.address), command).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.judge(&node.address, error, &command.to_string()).await),
        }
    }

    /// Has the next question to each node asked on a new connection: one that is kept stays logged in where a new client
    /// would be refused.
    pub fn ask_anew(&self) {
        self.questions.forget();
    }

    /// A node's INFO, or a section of it.
    ///
    /// # Errors
    /// As [`LiveCluster::ask`].
    pub async fn info(&self, node: &Node, section: &str) -> Outcome<std::collections::BTreeMap<String, String>> {
        let reply = self.ask(node, &command!["INFO", section]).await?;
        Ok(parse_info(&reply.text().unwrap_or_default()))
    }

    fn describe_lost_node(&self, announced: &Address, error: &WireError) -> String {
        let state = match self.control.state(announced) {
            NodeState::Running => "its process runs".to_owned(),
            NodeState::Paused => "its process is paused".to_owned(),
            NodeState::CutOff => "it is cut off from the other nodes".to_owned(),
            NodeState::Ended(how) => format!("its process has ended ({how})"),
            NodeState::Unknown => "it cannot be reached".to_owned(),
        };
        let mut text = format!("the node {announced} was lost: {error}; {state}");
        if let Some(log) = self.control.log_tail(announced) {
            text.push_str("; last lines of its log:\n");
            text.push_str(&log);
        }
        text
    }
}
