//! Where the folders of runs lie, and how their names begin.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

/// How the name of a guarded folder begins; the guard refuses to remove any other.
pub(crate) const FOLDER_PREFIX: &str = "rct-";

/// A place in memory that Linux systems have. Servers have their cluster's file flushed at each change of it, for which a
/// busy disk can take seconds.
const MEMORY: &str = "/dev/shm";
/// How much must be free there; containers often give it a few megabytes only.
const MEMORY_BYTES: u64 = 1 << 30;

/// Where temporary files go: where TMPDIR says, else into memory if there is enough of it, else to the system's place.
pub(crate) fn parent() -> PathBuf {
    let memory = Path::new(MEMORY);
    if std::env::var_os("TMPDIR").is_none() && is_roomy(memory) { memory.to_owned() } else { std::env::temp_dir() }
}

/// Every place that [`parent`] may give here, as the system names it.
pub(crate) fn parents() -> Vec<PathBuf> {
    let places = [std::env::temp_dir(), PathBuf::from(MEMORY)];
    places.iter().filter_map(|place| place.canonicalize().ok()).collect()
}

fn is_roomy(folder: &Path) -> bool {
    let writable = access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    writable && statvfs(folder).is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) >= MEMORY_BYTES)
}
