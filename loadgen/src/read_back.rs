//! Reads every written key back after a verified run: from the primaries, and from the replicas on request.
//!
//! It must run before anything restores the cluster or deletes keys. The ledger judges what it finds.

mod bad_keys;
mod batch;
mod copies;
mod losses;

use std::time::{Duration, Instant};

use tokio::time::sleep;

pub use self::bad_keys::BadKey;
use self::batch::{Pending, Reader, Seen, shard_of};
use self::copies::{NodeCopy, copies_of_replicas, primaries};
use self::losses::Losses;
use crate::engine::StopSignal;
use crate::error::LoadError;
use crate::layout::Layout;
use crate::ledger::stamp::Flaw;
use crate::ledger::{Found, Ledger, ReadBackReport, ReplicaReport, ShardReport, Verdict};
use crate::plan::{LoadPlan, Routing};
use crate::{run, scout};

/// How long rct tries to read keys while no node serves a single one of them.
const NO_PROGRESS_LIMIT: Duration = Duration::from_secs(15);
/// How long a replica may take to catch up with its primary.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(10);
/// The pause before keys that could not be read are read again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Which copies of the keys to read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copies {
    /// Those of the primaries.
    Primaries,
    /// Those of the primaries and of all replicas.
    All,
}

/// Reads all keys back that the ledger of the plan knows, and hands every bad one to `found`.
///
/// Returns `None` if `stop` was raised meanwhile, or if the plan has no ledger.
///
/// # Errors
///
/// [`LoadError`] if no node says which node serves which slot.
pub async fn read_back(
    plan: &LoadPlan,
    copies: Copies,
    stop: &StopSignal,
    found: &mut dyn FnMut(&BadKey),
) -> Result<Option<ReadBackReport>, LoadError> {
    let Some(ledger) = &plan.workload.ledger else { return Ok(None) };
    let began = Instant::now();
    let reader = Reader::new(plan, ledger, stop);
    let mut losses = Losses::default();
    let mut note = |bad: &BadKey| {
        losses.note(bad);
        found(bad);
    };
    let (shards, layout) = read_primaries(plan, &reader, ledger, &mut note).await?;
    let mut replicas = Vec::new();
    if copies == Copies::All {
        replicas = read_replicas(&reader, ledger, &layout, found).await;
    }
    let report = ReadBackReport {
        keys: shards.iter().map(|shard| shard.keys).sum(),
        duration_s: (began.elapsed().as_secs_f64() * 1e3).round() / 1e3,
        shards,
        replicas,
        lost_by_event: Vec::new(),
        lost_at: losses.list(),
    };
    Ok(Some(report).filter(|_| !stop.is_raised()))
}

/// The layout by which the keys are read, however the load found its nodes.
async fn layout_of(plan: &LoadPlan) -> Result<Layout, LoadError> {
    match plan.routing {
        Routing::Standalone => run::layout(plan).await,
        Routing::Slots | Routing::Redirect => scout::first_layout(plan).await,
    }
}

async fn read_primaries(
    plan: &LoadPlan,
    reader: &Reader<'_>,
    ledger: &Ledger,
    found: &mut dyn FnMut(&BadKey),
) -> Result<(Vec<ShardReport>, Layout), LoadError> {
    let mut layout = layout_of(plan).await?;
    let mut shards: Vec<ShardReport> = Vec::new();
    let mut take = |shard: &mut ShardReport, seen: Seen| {
        shard.keys += 1;
        let doubts = ledger.doubts(seen.space, seen.key, seen.found);
        shard.in_doubt_applied += doubts.applied;
        shard.in_doubt_not_applied += doubts.not_applied;
        shard.in_doubt_unknown += doubts.unknown;
        let verdict = ledger.judge_last(seen.space, seen.key, seen.found);
        match verdict {
            Verdict::Fine => return true,
            Verdict::Absent => shard.absent += 1,
            Verdict::Outdated(_) => shard.lost += 1,
            Verdict::Flawed(_) | Verdict::NeverSent => shard.corrupt += 1,
        }
        if let Some(bad) = bad_key(reader, ledger, &shard.address, seen, verdict, "lost") {
            found(&bad);
        }
        true
    };
    let mut pending = reader.read(&primaries(&layout), None, &mut shards, &mut take).await;
    let mut progress = Instant::now();
    while !pending.is_empty() && progress.elapsed() < NO_PROGRESS_LIMIT && !reader.is_stopped() {
        sleep(AGAIN_AFTER).await;
        layout = layout_of(plan).await.unwrap_or(layout);
        let left = reader.read(&primaries(&layout), Some(&pending), &mut shards, &mut take).await;
        if left.len() < pending.len() {
            progress = Instant::now();
        }
        pending = left;
    }
    for unread in &pending {
        let owner = layout.owner(reader.slot(unread.space, unread.key));
        let address = owner.map_or(String::new(), |owner| layout.nodes[owner].address.to_string());
        shard_of(&mut shards, &address).unread += 1;
    }
    Ok((shards, layout))
}

