//! Asks every node of somebody else's cluster who it is and how it sees the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use suites::{Closing, Endpoints, LeftOut, Server};
use wire::{Access, Address, AddressMap, Connection, Node, NodeId, Topology, command, parse_info, parse_slots};

use crate::external::entry_error::EntryError;
use crate::external::questions::{ask, connect, setting};
use crate::external::slot_map::{SlotMap, read_map};

/// What a node that answers told.
pub(crate) struct Answer {
    /// The node's map of the cluster; an error where it has none.
    pub(crate) map: Result<SlotMap, EntryError>,
    /// The server that it runs, if it tells.
    pub(crate) server: Option<Server>,
    /// Its `cluster-node-timeout`, if it tells.
    pub(crate) node_timeout: Option<Duration>,
    /// By which kind of name it sends clients to others, if it tells or shows it.
    pub(crate) endpoints: Option<Endpoints>,
    /// How many more connections it takes, if it tells.
    pub(crate) connections_left: Option<u64>,
    /// How long it waits before it sends its data to a replica; zero if it does not wait, or does not tell.
    pub(crate) sync_delay: Duration,
    /// The settings by which it closes connections.
    pub(crate) closing: Vec<Closing>,
    /// What it calls its process, if it tells.
    pub(crate) run_id: Option<String>,
    /// How many keys it has evicted.
    pub(crate) evicted_keys: u64,
    /// Whether it says that the cluster is down.
    pub(crate) is_down: bool,
}

/// What all nodes told.
pub(crate) struct Survey {
    /// The nodes that were asked, in the order in which they were found.
    asked: Vec<(Node, Result<Answer, EntryError>)>,
    /// What the first node told, which may name nodes that are not worth asking.
    first: Topology,
}

impl Survey {
    /// Asks all nodes of `first` that may answer, and those of which they tell in turn.
    pub(crate) async fn of(first: &Topology, access: &Access, map: &AddressMap) -> Self {
        let mut survey = Self { asked: Vec::new(), first: first.clone() };
        let mut pending = candidates(first);
        while !pending.is_empty() {
            let answers = join_all(pending.iter().map(|node| ask_node(node, access, map))).await;
            let told: Vec<Node> = answers.iter().flatten().filter_map(view).flat_map(candidates).collect();
            survey.asked.extend(pending.drain(..).zip(answers));
            for node in told {
                let is_known = |other: &Node| other.id == node.id || other.address == node.address;
                if !survey.asked.iter().map(|(other, _)| other).chain(&pending).any(is_known) {
                    pending.push(node);
                }
            }
        }
        survey
    }

    /// The nodes that answered, with what they told.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (&Node, &Answer)> {
        self.asked.iter().filter_map(|(node, answer)| Some((node, answer.as_ref().ok()?)))
    }

    /// The views of the nodes that have one, each by its own CLUSTER NODES.
    pub(crate) fn views(&self) -> impl Iterator<Item = &Topology> {
        self.answers().filter_map(|(_, answer)| view(answer))
    }

    /// Why the first node that did not answer did not, where none did.
    pub(crate) fn into_error(self) -> Option<EntryError> {
        self.asked.into_iter().find_map(|(_, answer)| answer.err())
    }

    /// The view that most of the nodes that answer share, the first of several: only with nodes that answer.
    pub(crate) fn view_of_most(&self) -> Option<(&Node, Topology)> {
        let answering: BTreeSet<NodeId> = self.answers().map(|(node, _)| node.id).collect();
        let mut views: Vec<(&Node, Topology, String)> = Vec::new();
        let mut votes: BTreeMap<String, usize> = BTreeMap::new();
        for (node, answer) in self.answers() {
            let Some(view) = view(answer) else { continue };
            let mut view = view.clone();
            view.nodes.retain(|node| answering.contains(&node.id));
            let signature = view.signature();
            *votes.entry(signature.clone()).or_default() += 1;
            views.push((node, view, signature));
        }
        let most = votes.values().copied().max()?;
        let chosen = views.into_iter().find(|(_, _, signature)| votes[signature] == most);
        chosen.map(|(node, view, _)| (node, view))
    }

    /// Whether a node that answers is not part of the view of most nodes, as one that has just joined.
    pub(crate) fn has_newcomers(&self, view: &Topology) -> bool {
        self.answers().any(|(node, _)| view.node(&node.id).is_none())
    }

    /// The nodes that are known to any node, and are not part of `view`.
    pub(crate) fn left_out(&self, view: &Topology) -> Vec<LeftOut> {
        let lines = self.answers().filter_map(|(_, answer)| self::view(answer)).flat_map(|view| &view.nodes);
        let mut left_out: Vec<LeftOut> = Vec::new();
        for node in self.asked.iter().map(|(node, _)| node).chain(&self.first.nodes).chain(lines) {
            let name = name_of(node);
            if view.node(&node.id).is_none() && !left_out.iter().any(|other| other.id == node.id) {
                left_out.push(LeftOut { id: node.id, node: name, reason: self.reason(node) });
            }
        }
        // A handshake that starts again has another id, and still is with the same address.
        let mut named = BTreeSet::new();
        left_out.retain(|left_out| !left_out.reason.contains("handshake") || named.insert(left_out.node.clone()));
        left_out
    }

    fn reason(&self, node: &Node) -> String {
        let asked = self.asked.iter().find(|(other, _)| other.id == node.id);
        let flags: Vec<&str> =
            ["fail", "fail?", "noaddr", "handshake"].into_iter().filter(|flag| node.has_flag(flag)).collect();
        match asked {
            Some((_, Err(error))) => error.brief(),
            Some((_, Ok(_))) => "most nodes do not know it".to_owned(),
            None if flags.is_empty() => "rct knows it only by hearsay".to_owned(),
            None => format!("CLUSTER NODES marks it as {}", flags.join(" and ")),
        }
    }
}

