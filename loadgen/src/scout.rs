//! Asks the cluster which node serves which slot: once before a run, and again whenever a slot has moved.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use rand::seq::SliceRandom;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};
use wire::{
    Address, ConnectOptions, Connection, SlotsEntry, Topology, command, parse_nodes, parse_shards, parse_slots,
};

use crate::error::LoadError;
use crate::layout::Layout;
use crate::plan::LoadPlan;

/// How long each node may take to answer during a run: first a short time, so that a silent one delays the others little;
/// if none answers, a longer one.
const ASK_LIMITS: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];
/// The shortest time between two refreshes of the layout. After the loss of a primary, so much later at most rct knows
/// its successor.
const ASK_EVERY: Duration = Duration::from_millis(5);
/// For how long rct asks a node after the others once it gave no answer.
const SILENT_FOR: Duration = Duration::from_secs(2);
/// How long rct waits for one node before it also asks the next one.
const NEXT_AFTER: Duration = Duration::from_millis(10);
/// How long rct waits at least before the next refresh for each range of slots, so that large layouts cost little. The
/// time that the last refresh took would not do, because it is long on a busy machine.
const PAUSE_PER_RANGE: Duration = Duration::from_micros(20);

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
    let mut sources = Sources::default();
    loop {
        refresh.notified().await;
        let mut addresses: Vec<Address> = layouts.borrow().nodes.iter().map(|node| node.address.clone()).collect();
        addresses.shuffle(&mut rand::rng());
        addresses.extend(plan.seeds.iter().cloned());
        if let Some(layout) = sources.any_layout(plan, addresses).await {
            layouts.send_if_modified(|last| {
                let is_new = **last != layout;
                if is_new {
                    *last = Arc::new(layout);
                }
                is_new
            });
        }
        let ranges = layouts.borrow().ranges();
        sleep(PAUSE_PER_RANGE.saturating_mul(ranges).max(ASK_EVERY)).await;
    }
}

/// The nodes that rct asks for the layout during a run.
#[derive(Default)]
struct Sources {
    /// Connections to nodes that answered, for the next refresh.
    kept: HashMap<Address, Connection>,
    /// When nodes last gave no answer. rct asks them after the others.
    silent: HashMap<Address, Instant>,
}

impl Sources {
    /// The layout of the first node that answers.
    async fn any_layout(&mut self, plan: &LoadPlan, mut addresses: Vec<Address>) -> Option<Layout> {
        self.silent.retain(|_, since| since.elapsed() < SILENT_FOR);
        addresses.sort_by_key(|address| self.silent.contains_key(address));
        for limit in ASK_LIMITS {
            let mut waiting = addresses.iter();
            let mut asked = FuturesUnordered::new();
            loop {
                match waiting.next() {
                    Some(address) => asked.push(ask_again(plan, address, self.kept.remove(address), limit)),
                    None if asked.is_empty() => break,
                    None => {}
                }
                match timeout(NEXT_AFTER, asked.next()).await {
                    Ok(Some((address, Ok((layout, connection))))) => {
                        self.kept.insert(address.clone(), connection);
                        return Some(layout);
                    }
                    Ok(Some((address, Err(_)))) => {
                        self.silent.insert(address.clone(), Instant::now());
                    }
                    // None has answered yet, so rct asks the next one too.
                    Ok(None) | Err(_) => {}
                }
            }
        }
        None
    }
}

/// Asks a node by the connection that was kept, or by a new one. The limit holds for both.
async fn ask_again<'a>(
    plan: &LoadPlan,
    address: &'a Address,
    kept: Option<Connection>,
    limit: Duration,
) -> (&'a Address, Result<(Layout, Connection), LoadError>) {
    let asked = async {
        let mut connection = match kept {
            Some(connection) => connection,
            None => connect(plan, address, limit).await?,
        };
        let layout = layout_by(plan, address, &mut connection).await?;
        Ok((layout, connection))
    };
    let late = || LoadError::Layout(format!("{address} did not answer within {limit:?}"));
    (address, timeout(limit, asked).await.unwrap_or_else(|_| Err(late())))
}

async fn ask(plan: &LoadPlan, address: &Address, limit: Duration) -> Result<Layout, LoadError> {
    layout_by(plan, address, &mut connect(plan, address, limit).await?).await
}

async fn connect(plan: &LoadPlan, address: &Address, limit: Duration) -> Result<Connection, LoadError> {
    let options = ConnectOptions {
        access: plan.access.clone(),
        connect_timeout: limit,
        reply_timeout: limit,
        ..ConnectOptions::new(address.clone())
    };
    Ok(Connection::open(&options).await?)
}

async fn layout_by(plan: &LoadPlan, address: &Address, connection: &mut Connection) -> Result<Layout, LoadError> {
    let reply = connection.call(&command!["CLUSTER", "SLOTS"]).await?;
    let slots = match reply.error() {
        Some(error) => Err(LoadError::Layout(format!("{address} answered CLUSTER SLOTS with {error}"))),
        None => parse_slots(reply.value()).map_err(|error| LoadError::Layout(format!("{error}; {address} sent it"))),
    };
    let entries = match slots {
        Ok(entries) if !entries.is_empty() => entries,
        slots => match entries_of_others(connection, address, plan.access.tls.is_some()).await? {
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
