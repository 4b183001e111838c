//! Where the workload of a load run comes from: a mix of well-known commands, or a file.

use std::fs;
use std::io;
use std::path::PathBuf;

use loadgen::keys::Distribution;
use loadgen::workload::{MixError, Sizes, Workload, WorkloadError};

/// The most bytes of a workload file.
const FILE_LIMIT_BYTES: u64 = 1 << 20;

/// What the user named as the workload.
#[derive(Debug, Clone)]
pub enum WorkloadSource {
    /// Well-known commands with weights.
    Mix {
        /// The commands and weights: `GET:9,SET:1`.
        mix: String,
        /// How many keys of each kind.
        keys: u64,
        /// How keys are chosen.
        distribution: Distribution,
        /// How long values are.
        value_sizes: Sizes,
    },
    /// Command templates in a TOML file.
    File {
        /// The file.
        path: PathBuf,
        /// How many keys each key space has, instead of what the file says.
        keys: Option<u64>,
    },
}

/// Why rct cannot use a workload.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadSourceError {
    /// The mix is wrong.
    #[error(transparent)]
    Mix(#[from] MixError),
    /// The file cannot be read.
    #[error("cannot read the workload {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path names no regular file, or one that is too large.
    #[error("cannot read the workload {}: it is not a regular file of at most {FILE_LIMIT_BYTES} bytes", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file's content is wrong.
    #[error("{}: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where they are known.
        source: WorkloadError,
    },
}

impl WorkloadSource {
    /// Reads the workload; every key will start with `prefix`.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the mix or the file has a mistake.
    pub fn read(&self, prefix: &str) -> Result<Workload, WorkloadSourceError> {
        let (path, keys) = match self {
            Self::Mix { mix, keys, distribution, value_sizes } => {
                return Ok(Workload::mix(mix, prefix, *keys, *distribution, value_sizes.clone())?);
            }
            Self::File { path, keys } => (path, *keys),
        };
        let unreadable = |source| WorkloadSourceError::Read { path: path.clone(), source };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() || metadata.len() > FILE_LIMIT_BYTES {
            return Err(WorkloadSourceError::NotAFile { path: path.clone() });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        Workload::read(&text, prefix, keys)
            .map_err(|source| WorkloadSourceError::Content { path: path.clone(), source })
    }
}