/// The view of a node that has one.
fn view(answer: &Answer) -> Option<&Topology> {
    answer.map.as_ref().ok().map(|map| &map.topology)
}

/// The nodes that may answer.
fn candidates(view: &Topology) -> Vec<Node> {
    view.nodes.iter().filter(|node| node.is_usable()).cloned().collect()
}

fn name_of(node: &Node) -> String {
    match node.address.port {
        0 => node.id.to_string(),
        _ => node.address.to_string(),
    }
}

async fn ask_node(node: &Node, access: &Access, map: &AddressMap) -> Result<Answer, EntryError> {
    let at = map.reachable(&node.address);
    let mut connection = match connect(&at, access).await {
        Err(error) if at == node.address => {
            return Err(EntryError::Announced { announced: at, source: Box::new(error) });
        }
        connected => connected?,
    };
    let connection = &mut connection;
    let told = match read_map(connection, &at, access).await {
        Err(error @ (EntryError::Unreachable { .. } | EntryError::NoPassword(_) | EntryError::TooManyClients(_))) => {
            return Err(error);
        }
        told => told,
    };
    let myself = told.as_ref().ok().and_then(|told| told.topology.myself());
    if let Some(other) = myself.filter(|myself| myself.id != node.id) {
        return Err(EntryError::OtherNode { at, wanted: node.id, found: other.id });
    }
    let info = ask(connection, &at, &command!["INFO"]).await?;
    let state = ask(connection, &at, &command!["CLUSTER", "INFO"]).await?;
    let state = parse_info(&state.text().unwrap_or_default());
    let node_timeout = setting(connection, &at, "cluster-node-timeout").await?;
    let endpoints = setting(connection, &at, "cluster-preferred-endpoint-type").await?;
    let endpoints = match endpoints.and_then(|setting| Endpoints::of_setting(&setting)) {
        // Older servers do not have the setting, and operators of a service may hide it.
        None => {
            let slots = ask(connection, &at, &command!["CLUSTER", "SLOTS"]).await?;
            let nodes = told.as_ref().map(|told| told.topology.nodes.clone()).unwrap_or_default();
            parse_slots(slots.value()).ok().and_then(|slots| Endpoints::of_slots(&slots, &nodes))
        }
        known => known,
    };
    let info = parse_info(&info.text().unwrap_or_default());
    let most = match setting(connection, &at, "maxclients").await? {
        Some(most) => most.parse().ok(),
        None => number(&info, "maxclients"),
    };
    let used = number(&info, "connected_clients").unwrap_or(1) + number(&info, "cluster_connections").unwrap_or(0);
    let sync_delay = sync_delay(connection, &at).await?;
    let closing = closing(connection, &at).await?;
    // The last, since a server or a proxy without HELLO may close the connection.
    let hello = ask(connection, &at, &command!["HELLO", "2"]).await.ok();
    Ok(Answer {
        map: told,
        server: Server::identify(&info, hello.as_ref()),
        node_timeout: node_timeout.and_then(|text| text.parse().ok()).map(Duration::from_millis),
        endpoints,
        connections_left: most.map(|most: u64| most.saturating_sub(used)),
        sync_delay,
        closing,
        run_id: info.get("run_id").cloned(),
        evicted_keys: number(&info, "evicted_keys").unwrap_or(0),
        is_down: state.get("cluster_state").is_some_and(|state| state == "fail"),
    })
}

/// How long a node waits before it sends its data to a replica (`repl-diskless-sync-delay`).
async fn sync_delay(connection: &mut Connection, at: &Address) -> Result<Duration, EntryError> {
    let is_diskless = setting(connection, at, "repl-diskless-sync").await?.is_some_and(|value| value == "yes");
    let delay = setting(connection, at, "repl-diskless-sync-delay").await?;
    let seconds = delay.and_then(|text| text.parse().ok()).filter(|_| is_diskless);
    Ok(Duration::from_secs(seconds.unwrap_or(0)))
}

/// The settings by which a node closes connections that do nothing wrong.
async fn closing(connection: &mut Connection, at: &Address) -> Result<Vec<Closing>, EntryError> {
    let idle =
        setting(connection, at, "timeout").await?.and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    let buffers = setting(connection, at, "client-output-buffer-limit").await?.unwrap_or_default();
    let words: Vec<&str> = buffers.split(' ').collect();
    let normal = words.chunks(4).find(|class| class.first() == Some(&"normal"));
    let limited = normal.filter(|class| class[1..].iter().take(2).any(|limit| *limit != "0"));
    let idle = idle.map(|seconds| Closing::Idle(Duration::from_secs(seconds)));
    Ok(idle.into_iter().chain(limited.map(|class| Closing::OutputBuffer(class.join(" ")))).collect())
}

fn number(info: &BTreeMap<String, String>, field: &str) -> Option<u64> {
    info.get(field)?.parse().ok()
}

/// Whether two nodes of a view announce one address.
pub(crate) fn has_twins(view: &Topology) -> bool {
    let addresses: BTreeSet<&Address> = view.nodes.iter().map(|node| &node.address).collect();
    addresses.len() < view.nodes.len()
}
