//! Which node serves which slot, as this worker has learned: from layouts, and from MOVED since.

use wire::{SLOT_COUNT, Slot};

use crate::plan::ReadFrom;

/// A slot that nobody is known to serve.
const NOBODY: u16 = u16::MAX;

/// Nodes by slot; nodes are the worker's own numbers.
pub(super) struct Routes {
    owners: Vec<u16>,
    /// The replicas of each node.
    replicas: Vec<Vec<u16>>,
    read_from: ReadFrom,
    turn: usize,
}

impl Routes {
    pub(super) fn new(read_from: ReadFrom) -> Self {
        Self { owners: vec![NOBODY; usize::from(SLOT_COUNT)], replicas: Vec::new(), read_from, turn: 0 }
    }

    /// Takes over a layout.
    pub(super) fn replace(&mut self, owner: impl Fn(Slot) -> Option<u16>, replicas: Vec<Vec<u16>>) {
        for (slot, entry) in Slot::all().zip(&mut self.owners) {
            *entry = owner(slot).unwrap_or(NOBODY);
        }
        self.replicas = replicas;
    }

    pub(super) fn set_owner(&mut self, slot: Slot, node: u16) {
        self.owners[usize::from(slot.number())] = node;
    }

    #[inline]
    pub(super) fn owner(&self, slot: Slot) -> Option<u16> {
        Some(self.owners[usize::from(slot.number())]).filter(|&node| node != NOBODY)
    }

    /// Whether a node that answered for a slot is its primary, as far as this worker knows.
    #[inline]
    pub(super) fn is_primary(&self, node: u16, slot: Slot) -> bool {
        self.read_from == ReadFrom::Primary || self.owner(slot) == Some(node)
    }

    /// The node to send to where the primary serves everything, as it does unless the user says otherwise.
    #[inline]
    pub(super) fn primary(&self, slot: Slot) -> Option<u16> {
        if self.read_from == ReadFrom::Primary { self.owner(slot) } else { None }
    }

    /// The node to send to; those that may serve a read take turns.
    pub(super) fn node(&mut self, slot: Slot, is_read: bool) -> Option<u16> {
        let owner = self.owner(slot)?;
        if !is_read || self.read_from == ReadFrom::Primary {
            return Some(owner);
        }
        let replicas = self.replicas.get(usize::from(owner)).map_or(&[][..], Vec::as_slice);
        self.turn = self.turn.wrapping_add(1);
        match self.read_from {
            ReadFrom::Replica if !replicas.is_empty() => Some(replicas[self.turn % replicas.len()]),
            ReadFrom::Any => Some(replicas.get(self.turn % (replicas.len() + 1)).copied().unwrap_or(owner)),
            _ => Some(owner),
        }
    }

    /// Whether the node may still serve what was meant for it.
    #[inline]
    pub(super) fn may_serve(&self, node: u16, slot: Slot, is_read: bool) -> bool {
        match self.owner(slot) {
            None => true,
            Some(owner) if owner == node => true,
            Some(owner) => {
                is_read
                    && self.read_from != ReadFrom::Primary
                    && self.replicas.get(usize::from(owner)).is_some_and(|replicas| replicas.contains(&node))
            }
        }
    }

    /// What share of the operations each of `count` nodes is to get, if this share of them reads.
    pub(super) fn shares(&self, count: usize, read_share: f64) -> Vec<f64> {
        let mut shares = vec![0.0; count];
        let slot_share = 1.0 / f64::from(SLOT_COUNT);
        for &owner in self.owners.iter().filter(|&&owner| owner != NOBODY) {
            shares[usize::from(owner)] += slot_share;
        }
        if self.read_from == ReadFrom::Primary {
            return shares;
        }
        let of_primaries = shares.clone();
        for (primary, replicas) in self.replicas.iter().enumerate().filter(|(_, replicas)| !replicas.is_empty()) {
            let reads = of_primaries[primary] * read_share;
            let each = match self.read_from {
                ReadFrom::Any => reads / (replicas.len() + 1) as f64,
                _ => reads / replicas.len() as f64,
            };
            for &replica in replicas {
                shares[usize::from(replica)] += each;
                shares[primary] -= each;
            }
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(read_from: ReadFrom) -> Routes {
        let mut routes = Routes::new(read_from);
        let owner = |slot: Slot| Some(u16::from(slot.number() >= 8192));
        routes.replace(owner, vec![vec![2], vec![], vec![]]);
        routes
    }

    fn slot(number: u16) -> Slot {
        Slot::new(number).unwrap()
    }

    #[test]
    fn reads_go_where_the_policy_says() {
        let nodes = |read_from| {
            let mut routes = routes(read_from);
            let two = |routes: &mut Routes, number, is_read| {
                let mut two =
                    [routes.node(slot(number), is_read).unwrap(), routes.node(slot(number), is_read).unwrap()];
                two.sort_unstable();
                two
            };
            (two(&mut routes, 1, true), two(&mut routes, 1, false), two(&mut routes, 9000, true))
        };
        assert_eq!(nodes(ReadFrom::Primary), ([0, 0], [0, 0], [1, 1]));
        assert_eq!(nodes(ReadFrom::Replica), ([2, 2], [0, 0], [1, 1]));
        assert_eq!(nodes(ReadFrom::Any), ([0, 2], [0, 0], [1, 1]));
    }

    #[test]
    fn a_moved_slot_is_not_served_by_the_old_owner() {
        let mut routes = routes(ReadFrom::Replica);
        assert!(routes.may_serve(0, slot(1), false) && routes.may_serve(2, slot(1), true));
        assert!(!routes.may_serve(2, slot(1), false));
        routes.set_owner(slot(1), 1);
        assert!(!routes.may_serve(0, slot(1), false) && !routes.may_serve(2, slot(1), true));
    }

    #[test]
    fn shares_follow_slots_and_reads() {
        assert_eq!(routes(ReadFrom::Primary).shares(3, 0.5), [0.5, 0.5, 0.0]);
        assert_eq!(routes(ReadFrom::Replica).shares(3, 0.5), [0.25, 0.5, 0.25]);
        assert_eq!(routes(ReadFrom::Any).shares(3, 0.5), [0.375, 0.5, 0.125]);
    }
}
