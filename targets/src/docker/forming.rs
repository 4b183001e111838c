//! Makes servers in containers a cluster, and hands it out.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::try_join_all;
use suites::live_cluster::LiveClusterSettings;
use suites::{Endpoints, Limits, LiveCluster, NodeControl, Server};
use wire::{Access, Address, Topology};

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::form::{form, form_by_stand_in};
use crate::bootstrap::member::Member;
use crate::bootstrap::pace::{Pace, while_forming};
use crate::bootstrap::plan::ClusterPlan;
use crate::bootstrap::settle::{set_everywhere, settle};
use crate::docker::cluster::ContainerCluster;
use crate::target::BringUp;

/// How long nodes that ping each other often may take to agree, before they are told to do so less. Primaries that
/// start by themselves wait for 2 s before they call their cluster healthy.
const BRISK_LIMIT: Duration = Duration::from_secs(6);
/// How long the nodes of a cluster may take to agree, and how much more for each node.
const SETTLE_LIMIT: Duration = Duration::from_secs(45);
const SETTLE_LIMIT_PER_NODE: Duration = Duration::from_millis(500);

/// What every node is told once its cluster is formed.
pub(crate) fn settings_of(request: &BringUp) -> Vec<(String, String)> {
    let own = [
        ("cluster-node-timeout".to_owned(), request.node_timeout.as_millis().to_string()),
        ("cluster-require-full-coverage".to_owned(), "yes".to_owned()),
    ];
    own.into_iter().chain(request.settings.iter().cloned()).collect()
}

/// Forms a cluster of the first nodes, as many as the request wants; the others stay strangers.
pub(crate) async fn formed(
    cluster: &Rc<ContainerCluster>,
    request: &BringUp,
    pace: Pace,
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
    });
    live.ok_or_else(|| BringUpError::Machine("name the cluster's server".to_owned()))
}

async fn form_first(
    cluster: &ContainerCluster,
    request: &BringUp,
    pace: Pace,
) -> Result<(Topology, Server), BringUpError> {
    let nodes = cluster.nodes();
    let nodes = &nodes[..nodes.len().min(usize::from(request.shape.nodes()))];
    let mut members = try_join_all(nodes.iter().map(|node| cluster.member(node))).await?;
    set_everywhere(&mut members, &while_forming(pace, request)).await?;
    let addresses: Vec<Address> = nodes.iter().map(|node| node.address.clone()).collect();
    let plan = ClusterPlan::of(request.shape, &addresses);
    let ids = match pace {
        Pace::Brisk => form_by_stand_in(&plan, &mut members).await?,
        Pace::Calm => form(&plan, &mut members, None).await?,
    };
    let topology = plan.topology(&ids);
    rest(&topology, &mut members, request, pace).await?;
    let said = match members.first_mut() {
        Some(member) => member.server().await?,
        None => None,
    };
    let server =
        said.ok_or_else(|| BringUpError::Machine("a server does not say what it is (INFO server)".to_owned()))?;
    Ok((topology, server))
}

/// Waits until the cluster is at rest, and tells its nodes what they shall be told in the end.
async fn rest(
    topology: &Topology,
    members: &mut [Member<'_>],
    request: &BringUp,
    pace: Pace,
) -> Result<(), BringUpError> {
    let wanted = settings_of(request);
    let wanted: Vec<(&str, String)> = wanted.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let patience = SETTLE_LIMIT + SETTLE_LIMIT_PER_NODE * u32::from(request.shape.nodes());
    match settle(topology, members, if pace == Pace::Brisk { BRISK_LIMIT } else { patience }).await {
        Err(BringUpError::Late { .. }) if pace == Pace::Brisk => {
            set_everywhere(members, &wanted).await?;
            settle(topology, members, patience).await
        }
        settled => {
            settled?;
            set_everywhere(members, &wanted).await
        }
    }
}
