//! The values that operations write, cut from a pool of printable bytes.

use std::io::Write as _;

use super::sizes::Sizes;
use crate::ledger::stamp;

/// Makes values: printable bytes that differ from value to value and do not compress well.
#[derive(Debug)]
pub(crate) struct Values {
    sizes: Sizes,
    pool: Vec<u8>,
}

/// The size of the pool from which values are cut.
const POOL_BYTES: usize = 64 * 1024;

impl Values {
    /// Makes values of the given sizes, for templates without sizes of their own.
    pub(crate) fn new(sizes: Sizes) -> Self {
        let mut state = 1;
        let pool = (0..POOL_BYTES).map(|_| b' ' + 1 + (next(&mut state) % 94) as u8).collect();
        Self { sizes, pool }
    }

    /// Writes a value as a bulk string. Equal arguments give equal bytes.
    pub(crate) fn write(&self, sizes: Option<&Sizes>, number: u64, out: &mut Vec<u8>) {
        let size = self.begin(sizes, number, out);
        let begin = out.len();
        self.fill(number, size, out);
        // The number at the beginning makes each value different.
        const HEX: &[u8; 16] = b"0123456789abcdef";
        for (place, byte) in out[begin..].iter_mut().take(16).enumerate() {
            *byte = HEX[(number >> (4 * place)) as usize & 15];
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Writes a value that begins with the stamp of the ledger. `key` writes the key.
    pub(crate) fn write_stamped(
        &self,
        sizes: Option<&Sizes>,
        number: u64,
        counter: u32,
        out: &mut Vec<u8>,
        key: impl FnOnce(&mut Vec<u8>),
    ) {
        let size = self.begin(sizes, number, out);
        let begin = out.len();
        stamp::begin(counter, out, key);
        debug_assert!(out.len() - begin <= size, "the sizes of verified workloads have room for the stamp");
        if out.len() - begin < size {
            out.push(b' ');
            self.fill(number, size - (out.len() - begin), out);
        }
        stamp::seal(&mut out[begin..]);
        out.extend_from_slice(b"\r\n");
    }

    /// Picks the size of a value, and writes the line before it.
    fn begin(&self, sizes: Option<&Sizes>, number: u64, out: &mut Vec<u8>) -> usize {
        let size = sizes.unwrap_or(&self.sizes).pick(number >> 16) as usize;
        let _written = write!(out, "${size}\r\n");
        size
    }

    /// Writes bytes of the pool.
    fn fill(&self, number: u64, size: usize, out: &mut Vec<u8>) {
        let mut from = (number as usize) % POOL_BYTES;
        let mut left = size;
        while left > 0 {
            let part = left.min(POOL_BYTES - from);
            out.extend_from_slice(&self.pool[from..from + part]);
            left -= part;
            from = 0;
        }
    }
}

/// The next random number of a state (SplitMix64).
pub(crate) fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
