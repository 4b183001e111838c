//! The target by address: a cluster that is there already and belongs to somebody else.

use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{LocalBoxFuture, join_all};
use suites::live_cluster::LiveClusterSettings;
use suites::until::until;
use suites::{Endpoints, Limits, LiveCluster, Server, Shape};
use wire::{
    Access, Address, AddressMap, Command, ConnectOptions, Connection, Node, Reply, Topology, command, parse_info,
    parse_nodes, parse_slots,
};

use crate::error::TargetError;
use crate::external::entry_error::EntryError;
use crate::external::fault_hook::FaultHook;
use crate::external::nodes::ExternalNodes;
use crate::target::{BringUp, Lease, Target};

/// The limit on opening a connection to a node, and on each of its first answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// The node timeout that is assumed where the server does not show it: the default of all servers.
const NODE_TIMEOUT: Duration = Duration::from_secs(15);

/// A cluster given by addresses. Nothing is started and nothing is ended.
pub struct ExternalTarget {
    seeds: Vec<Address>,
    access: Access,
    map: AddressMap,
    hook: Option<Rc<FaultHook>>,
}

impl ExternalTarget {
    /// The cluster that can be entered at any of `seeds`, as `access`; `map` says where announced addresses are
    /// reached.
    #[must_use]
    pub fn new(seeds: Vec<Address>, access: Access, map: AddressMap) -> Self {
        Self { seeds, access, map, hook: None }
    }

    /// The same cluster, where a program of the user's own does to nodes what checks ask for.
    ///
    /// # Errors
    ///
    /// If it does not say what it can do.
    pub async fn with_fault_hook(self, program: &Path) -> Result<Self, TargetError> {
        Ok(Self { hook: Some(Rc::new(FaultHook::open(program).await?)), ..self })
    }

    async fn find(&self) -> Result<Lease, EntryError> {
        let topology = self.discover().await?;
        let nodes: Vec<&Node> = topology.nodes.iter().filter(|node| node.is_usable()).collect();
        let asked = join_all(nodes.iter().map(|node| self.ask_node(node))).await;
        let asked: Vec<(Server, Duration)> = asked.into_iter().collect::<Result<_, _>>()?;
        let node_timeout = asked.iter().map(|(_, timeout)| *timeout).max().unwrap_or(NODE_TIMEOUT);
        let mut servers: Vec<Server> = asked.into_iter().map(|(server, _)| server).collect();
        servers.sort_by_key(|server| server.version);
        servers.dedup();
        let live = LiveCluster::new(LiveClusterSettings {
            control: Rc::new(ExternalNodes::new(self.hook.clone(), self.access.clone(), self.map.clone())),
            access: self.access.clone(),
            map: self.map.clone(),
            servers,
            limits: Limits::of_node_timeout(node_timeout),
            shape: shape_of(&topology)?,
            endpoints: self.endpoints(&topology).await?,
            topology,
        });
        let live = live.ok_or(EntryError::NoUsableNode)?;
        agree(&live).await?;
        Ok(Lease::new(Rc::new(live), || Box::pin(async {})))
    }

    /// The cluster as the first address that answers describes it.
    async fn discover(&self) -> Result<Topology, EntryError> {
        let mut reasons = Vec::new();
        for seed in &self.seeds {
            match self.nodes_by(seed).await {
                Ok(topology) => return Ok(topology),
                Err(error) => reasons.push(error),
            }
        }
        Err(EntryError::NoneAnswers(reasons))
    }

    async fn nodes_by(&self, seed: &Address) -> Result<Topology, EntryError> {
        let mut connection = self.connect(seed).await?;
        let reply = ask(&mut connection, seed, &command!["CLUSTER", "NODES"]).await?;
        if let Some(error) = reply.error() {
            let text = if error.text.contains("cluster support disabled") {
                "it runs without cluster support"
            } else {
                &error.text
            };
            return Err(EntryError::NotANode { at: seed.clone(), said: text.to_owned() });
        }
        let no_view = |said: String| EntryError::NoView { at: seed.clone(), said };
        let text = reply.text().ok_or_else(|| no_view(reply.to_string()))?;
        let mut topology = parse_nodes(&text).map_err(|error| no_view(error.to_string()))?;
        for node in &mut topology.nodes {
            // A node that never met another does not know its own host yet.
            if node.address.host.is_empty() {
                node.address.host.clone_from(&seed.host);
            }
        }
        if topology.primaries().all(|node| node.slots.is_empty()) {
            return Err(EntryError::NoSlots(seed.clone()));
        }
        Ok(topology)
    }

