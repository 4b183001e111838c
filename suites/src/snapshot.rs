//! What every node says of itself at one moment, and what has changed since without the check.

use std::collections::BTreeMap;

use wire::{Node, NodeId, Slot, SlotRange, Topology};

use crate::own_changes::OwnChanges;
use crate::words::or;

/// The own lines of all nodes that could be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    lines: BTreeMap<NodeId, Node>,
}

impl Snapshot {
    /// The lines by which nodes describe themselves.
    #[must_use]
    pub fn of(lines: impl IntoIterator<Item = Node>) -> Self {
        Self { lines: lines.into_iter().map(|node| (node.id, node)).collect() }
    }

    /// The lines.
    pub fn lines(&self) -> impl Iterator<Item = &Node> {
        self.lines.values()
    }

    /// The slots that any node migrates or imports.
    pub fn open_slots(&self) -> impl Iterator<Item = Slot> + use<'_> {
        self.lines.values().flat_map(|node| &node.open).map(|open| open.slot)
    }

    /// Whether a view has the same roles and slots for the nodes of the snapshot.
    #[must_use]
    pub fn agrees_with(&self, view: &Topology) -> bool {
        let same = |own: &Node| {
            view.node(&own.id).is_some_and(|node| (node.primary, &node.slots) == (own.primary, &own.slots))
        };
        self.lines.values().all(same)
    }

    /// The slots that changed hands until `later` without the check, each with its new owner; see [`Snapshot::change`].
    #[must_use]
    pub fn taken_by_others(&self, later: &Self, own: &OwnChanges) -> Vec<(Slot, Option<NodeId>)> {
        let touched = self.shards(later, own);
        let is_own = |slot: &Slot, ends: [Option<&Node>; 2]| {
            own.slots.contains(slot) || ends.into_iter().flatten().any(|node| touched.contains(&shard(node)))
        };
        let (old, new) = (self.owners(), later.owners());
        let ends = Slot::all().zip(old.into_iter().zip(new));
        let moved = ends.filter(|(slot, (before, now))| {
            before.map(|node| node.id) != now.map(|node| node.id) && !is_own(slot, [*before, *now])
        });
        moved.map(|(slot, (_, now))| (slot, now.map(|node| node.id))).collect()
    }

    /// What is different in `later` and does not come from the check, as a clause; nothing if all is as before.
    ///
    /// Only nodes of both snapshots are compared. A slot that a command of the check names, and the slots and roles of
    /// shards to which the check did something, may change. So may epochs, once the check did anything to the cluster.
    #[must_use]
    pub fn change(&self, later: &Self, own: &OwnChanges) -> Option<String> {
        let pairs = || self.lines.values().filter_map(|node| Some((node, later.lines.get(&node.id)?)));
        let touched = self.shards(later, own);
        let is_touched = |node: &Node| touched.contains(&shard(node));
        for (before, now) in pairs() {
            if before.primary != now.primary && own.nodes.is_empty() {
                return Some(match now.primary {
                    Some(primary) => format!("{} became a replica of {}", now.address, later.name(&primary)),
                    None => format!("{} became a primary", now.address),
                });
            }
        }
        if let Some((slot, now)) = self.taken_by_others(later, own).first() {
            let before = self.owners()[usize::from(slot.number())];
            let before = or(before.map(|node| &node.address), "no owner");
            let now = now.map_or_else(|| "no owner".to_owned(), |id| later.name(&id));
            return Some(format!("slot {slot} went from {before} to {now}"));
        }
        for (before, now) in pairs() {
            let opened = now.open.iter().find(|open| !before.open.contains(open) && !own.slots.contains(&open.slot));
            if let Some(open) = opened.filter(|_| !is_touched(now)) {
                return Some(format!("{} began to move slot {}", now.address, open.slot));
            }
            let closed = before.open.iter().find(|open| !now.open.contains(open) && !own.slots.contains(&open.slot));
            if let Some(open) = closed.filter(|_| !is_touched(now)) {
                return Some(format!("{} no longer moves slot {}", now.address, open.slot));
            }
        }
        let raised = pairs().find(|(before, now)| before.config_epoch != now.config_epoch && own.is_empty());
        raised.map(|(before, now)| {
            format!("the config epoch of {} rose from {} to {}", now.address, before.config_epoch, now.config_epoch)
        })
    }

    /// The primaries, before and now, of the shards to which a check did something.
    fn shards(&self, later: &Self, own: &OwnChanges) -> Vec<NodeId> {
        let all = self.lines.values().chain(later.lines.values());
        all.filter(|node| own.nodes.contains(&node.address)).map(shard).collect()
    }

    fn owners(&self) -> Vec<Option<&Node>> {
        let mut owners = vec![None; Slot::all().len()];
        for node in self.lines.values().filter(|node| node.primary.is_none()) {
            for slot in node.slots.iter().flat_map(SlotRange::slots) {
                owners[usize::from(slot.number())].get_or_insert(node);
            }
        }
        owners
    }

    fn name(&self, id: &NodeId) -> String {
        self.lines.get(id).map_or_else(|| id.to_string(), |node| node.address.to_string())
    }
}

