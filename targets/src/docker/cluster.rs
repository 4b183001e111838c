//! A cluster of containers, and the actions on its nodes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::try_join_all;
use suites::control::ControlFuture;
use suites::{ControlError, Crash, Fault, NodeControl, NodeState, Restart, Spare};
use wire::{Access, Address, AddressMap, command};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::member::{Life, Member, answering};
use crate::docker::container::{Inspected, Placement};
use crate::docker::container_states::ContainerStates;
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;
use crate::docker::networks::ClusterNetworks;
use crate::docker::node::{ContainerNode, failed};

/// The last byte of the address of the first container that rct adds to a running cluster.
const FIRST_ADDED: u32 = 101;
/// How many containers rct can add to a running cluster.
const ADDED_MAX: u32 = 100;

/// The containers of one cluster, and the spare servers beside it.
pub(crate) struct ContainerCluster {
    /// The name that labels everything of the cluster in the engine.
    pub(crate) name: String,
    /// Translates the addresses that nodes announce to those that the engine publishes.
    pub(crate) map: AddressMap,
    engine: Rc<Engine>,
    states: Rc<ContainerStates>,
    access: Access,
    networks: ClusterNetworks,
    /// The settings that rct gives every node after each start.
    settings: Vec<(String, String)>,
    nodes: RefCell<Vec<Rc<ContainerNode>>>,
    added: Cell<u32>,
}

impl ContainerCluster {
    /// Makes a cluster without nodes, whose nodes will have these settings.
    pub(crate) fn new(
        engine: Rc<Engine>,
        states: Rc<ContainerStates>,
        name: String,
        networks: ClusterNetworks,
        settings: Vec<(String, String)>,
    ) -> Self {
        let (map, access) = (AddressMap::default(), Access::default());
        let (nodes, added) = (RefCell::default(), Cell::new(0));
        Self { name, map, engine, states, access, networks, settings, nodes, added }
    }

    /// Makes a container a node of the cluster and returns the node; `None` if it publishes no port.
    pub(crate) fn adopt(&self, container: Inspected) -> Option<Rc<ContainerNode>> {
        let node = Rc::new(ContainerNode::of(&self.engine, &self.states, &self.networks, container)?);
        self.map.insert(node.address.clone(), node.reachable());
        self.nodes.borrow_mut().push(Rc::clone(&node));
        Some(node)
    }

