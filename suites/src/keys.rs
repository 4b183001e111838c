//! Keys of one check: under the run's prefix, in a wanted slot, remembered so that they can be deleted.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use wire::Slot;

/// The keys that one check may remember; more are a mistake of the check.
const KEYS: usize = 100_000;

/// Makes keys for one check.
///
/// A key reads `rct:RUN:{tag}CHECK:name`. It begins as all keys and channels of a run do, so that one ACL pattern
/// admits them (`~rct:* &rct:*`); the tag puts it into a wanted slot, and the rest keeps checks apart.
#[derive(Debug)]
pub struct Keys {
    run: String,
    check: String,
    salt: u32,
    counter: Cell<u32>,
    made: RefCell<BTreeSet<Vec<u8>>>,
}

impl Keys {
    /// Keys of one check: `run` and `check` are short texts without braces; `salt` varies the tags.
    #[must_use]
    pub fn new(run: &str, check: &str, salt: u32) -> Self {
        let (run, check) = (format!("rct:{run}:"), check.to_owned());
        Self { run, check, salt: salt % 4, counter: Cell::new(0), made: RefCell::default() }
    }

    /// A key in the slot, the same for the same name.
    pub fn named(&self, slot: Slot, name: &str) -> String {
        self.remember(format!("{}:{name}", self.tagged(&slot.tag(self.salt))))
    }

    /// A fresh key in the slot.
    pub fn fresh(&self, slot: Slot) -> String {
        let number = self.counter.get();
        self.counter.set(number + 1);
        self.named(slot, &number.to_string())
    }

    /// A key with this hash tag, which may hold any text. It is not remembered: see [`Keys::adopt`].
    #[must_use]
    pub fn tagged(&self, tag: &str) -> String {
        format!("{}{{{tag}}}{}", self.run, self.check)
    }

    /// A key in the slot that is only read, and so need not be remembered.
    #[must_use]
    pub fn unwritten(&self, slot: Slot) -> String {
        self.tagged(&slot.tag(0))
    }

    /// A name of the check's own without a hash tag, for a channel, a user or a key in whichever slot.
    #[must_use]
    pub fn plain(&self) -> String {
        format!("{}{}", self.run, self.check)
    }

    /// What all keys of the run begin with; it holds no brace.
    #[must_use]
    pub fn run_prefix(&self) -> &str {
        &self.run
    }

    /// The name of the check inside its keys.
    #[must_use]
    pub fn check(&self) -> &str {
        &self.check
    }

    /// Whether a key is one of the check's own.
    #[must_use]
    pub fn owns(&self, key: &str) -> bool {
        key.starts_with(&self.run) && key.contains(&self.check)
    }

    /// Remembers a key that was made elsewhere, so that it is deleted at the end too.
    pub fn adopt(&self, key: impl AsRef<[u8]>) {
        let mut made = self.made.borrow_mut();
        if made.len() < KEYS {
            made.insert(key.as_ref().to_vec());
        }
    }

    /// The keys made so far.
    #[must_use]
    pub fn made(&self) -> Vec<Vec<u8>> {
        self.made.borrow().iter().cloned().collect()
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
        assert!(first.starts_with("rct:a91f:{") && first.ends_with("}c3:0"), "{first}");
        assert!(keys.owns(&first) && !keys.owns("rct:a91e:{x}c3:0"));
        assert_eq!(keys.take().len(), 2);
        assert!(keys.take().is_empty());
    }
}
