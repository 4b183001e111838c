//! The entries of a key space by key number. Memory is taken for the parts in which keys were written.

use std::sync::OnceLock;

use super::entry::Entry;

/// The entries of one part.
const PART: usize = 4096;
/// The parts of one branch, and the branches of a table.
const PARTS: usize = 4096;
const BRANCHES: usize = 4096;

type Part = OnceLock<Box<[Entry]>>;
type Branch = OnceLock<Box<[Part]>>;

/// A table of 2^36 entries.
#[derive(Debug)]
pub(super) struct Table(Box<[Branch]>);

impl Table {
    pub(super) fn new() -> Self {
        Self(empty(BRANCHES))
    }

    /// The entry of a key; `None` for a number that the table does not have.
    #[inline]
    pub(super) fn entry(&self, key: u64) -> Option<&Entry> {
        let (branch, part, place) = places(key);
        let branch = self.0.get(branch)?.get_or_init(|| empty(PARTS));
        branch[part].get_or_init(|| empty(PART)).get(place)
    }

    /// The first key from `from` on that was written.
    pub(super) fn written_from(&self, from: u64) -> Option<u64> {
        let (first_branch, first_part, first_place) = places(from);
        for (at, branch) in self.0.iter().enumerate().skip(first_branch) {
            let Some(parts) = branch.get() else { continue };
            let skipped = if at == first_branch { first_part } else { 0 };
            for (part_at, part) in parts.iter().enumerate().skip(skipped) {
                let Some(entries) = part.get() else { continue };
                let is_first = at == first_branch && part_at == first_part;
                let skipped = if is_first { first_place } else { 0 };
                if let Some(place) = entries.iter().skip(skipped).position(Entry::is_written) {
                    return Some(((at * PARTS + part_at) * PART + skipped + place) as u64);
                }
            }
        }
        None
    }
}

/// The places of a key: its branch, the part in the branch, and the entry in the part.
#[inline]
fn places(key: u64) -> (usize, usize, usize) {
    let key = usize::try_from(key).unwrap_or(usize::MAX);
    (key / (PART * PARTS), key / PART % PARTS, key % PART)
}

fn empty<T: Default>(count: usize) -> Box<[T]> {
    (0..count).map(|_| T::default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_keys_are_found_in_order() {
        let table = Table::new();
        let keys = [0, 5, 4_095, 4_096, 20_000_000, 1_000_000_123];
        for key in keys.into_iter().rev() {
            table.entry(key).unwrap().change(|state| state.begin(false));
        }
        // Looking at a key does not make it a written one.
        assert!(!table.entry(77).unwrap().is_written());
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(key) = table.written_from(from) {
            found.push(key);
            from = key + 1;
        }
        assert_eq!(found, keys);
        assert!(table.entry(u64::MAX).is_none() && table.written_from(u64::MAX).is_none());
    }
}
