//! SORT with patterns that contain the hash tag of its key, so that they match only keys of one slot.

use wire::command;

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("crossslot/sort-pattern-of-the-same-tag")
    .title("SORT accepts BY and GET patterns with the hash tag of its key, and reads the keys that they name")
    .may("SORT")
    .covers(&["crossslot.sort-pattern-same-tag"])
    .servers(&["redis >=7.4", "valkey >=8.0"])
    .body(|cluster| Box::pin(pattern_of_the_same_tag(cluster)))];

async fn pattern_of_the_same_tag(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let key = |name: &str| cluster.keys().named(slot, name);
    let list = key("list");
    cluster.expect(&node, command!["RPUSH", &list, "a", "b", "c"], Expect::Integer(3)).await?;
    for (element, weight) in [("a", "3"), ("b", "1"), ("c", "2")] {
        cluster.expect(&node, command!["SET", key(&format!("weight-{element}")), weight], Expect::Ok).await?;
        cluster.expect(&node, command!["SET", key(&format!("value-{element}")), element], Expect::Ok).await?;
    }
    let pattern = |name: &str| key(&format!("{name}-*"));
    let sort = command!["SORT", &list, "BY", pattern("weight"), "GET", pattern("value")];
    let sorted = Expect::Items(["b", "c", "a"].map(Expect::text).to_vec());
    cluster.expect(&node, sort, sorted).await?;
    Ok(())
}
