//! The seed of a run whose user gave none.

use rand::RngExt;

/// Returns a seed for a run whose user gave none: short enough to be typed again.
pub fn drawn_seed() -> u64 {
    rand::rng().random_range(0..1_000_000)
}
