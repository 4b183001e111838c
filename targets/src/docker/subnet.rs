//! Addresses for the nodes of a cluster of containers: fixed ones, since a node must have its own again after a restart.

use crate::docker::engine_error::EngineError;

/// Draws the first three numbers of addresses, in a part of the private ones that networks rarely use.
pub(crate) fn draw() -> String {
    format!("10.{}.{}", rand::random_range(200..250), rand::random_range(0..=255))
}

/// Whether a network could not be made since another one has its addresses.
pub(crate) fn is_taken(error: &EngineError) -> bool {
    error.says("overlap")
}
