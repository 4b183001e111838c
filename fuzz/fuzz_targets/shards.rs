//! The parser of CLUSTER SHARDS.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::{Address, Reply, Topology, parse_shards};

fuzz_target!(|data: &[u8]| {
    let Ok(reply) = Reply::parse(data.to_vec()) else { return };
    let Ok(shards) = parse_shards(reply.value()) else { return };
    for by_tls in [false, true] {
        let view = Topology::from_shards(&shards, &Address::new("h", 1), by_tls);
        let _ = (view.signature(), view.slot_owners());
    }
});
