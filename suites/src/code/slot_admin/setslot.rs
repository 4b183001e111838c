//! CLUSTER SETSLOT among nodes that belong to no cluster: what it refuses, and what it changes.

use wire::{Node, command};

use self::At::{Other, Owner};
use super::company::{company, replicate};
use super::lines::Answer::{Okay, On, Refused};
use super::lines::{Answer, answers, refuses};
use super::own::own_state;
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::or;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("slot-admin/setslot-migrating-refuses")
        .title("SETSLOT MIGRATING refuses slots of others, unknown nodes and replicas")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-migrating-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot(cluster, MIGRATING))),
    check("slot-admin/setslot-importing-refuses")
        .title("SETSLOT IMPORTING refuses own slots, unknown nodes and replicas")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-importing-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot(cluster, IMPORTING))),
    check("slot-admin/setslot-node-refuses")
        .title("SETSLOT NODE refuses unknown nodes")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-node-errors"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot(cluster, NODE))),
    check("slot-admin/setslot-node-refuses-replicas")
        .title("SETSLOT NODE refuses a replica as the owner")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-node-errors"])
        .needs(&[Need::FreshNode])
        // Redis before 7.0 gives the slot to the replica.
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(setslot(cluster, NODE_OF_REPLICA))),
    check("slot-admin/setslot-stable")
        .title("SETSLOT STABLE answers OK, also for slots that nobody has opened, and leaves no slot open")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-stable"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot(cluster, STABLE))),
    check("slot-admin/setslot-refuses-other-words")
        .title("SETSLOT refuses unknown actions, missing ids and wrong slot numbers")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-syntax"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot(cluster, SYNTAX))),
    check("slot-admin/setslot-on-a-replica")
        .title("A replica refuses every form of SETSLOT")
        .must("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-on-replica"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(setslot_on_a_replica(cluster))),
    check("slot-admin/setslot-timeout")
        .title("SETSLOT takes a TIMEOUT of 0 or more milliseconds, and refuses other values")
        .may("CLUSTER SETSLOT")
        .covers(&["slot-admin.setslot-timeout"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=8.0"])
        .body(|cluster| Box::pin(setslot(cluster, TIMEOUT))),
];

/// A node, by its part: the owner of the slots 5 and 16383, or another primary. The other primary has a replica.
#[derive(Debug, Clone, Copy)]
enum At {
    Owner,
    Other,
}

type Lines = &'static [(At, &'static str, Answer)];

/// Redis before 7.0 takes replicas for primaries.
const OF_REPLICA: Answer = On("redis <7.0", &Okay, &Refused);

const MIGRATING: Lines = &[
    (Owner, "CLUSTER SETSLOT 6 MIGRATING {other}", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {nobody}", Refused),
    (Owner, "CLUSTER SETSLOT 16383 MIGRATING {nobody}", Refused),
    (Other, "CLUSTER SETSLOT 5 MIGRATING {owner}", Refused),
    (Other, "CLUSTER SETSLOT 5 MIGRATING {other}", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {replica}", OF_REPLICA),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
    // Older servers take the slot's own owner.
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {owner}", On("valkey >=9.1", &Refused, &Okay)),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other}", Okay),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {nobody}", Refused),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
];

const IMPORTING: Lines = &[
    (Owner, "CLUSTER SETSLOT 5 IMPORTING {other}", Refused),
    (Owner, "CLUSTER SETSLOT 16383 IMPORTING {other}", Refused),
    (Owner, "CLUSTER SETSLOT 5 IMPORTING {owner}", Refused),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {nobody}", Refused),
    (Other, "CLUSTER SETSLOT 7 IMPORTING {nobody}", Refused),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {replica}", OF_REPLICA),
    (Other, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {owner}", Okay),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {nobody}", Refused),
    (Other, "CLUSTER SETSLOT 5 STABLE", Okay),
];

const NODE: Lines = &[
    (Owner, "CLUSTER SETSLOT 5 NODE {nobody}", Refused),
    (Owner, "CLUSTER SETSLOT 6 NODE {nobody}", Refused),
    (Other, "CLUSTER SETSLOT 16383 NODE {nobody}", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other}", Okay),
    (Owner, "CLUSTER SETSLOT 5 NODE {nobody}", Refused),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
];

const NODE_OF_REPLICA: Lines = &[
    (Owner, "CLUSTER SETSLOT 5 NODE {replica}", Refused),
    (Owner, "CLUSTER SETSLOT 16383 NODE {replica}", Refused),
    (Other, "CLUSTER SETSLOT 5 NODE {replica}", Refused),
];

const STABLE: Lines = &[
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Owner, "CLUSTER SETSLOT 6 STABLE", Okay),
    (Other, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Other, "CLUSTER SETSLOT 16383 STABLE", Okay),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other}", Okay),
    (Owner, "CLUSTER SETSLOT 16383 MIGRATING {other}", Okay),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {owner}", Okay),
    (Owner, "CLUSTER SETSLOT 16383 STABLE", Okay),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Other, "CLUSTER SETSLOT 5 STABLE", Okay),
    (Owner, "CLUSTER SETSLOT 5 STABLE", Okay),
];

