//! What `--verify` found, as `run.json` has it. Fields are a contract with scripts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ranks::Ranked;
use crate::recorder::{AllTimes, add, times};
use crate::timeline::Brief;

/// What rct verified, and what was wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// The key spaces that rct verified.
    pub spaces: Vec<String>,
    /// The key spaces that it did not verify, and why.
    pub not_verified: BTreeMap<String, String>,
    /// Writes that the servers acknowledged, those of the preload included.
    pub acknowledged: u64,
    /// Writes in doubt: nobody acknowledged or refused them, so they may have taken effect or not.
    pub in_doubt: u64,
    /// Keys whose last acknowledged write is gone; null if rct did not read the keys back.
    pub lost: Option<u64>,
    /// Reads of primaries that returned less than the last write that was acknowledged before.
    pub stale: u64,
    /// Values that no write can have left: corrupt, of another key, or of a write that rct never sent.
    pub corrupt: u64,
    /// Reads of primaries during the run.
    pub primaries: ReadReport,
    /// Reads of replicas during the run.
    pub replicas: ReadReport,
    /// The first bad reads.
    pub examples: Vec<BadRead>,
    /// What was there at the end; null if rct did not read the keys back.
    pub read_back: Option<ReadBackReport>,
}

/// Reads during the run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReadReport {
    /// Reads that rct checked.
    pub checked: u64,
    /// Reads that returned a value older than a write that was acknowledged before the read was sent.
    pub stale: u64,
    /// Reads that found no key, although a write was acknowledged before the read was sent.
    pub missing: u64,
    /// Reads that returned the value of another key.
    pub wrong_key: u64,
    /// Reads whose value does not fit its checksum.
    pub corrupt: u64,
    /// Reads that returned a value which rct never sent.
    pub never_sent: u64,
    /// How long ago the newer write had been acknowledged at least, of stale and missing values.
    pub stale_age_us: Option<Brief>,
    /// The same times, from which those of several generators can be put together.
    #[serde(skip)]
    pub ages: Option<Box<AllTimes>>,
}

/// A read that returned something wrong.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BadRead {
    /// When the reply came, in seconds from the start of the load.
    pub at_s: f64,
    /// The key.
    pub key: String,
    /// The address of the node that answered.
    pub node: String,
    /// `stale`, `missing`, `wrong_key`, `corrupt` or `never_sent`.
    pub what: String,
    /// The lowest counter that would have been up to date, of stale and missing values.
    pub expected: Option<u32>,
    /// The counter in the value.
    pub found: Option<u32>,
}

/// What rct read back after the load.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReadBackReport {
    /// Keys that rct wrote and then read back.
    pub keys: u64,
    /// How long that took, in seconds.
    pub duration_s: f64,
    /// By shard, named by the primary that answered.
    pub shards: Vec<ShardReport>,
    /// By replica; empty unless rct read the replicas too.
    pub replicas: Vec<ReplicaReport>,
    /// The lost keys by shard and event; empty in a run without events.
    #[serde(default)]
    pub lost_by_event: Vec<LostReport>,
    /// The lost keys by slot and time, from which those of several generators can be put together.
    #[serde(skip)]
    pub lost_at: Vec<LostAt>,
}

/// The lost keys of one slot whose last write was acknowledged in one millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LostAt {
    /// The slot.
    pub slot: u16,
    /// The millisecond, from the start of the load; below 0 for the preload.
    pub acknowledged_ms: i64,
    /// How many keys were lost.
    pub lost: u64,
}

/// The keys of one shard whose last acknowledged write was lost because of one event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LostReport {
    /// The number of the shard, from 1, as in `outages`; null if rct did not watch it.
    pub shard: Option<usize>,
    /// The number of the event, from 1; null if no event aimed at the shard.
    pub event: Option<usize>,
    /// Keys whose last acknowledged write is gone.
    pub lost: u64,
}

/// The last values of the keys of one shard, as its primary has them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ShardReport {
    /// The address of its primary; empty for keys that no primary served.
    pub address: String,
    /// Keys that rct read back.
    pub keys: u64,
    /// Keys whose last acknowledged write is gone.
    pub lost: u64,
    /// Keys whose value is corrupt, belongs to another key, or was never sent.
    pub corrupt: u64,
    /// Keys that do not exist, which rct cannot judge: the workload removes keys, or lets them expire.
    pub absent: u64,
    /// Keys that rct could not read.
    pub unread: u64,
    /// Writes in doubt that took effect.
    pub in_doubt_applied: u64,
    /// Writes in doubt that did not take effect.
    pub in_doubt_not_applied: u64,
    /// Writes in doubt whose effect a later write hides.
    pub in_doubt_unknown: u64,
}

/// The last values of the keys of one replica.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReplicaReport {
    /// Its address.
    pub address: String,
    /// Keys that rct read back from it.
    pub keys: u64,
    /// Keys whose last acknowledged write it does not have, although it had time to catch up.
    pub stale: u64,
    /// Keys whose value is corrupt, belongs to another key, or was never sent.
    pub corrupt: u64,
    /// Keys that rct could not read.
    pub unread: u64,
}

impl ReadReport {
    /// Records how long ago the newer write of a stale or missing value had been acknowledged.
    pub(crate) fn age(&mut self, age_ns: u64) {
        self.ages.get_or_insert_with(|| Box::new(times())).saturating_record(age_ns);
    }

    /// Adds other reads; [`ReadReport::describe_ages`] must follow the last of them.
    pub(crate) fn add(&mut self, more: &Self) {
        self.checked += more.checked;
        self.stale += more.stale;
        self.missing += more.missing;
        self.wrong_key += more.wrong_key;
        self.corrupt += more.corrupt;
        self.never_sent += more.never_sent;
        if let Some(ages) = &more.ages {
            add(self.ages.get_or_insert_with(|| Box::new(times())), ages);
        }
    }

    /// Says in the report how old the values were.
    pub(crate) fn describe_ages(&mut self) {
        self.stale_age_us = self.ages.as_deref().and_then(|ages| Brief::of(&Ranked::answered(ages.clone())));
    }
}

impl VerifyReport {
    /// Adds what was there at the end.
    pub fn add_read_back(&mut self, read_back: ReadBackReport) {
        self.lost = Some(read_back.shards.iter().map(|shard| shard.lost).sum());
        self.corrupt += read_back.shards.iter().map(|shard| shard.corrupt).sum::<u64>();
        self.corrupt += read_back.replicas.iter().map(|replica| replica.corrupt).sum::<u64>();
        self.read_back = Some(read_back);
    }
}

impl ReadBackReport {
    /// How many keys rct could not read from primaries.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.shards.iter().map(|shard| shard.unread).sum()
    }
}
