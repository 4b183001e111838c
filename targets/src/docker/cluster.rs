//! A cluster of containers, and what may be done to its nodes.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::try_join_all;
use suites::control::ControlFuture;
use suites::{ControlError, Fault, NodeControl, NodeState, Restart, Spare};
use wire::{Access, Address, AddressMap, command};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::member::{Life, Member, answering};
use crate::docker::container::{Inspected, Placement};
use crate::docker::engine::Engine;
use crate::docker::engine_error::EngineError;
use crate::docker::events::Watch;
use crate::docker::networks::Layout;
use crate::docker::node::{ContainerNode, failed};

/// The last number of the address of the first container that is added to those of the start.
const FIRST_ADDED: u32 = 101;
/// How many containers can be added.
const ADDED: u32 = 100;

/// The containers of one cluster, and beside it.
pub(crate) struct ContainerCluster {
    /// The name that all of it carries.
    pub(crate) name: String,
    /// Announced addresses to published ones.
    pub(crate) map: AddressMap,
    engine: Rc<Engine>,
    watch: Rc<Watch>,
    access: Access,
    layout: Layout,
    /// What every node is told when it runs, and again when it was started again.
    settings: Vec<(String, String)>,
    nodes: RefCell<Vec<Rc<ContainerNode>>>,
    added: Cell<u32>,
}

impl ContainerCluster {
    /// A cluster of containers that run, whose nodes have these settings.
    pub(crate) fn new(
        engine: Rc<Engine>,
        watch: Rc<Watch>,
        name: String,
        layout: Layout,
        settings: Vec<(String, String)>,
    ) -> Self {
        let (map, access) = (AddressMap::default(), Access::default());
        let (nodes, added) = (RefCell::default(), Cell::new(0));
        Self { name, map, engine, watch, access, layout, settings, nodes, added }
    }

    /// Takes a container for a node, if it publishes a port; gives whether it does.
    pub(crate) fn take_in(&self, container: Inspected) -> Option<Rc<ContainerNode>> {
        let node = Rc::new(ContainerNode::of(&self.engine, &self.watch, &self.layout, container)?);
        self.map.insert(node.address.clone(), node.reachable());
        self.nodes.borrow_mut().push(Rc::clone(&node));
        Some(node)
    }

    /// Starts so many more nodes like the first one.
    ///
    /// # Errors
    ///
    /// The engine's own.
    pub(crate) async fn add(&self, count: usize) -> Result<(), EngineError> {
        try_join_all((0..count).map(|_| self.add_like_first(&[]))).await.map(drop)
    }

    /// The nodes.
    pub(crate) fn nodes(&self) -> Vec<Rc<ContainerNode>> {
        self.nodes.borrow().clone()
    }

    /// Connects to a node once it answers, and notes where it keeps what it knows of its cluster.
    pub(crate) async fn member<'a>(&self, node: &'a ContainerNode) -> Result<Member<'a>, BringUpError> {
        let mut member = Member::through(&node.address, &node.reachable(), node, &self.access).await?;
        let setting = async |member: &mut Member<'_>, name: &str| {
            let reply = member.try_ask(&command!["CONFIG", "GET", name]).await?;
            let value = reply.items().and_then(|items| wire::bytes_of(items.get(1)?)).map(<[u8]>::to_vec);
            Ok::<_, BringUpError>(value.and_then(|value| String::from_utf8(value).ok()))
        };
        let folder = setting(&mut member, "dir").await?;
        // Before Redis 7.0 it cannot be asked for.
        let file = setting(&mut member, "cluster-config-file").await?.unwrap_or_else(|| "nodes.conf".to_owned());
        if let Some(folder) = folder {
            let path = std::path::Path::new(&folder).join(file);
            node.note_nodes_file(path.display().to_string());
        }
        Ok(member)
    }

    async fn add_like_first(&self, more: &[String]) -> Result<Rc<ContainerNode>, EngineError> {
        let first = self.nodes.borrow().first().cloned();
        let first = first.ok_or_else(|| EngineError::System("there is no node to take as a model".to_owned()))?;
        let number = self.added.replace(self.added.get() + 1);
        if number >= ADDED {
            return Err(EngineError::System(format!("a cluster may have {ADDED} more containers")));
        }
        let mut recipe = first.made().recipe();
        recipe.arguments.extend_from_slice(more);
        let placement = Placement {
            cluster: self.name.clone(),
            name: format!("{}-more-{number}", self.name),
            port: first.port(),
            clients: self.layout.clients.clone(),
            bus: self.layout.bus(),
            address: self.layout.prefix.as_ref().map(|prefix| format!("{prefix}.{}", FIRST_ADDED + number)),
        };
        let id = recipe.create(&self.engine, &placement).await?;
        self.engine.run(&["start", &id]).await?;
        let container = Inspected::one(&self.engine, &id).await?;
        let ended = EngineError::System(format!("{} ended at once", container.shown_name()));
        self.take_in(container).ok_or(ended)
    }

    async fn start_beside(&self, spare: &Spare) -> Result<Address, ControlError> {
        let cluster_support = spare.standalone.then(|| ("cluster-enabled".to_owned(), "no".to_owned()));
        let mut arguments = Vec::new();
        for (name, value) in cluster_support.iter().chain(&spare.settings) {
            arguments.push(format!("--{name}"));
            // A setting of several words is several arguments, as in the server's file.
            let words = value.split(' ').map(str::to_owned);
            arguments.extend(words);
        }
        let node = self.add_like_first(&arguments).await.map_err(failed)?;
        self.answers(&node, if spare.standalone { &[] } else { &self.settings }).await?;
        Ok(node.address.clone())
    }

    async fn start_again(&self, node: &ContainerNode, how: Restart) -> Result<(), ControlError> {
        if node.end().is_none() {
            node.stop().await?;
        }
        node.ended().await?;
        if how == Restart::WithoutData {
            node.replace(&self.name, &self.layout).await?;
        }
        node.start(&self.layout, &self.map).await?;
        self.answers(node, &self.settings).await
    }

    /// Waits until a server answers, and tells it what is not in its container's command.
    async fn answers(&self, node: &ContainerNode, settings: &[(String, String)]) -> Result<(), ControlError> {
        let told = async {
            let mut connection = answering(&node.reachable(), node, &self.access).await?;
            for (name, value) in settings {
                connection.call(&command!["CONFIG", "SET", name, value]).await?;
            }
            Ok::<_, BringUpError>(())
        };
        told.await.map_err(|trouble| ControlError::Failed(trouble.to_string()))
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
            // Where nodes meet in the network that publishes them, their clients would be cut off as well.
            Fault::Isolate => self.layout.can_isolate(),
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
            self.node(node)?.isolate(&self.layout).await
        })
    }

    fn heal<'a>(&'a self, node: &'a Address) -> ControlFuture<'a> {
        Box::pin(async move {
            if !self.offers(Fault::Isolate) {
                return Err(ControlError::NotOffered(Fault::Isolate));
            }
            self.node(node)?.heal(&self.layout).await
        })
    }

    fn start_spare<'a>(&'a self, spare: Spare) -> ControlFuture<'a, Address> {
        Box::pin(async move { self.start_beside(&spare).await })
    }

    fn state(&self, node: &Address) -> NodeState {
        self.node(node).map_or(NodeState::Unknown, |node| node.state())
    }

    fn log_tail(&self, node: &Address) -> Option<String> {
        self.node(node).ok()?.log_tail()
    }
}
