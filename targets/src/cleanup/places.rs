//! The places for the folders of runs, and how the names of those folders begin.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

/// The first part of the name of a guarded folder. The guard removes no folder with another name.
pub(crate) const FOLDER_PREFIX: &str = "rct-";

/// A file system in memory, which Linux has.
///
/// Servers flush their `nodes.conf` to disk at each change, which can take seconds on a busy disk.
const MEMORY: &str = "/dev/shm";
/// How much space must be free there. In containers it often has only a few megabytes.
const MEMORY_BYTES: u64 = 1 << 30;

/// The folder for temporary files: TMPDIR, else the memory if it has enough space, else the default of the system.
pub(crate) fn parent() -> PathBuf {
    let memory = Path::new(MEMORY);
    if std::env::var_os("TMPDIR").is_none() && is_roomy(memory) { memory.to_owned() } else { std::env::temp_dir() }
}

/// Every folder that [`parent`] may return on this machine, with links resolved.
pub(crate) fn parents() -> Vec<PathBuf> {
    let places = [std::env::temp_dir(), PathBuf::from(MEMORY)];
    places.iter().filter_map(|place| place.canonicalize().ok()).collect()
}

fn is_roomy(folder: &Path) -> bool {
    let writable = access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    writable && statvfs(folder).is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) >= MEMORY_BYTES)
}
