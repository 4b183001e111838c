//! A running cluster: what all checks on it share.
//!
//! [`crate::Cluster`] is the same cluster as one check sees it.

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
use crate::expect::Expect;
use crate::findings::Findings;
use crate::limits::Limits;
use crate::outcome::{Mismatch, Outcome, Stop};
use crate::refusal::refusal;
use crate::server::Server;
use crate::shape::Shape;
use crate::words;

mod abilities;
mod learning;
mod questions;

pub use abilities::{Abilities, NodeAbilities};
use questions::Questions;

/// How long a process may still seem to run after it closed its sockets, while it frees its memory.
const EXIT_LAG: Duration = Duration::from_millis(500);

/// The pause between two looks at whether it has ended.
const EXIT_PAUSE: Duration = Duration::from_millis(5);

/// What a target says about a cluster that it started or found.
pub struct LiveClusterSettings {
    /// The actions on its nodes.
    pub control: Rc<dyn NodeControl>,
    /// The user, the password and TLS of every connection.
    pub access: Access,
    /// How announced addresses map to reachable ones.
    pub map: AddressMap,
    /// The servers that the nodes run, oldest first; at least one.
    pub servers: Vec<Server>,
    /// The limits on waiting.
    pub limits: Limits,
    /// The number of primaries and replicas.
    pub shape: Shape,
    /// The kind of endpoint by which nodes name each other to clients.
    pub endpoints: Endpoints,
    /// The view of rct: the plan by which it formed the cluster, or what the nodes of a running cluster agree on.
    pub topology: Topology,
    /// What the target found when it entered the cluster.
    pub findings: Findings,
}

/// A running cluster.
pub struct LiveCluster {
    /// The actions on its nodes.
    pub control: Rc<dyn NodeControl>,
    /// The user, the password and TLS of every connection.
    pub access: Access,
    /// How announced addresses map to reachable ones.
    pub map: AddressMap,
    /// The oldest server among the nodes.
    pub server: Server,
    /// All servers among the nodes.
    pub servers: Vec<Server>,
    /// The limits on waiting.
    pub limits: Limits,
    /// The number of primaries and replicas.
    pub shape: Shape,
    /// What the target found when it entered the cluster.
    pub findings: Findings,
    endpoints: Endpoints,
    topology: RefCell<Rc<Topology>>,
    commands: OnceCell<Rc<CommandTable>>,
    abilities: OnceCell<Abilities>,
    questions: Questions,
}

