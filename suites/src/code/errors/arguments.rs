//! Misspelt node ids and slot numbers as arguments of subcommands that only read.

use wire::{Command, NodeId, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("errors/unknown-node-id")
        .title("CLUSTER REPLICAS, SLAVES and COUNT-FAILURE-REPORTS refuse an unknown node id")
        .must("CLUSTER REPLICAS")
        .covers(&["errors.unknown-node-id"])
        .body(|cluster| Box::pin(unknown_node_id(cluster))),
    check("errors/node-id-is-exact")
        .title("A node id that is too short, too long or in upper case counts as unknown")
        .should("CLUSTER REPLICAS")
        .covers(&["errors.short-id"])
        .body(|cluster| Box::pin(node_id_is_exact(cluster))),
    check("errors/slot-number-is-exact")
        .title("COUNTKEYSINSLOT and GETKEYSINSLOT refuse slot numbers that are not plain decimals in range")
        .should("CLUSTER COUNTKEYSINSLOT")
        .covers(&["errors.integer-parsing"])
        .body(|cluster| Box::pin(slot_number_is_exact(cluster))),
];

async fn unknown_node_id(cluster: &Cluster) -> Outcome {
    refuses(cluster, &[stranger()]).await
}

async fn node_id_is_exact(cluster: &Cluster) -> Outcome {
    let id = cluster.some_primary()?.id;
    refuses(cluster, &misspelt(&id, cluster)).await
}

async fn refuses(cluster: &Cluster, ids: &[String]) -> Outcome {
    let node = cluster.some_primary()?;
    for id in ids {
        for subcommand in ["REPLICAS", "SLAVES", "COUNT-FAILURE-REPORTS"] {
            cluster.expect(&node, command!["CLUSTER", subcommand, id], Expect::error("ERR")).await?;
        }
    }
    Ok(())
}

async fn slot_number_is_exact(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?.number();
    let commands = |number: &str| -> [Command; 2] {
        [command!["CLUSTER", "COUNTKEYSINSLOT", number], command!["CLUSTER", "GETKEYSINSLOT", number, "1"]]
    };
    for number in misspelt_numbers(slot) {
        for command in commands(&number) {
            cluster.expect(&node, command, Expect::error("ERR")).await?;
        }
    }
    let count = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), "+1"];
    cluster.expect(&node, count, Expect::error("ERR")).await?;
    Ok(())
}

/// A well-formed node id that no node has.
pub(super) fn stranger() -> String {
    "0123456789".repeat(4)
}

/// Wrong forms of a node id: too short, too long, empty, or in upper case.
///
/// Redis before 7.0 reads only forty characters, so it accepts an id that is too long.
pub(super) fn misspelt(id: &NodeId, cluster: &Cluster) -> Vec<String> {
    let id = id.to_string();
    let mut wrong =
        vec![id[..39].to_owned(), id[1..].to_owned(), id[..8].to_owned(), String::new(), format!(" {}", &id[1..])];
    if !cluster.server().is("redis <7.0") {
        wrong.push(format!("{id}0"));
    }
    // An id without letters is the same in upper case.
    wrong.extend(Some(id.to_uppercase()).filter(|upper| *upper != id));
    wrong
}

/// Wrong forms of a slot number: with signs, zeros or spaces, in other notations, or out of range.
///
/// Those out of range give the slot number if a server keeps only 14, 16, 32 or 64 bits.
pub(super) fn misspelt_numbers(slot: u16) -> Vec<String> {
    let wide = u128::from(slot);
    vec![
        format!("+{slot}"),
        format!("0{slot}"),
        format!(" {slot}"),
        format!("{slot} "),
        format!("{slot}.0"),
        format!("{slot}e0"),
        format!("0x{slot:x}"),
        format!("{slot}x"),
        "-0".to_owned(),
        "-1".to_owned(),
        String::new(),
        (wide + (1 << 14)).to_string(),
        (wide + (1 << 16)).to_string(),
        (wide + (1 << 32)).to_string(),
        (wide + (1 << 64)).to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use wire::Slot;

    use super::*;

    #[test]
    fn no_misspelt_number_is_a_slot() {
        for slot in [0, 1, 5_461, 16_383] {
            let numbers = misspelt_numbers(slot);
            assert!(numbers.iter().all(|number| *number != slot.to_string()));
            assert!(
                numbers.iter().filter_map(|n| n.parse::<u16>().ok()).filter_map(Slot::new).all(|s| s.number() == slot)
            );
        }
        assert_eq!(stranger().len(), 40);
    }
}
