//! Keys of one check: under the run's prefix, in a wanted slot, remembered so that they can be deleted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use wire::Slot;

/// The keys that one check may remember; more are a mistake of the check.
const KEYS: usize = 100_000;

/// Makes keys for one check.
///
/// A key reads `{tag}rct:RUN:CHECK:name`: the tag puts it into a wanted slot, the rest keeps checks and runs apart.
#[derive(Debug)]
pub struct Keys {
    prefix: String,
    salt: u32,
    counter: Cell<u32>,
    made: RefCell<BTreeSet<Vec<u8>>>,
}

impl Keys {
    /// Keys of one check: `run` and `check` are short texts without braces; `salt` varies the tags.
    #[must_use]
    pub fn new(run: &str, check: &str, salt: u32) -> Self {
        Self { prefix: format!("rct:{run}:{check}"), salt: salt % 4, counter: Cell::new(0), made: RefCell::default() }
    }

    /// A key in the slot, the same for the same name.
    pub fn named(&self, slot: Slot, name: &str) -> String {
        self.remember(format!("{{{}}}{}:{name}", slot.tag(self.salt), self.prefix))
    }

    /// A fresh key in the slot.
    pub fn fresh(&self, slot: Slot) -> String {
        let number = self.counter.get();
        self.counter.set(number + 1);
        self.named(slot, &number.to_string())
    }

    /// What all keys of the check hold.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Remembers a key that was made elsewhere, so that it is deleted at the end too.
    pub fn adopt(&self, key: impl AsRef<[u8]>) {
        let mut made = self.made.borrow_mut();
        if made.len() < KEYS {
            made.insert(key.as_ref().to_vec());
        }
    }

    /// Takes the keys made so far.
    #[must_use]
    pub fn take(&self) -> Vec<Vec<u8>> {
        self.made.take().into_iter().collect()
    }

    fn remember(&self, key: String) -> String {
        self.adopt(&key);
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_in_their_slot_and_are_remembered() {
        let keys = Keys::new("a91f", "c3", 2);
        let slot = Slot::new(5_081).unwrap();
        let (first, second) = (keys.fresh(slot), keys.fresh(slot));
        assert_ne!(first, second);
        assert_eq!(Slot::of(&first), slot);
        assert!(first.contains("rct:a91f:c3"));
        assert_eq!(keys.take().len(), 2);
        assert!(keys.take().is_empty());
    }
}