impl LiveCluster {
    /// A cluster as its target describes it; `None` if the target names no server.
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
            findings: settings.findings,
            endpoints: settings.endpoints,
            topology: RefCell::default(),
            commands: OnceCell::new(),
            abilities: OnceCell::new(),
            questions: Questions::default(),
        };
        live.set_topology(settings.topology);
        Some(live)
    }

    /// The same cluster without anything that was read from it or connected to it.
    #[must_use]
    pub fn fresh_copy(&self) -> Self {
        Self {
            control: Rc::clone(&self.control),
            access: self.access.clone(),
            map: self.map.clone(),
            server: self.server.clone(),
            servers: self.servers.clone(),
            limits: self.limits,
            shape: self.shape,
            findings: self.findings.clone(),
            endpoints: self.endpoints,
            topology: RefCell::new(self.topology()),
            commands: OnceCell::new(),
            abilities: OnceCell::new(),
            questions: Questions::default(),
        }
    }

    /// The view of rct.
    #[must_use]
    pub fn topology(&self) -> Rc<Topology> {
        Rc::clone(&self.topology.borrow())
    }

    /// Replaces the view of rct.
    pub fn set_topology(&self, mut topology: Topology) {
        for node in &mut topology.nodes {
            node.endpoint = self.endpoints.endpoint(node);
        }
        *self.topology.borrow_mut() = Rc::new(topology);
    }

    /// Its shape, such as `3+1`, or `standalone` for a server without cluster support.
    #[must_use]
    pub fn shape_name(&self) -> String {
        if self.findings.is_standalone { "standalone".to_owned() } else { self.shape.to_string() }
    }

    /// The settings of a connection to the node that announces this address.
    #[must_use]
    pub fn options(&self, announced: &Address) -> ConnectOptions {
        ConnectOptions {
            access: self.access.clone(),
            connect_timeout: self.limits.connect,
            reply_timeout: self.limits.reply,
            ..ConnectOptions::new(self.map.reachable(announced))
        }
    }

    /// The address and the role of a node, for messages.
    #[must_use]
    pub fn describe_node(&self, announced: &Address) -> String {
        let topology = self.topology();
        match topology.nodes.iter().find(|node| node.address == *announced) {
            Some(node) if node.primary.is_some() => format!("{announced} (replica)"),
            Some(node) if node.slots.is_empty() => format!("{announced} (primary without slots)"),
            Some(_) => format!("{announced} (primary)"),
            None => announced.to_string(),
        }
    }

    /// Whether a node answers PING on a new connection, rather than that it takes no more clients.
    pub async fn answers(&self, announced: &Address) -> bool {
        match Connection::open(&self.options(announced)).await {
            Ok(mut connection) => connection.call(&command!["PING"]).await.is_ok_and(|reply| !is_full(&reply)),
            Err(_) => false,
        }
    }

    /// Decides whether the server or something else is to blame for a failed connection; see [`crate::Session::judge`].
    pub async fn judge(&self, announced: &Address, error: WireError, sent: &str) -> Stop {
        let broke_protocol = matches!(error, WireError::Protocol(_));
        if broke_protocol || (error.is_lost() && self.answers(announced).await) {
            return Stop::Mismatch(Box::new(Mismatch {
                sent: Some(sent.to_owned()),
                to: Some(self.describe_node(announced)),
                expected: "a well-formed reply within the limit".to_owned(),
                received: error.to_string(),
                note: (!broke_protocol).then(|| "the node answers PING on a new connection".to_owned()),
                ..Mismatch::default()
            }));
        }
        if let WireError::Refused { command: "HELLO", error, .. } = &error
            && error.text.starts_with("ERR unknown command")
        {
            return Stop::skip(format!("this server has no RESP3: it answers HELLO with {}", error.text));
        }
        if error.is_lost() {
            self.wait_for_the_end_of(announced).await;
        }
        Stop::Broken(self.describe_lost_node(announced, &error))
    }

    /// Waits until a process that closed its sockets has ended, so that messages can say how it ended.
    async fn wait_for_the_end_of(&self, announced: &Address) {
        let given_up = Instant::now() + EXIT_LAG;
        while matches!(self.control.state(announced), NodeState::Running) && Instant::now() < given_up {
            tokio::time::sleep(EXIT_PAUSE).await;
        }
    }

    /// Asks every reachable node for its view, and returns the view if all agree.
    ///
    /// Nodes that were left out at entry have no line in it, and nodes whose reply was of no use then are not asked.
    ///
    /// # Errors
    /// A mismatch, if two views differ; broken, if no node can be asked.
    pub async fn agreed_view(&self) -> Outcome<Topology> {
        let known = self.topology();
        let mut agreed: Option<(Address, Topology)> = None;
        for node in &known.nodes {
            let (NodeState::Running | NodeState::Unknown) = self.control.state(&node.address) else { continue };
            if self.findings.unreadable.contains(&node.id) {
                continue;
            }
            let view = self.in_use(self.view_of(node).await?);
            match &agreed {
                None => agreed = Some((node.address.clone(), view)),
                Some((_, first)) if first.signature() == view.signature() => {}
                Some((address, first)) => {
                    let (one, other) = words::difference(first, &view);
                    return Err(Stop::mismatch(
                        format!("the same CLUSTER NODES from {address} and {}", node.address),
                        format!("only from {address}: {one}; only from {}: {other}", node.address),
                    ));
                }
            }
        }
        match agreed {
            Some((_, view)) => Ok(view),
            None if !self.findings.unreadable.is_empty() => Ok((*known).clone()),
            None => Err(Stop::broken("rct can reach no node of the cluster")),
        }
    }

    /// A node's view without the nodes that rct left out when it entered the cluster.
    #[must_use]
    pub fn in_use(&self, mut view: Topology) -> Topology {
        view.nodes.retain(|node| !self.findings.leaves_out(node));
        view
    }

    /// The server's table of commands, which is read once.
    ///
    /// # Errors
    /// Broken, if no node can be asked; a mismatch, if the reply is malformed.
    pub async fn commands(&self) -> Outcome<Rc<CommandTable>> {
        self.commands.get_or_try_init(|| self.read_commands()).await.cloned()
    }

    async fn read_commands(&self) -> Outcome<Rc<CommandTable>> {
        let topology = self.topology();
        let runs = |node: &&Node| matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown);
        let node = topology.nodes.iter().filter(runs).find(|node| node.is_usable());
        let node = node.ok_or_else(|| Stop::broken("no usable node of the cluster runs"))?;
        let reply = self.ask(node, &command!["COMMAND"]).await?;
        if let Some(error) = reply.error() {
            return Err(Stop::skip(format!("this server answers COMMAND with {}", error.text)));
        }
        CommandTable::parse(reply.value())
            .map(Rc::new)
            .map_err(|error| Stop::mismatch("the table of commands in reply to COMMAND", error))
    }

    /// What the servers answer properly and what our user may do, learned once: before the first check, and so before
    /// any check has provoked an error.
    pub async fn abilities(&self) -> &Abilities {
        self.abilities.get_or_init(|| self.learn_abilities()).await
    }

    /// Whether our user is known to have all rights. Before anything was learned, it is taken to have them.
    pub(crate) fn has_all_rights(&self) -> bool {
        self.abilities.get().is_none_or(Abilities::has_all_rights)
    }

    /// The view of one node.
    ///
    /// # Errors
    /// As [`LiveCluster::ask`]; a mismatch, if the reply is malformed.
    pub async fn view_of(&self, node: &Node) -> Outcome<Topology> {
        let reply = self.ask(node, &command!["CLUSTER", "NODES"]).await?;
        let text = reply.text().ok_or_else(|| {
            Stop::mismatch(format!("the lines of CLUSTER NODES from {}", node.address), reply.to_string())
        })?;
        let view = parse_nodes(&text);
        let mut view = view.map_err(|error| {
            Stop::mismatch(format!("the lines of CLUSTER NODES from {}", node.address), error.to_string())
        })?;
        for own in view.nodes.iter_mut().filter(|own| own.is_myself() && own.address.host.is_empty()) {
            // A node that has not met another node does not know its own host yet.
            own.address.clone_from(&node.address);
        }
        Ok(view)
    }

    /// Asks a node once, on a connection that no transcript records.
    ///
    /// The connection is kept for later questions, so the command must not change the state of the connection.
    ///
    /// # Errors
    /// As [`crate::Session::call`].
    pub async fn ask(&self, node: &Node, command: &wire::Command) -> Outcome<wire::Reply> {
        match self.questions.ask(&self.options(&node.address), command).await {
            Ok(reply) => match reply.error().filter(|_| !self.has_all_rights()) {
                Some(error) => refusal(command, &error).map_or(Ok(reply), Err),
                None => Ok(reply),
            },
            Err(error) => Err(self.judge(&node.address, error, &command.to_string()).await),
        }
    }

    /// Closes the kept connections, so that the next question to each node also shows whether it accepts a new client.
    pub fn forget_connections(&self) {
        self.questions.forget();
    }

    /// The fields of a section of a node's INFO.
    ///
    /// # Errors
    /// As [`LiveCluster::ask`].
    pub async fn info(&self, node: &Node, section: &str) -> Outcome<std::collections::BTreeMap<String, String>> {
        let reply = self.ask(node, &command!["INFO", section]).await?;
        if let Some(error) = reply.error().filter(|error| error.text.starts_with("ERR unknown command")) {
            return Err(Stop::skip(format!("this server answers INFO with {}", error.text)));
        }
        Ok(parse_info(&reply.text().unwrap_or_default()))
    }

    /// What a node's answer should be where the expectation names a redirect's target as most nodes name it: a node is
    /// held to its own kind of names.
    #[must_use]
    pub fn as_named_by(&self, asked: &Address, expect: &Expect) -> Option<Expect> {
        let own = self.findings.endpoints.get(asked)?;
        let topology = self.topology();
        Some(expect.with_errors(&|words: &str| {
            let renamed = words.rsplit_once(' ').and_then(|(before, named)| {
                let target = topology.nodes.iter().find(|node| node.endpoint.to_string() == named)?;
                Some(format!("{before} {}", own.endpoint(target)))
            });
            renamed.unwrap_or_else(|| words.to_owned())
        }))
    }

    fn describe_lost_node(&self, announced: &Address, error: &WireError) -> String {
        let state = match self.control.state(announced) {
            NodeState::Running => "its process still runs".to_owned(),
            NodeState::Paused => "its process is paused".to_owned(),
            NodeState::CutOff => "it is cut off from the other nodes".to_owned(),
            NodeState::Ended(how) => format!("its process has ended ({how})"),
            NodeState::Unknown => "it does not answer on a new connection".to_owned(),
        };
        let mut text = format!("rct lost the node {announced}: {error}; {state}");
        if let Some(log) = self.control.log_tail(announced) {
            text.push_str("; the last lines of its log:\n");
            text.push_str(&log);
        }
        text
    }
}

/// Whether a node says that it takes no more clients.
fn is_full(reply: &wire::Reply) -> bool {
    reply.error().is_some_and(|error| error.text.contains("max number of clients"))
}
