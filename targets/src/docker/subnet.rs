//! The subnet of a cluster of containers, whose nodes need fixed addresses because they must keep them after a restart.

use crate::docker::engine_error::EngineError;

/// Chooses the first three bytes of the addresses at random, in a private range that networks rarely use.
pub(crate) fn draw() -> String {
    format!("10.{}.{}", rand::random_range(200..250), rand::random_range(0..=255))
}

/// Whether the engine refused a network because another one has its addresses.
pub(crate) fn is_taken(error: &EngineError) -> bool {
    error.says("overlap")
}
