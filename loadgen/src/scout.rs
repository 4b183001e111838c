//! Asks the cluster which node serves which slot: once before a run, and again whenever a slot has moved.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use wire::{
    Address, ConnectOptions, Connection, SlotsEntry, Topology, command, parse_nodes, parse_shards, parse_slots,
};

use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::LoadPlan;

/// How long one node may take to answer, during a run.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// The shortest time between two refreshes of the layout.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Returns the layout from the first seed address that answers.
pub(crate) async fn first_layout(plan: &LoadPlan) -> Result<Layout, LoadError> {
    let mut last = LoadError::Layout("the plan has no address".to_owned());
    for address in &plan.seeds {
        match ask(plan, address, plan.connect_timeout).await {
            Ok(layout) => return Ok(layout),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Publishes a new layout whenever a worker requests one and a node returns one that differs.
pub(crate) async fn keep_layout_fresh(plan: &LoadPlan, refresh: &Notify, layouts: &watch::Sender<Arc<Layout>>) {
    loop {
        refresh.notified().await;
        let mut addresses: Vec<Address> = layouts.borrow().nodes.iter().map(|node| node.address.clone()).collect();
        addresses.shuffle(&mut rand::rng());
        addresses.extend(plan.seeds.iter().cloned());
        for address in &addresses {
            if let Ok(layout) = ask(plan, address, ASK_LIMIT).await {
                layouts.send_if_modified(|last| {
                    let is_new = **last != layout;
                    if is_new {
                        *last = Arc::new(layout);
                    }
                    is_new
                });
                break;
            }
        }
        sleep(ASK_EVERY).await;
    }
}

async fn ask(plan: &LoadPlan, address: &Address, limit: Duration) -> Result<Layout, LoadError> {
    let options = ConnectOptions {
        access: plan.access.clone(),
        connect_timeout: limit,
        reply_timeout: limit,
        ..ConnectOptions::new(address.clone())
    };
    let mut connection = Connection::open(&options).await?;
    let reply = connection.call(&command!["CLUSTER", "SLOTS"]).await?;
    let slots = match reply.error() {
        Some(error) => Err(LoadError::Layout(format!("{address} answered CLUSTER SLOTS with {error}"))),
        None => parse_slots(reply.value()).map_err(|error| LoadError::Layout(format!("{error}; {address} sent it"))),
    };
    let entries = match slots {
        Ok(entries) if !entries.is_empty() => entries,
        slots => match entries_of_others(&mut connection, address, plan.access.tls.is_some()).await? {
            Some(entries) => entries,
            None => slots?,
        },
    };
    let layout = Layout::of_slots(&entries, address, |announced| plan.reachable(announced));
    if layout.nodes.is_empty() {
        return Err(LoadError::Layout(format!("{address} knows no node that serves a slot; create the cluster first")));
    }
    Ok(layout)
}

/// What CLUSTER SHARDS or CLUSTER NODES tells of the slots, for servers and users without CLUSTER SLOTS.
async fn entries_of_others(
    connection: &mut Connection,
    address: &Address,
    by_tls: bool,
) -> Result<Option<Vec<SlotsEntry>>, LoadError> {
    let shards = connection.call(&command!["CLUSTER", "SHARDS"]).await?;
    let by_shards = parse_shards(shards.value()).map(|shards| Topology::from_shards(&shards, address, by_tls));
    let nodes = connection.call(&command!["CLUSTER", "NODES"]).await?;
    let by_nodes = parse_nodes(&nodes.text().unwrap_or_default());
    let entries = [by_shards, by_nodes].into_iter().flatten().map(|topology| topology.slots_entries());
    Ok(entries.into_iter().find(|entries| !entries.is_empty()))
}