    /// The server that a node runs, and its node timeout; proves on the way that the node can be reached.
    async fn ask_node(&self, node: &Node) -> Result<(Server, Duration), EntryError> {
        let reachable = self.map.reachable(&node.address);
        let mut connection = match self.connect(&reachable).await {
            Err(error) if reachable == node.address => {
                return Err(EntryError::Announced { announced: reachable, source: Box::new(error) });
            }
            connected => connected?,
        };
        let info = ask(&mut connection, &reachable, &command!["INFO", "server"]).await?;
        let server = Server::from_info(&parse_info(&info.text().unwrap_or_default()));
        let server =
            server.ok_or_else(|| EntryError::UnknownServer { at: reachable.clone(), said: info.to_string() })?;
        let timeout = ask(&mut connection, &reachable, &command!["CONFIG", "GET", "cluster-node-timeout"]).await?;
        let timeout = timeout.items().and_then(|items| suites::expect::text_of(items.get(1)?)?.parse().ok());
        Ok((server, timeout.map_or(NODE_TIMEOUT, Duration::from_millis)))
    }

    /// By which kind of name a node sends clients to the others: as its setting says, which older servers do not have and
    /// operators of a service may hide; then as it names nodes now.
    async fn endpoints(&self, topology: &Topology) -> Result<Endpoints, EntryError> {
        let Some(node) = topology.nodes.iter().find(|node| node.is_usable()) else { return Ok(Endpoints::Ip) };
        let address = self.map.reachable(&node.address);
        let mut connection = self.connect(&address).await?;
        let setting = command!["CONFIG", "GET", "cluster-preferred-endpoint-type"];
        let setting = ask(&mut connection, &address, &setting).await?;
        let setting = setting.items().and_then(|items| suites::expect::text_of(items.get(1)?));
        if let Some(kind) = setting.and_then(|setting| Endpoints::of_setting(&setting)) {
            return Ok(kind);
        }
        let slots = ask(&mut connection, &address, &command!["CLUSTER", "SLOTS"]).await?;
        let shown = parse_slots(slots.value()).ok().and_then(|slots| Endpoints::of_slots(&slots, &topology.nodes));
        Ok(shown.unwrap_or_default())
    }

    async fn connect(&self, address: &Address) -> Result<Connection, EntryError> {
        let options = ConnectOptions {
            access: self.access.clone(),
            connect_timeout: ANSWER_LIMIT,
            reply_timeout: ANSWER_LIMIT,
            ..ConnectOptions::new(address.clone())
        };
        Connection::open(&options).await.map_err(|source| EntryError::Unreachable {
            at: address.clone(),
            by_tls: self.access.tls.is_some(),
            source,
        })
    }
}

impl Target for ExternalTarget {
    fn kind(&self) -> &'static str {
        "address"
    }

    fn brings_up_more(&self) -> bool {
        false
    }

    fn server(&self) -> Option<Server> {
        None
    }

    fn bring_up<'a>(&'a self, _request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(async { Ok(self.find().await?) })
    }
}

async fn ask(connection: &mut Connection, address: &Address, command: &Command) -> Result<Reply, EntryError> {
    let reply = connection.call(command).await.map_err(|source| EntryError::Unreachable {
        at: address.clone(),
        by_tls: false,
        source,
    })?;
    match reply.error() {
        Some(error) if error.code == "NOAUTH" => Err(EntryError::NoPassword(address.clone())),
        _ => Ok(reply),
    }
}

/// The size by which checks are chosen: what every primary has at least.
fn shape_of(topology: &Topology) -> Result<Shape, EntryError> {
    let primaries: Vec<&Node> =
        topology.primaries().filter(|node| !node.slots.is_empty() && node.is_usable()).collect();
    let replicas =
        primaries.iter().map(|node| topology.replicas_of(&node.id).filter(|replica| replica.is_usable()).count());
    let sizes = u16::try_from(primaries.len()).ok().zip(u16::try_from(replicas.min().unwrap_or(0)).ok());
    let (primaries, replicas) = sizes.ok_or(EntryError::TooLarge)?;
    Ok(Shape::new(primaries, replicas))
}

/// Waits until all nodes agree, and takes what they agree on as the view.
async fn agree(live: &LiveCluster) -> Result<(), EntryError> {
    let agreed = until(live.limits.converge, live.limits.poll, "all nodes agree", async || live.agreed_view().await);
    let view = agreed.await.map_err(EntryError::Disagreement)?;
    let addresses: BTreeSet<&Address> = view.nodes.iter().map(|node| &node.address).collect();
    if addresses.len() < view.nodes.len() {
        return Err(EntryError::SameAddress);
    }
    live.set_topology(view);
    Ok(())
}