/// The primary of a node's shard, in its own view.
fn shard(node: &Node) -> NodeId {
    node.primary.unwrap_or(node.id)
}

#[cfg(test)]
mod tests {
    use wire::Address;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const C: &str = "cccccccccccccccccccccccccccccccccccccccc";

    fn snapshot(lines: &str) -> Snapshot {
        let lines = lines.replace("{A}", A).replace("{B}", B).replace("{C}", C);
        Snapshot::of(wire::parse_nodes(&lines).unwrap().nodes)
    }

    fn before() -> Snapshot {
        snapshot(
            "{A} h:1@2 master - 0 0 1 connected 0-99\n{B} h:2@3 master - 0 0 2 connected 100-199\n\
             {C} h:3@4 slave {A} 0 0 1 connected\n",
        )
    }

    fn slots(slots: &[u16]) -> OwnChanges {
        OwnChanges { slots: slots.iter().copied().filter_map(Slot::new).collect(), ..OwnChanges::default() }
    }

    #[test]
    fn a_slot_that_somebody_else_moved_is_found() {
        let later = snapshot(
            "{A} h:1@2 master - 0 0 1 connected 0-98\n{B} h:2@3 master - 0 0 3 connected 99-199\n\
             {C} h:3@4 slave {A} 0 0 1 connected\n",
        );
        let change = |own| before().change(&later, &own);
        assert_eq!(change(OwnChanges::default()).unwrap(), "slot 99 went from h:1 to h:2");
        assert_eq!(change(slots(&[98])).unwrap(), "slot 99 went from h:1 to h:2");
        assert_eq!(change(slots(&[99])), None);
        let own = OwnChanges { nodes: [Address::new("h", 3)].into(), ..OwnChanges::default() };
        assert_eq!(change(own), None);
    }

    #[test]
    fn a_slot_that_is_opened_and_an_epoch_that_rises_are_found() {
        let opened =
            snapshot("{A} h:1@2 master - 0 0 1 connected 0-99 [7->-{B}]\n{B} h:2@3 master - 0 0 2 connected 100-199\n");
        assert_eq!(before().change(&opened, &OwnChanges::default()).unwrap(), "h:1 began to move slot 7");
        assert_eq!(opened.change(&before(), &OwnChanges::default()).unwrap(), "h:1 no longer moves slot 7");
        assert_eq!(opened.open_slots().map(Slot::number).collect::<Vec<_>>(), [7]);
        let risen = snapshot("{B} h:2@3 master - 0 0 9 connected 100-199\n{A} h:1@2 master - 0 0 1 connected 0-99\n");
        let told = before().change(&risen, &OwnChanges::default()).unwrap();
        assert_eq!(told, "the config epoch of h:2 rose from 2 to 9");
        assert_eq!(before().change(&risen, &slots(&[1])), None);
        assert_eq!(before().change(&before(), &OwnChanges::default()), None);
    }

    #[test]
    fn a_role_that_changes_is_found() {
        let later = snapshot(
            "{A} h:1@2 slave {C} 0 0 3 connected\n{B} h:2@3 master - 0 0 2 connected 100-199\n\
             {C} h:3@4 master - 0 0 3 connected 0-99\n",
        );
        let told = before().change(&later, &OwnChanges::default()).unwrap();
        assert_eq!(told, "h:1 became a replica of h:3");
    }
}
