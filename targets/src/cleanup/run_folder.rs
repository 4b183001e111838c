//! The folder that holds all files of the servers of a run.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cleanup::guard::Guard;
use crate::cleanup::places::{FOLDER_PREFIX, parent};
use crate::cleanup::run_name;
use crate::cleanup::sweep::sweep;

/// How long the cleanup at the end of a run may take. The guard removes what is left.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);

/// A folder for temporary files, with a guard.
///
/// Dropping this kills every process that works in the folder, removes the folder, and releases the guard.
pub(crate) struct RunFolder {
    folder: PathBuf,
    _guard: Guard,
    _alive: File,
}

impl RunFolder {
    /// Starts the guard, and then makes the folder, which only its owner can enter.
    ///
    /// # Errors
    ///
    /// The folder cannot be made, or the guard does not start.
    pub(crate) async fn new(rct: Option<&Path>) -> io::Result<Self> {
        // With links resolved, so that rct can compare working directories with it.
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

impl Drop for RunFolder {
    fn drop(&mut self) {
        // If this fails, the guard does it, as it does when rct is killed.
        let _swept = sweep(&self.folder, SWEEP_LIMIT);
    }
}
