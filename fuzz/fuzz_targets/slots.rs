//! The parser of CLUSTER SLOTS.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Address, Reply, Topology, parse_slots};

fuzz_target!(|data: &[u8]| {
    let Ok(reply) = Reply::parse(data.to_vec()) else { return };
    let Ok(entries) = parse_slots(reply.value()) else { return };
    let view = Topology::from_slots(&entries, &Address::new("h", 1));
    let _ = (view.signature(), view.slot_owners());
});