async fn read_replicas(
    reader: &Reader<'_>,
    ledger: &Ledger,
    layout: &Layout,
    found: &mut dyn FnMut(&BadKey),
) -> Vec<ReplicaReport> {
    let mut reports = Vec::new();
    for copy in copies_of_replicas(layout) {
        reports.push(read_replica(reader, ledger, copy, found).await);
    }
    reports
}

/// Reads the keys of one replica, until it has caught up or its time is over.
async fn read_replica(
    reader: &Reader<'_>,
    ledger: &Ledger,
    copy: NodeCopy,
    found: &mut dyn FnMut(&BadKey),
) -> ReplicaReport {
    let address = copy.address.to_string();
    let mut report = ReplicaReport { address: address.clone(), ..ReplicaReport::default() };
    let (began, copies) = (Instant::now(), [copy]);
    let mut pending: Option<Vec<Pending>> = None;
    loop {
        let is_last = began.elapsed() >= CATCH_UP_LIMIT || reader.is_stopped();
        let mut take = |_: &mut ShardReport, seen: Seen| {
            let verdict = ledger.judge_last(seen.space, seen.key, seen.found);
            match verdict {
                Verdict::Outdated(_) if !is_last => return false,
                Verdict::Outdated(_) => report.stale += 1,
                Verdict::Flawed(_) | Verdict::NeverSent => report.corrupt += 1,
                Verdict::Fine | Verdict::Absent => {}
            }
            report.keys += 1;
            if let Some(bad) = bad_key(reader, ledger, &address, seen, verdict, "stale") {
                found(&bad);
            }
            true
        };
        let left = reader.read(&copies, pending.as_deref(), &mut Vec::new(), &mut take).await;
        if left.is_empty() || is_last {
            report.unread = left.len() as u64;
            return report;
        }
        pending = Some(left);
        sleep(AGAIN_AFTER).await;
    }
}

/// Describes a bad key; `None` if it is not one. `outdated` is the word for an old or missing value.
fn bad_key(
    reader: &Reader<'_>,
    ledger: &Ledger,
    node: &str,
    seen: Seen,
    verdict: Verdict,
    outdated: &'static str,
) -> Option<BadKey> {
    let counter = if let Found::Write(counter) = seen.found { Some(counter) } else { None };
    let (what, expected, acknowledged) = match verdict {
        Verdict::Fine | Verdict::Absent => return None,
        Verdict::Outdated(why) => (outdated, Some(why.expected), Some(why.acknowledged)),
        Verdict::Flawed(Flaw::Corrupt) => ("corrupt", None, None),
        Verdict::Flawed(Flaw::WrongKey) => ("wrong_key", None, None),
        Verdict::NeverSent => ("never_sent", None, None),
    };
    Some(BadKey {
        key: reader.name(seen.space, seen.key),
        slot: reader.slot(seen.space, seen.key).number(),
        node: node.to_owned(),
        what,
        expected,
        found: counter,
        acknowledged_s: acknowledged.map(|time| ledger.at_s(time)),
    })
}
