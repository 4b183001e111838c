//! Which error takes precedence if several apply.

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::code::state::wait_for_state;
use crate::code::users::as_user;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("errors/arity-before-permissions-and-a-down-cluster")
        .title("Errors for unknown commands and wrong arity take precedence over NOPERM for keys and CLUSTERDOWN")
        .must("CLUSTER")
        .covers(&["errors.precedence-arity-first"])
        .needs(&[Need::MoveSlot, Need::SetConfig])
        .commands(&["ACL"])
        .body(|cluster| Box::pin(arity_first(cluster))),
    check("errors/crossslot-before-a-down-cluster")
        .title("CROSSSLOT takes precedence over MOVED and CLUSTERDOWN")
        .should("multi-keys-operations")
        .covers(&["errors.precedence-crossslot-moved"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(crossslot_before_down(cluster))),
    check("errors/unassigned-slot-and-crossslot")
        .title("A node answers CROSSSLOT or CLUSTERDOWN, not MOVED, to keys of two slots if the first has no owner")
        .may("multi-keys-operations")
        .covers(&["errors.precedence-unbound-crossslot"])
        .needs(&[Need::MoveSlot])
        .body(|cluster| Box::pin(unassigned_slot_and_crossslot(cluster))),
];

async fn arity_first(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (lost, kept) = cluster.two_slots_of(&node)?;
    let (one, other) = (cluster.keys().fresh(lost), cluster.keys().fresh(kept));
    let wrong = [
        command!["NO-SUCH-COMMAND", &one],
        command!["GET", &one, &other],
        command!["RENAME", &one, &other, &one],
        command!["SET", &one],
    ];
    as_user(cluster, &node, &["~no-such-key", "+@all"], async |user| {
        user.expect(command!["GET", &one], Expect::error("NOPERM")).await?;
        for command in &wrong {
            user.expect(command, Expect::error("ERR")).await?;
        }
        Ok(())
    })
    .await?;
    without_slot(cluster, &node, lost, async || {
        cluster.expect(&node, command!["GET", &one], Expect::error("CLUSTERDOWN")).await?;
        for command in &wrong {
            cluster.expect(&node, command, Expect::error("ERR")).await?;
        }
        Ok(())
    })
    .await
}

async fn crossslot_before_down(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (lost, one) = cluster.two_slots_of(&node)?;
    let other = cluster.slots_of(&node).into_iter().find(|slot| *slot != lost && *slot != one);
    let other = other.ok_or_else(|| crate::Stop::skip("the check needs a primary with three slots"))?;
    let remote = cluster.slot_of(&cluster.non_owner(lost)?)?;
    let [one, other, remote] = [one, other, remote].map(|slot| cluster.keys().fresh(slot));
    without_slot(cluster, &node, lost, async || {
        cluster.expect(&node, command!["GET", &one], Expect::error("CLUSTERDOWN")).await?;
        for second in [&other, &remote] {
            cluster.expect(&node, command!["MGET", &one, second], Expect::error("CROSSSLOT")).await?;
            cluster.expect(&node, command!["MSET", second, "v", &one, "v"], Expect::error("CROSSSLOT")).await?;
        }
        Ok(())
    })
    .await
}

async fn unassigned_slot_and_crossslot(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (lost, kept) = cluster.two_slots_of(&node)?;
    let (first, second) = (cluster.keys().fresh(lost), cluster.keys().fresh(kept));
    let expect = if ["redis", "valkey <9.0"].iter().any(|range| cluster.server().is(range)) {
        Expect::error("CLUSTERDOWN")
    } else if cluster.server().is("valkey") {
        Expect::error("CROSSSLOT")
    } else {
        Expect::AnyOf(vec![Expect::error("CROSSSLOT"), Expect::error("CLUSTERDOWN")])
    };
    without_slot(cluster, &node, lost, async || {
        cluster.expect(&node, command!["MGET", &first, &second], expect.clone()).await?;
        Ok(())
    })
    .await
}

/// Deletes a slot on its owner, runs `look` once that node reports the cluster as down, and adds the slot again.
async fn without_slot(cluster: &Cluster, node: &Node, slot: Slot, look: impl AsyncFn() -> Outcome) -> Outcome {
    let change = |word: &str| command!["CLUSTER", word, slot.to_string()];
    cluster.expect(node, change("DELSLOTS"), Expect::Ok).await?;
    let looked = async {
        wait_for_state(cluster, node, "fail").await?;
        look().await
    };
    let looked = looked.await;
    cluster.expect(node, change("ADDSLOTS"), Expect::Ok).await?;
    wait_for_state(cluster, node, "ok").await?;
    looked
}