    /// Starts more nodes like the first one.
    ///
    /// # Errors
    ///
    /// A command of the engine fails.
    pub(crate) async fn add(&self, count: usize) -> Result<(), EngineError> {
        try_join_all((0..count).map(|_| self.add_like_first(&[]))).await.map(drop)
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> Vec<Rc<ContainerNode>> {
        self.nodes.borrow().clone()
    }

    /// Connects to a node once it answers, and asks it where its `nodes.conf` is.
    pub(crate) async fn member<'a>(&self, node: &'a ContainerNode) -> Result<Member<'a>, BringUpError> {
        let mut member = Member::through(&node.address, &node.reachable(), node, &self.access).await?;
        let setting = async |member: &mut Member<'_>, name: &str| {
            let reply = member.try_ask(&command!["CONFIG", "GET", name]).await?;
            let value = reply.items().and_then(|items| wire::bytes_of(items.get(1)?)).map(<[u8]>::to_vec);
            Ok::<_, BringUpError>(value.and_then(|value| String::from_utf8(value).ok()))
        };
        let folder = setting(&mut member, "dir").await?;
        // CONFIG GET does not return this setting before Redis 7.0.
        let file = setting(&mut member, "cluster-config-file").await?.unwrap_or_else(|| "nodes.conf".to_owned());
        if let Some(folder) = folder {
            let path = std::path::Path::new(&folder).join(file);
            node.note_nodes_file(path.display().to_string());
        }
        Ok(member)
    }

    async fn add_like_first(&self, more: &[String]) -> Result<Rc<ContainerNode>, EngineError> {
        let first = self.nodes.borrow().first().cloned();
        let first = first.ok_or(EngineError::NoModel)?;
        let number = self.added.replace(self.added.get() + 1);
        if number >= ADDED_MAX {
            return Err(EngineError::TooMany(ADDED_MAX));
        }
        let mut recipe = first.description().recipe();
        recipe.arguments.extend_from_slice(more);
        let placement = Placement {
            cluster: self.name.clone(),
            name: format!("{}-more-{number}", self.name),
            port: first.port(),
            clients: self.networks.clients.clone(),
            bus: self.networks.bus(),
            address: self.networks.prefix.as_ref().map(|prefix| format!("{prefix}.{}", FIRST_ADDED + number)),
        };
        let id = recipe.create(&self.engine, &placement).await?;
        self.engine.run(&["start", &id]).await?;
        let container = Inspected::one(&self.engine, &id).await?;
        let ended = EngineError::Ended(container.shown_name().to_owned());
        self.adopt(container).ok_or(ended)
    }

    async fn start_spare_server(&self, spare: &Spare) -> Result<Address, ControlError> {
        let cluster_support = spare.standalone.then(|| ("cluster-enabled".to_owned(), "no".to_owned()));
        let mut arguments = Vec::new();
        for (name, value) in cluster_support.iter().chain(&spare.settings) {
            arguments.push(format!("--{name}"));
            // A setting of several words is several arguments, as it is in the configuration file.
            let words = value.split(' ').map(str::to_owned);
            arguments.extend(words);
        }
        let node = self.add_like_first(&arguments).await.map_err(failed)?;
        self.configure(&node, if spare.standalone { &[] } else { &self.settings }).await?;
        Ok(node.address.clone())
    }

    async fn start_again(&self, node: &ContainerNode, how: Restart) -> Result<(), ControlError> {
        if node.end().is_none() {
            node.stop().await?;
        }
        node.ended().await?;
        if how == Restart::WithoutData {
            node.replace(&self.name, &self.networks).await?;
        }
        node.start(&self.networks, &self.map).await?;
        let configured = self.configure(node, &self.settings).await;
        if configured.is_err() {
            node.note_refusal();
        }
        configured
    }

    /// Waits until a server answers, and gives it the settings that the command line of its container leaves out.
    async fn configure(&self, node: &ContainerNode, settings: &[(String, String)]) -> Result<(), ControlError> {
        let configured = async {
            let mut connection = answering(&node.reachable(), node, &self.access).await?;
            for (name, value) in settings {
                connection.call(&command!["CONFIG", "SET", name, value]).await?;
            }
            Ok::<_, BringUpError>(())
        };
        configured.await.map_err(|error| ControlError::Failed(error.to_string()))
    }

    fn node(&self, address: &Address) -> Result<Rc<ContainerNode>, ControlError> {
        let nodes = self.nodes.borrow();
        let found = nodes.iter().find(|node| node.address == *address).cloned();
        found.ok_or_else(|| ControlError::UnknownNode(address.clone()))
    }
}

impl NodeControl for ContainerCluster {
    fn offers(&self, fault: Fault) -> bool {
        match fault {
            Fault::Kill | Fault::Restart | Fault::Pause | Fault::Spare | Fault::Discard => true,
            // In a network of nodes and clients, cutting off a node would cut off its clients, too.
            Fault::Isolate => self.networks.can_isolate(),
        }
    }

    fn kill<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.kill().await })
    }

    fn stop<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.stop().await })
    }

    fn restart<'a>(&'a self, node: &'a Address, how: Restart) -> ControlFuture<'a> {
        Box::pin(async move { self.start_again(self.node(node)?.as_ref(), how).await })
    }

    fn pause<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.pause().await })
    }

    fn resume<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move { self.node(node)?.resume().await })
    }

    fn isolate<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move {
            if !self.offers(Fault::Isolate) {
                return Err(ControlError::NotOffered(Fault::Isolate));
            }
            self.node(node)?.isolate(&self.networks).await
        })
    }

    fn heal<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move {
            if !self.offers(Fault::Isolate) {
                return Err(ControlError::NotOffered(Fault::Isolate));
            }
            self.node(node)?.heal(&self.networks).await
        })
    }

    fn start_spare<'a>(&'a self, spare: Spare) -> ControlFuture<'a, Address> {
        Box::pin(async move { self.start_spare_server(&spare).await })
    }

    fn state(&self, node: &Address) -> NodeState {
        self.node(node).map_or(NodeState::Unknown, |node| node.state())
    }

    fn log_tail(&self, node: &Address) -> Option<String> {
        self.node(node).ok()?.log_tail()
    }

    fn crashes(&self, in_logs: bool) -> Vec<Crash> {
        let nodes = self.nodes();
        let crashed = nodes.iter().filter_map(|node| Some((node.address.clone(), node.crash(in_logs)?)));
        crashed.map(|(node, (how, log))| Crash { node, how, log }).collect()
    }
}
