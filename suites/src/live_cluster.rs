//! A running cluster: what all checks on it share.
//!
//! [`crate::Cluster`] is the same cluster as one check sees it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::sync::OnceCell;
use wire::{Access, Address, AddressMap, ConnectOptions, Node, NodeId, Slot, Topology, command, parse_info};

use crate::commands::CommandTable;
use crate::control::{NodeControl, NodeState};
use crate::endpoints::Endpoints;
use crate::expect::Expect;
use crate::findings::Findings;
use crate::limits::Limits;
use crate::outcome::{Outcome, Stop};
use crate::refusal::refusal;
use crate::server::Server;
use crate::shape::Shape;

mod abilities;
mod damage;
mod gaps;
mod learning;
mod losses;
mod questions;
mod recent;
mod snapshots;
mod spares;
mod views;

pub use abilities::{Abilities, NodeAbilities};
pub use learning::grants_all;
use questions::Questions;
use recent::Recent;
use spares::Spares;

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
    open_slots: RefCell<BTreeSet<Slot>>,
    run_ids: RefCell<BTreeMap<Address, String>>,
    commands: OnceCell<Rc<CommandTable>>,
    abilities: OnceCell<Abilities>,
    /// What is wrong with the nodes on which a check left damage.
    damages: RefCell<BTreeMap<NodeId, String>>,
    questions: Questions,
    recent: Recent,
    /// Empty nodes beside the cluster, for checks that need one.
    pub(crate) spares: Spares,
}

impl LiveCluster {
    /// A cluster as its target describes it; `None` if the target names no server.
    #[must_use]
    pub fn new(settings: LiveClusterSettings) -> Option<Self> {
        let open_slots = settings.findings.open_slots.iter().map(|found| found.open.slot).collect();
        let run_ids = settings.findings.run_ids.clone();
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
            open_slots: RefCell::new(open_slots),
            run_ids: RefCell::new(run_ids),
            commands: OnceCell::new(),
            abilities: OnceCell::new(),
            damages: RefCell::default(),
            questions: Questions::default(),
            recent: Recent::default(),
            spares: Spares::default(),
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
            open_slots: self.open_slots.clone(),
            run_ids: self.run_ids.clone(),
            commands: OnceCell::new(),
            abilities: OnceCell::new(),
            damages: RefCell::default(),
            questions: Questions::default(),
            recent: Recent::default(),
            spares: self.spares.clone(),
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

    /// Whether somebody else is moving a slot, so that ASK is right for its keys.
    #[must_use]
    pub fn is_open(&self, slot: Slot) -> bool {
        self.open_slots.borrow().contains(&slot)
    }

    /// The first of the slots that somebody else is moving.
    #[must_use]
    pub fn first_open_slot(&self) -> Option<Slot> {
        self.open_slots.borrow().first().copied()
    }

    /// Replaces the slots that somebody else is moving.
    pub fn set_open_slots(&self, slots: BTreeSet<Slot>) {
        *self.open_slots.borrow_mut() = slots;
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

    /// The endpoint by which a node names another one to clients: by its own setting, which may differ from that of most
    /// nodes.
    #[must_use]
    pub fn endpoint_named_by(&self, asked: &Address, named: &Node) -> Address {
        let own = self.findings.endpoints.get(asked);
        own.map_or_else(|| named.endpoint.clone(), |own| own.endpoint(named))
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
}
