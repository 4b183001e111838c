//! The folder that everything of a run's servers lies in, and who clears it up.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cleanup::guard::Guard;
use crate::cleanup::places::{FOLDER_PREFIX, parent};
use crate::cleanup::run_name;
use crate::cleanup::sweep::sweep;

/// How long clearing up may take in the end; what is left then is the guard's.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);

/// A folder for temporary files with a guard beside it. Dropping it ends every process that works in it, removes it,
/// and lets the guard go.
pub(crate) struct Root {
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
    pub(crate) async fn new(rct: Option<&Path>) -> io::Result<Self> {
        // As the system names it, so that working directories can be compared with it.
        let folder = parent().canonicalize()?.join(format!("{FOLDER_PREFIX}{:016x}", rand::random::<u64>()));
        let program = rct.map_or_else(std::env::current_exe, |program| Ok(program.to_owned()))?;
        let guard = Guard::watch(&program, &folder).await?;
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&folder)?;
        let alive = run_name::hold(&folder)?;
        Ok(Self { folder, _guard: guard, _alive: alive })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        // If it does not succeed the guard goes on, as it does when rct is killed.
        let _swept = sweep(&self.folder, SWEEP_LIMIT);
    }
}
