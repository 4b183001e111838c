//! Asks the cluster who serves what: once before a run, and again whenever something moved.

use std::sync::Arc;
use std::time::Duration;

use rand::seq::SliceRandom;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use wire::{Address, ConnectOptions, Connection, command, parse_slots};

use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::LoadPlan;

/// How long one node may take to be asked, during a run.
const ASK_LIMIT: Duration = Duration::from_secs(1);
/// The least time between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// The first layout that one of the addresses gives.
pub(crate) async fn first_layout(plan: &LoadPlan) -> Result<Layout, LoadError> {
    let mut last = LoadError::Layout("no address was given".to_owned());
    for address in &plan.seeds {
        match ask(plan, address, plan.connect_timeout).await {
            Ok(layout) => return Ok(layout),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Publishes a new layout whenever one is wished for and a live node gives one.
pub(crate) async fn keep_looking(plan: &LoadPlan, refresh: &Notify, layouts: &watch::Sender<Arc<Layout>>) {
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
    let reply = Connection::open(&options).await?.call(&command!["CLUSTER", "SLOTS"]).await?;
    let refuse =
        |reason: &dyn std::fmt::Display| LoadError::Layout(format!("{address} answered CLUSTER SLOTS with {reason}"));
    if let Some(error) = reply.error() {
        return Err(refuse(&error));
    }
    let entries = parse_slots(reply.value()).map_err(|error| refuse(&error))?;
    let layout = Layout::of_slots(&entries, address, |announced| plan.reachable(announced));
    if layout.nodes.is_empty() {
        return Err(refuse(&"no slots at all: the cluster is not formed"));
    }
    Ok(layout)
}
