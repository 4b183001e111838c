//! How a run's folder is laid out: the version of `run.json`, and the names of folders and files.
//!
//! ```text
//! results/2026-08-22T10-14-03Z-local/
//!     run.json   junit.xml   summary.md   report.html   transcripts/redirect.moved-from-non-owner.txt
//! ```

use std::borrow::Cow;

use jiff::Timestamp;

/// The version of `run.json` that this build writes and reads.
pub const SCHEMA: u32 = 1;

/// The file that holds the record.
pub const RUN_FILE: &str = "run.json";

/// The file of one generator for `rct merge`.
pub const PART_FILE: &str = "part.jsonl.gz";

/// The most bytes of a name that was made from a target or an id.
const NAME_LIMIT_BYTES: usize = 120;

/// Returns the name of a run's folder: when the run started, and on which target.
///
/// Only the address of a target becomes part of the name: a password may stand before it.
pub fn folder_name(started: Timestamp, target: &str) -> String {
    let address = target.rsplit(['@', '/']).next().unwrap_or_default();
    let name = file_name(&address.replace([':', ','], "-"), address);
    let target = if name.is_empty() { "target" } else { &name };
    format!("{}-{target}", started.strftime("%Y-%m-%dT%H-%M-%SZ"))
}

/// Returns the path of a check's transcript within the run's folder.
pub fn transcript_path(id: &str) -> String {
    format!("transcripts/{}.txt", file_name(&id.replace('/', "."), id))
}

/// Returns `wanted` if every file system takes it as a name, or else a similar name that belongs to `whole` alone.
fn file_name(wanted: &str, whole: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let name: Cow<'_, str> = wanted.chars().map(|character| if is_safe(character) { character } else { '_' }).collect();
    if name == wanted && name.len() <= NAME_LIMIT_BYTES {
        return name.into_owned();
    }
    let start: String = name.chars().take(NAME_LIMIT_BYTES).collect();
    format!("{start}-{:08x}", short_fingerprint(whole))
}

/// A short number for a text: the same on every machine and in every version.
fn short_fingerprint(text: &str) -> u32 {
    wire::fingerprint(0, text.bytes()) as u32
}
