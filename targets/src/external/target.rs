//! Enters a cluster given by address.

use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use suites::live_cluster::LiveClusterSettings;
use suites::until::until;
use suites::{Endpoints, Findings, Limits, LiveCluster, Server, Shape, Stop};
use wire::{Access, Address, AddressMap, Topology};

use crate::error::TargetError;
use crate::external::entry_error::EntryError;
use crate::external::fault_hook::FaultHook;
use crate::external::findings::{common_endpoints, findings, replicas, unserved};
use crate::external::nodes::ExternalNodes;
use crate::external::questions::{connect, identify};
use crate::external::slot_map::{SlotMap, read_map};
use crate::external::survey::{Survey, has_twins};
use crate::target::{BringUp, Lease, Target};

/// The node timeout that is assumed where no server shows it: the default of all servers.
const NODE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long most nodes may not know a node that answers, and the pause between two looks.
const JOIN_LIMIT: Duration = Duration::from_secs(5);
const JOIN_PAUSE: Duration = Duration::from_millis(200);

/// A cluster given by addresses. Nothing is started and nothing is ended.
pub struct ExternalTarget {
    seeds: Vec<Address>,
    access: Access,
    map: AddressMap,
    hook: Option<Rc<FaultHook>>,
    counts_as: Option<Server>,
}

impl ExternalTarget {
    /// The cluster that can be entered at any of `seeds`, as `access`; `map` says where announced addresses are
    /// reached.
    #[must_use]
    pub fn new(seeds: Vec<Address>, access: Access, map: AddressMap) -> Self {
        Self { seeds, access, map, hook: None, counts_as: None }
    }

    /// The same cluster, whose nodes count as this server, whatever they say.
    #[must_use]
    pub fn counted_as(self, server: Option<Server>) -> Self {
        Self { counts_as: server, ..self }
    }

    /// The same cluster, where a program of the user's own does to nodes what checks ask for.
    ///
    /// # Errors
    ///
    /// If it does not say what it can do.
    pub async fn with_fault_hook(self, program: &Path) -> Result<Self, TargetError> {
        Ok(Self { hook: Some(Rc::new(FaultHook::open(program).await?)), ..self })
    }

    async fn find(&self, request: &BringUp) -> Result<Lease, EntryError> {
        let first = match self.discover().await {
            Err(error) if request.is_for_load => return self.standalone(error).await,
            found => found?,
        };
        let usable = Topology { nodes: first.topology.nodes.iter().filter(|node| node.is_usable()).cloned().collect() };
        if has_twins(&usable) {
            return Err(EntryError::SameAddress);
        }
        let survey = self.survey(&first.topology, request.is_for_load).await;
        let Some((_, view)) = survey.view_of_most() else {
            return Err(survey.into_error().unwrap_or(EntryError::NoUsableNode));
        };
        let servers = self.counts_as.clone().map_or_else(|| servers(&survey), |server| vec![server]);
        if !request.is_for_load {
            refuse_old(&servers)?;
        }
        let mut live = self.live(&survey, view, servers)?;
        if !request.is_for_load {
            refuse_down(&survey, &live)?;
            self.agree(&mut live).await;
        }
        Ok(Lease::new(Rc::new(live), || Box::pin(async {})))
    }

    /// The server without cluster support that is the reason why there is no cluster, if there is one.
    async fn standalone(&self, error: EntryError) -> Result<Lease, EntryError> {
        let Some(at) = error.standalone_server().cloned() else { return Err(error) };
        if self.seeds.len() > 1 {
            return Err(EntryError::OneStandalone(at));
        }
        let live = LiveCluster::new(LiveClusterSettings {
            control: Rc::new(ExternalNodes::new(self.hook.clone(), self.access.clone(), self.map.clone())),
            access: self.access.clone(),
            map: self.map.clone(),
            servers: vec![self.counts_as.clone().unwrap_or(identify(&at, &self.access).await?)],
            limits: Limits::of_node_timeout(NODE_TIMEOUT),
            shape: Shape::new(1, 0),
            endpoints: Endpoints::Ip,
            findings: Findings { is_external: true, is_standalone: true, ..Findings::default() },
            topology: Topology::standalone(&at),
        });
        Ok(Lease::new(Rc::new(live.ok_or(EntryError::NoUsableNode)?), || Box::pin(async {})))
    }

    /// Asks all nodes; before checks, until most nodes know each node that answers: one may have joined a moment ago.
    async fn survey(&self, first: &Topology, is_for_load: bool) -> Survey {
        let started = Instant::now();
        loop {
            let survey = Survey::of(first, &self.access, &self.map).await;
            let is_settled = survey.view_of_most().is_none_or(|(_, view)| !survey.has_newcomers(&view));
            if is_for_load || is_settled || started.elapsed() > JOIN_LIMIT {
                return survey;
            }
            tokio::time::sleep(JOIN_PAUSE).await;
        }
    }

