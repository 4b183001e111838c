//! The folder that everything of a run's servers lies in, and who clears it up.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, access, statvfs};

use super::guard::{FOLDER_PREFIX, Guard};
use super::run_name;
use super::sweep::sweep;

/// A place in memory that Linux systems have. Servers have their cluster's file flushed at each change of it, for which a
/// busy disk can take seconds.
const MEMORY: &str = "/dev/shm";
/// How much must be free there; containers often give it a few megabytes only.
const MEMORY_BYTES: u64 = 1 << 30;

/// How long clearing up may take in the end; what is left then is the guard's.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);

/// A folder for temporary files with a guard beside it. Dropping it ends every process that works in it, removes it,
/// and lets the guard go.
pub(super) struct Root {
    folder: PathBuf,
    _guard: Guard,
    _alive: File,
}

impl Root {
    /// Sets up the guard and then makes the folder, which only its owner may enter.
    ///
    /// # Errors
    ///
    /// If there is no place for it, or the guard does not start.
    pub(super) async fn new(rct: Option<&Path>) -> io::Result<Self> {
        // As the system names it, so that working directories can be compared with it.
        let folder = parent().canonicalize()?.join(format!("{FOLDER_PREFIX}{:016x}", rand::random::<u64>()));
        let program = rct.map_or_else(std::env::current_exe, |program| Ok(program.to_owned()))?;
        let guard = Guard::watch(&program, &folder).await?;
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&folder)?;
        let alive = run_name::hold(&folder)?;
        Ok(Self { folder, _guard: guard, _alive: alive })
    }

    /// The folder.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // If it does not succeed the guard goes on, as it does when rct is killed.
        let _swept = sweep(&self.folder, SWEEP_LIMIT);
    }
}

/// Where temporary files go: where TMPDIR says, else into memory if there is enough of it, else to the system's place.
pub(super) fn parent() -> PathBuf {
    let memory = Path::new(MEMORY);
    if std::env::var_os("TMPDIR").is_none() && is_roomy(memory) { memory.to_owned() } else { std::env::temp_dir() }
}

/// Every place that [`parent`] may give here, as the system names it.
pub(super) fn parents() -> Vec<PathBuf> {
    let places = [std::env::temp_dir(), PathBuf::from(MEMORY)];
    places.iter().filter_map(|place| place.canonicalize().ok()).collect()
}

fn is_roomy(folder: &Path) -> bool {
    let writable = access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok();
    writable && statvfs(folder).is_ok_and(|space| space.f_bavail.saturating_mul(space.f_frsize) >= MEMORY_BYTES)
}
