//! What does not fit into the entries of keys: open writes of very busy keys, and writes in doubt.

use std::collections::{BTreeSet, HashMap};

/// A key: the number of its space, and its number there.
pub(super) type KeyId = (usize, u64);

/// The most writes in doubt that rct remembers. Keys with further ones are not judged.
const DOUBTS_MAX: usize = 1 << 20;

/// A write that may have taken effect, or may still do so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Doubt {
    pub(super) counter: u32,
    /// Whether it removes the key.
    pub(super) removes: bool,
    /// Whether rct sent it again, and it was acknowledged then.
    pub(super) is_acknowledged: bool,
}

/// The lists beside the entries.
#[derive(Debug, Default)]
pub(super) struct Side {
    crowds: HashMap<KeyId, BTreeSet<u32>>,
    doubts: HashMap<KeyId, Vec<Doubt>>,
    /// How many writes are in doubt.
    doubted: usize,
}

impl Side {
    /// Adds an open write that has no place in the entry of its key.
    pub(super) fn crowd(&mut self, key: KeyId, counter: u32) {
        self.crowds.entry(key).or_default().insert(counter);
    }

    /// The lowest of these writes of a key.
    pub(super) fn lowest(&self, key: KeyId) -> Option<u32> {
        self.crowds.get(&key)?.first().copied()
    }

    /// Removes such a write. Returns whether the key has none left.
    pub(super) fn leave(&mut self, key: KeyId, counter: u32) -> bool {
        let Some(crowd) = self.crowds.get_mut(&key) else { return true };
        crowd.remove(&counter);
        let is_empty = crowd.is_empty();
        if is_empty {
            self.crowds.remove(&key);
        }
        is_empty
    }

    /// Adds a write in doubt. Returns false if there are too many.
    pub(super) fn doubt(&mut self, key: KeyId, counter: u32, removes: bool) -> bool {
        let doubts = self.doubts.entry(key).or_default();
        if doubts.iter().any(|doubt| doubt.counter == counter) {
            return true;
        }
        if self.doubted == DOUBTS_MAX {
            return false;
        }
        self.doubted += 1;
        doubts.push(Doubt { counter, removes, is_acknowledged: false });
        true
    }

    /// Notes that a write was acknowledged after it had been in doubt.
    pub(super) fn acknowledge(&mut self, key: KeyId, counter: u32) {
        let doubts = self.doubts.get_mut(&key).into_iter().flatten();
        doubts.filter(|doubt| doubt.counter == counter).for_each(|doubt| doubt.is_acknowledged = true);
    }

    /// The writes of a key that are or were in doubt.
    pub(super) fn doubts(&self, key: KeyId) -> &[Doubt] {
        self.doubts.get(&key).map_or(&[], Vec::as_slice)
    }

    /// How many writes were never acknowledged after they had been in doubt.
    pub(super) fn in_doubt(&self) -> u64 {
        self.doubts.values().flatten().filter(|doubt| !doubt.is_acknowledged).count() as u64
    }
}
