//! Slots that somebody was moving when rct came: where they are open, and what the user is told.

use std::collections::BTreeMap;

use suites::FoundOpenSlot;
use wire::{NodeId, Slot, SlotRange, Topology};

use crate::external::survey::Survey;

/// The open slots of all nodes, each as the node's own line shows it.
pub(crate) fn open_slots(survey: &Survey) -> Vec<FoundOpenSlot> {
    let views: Vec<&Topology> = survey.views().collect();
    let name = |id: &NodeId| {
        let known = views.iter().filter_map(|view| view.node(id)).find(|node| node.address.port != 0);
        known.map_or_else(|| id.to_string(), |node| node.address.to_string())
    };
    let own_lines = views.iter().filter_map(|view| view.myself());
    let found = own_lines.flat_map(|own| own.open.iter().map(move |open| (own, open)));
    found
        .map(|(own, open)| FoundOpenSlot {
            node: own.id,
            address: own.address.clone(),
            open: *open,
            peer: name(&open.peer),
        })
        .collect()
}

/// One sentence for all slots that a node moves in one direction with one other node.
pub(crate) fn warnings(found: &[FoundOpenSlot]) -> Vec<String> {
    let mut moves: BTreeMap<(String, String), Vec<Slot>> = BTreeMap::new();
    for found in found {
        moves.entry(found.words()).or_default().push(found.open.slot);
    }
    let sentence = |((does, with), slots): ((String, String), Vec<Slot>)| {
        let noun = if slots.len() == 1 { "slot" } else { "slots" };
        format!("{does} the {noun} {} {with}; checks leave open slots out, and rct leaves them open", ranges(slots))
    };
    moves.into_iter().map(sentence).collect()
}

/// Slots as ranges, in order.
fn ranges(mut slots: Vec<Slot>) -> String {
    slots.sort_unstable();
    let mut ranges: Vec<SlotRange> = Vec::new();
    for slot in slots {
        match ranges.last_mut() {
            Some(last) if last.end.number() + 1 == slot.number() => last.end = slot,
            _ => ranges.extend(SlotRange::new(slot, slot)),
        }
    }
    ranges.iter().map(SlotRange::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use wire::{Address, Direction, OpenSlot};

    use super::*;

    #[test]
    fn slots_that_move_the_same_way_are_one_sentence() {
        let id: NodeId = "a".repeat(NodeId::LENGTH).parse().unwrap();
        let found = |number: u16, direction| FoundOpenSlot {
            node: id,
            address: Address::new("h", 1),
            open: OpenSlot { slot: Slot::new(number).unwrap(), direction, peer: id },
            peer: "h:2".to_owned(),
        };
        let mut all: Vec<_> = [7, 9, 8].map(|number| found(number, Direction::Migrating)).into();
        all.push(found(3, Direction::Importing));
        let told = warnings(&all);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("h:1 imports the slot 3 from h:2;"), "{told:?}");
        assert!(told[1].starts_with("h:1 migrates the slots 7-9 to h:2;"), "{told:?}");
    }
}