const SYNTAX: Lines = &[
    (Owner, "CLUSTER SETSLOT 5", Refused),
    (Owner, "CLUSTER SETSLOT 5 MOVING {other}", Refused),
    (Owner, "CLUSTER SETSLOT 5 MOVING", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING", Refused),
    (Other, "CLUSTER SETSLOT 5 IMPORTING", Refused),
    (Owner, "CLUSTER SETSLOT 5 NODE", Refused),
    (Owner, "CLUSTER SETSLOT 5 \"\"", Refused),
    (Owner, "CLUSTER SETSLOT 16384 STABLE", Refused),
    (Owner, "CLUSTER SETSLOT -1 STABLE", Refused),
    (Owner, "CLUSTER SETSLOT five STABLE", Refused),
    (Owner, "CLUSTER SETSLOT 65541 MIGRATING {other}", Refused),
    (Other, "CLUSTER SETSLOT 65541 IMPORTING {owner}", Refused),
];

const TIMEOUT: Lines = &[
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other} TIMEOUT 1000", Okay),
    (Other, "CLUSTER SETSLOT 5 IMPORTING {owner} timeout 1000", Okay),
    (Owner, "CLUSTER SETSLOT 5 STABLE TIMEOUT 0", Okay),
    (Other, "CLUSTER SETSLOT 5 STABLE TIMEOUT 1000", Okay),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other} TIMEOUT", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other} TIMEOUT -1", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other} TIMEOUT soon", Refused),
    (Owner, "CLUSTER SETSLOT 5 MIGRATING {other} TIMEOUT 1.5", Refused),
    (Owner, "CLUSTER SETSLOT 5 STABLE TIMEOUT -1", Refused),
];

/// The owner, the other primary, and its replica.
async fn cast(cluster: &Cluster) -> Outcome<[Node; 3]> {
    let nodes = company::<3>(cluster).await?;
    let [owner, other, replica] = &nodes;
    cluster.expect(owner, command!["CLUSTER", "ADDSLOTS", "5", "16383"], Expect::Ok).await?;
    replicate(cluster, replica, other).await?;
    cluster
        .until(cluster.limits().converge, "all nodes know the roles and the owner of the slots", async || {
            for node in &nodes {
                let view = cluster.view_of(node).await?;
                let primary = view.node(&replica.id).and_then(|seen| seen.primary);
                ensure!(
                    primary == Some(other.id) && view.node(&owner.id).is_some_and(|seen| !seen.slots.is_empty()),
                    format!("the replica and the owner of slots in CLUSTER NODES of {}", node.address),
                    "a replica of {}",
                    or(primary, "nobody")
                );
            }
            Ok(())
        })
        .await?;
    Ok(nodes)
}

/// Sends the lines, and requires the answers; afterwards the nodes must be as before.
async fn setslot(cluster: &Cluster, lines: Lines) -> Outcome {
    let nodes = cast(cluster).await?;
    let ids = nodes.each_ref().map(|node| node.id.to_string());
    let names = [("{owner}", ids[0].as_str()), ("{other}", ids[1].as_str()), ("{replica}", ids[2].as_str())];
    let before = [own_state(cluster, &nodes[0]).await?, own_state(cluster, &nodes[1]).await?];
    for (at, line, answer) in lines {
        let node = match at {
            Owner => &nodes[0],
            Other => &nodes[1],
        };
        answers(cluster, node, &names, &[(line, *answer)]).await?;
    }
    for (node, before) in nodes.iter().zip(before) {
        let after = own_state(cluster, node).await?;
        ensure!(after == before, format!("CLUSTER NODES of {} as at first: {before}", node.address), "{after}");
    }
    Ok(())
}

async fn setslot_on_a_replica(cluster: &Cluster) -> Outcome {
    let [owner, other, replica] = &cast(cluster).await?;
    let ids = [owner, other].map(|node| node.id.to_string());
    let names = [("{owner}", ids[0].as_str()), ("{other}", ids[1].as_str())];
    let lines = [
        "CLUSTER SETSLOT 5 STABLE",
        "CLUSTER SETSLOT 6 STABLE",
        "CLUSTER SETSLOT 5 IMPORTING {owner}",
        "CLUSTER SETSLOT 5 MIGRATING {owner}",
        "CLUSTER SETSLOT 5 NODE {owner}",
        "CLUSTER SETSLOT 5 NODE {other}",
        "CLUSTER SETSLOT 6 NODE {other}",
    ];
    refuses(cluster, replica, &names, &lines).await
}
