//! SETSLOT and MIGRATE, one key at a time.

use wire::{Node, Slot, bytes_of, command};

use super::kind::Engine;
use crate::cluster::Cluster;
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;

/// SETSLOT at both ends, and MIGRATE for each key.
pub(in crate::code) const KEY_BY_KEY: Engine = Engine {
    is_open_meanwhile: true,
    move_slots: |cluster, slots, source, target| Box::pin(move_slots(cluster, slots, source, target)),
};

async fn move_slots(cluster: &Cluster, slots: &[Slot], source: &Node, target: &Node) -> Outcome {
    for slot in slots {
        cluster.open_slot(*slot, source, target).await?;
        let mut moved: Vec<u8> = Vec::new();
        loop {
            let next = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), "1"];
            let reply = cluster.expect(source, next, Expect::Kind(Kind::Array)).await?;
            let Some(key) = reply.items().unwrap_or_default().first().and_then(bytes_of) else { break };
            ensure!(
                key != moved,
                format!("{} without the key that MIGRATE has moved", source.address),
                "the key in CLUSTER GETKEYSINSLOT {slot}"
            );
            moved = key.to_vec();
            let migrate = cluster.migrate_command(target, std::slice::from_ref(&moved), &[]);
            // A key that has expired since then is not moved.
            let expect = Expect::AnyOf(vec![Expect::Ok, Expect::text("NOKEY")]);
            cluster.expect(source, migrate, expect).await?;
        }
        cluster.assign_slot(*slot, source, target).await?;
    }
    Ok(())
}
