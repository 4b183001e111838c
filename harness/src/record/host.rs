//! The machine on which rct ran, as `run.json` holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The machine on which rct ran. With the target `local` the servers ran there too.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct HostRecord {
    /// Its name; null in a record that was published.
    pub name: Option<String>,
    /// The model of its processor; null if the system does not tell.
    pub cpu: Option<String>,
    /// The cores that rct may use.
    pub cores: usize,
    /// The memory of the machine, in MB.
    pub memory_mb: Option<u64>,
    /// The kernel, such as `Linux 6.1.0-18-amd64`.
    pub kernel: Option<String>,
    /// The load average of the last minute when the run started.
    pub load_average: Option<f64>,
    /// Whether rct ran in a container.
    pub container: bool,
}