    /// The cluster by the view that most nodes share.
    fn live(&self, survey: &Survey, view: Topology, servers: Vec<Server>) -> Result<LiveCluster, EntryError> {
        let node_timeout = survey.answers().filter_map(|(_, answer)| answer.node_timeout).max();
        let sync_delay = survey.answers().map(|(_, answer)| answer.sync_delay).max().unwrap_or_default();
        let live = LiveCluster::new(LiveClusterSettings {
            control: Rc::new(ExternalNodes::new(self.hook.clone(), self.access.clone(), self.map.clone())),
            access: self.access.clone(),
            map: self.map.clone(),
            servers,
            limits: Limits::of_node_timeout(node_timeout.unwrap_or(NODE_TIMEOUT)).with_sync_delay(sync_delay),
            shape: shape_of(&view)?,
            endpoints: common_endpoints(survey),
            findings: findings(survey, &view),
            topology: view,
        });
        live.ok_or(EntryError::NoUsableNode)
    }

    /// The cluster as the first address that answers describes it.
    async fn discover(&self) -> Result<SlotMap, EntryError> {
        let mut reasons = Vec::new();
        for seed in &self.seeds {
            match self.map_by(seed).await {
                Ok(map) => return Ok(map),
                Err(error) => reasons.push(error),
            }
        }
        Err(EntryError::NoneAnswers(reasons))
    }

    async fn map_by(&self, seed: &Address) -> Result<SlotMap, EntryError> {
        let mut connection = connect(seed, &self.access).await?;
        read_map(&mut connection, seed, &self.access).await
    }

    /// Waits until all nodes agree, and takes what they agree on as the view. Nodes that go on to disagree are for the
    /// checks to judge: the view then stays that of most nodes.
    async fn agree(&self, live: &mut LiveCluster) {
        let limit = live.limits.converge;
        // A node that started a moment ago serves nothing yet. If the cluster stays down, the checks will show it.
        let _serves = until(limit, live.limits.poll, "the cluster serves", async || live.serves().await).await;
        let agreed = until(limit, live.limits.poll, "all nodes agree", async || live.agreed_view().await).await;
        match agreed {
            Ok(view) => live.set_topology(view),
            Err(stop) => {
                if let Some((_, view)) = Survey::of(&live.topology(), &self.access, &self.map).await.view_of_most() {
                    live.set_topology(view);
                }
                let differences = match stop {
                    Stop::Mismatch(mismatch) => format!("{}; {}", mismatch.expected, mismatch.received),
                    other => other.to_string(),
                };
                let seconds = limit.as_secs_f64();
                live.findings.cannot_restore = Some("the nodes do not agree on the cluster".to_owned());
                live.findings.warnings.push(format!(
                    "the nodes did not agree on the cluster within {seconds:.1} s; rct goes on with the view that \
                     most of them share: {differences}"
                ));
            }
        }
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

    fn bring_up<'a>(&'a self, request: &'a BringUp) -> LocalBoxFuture<'a, Result<Lease, TargetError>> {
        Box::pin(async { Ok(self.find(request).await?) })
    }
}

/// The servers that the nodes run, oldest first.
fn servers(survey: &Survey) -> Vec<Server> {
    let mut servers: Vec<Server> = survey.answers().filter_map(|(_, answer)| answer.server.clone()).collect();
    servers.sort_by_key(|server| server.version);
    servers.dedup();
    if servers.is_empty() {
        servers.push(Server::unknown());
    }
    servers
}

fn refuse_old(servers: &[Server]) -> Result<(), EntryError> {
    match servers.iter().find(|server| server.is_older_than_rules()) {
        Some(server) => Err(EntryError::TooOld { from: Server::RULES_FROM, server: server.clone() }),
        None => Ok(()),
    }
}

/// A cluster that answers CLUSTERDOWN to everything says nothing about any rule.
fn refuse_down(survey: &Survey, live: &LiveCluster) -> Result<(), EntryError> {
    let unserved = unserved(&live.topology());
    if unserved > 0 && survey.answers().any(|(_, answer)| answer.is_down) {
        return Err(EntryError::Down { unserved, left_out: live.findings.left_out.clone() });
    }
    Ok(())
}

/// The size by which checks are chosen: what every primary has at least.
fn shape_of(topology: &Topology) -> Result<Shape, EntryError> {
    let replicas = replicas(topology);
    let least = replicas.iter().copied().min().unwrap_or(0);
    let sizes = u16::try_from(replicas.len()).ok().zip(u16::try_from(least).ok());
    let (primaries, replicas) = sizes.ok_or(EntryError::TooLarge)?;
    Ok(Shape::new(primaries, replicas))
}
