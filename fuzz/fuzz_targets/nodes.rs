//! The parser of CLUSTER NODES.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Address, Topology, parse_nodes};

fuzz_target!(|data: &[u8]| {
    let Ok(view) = parse_nodes(&String::from_utf8_lossy(data)) else { return };
    let _signature = view.signature();
    assert_eq!(view.slot_owners().len(), 16_384);
    let _ = Topology::from_slots(&view.slots_entries(), &Address::new("h", 1)).signature();
});
