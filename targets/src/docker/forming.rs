//! Forms a cluster from servers in containers.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::try_join_all;
use suites::live_cluster::LiveClusterSettings;
use suites::{Endpoints, Findings, Limits, LiveCluster, NodeControl, Server};
use wire::{Access, Address, Topology};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::form::{form, form_without_extra_server};
use crate::bootstrap::member::Member;
use crate::bootstrap::pace::{FormingPace, while_forming};
use crate::bootstrap::plan::ClusterPlan;
use crate::bootstrap::settle::{set_everywhere, settle};
use crate::docker::cluster::ContainerCluster;
use crate::target::BringUp;

/// How long nodes with frequent pings may take to agree, before rct makes their pings less frequent.
///
/// It includes the two seconds for which primaries of a cluster without replicas wait.
const FAST_LIMIT: Duration = Duration::from_secs(6);
/// How long the nodes of a cluster may take to agree, and how much more for each node.
const SETTLE_LIMIT: Duration = Duration::from_secs(45);
const SETTLE_LIMIT_PER_NODE: Duration = Duration::from_millis(500);

/// The settings of every node once its cluster is formed.
pub(crate) fn settings_of(request: &BringUp) -> Vec<(String, String)> {
    let own = [
        ("cluster-node-timeout".to_owned(), request.node_timeout.as_millis().to_string()),
        ("cluster-require-full-coverage".to_owned(), "yes".to_owned()),
    ];
    own.into_iter().chain(request.settings.iter().cloned()).collect()
}

/// Forms a cluster from the first nodes, as many as the request asks for, and leaves the others alone.
pub(crate) async fn formed(
    cluster: &Rc<ContainerCluster>,
    request: &BringUp,
    pace: FormingPace,
) -> Result<LiveCluster, BringUpError> {
    let (topology, server) = form_first(cluster, request, pace).await?;
    let live = LiveCluster::new(LiveClusterSettings {
        control: Rc::clone(cluster) as Rc<dyn NodeControl>,
        access: Access::default(),
        map: cluster.map.clone(),
        servers: vec![server],
        limits: Limits::of_node_timeout(request.node_timeout),
        shape: request.shape,
        endpoints: Endpoints::Ip,
        topology,
        findings: Findings::default(),
    });
    live.ok_or(BringUpError::UnknownServer)
}

async fn form_first(
    cluster: &ContainerCluster,
    request: &BringUp,
    pace: FormingPace,
) -> Result<(Topology, Server), BringUpError> {
    let nodes = cluster.nodes();
    let nodes = &nodes[..nodes.len().min(usize::from(request.shape.nodes()))];
    let mut members = try_join_all(nodes.iter().map(|node| cluster.member(node))).await?;
    set_everywhere(&mut members, &while_forming(pace, request)).await?;
    let addresses: Vec<Address> = nodes.iter().map(|node| node.address.clone()).collect();
    let plan = ClusterPlan::of(request.shape, &addresses);
    let ids = match pace {
        FormingPace::Fast => form_without_extra_server(&plan, &mut members).await?,
        FormingPace::Calm => form(&plan, &mut members, None).await?,
    };
    let topology = plan.topology(&ids);
    settle_with_settings(&topology, &mut members, request, pace).await?;
    let said = match members.first_mut() {
        Some(member) => member.server().await?,
        None => None,
    };
    Ok((topology, said.ok_or(BringUpError::UnknownServer)?))
}

/// Waits until the cluster has settled, and gives its nodes their final settings.
async fn settle_with_settings(
    topology: &Topology,
    members: &mut [Member<'_>],
    request: &BringUp,
    pace: FormingPace,
) -> Result<(), BringUpError> {
    let wanted = settings_of(request);
    let wanted: Vec<(&str, String)> = wanted.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let full_limit = SETTLE_LIMIT + SETTLE_LIMIT_PER_NODE * u32::from(request.shape.nodes());
    match settle(topology, members, if pace == FormingPace::Fast { FAST_LIMIT } else { full_limit }).await {
        Err(BringUpError::NotSettled { .. }) if pace == FormingPace::Fast => {
            set_everywhere(members, &wanted).await?;
            settle(topology, members, full_limit).await
        }
        settled => {
            settled?;
            set_everywhere(members, &wanted).await
        }
    }
}
