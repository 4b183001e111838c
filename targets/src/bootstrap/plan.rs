//! The plan of a cluster before any server runs: its primaries, their replicas, and the slots of each.

use suites::Shape;
use wire::{Address, Node, NodeId, Role, SLOT_COUNT, Slot, SlotRange, Topology};

/// A server's bus port lies this much above its port (cluster specification, "Cluster node communication").
pub(crate) const BUS_OFFSET: u16 = 10_000;

/// A cluster to form: first its primaries, then the first replica of each, then the second of each.
#[derive(Debug, Clone)]
pub(crate) struct ClusterPlan {
    /// The nodes.
    pub nodes: Vec<Planned>,
}

/// A node to be.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The address that it announces, at which the other nodes reach it.
    pub address: Address,
    /// For a replica, the position of its primary in the plan.
    pub copies: Option<usize>,
    /// For a primary, its slots.
    pub slots: Option<SlotRange>,
    /// The config epoch that it starts with.
    ///
    /// All epochs differ, so that no two nodes have a collision to resolve. Those of replicas are the lowest: a node
    /// that becomes a replica uses its primary's epoch, and Valkey ignores a node for good whose epoch becomes lower.
    pub epoch: u64,
}

impl ClusterPlan {
    /// Makes the plan of a cluster of this shape at these addresses, one for each node.
    #[must_use]
    pub(crate) fn of(shape: Shape, addresses: &[Address]) -> Self {
        let primaries = usize::from(shape.primaries);
        let replicas = usize::from(shape.nodes()) - primaries;
        let placed = addresses.iter().take(usize::from(shape.nodes())).enumerate();
        let planned = placed.map(|(position, address)| Planned {
            address: address.clone(),
            copies: (position >= primaries).then_some(position % primaries),
            slots: if position < primaries { share(position, primaries) } else { None },
            epoch: if position < primaries { replicas + position } else { position - primaries } as u64 + 1,
        });
        Self { nodes: planned.collect() }
    }

    /// The positions of the primaries.
    pub(crate) fn primaries(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.nodes.iter().filter(|node| node.copies.is_none()).count()
    }

    /// The view that every node must reach, given the ids of the nodes.
    #[must_use]
    pub(crate) fn topology(&self, ids: &[NodeId]) -> Topology {
        let nodes = self.nodes.iter().zip(ids).map(|(planned, &id)| {
            let role = if planned.copies.is_some() { Role::Replica } else { Role::Primary };
            let primary = planned.copies.and_then(|position| ids.get(position)).copied();
            let shard = planned.copies.map_or(planned, |position| &self.nodes[position]);
            Node {
                id,
                address: planned.address.clone(),
                endpoint: planned.address.clone(),
                bus_port: Some(planned.address.port + BUS_OFFSET),
                hostname: None,
                auxiliaries: Vec::new(),
                flags: vec![if role == Role::Replica { "slave" } else { "master" }.to_owned()],
                role,
                primary,
                ping_sent_ms: 0,
                pong_received_ms: 0,
                config_epoch: shard.epoch,
                connected: true,
                slots: planned.slots.into_iter().collect(),
                open: Vec::new(),
            }
        });
        Topology { nodes: nodes.collect() }
    }
}

/// The slots of the primary at a position. All primaries have the same number of slots, or one more.
fn share(position: usize, primaries: usize) -> Option<SlotRange> {
    let bound = |position: usize| u16::try_from(usize::from(SLOT_COUNT) * position / primaries).ok();
    SlotRange::new(Slot::new(bound(position)?)?, Slot::new(bound(position + 1)?.checked_sub(1)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(primaries: u16, replicas: u16) -> (ClusterPlan, Topology) {
        let shape = Shape::new(primaries, replicas);
        let ports = 7000..7000 + shape.nodes();
        let ids: Vec<NodeId> = ports.clone().map(|port| format!("{port:040x}").parse().unwrap()).collect();
        let addresses: Vec<Address> = ports.map(|port| Address::new("127.0.0.1", port)).collect();
        let plan = ClusterPlan::of(shape, &addresses);
        let topology = plan.topology(&ids);
        (plan, topology)
    }

    #[test]
    fn every_slot_has_one_owner_in_any_shape() {
        for primaries in [1, 2, 3, 7, 50, 100] {
            let (plan, topology) = plan(primaries, 0);
            let sizes: Vec<usize> = plan.nodes.iter().map(|node| node.slots.unwrap().slots().count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), usize::from(SLOT_COUNT));
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            assert!(topology.slot_owners().iter().all(Option::is_some));
        }
    }

    #[test]
    fn replicas_are_spread_over_primaries() {
        let (plan, topology) = plan(3, 2);
        let copies: Vec<_> = plan.nodes.iter().map(|node| node.copies).collect();
        assert_eq!(copies, [None, None, None, Some(0), Some(1), Some(2), Some(0), Some(1), Some(2)]);
        for primary in topology.primaries() {
            assert_eq!(topology.replicas_of(&primary.id).count(), 2);
        }
        assert_eq!(topology.nodes[4].config_epoch, topology.nodes[1].config_epoch);
        let mut epochs: Vec<u64> = plan.nodes.iter().map(|node| node.epoch).collect();
        assert!(epochs[..3].iter().min() > epochs[3..].iter().max());
        epochs.sort_unstable();
        epochs.dedup();
        assert_eq!(epochs.len(), 9);
    }
}
