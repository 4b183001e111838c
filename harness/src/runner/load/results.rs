//! The results of parts, kept in the cluster under load until `rct merge --from` fetches them.
//!
//! Each part has one key, a hash of compressed pieces, in a slot of its own. The keys begin with the prefix of the run,
//! and they expire if nobody fetches them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loadgen::keys::Distribution;
use loadgen::share::PARTS_MAX;
use loadgen::workload::{Sizes, Workload};
use loadgen::{EngineChoice, LoadError, LoadPlan, Pace, ReadFrom, Retry, Routing, Share, Until};
use suites::LiveCluster;
use wire::{Protocol, command};

use super::caller::{CallError, Caller};
use super::meeting::Together;
use super::settings::LoadSettings;
use crate::record::layout::{PART_FILE, RUN_FILE};

/// When results expire, in milliseconds: after a day.
const LIFE_MS: u64 = 24 * 3_600_000;
/// The most bytes of a piece.
const PIECE_BYTES: usize = 1 << 20;
/// How many parts rct asks for until it finds one, which says how many there are.
const ASKED_MOST: u32 = 16;

/// Why results are not stored or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultsError {
    /// The keys cannot be read or written.
    #[error("cannot use the keys of the results: {0}; let the user read and write keys that begin with \"rct:\"")]
    Keys(#[from] CallError),
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are none.
    #[error("the cluster has no results of a run called {name:?}; rct load --results-in-cluster leaves them for a day")]
    Nothing {
        /// The name of the run.
        name: String,
    },
}

/// The results of the parts of one run.
pub struct Results<'a> {
    /// How rct reaches the cluster.
    pub plan: &'a LoadPlan,
    /// The beginning of every key of the run.
    pub prefix: &'a str,
    /// The name of the run.
    pub name: &'a str,
}

impl Results<'_> {
    /// Stores the folder of a part.
    ///
    /// # Errors
    ///
    /// [`ResultsError`] if a file or the cluster fails.
    pub async fn store(&self, share: Share, folder: &Path) -> Result<(), ResultsError> {
        let key = self.key(share.number());
        let mut caller = Caller::new(self.plan, &key);
        // What an earlier run of the same name left must not mix with this one.
        caller.call(command!["DEL", &key]).await?;
        for name in [RUN_FILE, PART_FILE] {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|source| ResultsError::File { path, source })?;
            for (number, piece) in bytes.chunks(PIECE_BYTES).enumerate() {
                caller.call(command!["HSET", &key, format!("{name}:{number}"), piece]).await?;
                caller.call(command!["PEXPIRE", &key, LIFE_MS.to_string()]).await?;
            }
            let count = bytes.len().div_ceil(PIECE_BYTES).to_string();
            caller.call(command!["HSET", &key, format!("{name}:pieces"), count]).await?;
        }
        // The number of all parts comes last, so that nobody fetches a half.
        caller.call(command!["HSET", &key, "parts", share.parts().to_string()]).await?;
        Ok(())
    }

    /// Writes the results of all parts that are there into folders of `into`, and deletes them from the cluster.
    ///
    /// # Errors
    ///
    /// [`ResultsError`] if there are none, or a file or the cluster fails.
    pub async fn fetch(&self, into: &Path) -> Result<Vec<PathBuf>, ResultsError> {
        let (mut folders, mut parts, mut number) = (Vec::new(), None, 1);
        while number <= parts.unwrap_or(ASKED_MOST).min(PARTS_MAX) {
            let key = self.key(number);
            let mut caller = Caller::new(self.plan, &key);
            if let Some(all) = number_of(&mut caller, &key, "parts").await? {
                parts.get_or_insert(all);
                let folder = into.join(format!("part-{number}"));
                fetch_part(&mut caller, &key, &folder).await?;
                caller.call(command!["DEL", &key]).await?;
                folders.push(folder);
            }
            number += 1;
        }
        if folders.is_empty() { Err(ResultsError::Nothing { name: self.name.to_owned() }) } else { Ok(folders) }
    }

    fn key(&self, number: u32) -> String {
        format!("{}{{{}-{number}}}:result", self.prefix, self.name)
    }
}

/// Returns a plan that sends nothing, to find the nodes of a cluster.
///
/// # Errors
///
/// None in practice: its workload is fixed.
pub fn asking_plan(live: &LiveCluster) -> Result<LoadPlan, LoadError> {
    let workload = Workload::mix("GET", "", 1, Distribution::Uniform, Sizes::Fixed(1));
    let workload = workload.map_err(|error| LoadError::Plan(error.to_string()))?;
    let settings = LoadSettings {
        workload: Arc::new(workload),
        verify: None,
        preload: false,
        clients: 1,
        threads: Some(1),
        pipeline: 1,
        pace: Pace::Closed,
        until: Until::Operations(1),
        warmup: Duration::ZERO,
        timeout: live.limits.connect,
        retry: Retry::None,
        read_from: ReadFrom::Primary,
        routing: Routing::Slots,
        engine: EngineChoice::Auto,
        protocol: Protocol::Resp2,
        faults: Vec::new(),
        seed: 0,
        share: Share::WHOLE,
        together: Together::alone(),
    };
    Ok(settings.plan(live))
}

/// Writes the files of a part into its folder.
async fn fetch_part(caller: &mut Caller, key: &str, folder: &Path) -> Result<(), ResultsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        |source| ResultsError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for name in [RUN_FILE, PART_FILE] {
        let mut bytes = Vec::new();
        for number in 0..number_of(caller, key, &format!("{name}:pieces")).await?.unwrap_or(0) {
            let piece = caller.call(command!["HGET", key, format!("{name}:{number}")]).await?;
            bytes.extend_from_slice(piece.bytes_value().unwrap_or_default());
        }
        let path = folder.join(name);
        fs::write(&path, bytes).map_err(failed(&path))?;
    }
    Ok(())
}

/// A number in a field of a hash; `None` if it is not there.
async fn number_of(caller: &mut Caller, key: &str, field: &str) -> Result<Option<u32>, CallError> {
    let reply = caller.call(command!["HGET", key, field]).await?;
    Ok(reply.bytes_value().and_then(|text| std::str::from_utf8(text).ok()?.parse().ok()))
}
