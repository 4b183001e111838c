//! A short text that keeps the keys of different runs apart.

use rand::RngExt;

/// Returns six hexadecimal digits, drawn anew for each run.
pub fn run_token() -> String {
    format!("{:06x}", rand::rng().random_range(0..0x100_0000))
}
