//! The shards of a cluster as they are when a run starts: the primaries that serve slots, and which slots each serves.
//!
//! A slot stays with its shard for the whole run, also after another node has taken it over.

use wire::{SLOT_COUNT, Slot};

use crate::layout::Layout;

/// The most shards that a run watches; it does not watch further ones.
pub const SHARDS_MAX: usize = 256;
/// A slot that belongs to no watched shard.
const NOBODY: u16 = u16::MAX;

/// The shards of a cluster, in the order of their first slots.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shards {
    of_slot: Vec<u16>,
    ranges: Vec<String>,
}

impl Shards {
    /// Finds the shards of a layout.
    #[must_use]
    pub fn of(layout: &Layout) -> Self {
        let mut shards = Self { of_slot: vec![NOBODY; usize::from(SLOT_COUNT)], ranges: Vec::new() };
        let mut owners: Vec<usize> = Vec::new();
        let mut slots: Vec<Vec<Slot>> = Vec::new();
        for slot in Slot::all() {
            let Some(owner) = layout.owner(slot) else { continue };
            let known = owners.iter().position(|&other| other == owner).unwrap_or(owners.len());
            if known == SHARDS_MAX {
                continue;
            }
            if known == owners.len() {
                owners.push(owner);
                slots.push(Vec::new());
            }
            slots[known].push(slot);
            shards.of_slot[usize::from(slot.number())] = known as u16;
        }
        shards.ranges = slots.iter().map(|slots| ranges(slots)).collect();
        shards
    }

    /// The number of the shard of a slot, from 0; `None` if no node served the slot or rct does not watch the shard.
    #[inline]
    #[must_use]
    pub fn of_slot(&self, slot: Slot) -> Option<usize> {
        self.of_slot.get(usize::from(slot.number())).filter(|&&shard| shard != NOBODY).map(|&shard| usize::from(shard))
    }

    /// How many shards there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges.len()
    }

    /// The slots of every shard.
    pub(crate) fn ranges(&self) -> &[String] {
        &self.ranges
    }

    /// The shards of a run that has ended, of which only the slots are known.
    #[must_use]
    pub fn of_ranges(ranges: Vec<String>) -> Self {
        let mut of_slot = vec![NOBODY; usize::from(SLOT_COUNT)];
        for (shard, ranges) in ranges.iter().enumerate() {
            for range in ranges.split(' ') {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                let (Ok(first), Ok(last)) = (first.parse::<Slot>(), last.parse::<Slot>()) else { continue };
                of_slot[usize::from(first.number())..=usize::from(last.number())].fill(shard as u16);
            }
        }
        Self { of_slot, ranges }
    }

    /// The slots of a shard, such as `0-5460`; empty if there is no such shard.
    #[must_use]
    pub fn slots(&self, shard: usize) -> &str {
        self.ranges.get(shard).map_or("", String::as_str)
    }
}

/// Slots in order as ranges: `0-5460 5462`.
fn ranges(slots: &[Slot]) -> String {
    let runs = slots.chunk_by(|one, other| one.number() + 1 == other.number());
    let run = |run: &[Slot]| match run {
        [only] => only.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    runs.map(run).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use wire::{Address, SlotRange, SlotsEntry, SlotsNode};

    use super::*;

    #[test]
    fn shards_come_in_the_order_of_their_slots() {
        let entry = |start, end, port| SlotsEntry {
            range: SlotRange::new(Slot::new(start).unwrap(), Slot::new(end).unwrap()).unwrap(),
            nodes: vec![SlotsNode { endpoint: Some("a".to_owned()), port, id: None, metadata: Vec::new() }],
        };
        let entries = [entry(100, 199, 1), entry(0, 99, 2), entry(201, 201, 1)];
        let shards = Shards::of(&Layout::of_slots(&entries, &Address::new("a", 1), |address| address));
        assert_eq!((shards.count(), shards.slots(0), shards.slots(1), shards.slots(2)), (2, "0-99", "100-199 201", ""));
        let of = |number| shards.of_slot(Slot::new(number).unwrap());
        assert_eq!([0, 150, 200, 201].map(of), [Some(0), Some(1), None, Some(1)]);
        assert_eq!(Shards::of_ranges(vec!["0-99".to_owned(), "100-199 201".to_owned()]), shards);
    }
}
