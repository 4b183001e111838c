//! What a check itself does to slots, roles and settings, so that the changes of somebody else can be told apart.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use wire::{Address, Command, Slot};

/// What the sessions and the actions of one check note.
pub(crate) type NotedChanges = Rc<RefCell<OwnChanges>>;

/// What a check has done to a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnChanges {
    /// The slots that its commands name.
    pub slots: BTreeSet<Slot>,
    /// The slots that it added to a node with ADDSLOTS or ADDSLOTSRANGE, by node.
    pub added: BTreeMap<Address, BTreeSet<Slot>>,
    /// The nodes that it killed, paused, promoted, attached, reset, or gave other settings of the cluster.
    pub nodes: BTreeSet<Address>,
    /// The nodes that it ended, paused or cut off.
    pub faults: BTreeSet<Address>,
    /// The names of the settings that it changed, in lower case.
    pub settings: BTreeSet<String>,
}

impl OwnChanges {
    /// Whether the check did nothing that could change slots, roles or epochs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.nodes.is_empty()
    }

    /// Notes a fault that the check brings about.
    pub(crate) fn note_fault(&mut self, node: &Address) {
        self.nodes.insert(node.clone());
        self.faults.insert(node.clone());
    }

    /// Notes what a command to a node may change.
    pub(crate) fn note(&mut self, node: &Address, command: &Command) {
        let is_of_interest =
            |name: &Vec<u8>| NAMES.iter().any(|of_interest| name.eq_ignore_ascii_case(of_interest.as_bytes()));
        if !command.args().first().is_some_and(is_of_interest) {
            return;
        }
        let words: Vec<String> =
            command.args().iter().take(4).map(|word| String::from_utf8_lossy(word).to_uppercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let slots: Vec<Slot> = match words.as_slice() {
            ["CLUSTER", "SETSLOT" | "ADDSLOTS" | "DELSLOTS", ..] => numbers(command).collect(),
            ["CLUSTER", "ADDSLOTSRANGE" | "DELSLOTSRANGE" | "MIGRATESLOTS" | "MIGRATION", ..] => {
                let bounds: Vec<u16> = numbers(command).map(Slot::number).collect();
                bounds.chunks_exact(2).flat_map(|pair| pair[0]..=pair[1]).filter_map(Slot::new).collect()
            }
            _ => Vec::new(),
        };
        if let ["CLUSTER", "ADDSLOTS" | "ADDSLOTSRANGE", ..] = words.as_slice() {
            self.added.entry(node.clone()).or_default().extend(&slots);
        }
        self.slots.extend(slots);
        match words.as_slice() {
            ["CLUSTER", change, ..] if CHANGES.contains(change) => {
                self.nodes.insert(node.clone());
            }
            ["FAILOVER" | "REPLICAOF" | "SLAVEOF" | "SHUTDOWN" | "DEBUG", ..] => {
                self.nodes.insert(node.clone());
            }
            ["CONFIG", "SET", name, ..] => {
                self.settings.insert(name.to_lowercase());
                if name.starts_with("CLUSTER") {
                    self.nodes.insert(node.clone());
                }
            }
            _ => {}
        }
    }
}

/// The commands that may change something.
const NAMES: [&str; 7] = ["CLUSTER", "CONFIG", "FAILOVER", "REPLICAOF", "SLAVEOF", "SHUTDOWN", "DEBUG"];

/// The subcommands of CLUSTER that change roles, nodes or epochs.
const CHANGES: [&str; 8] =
    ["FAILOVER", "REPLICATE", "RESET", "FORGET", "MEET", "SET-CONFIG-EPOCH", "BUMPEPOCH", "FLUSHSLOTS"];

/// The arguments of a subcommand that are numbers of slots.
fn numbers(command: &Command) -> impl Iterator<Item = Slot> {
    let texts = command.args().iter().skip(2).filter_map(|word| std::str::from_utf8(word).ok());
    texts.filter_map(|text| text.parse().ok().and_then(Slot::new))
}

#[cfg(test)]
mod tests {
    use wire::command;

    use super::*;

    #[test]
    fn commands_name_slots_nodes_and_settings() {
        let node = Address::new("h", 1);
        let mut own = OwnChanges::default();
        for command in [command!["GET", "7"], command!["CLUSTER", "NODES"], command!["CONFIG", "GET", "maxmemory"]] {
            own.note(&node, &command);
        }
        assert_eq!(own, OwnChanges::default());
        own.note(&node, &command!["cluster", "setslot", "5", "NODE", "a".repeat(40)]);
        own.note(&node, &command!["CLUSTER", "ADDSLOTSRANGE", "7", "9"]);
        assert_eq!(own.slots.iter().map(|slot| slot.number()).collect::<Vec<_>>(), [5, 7, 8, 9]);
        assert_eq!(own.added[&node].iter().map(|slot| slot.number()).collect::<Vec<_>>(), [7, 8, 9]);
        assert!(own.nodes.is_empty() && !own.is_empty());
        own.note(&node, &command!["CONFIG", "SET", "MaxMemory", "1"]);
        assert!(own.nodes.is_empty() && own.settings.contains("maxmemory"));
        own.note(&node, &command!["CLUSTER", "FAILOVER", "TAKEOVER"]);
        assert!(own.nodes.contains(&node) && own.faults.is_empty());
    }
}
