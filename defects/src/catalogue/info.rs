//! CLUSTER INFO is wrong.

use wire::Reply;

use super::nodes::{is_last, is_three_and_three};
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit;
use crate::request::Request;
use crate::scene::Scene;

/// CLUSTER INFO of the nodes that fit has a wrong value in one field.
macro_rules! field {
    ($constructor:ident, $name:literal, $sentence:literal, $caught_by:expr, $where:expr, $field:literal, $change:expr) => {
        $constructor($name, $sentence, $caught_by, |scene, request, reply| {
            let fits: fn(&Scene<'_>) -> bool = $where;
            fits(scene).then_some(())?;
            change_field(request, reply, $field, $change)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "cluster-info-lines-end-in-lf",
        "CLUSTER INFO ends its lines with LF instead of CRLF in RESP3",
        &["topology/info-format"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("\r\n", "\n")).map(Replacement::Answer)
        },
    ),
    on_reply(
        "cluster-info-spaces-after-colons",
        "CLUSTER INFO puts a space after each colon in RESP3",
        &["topology/info-format"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace(':', ": ")).map(Replacement::Answer)
        },
    ),
    on_calm_reply(
        "cluster-info-without-pfail",
        "CLUSTER INFO of one replica omits cluster_slots_pfail",
        &["topology/info-fields", "topology/info-slot-arithmetic"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            edit::lines(reply.bytes(), |line| (!line.starts_with("cluster_slots_pfail")).then(|| line.to_owned()))
                .map(Replacement::Answer)
        },
    ),
    on_calm_reply(
        "cluster-info-without-counters",
        "CLUSTER INFO omits the counters of messages, links and nodes",
        &["topology/info-message-counters"],
        |scene, request, reply| {
            (is_three_and_three(scene) && request.is("CLUSTER INFO")).then_some(())?;
            const COUNTERS: [&str; 5] =
                ["cluster_stats_", "total_cluster_links", "cluster_nodes_", "cluster_voting_", "cluster_slot_"];
            edit::lines(reply.bytes(), |line| {
                (!COUNTERS.iter().any(|name| line.starts_with(name))).then(|| line.to_owned())
            })
            .map(Replacement::Answer)
        },
    ),
    field!(
        on_calm_reply,
        "cluster-size-counts-replicas",
        "CLUSTER INFO of one replica counts replicas in cluster_size, too",
        &["consistency/info-and-nodes", "topology/info-counts"],
        |scene| is_last(scene),
        "cluster_size",
        |size| size * 2
    ),
    field!(
        on_calm_reply,
        "known-nodes-counts-others-only",
        "CLUSTER INFO of one replica does not count the node itself in cluster_known_nodes",
        &["consistency/info-and-nodes", "topology/info-counts"],
        |scene| is_last(scene),
        "cluster_known_nodes",
        |nodes| nodes - 1
    ),
    field!(
        on_calm_reply,
        "slots-assigned-one-too-few",
        "CLUSTER INFO of one replica reports cluster_slots_assigned as one too low",
        &["consistency/info-and-nodes", "topology/info-slot-arithmetic"],
        |scene| is_last(scene),
        "cluster_slots_assigned",
        |slots| slots - 1
    ),
    field!(
        on_calm_reply,
        "slots-ok-are-never-all",
        "CLUSTER INFO of one replica reports cluster_slots_ok as one too low",
        &["topology/info-slot-arithmetic"],
        |scene| is_last(scene),
        "cluster_slots_ok",
        |slots| slots - 1
    ),
    field!(
        on_calm_reply,
        "current-epoch-of-a-replica-stands-at-0",
        "CLUSTER INFO of one replica reports cluster_current_epoch as 0",
        &["consistency/epochs-agree", "topology/info-epochs"],
        |scene| is_last(scene),
        "cluster_current_epoch",
        |_| 0
    ),
    field!(
        on_calm_reply,
        "current-epoch-ahead-on-one-node",
        "CLUSTER INFO of one replica reports a higher cluster_current_epoch than the other nodes",
        &["consistency/epochs-agree"],
        |scene| is_last(scene),
        "cluster_current_epoch",
        |epoch| epoch + 1
    ),
    field!(
        on_calm_reply,
        "my-epoch-of-replicas-is-0",
        "CLUSTER INFO of one replica reports cluster_my_epoch as 0",
        &["topology/info-epochs"],
        |scene| is_last(scene),
        "cluster_my_epoch",
        |_| 0
    ),
    on_reply(
        "size-of-a-lone-node-is-0",
        "CLUSTER INFO reports cluster_size as 0 on a node that knows no other node",
        &["topology/one-node-serves-all"],
        |_, request, reply| {
            reply.text()?.contains("cluster_known_nodes:1\r").then_some(())?;
            change_field(request, reply, "cluster_size", |_| 0)
        },
    ),
    on_calm_reply(
        "cluster-state-in-upper-case",
        "CLUSTER INFO of one replica reports cluster_state as OK in upper case",
        &["topology/info-state"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_state:ok", "cluster_state:OK"))
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "cluster-state-ok-without-slots",
        "CLUSTER INFO reports cluster_state as ok on a node that knows no slots",
        &["down/node-without-slots-known", "topology/fresh-node"],
        |_, request, reply| {
            let text = reply.text()?;
            (request.is("CLUSTER INFO") && text.contains("cluster_slots_assigned:0\r")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_state:fail", "cluster_state:ok"))
                .map(Replacement::Answer)
        },
    ),
    on_calm_reply(
        "message-counter-starts-over",
        "CLUSTER INFO of one replica restarts cluster_stats_messages_sent on the second call of a connection",
        &["topology/info-message-counters"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            *scene.note("asked") += 1;
            (*scene.note("asked") > 1).then_some(())?;
            change_field(request, reply, "cluster_stats_messages_sent", |_| 1)
        },
    ),
    on_reply(
        "info-cluster-enabled-0",
        "INFO of one replica reports cluster_enabled as 0",
        &["topology/cluster-enabled"],
        |scene, request, reply| {
            (is_last(scene) && request.is("INFO cluster")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_enabled:1", "cluster_enabled:0"))
                .map(Replacement::Answer)
        },
    ),
    on_calm_reply(
        "connected-slaves-one-too-many",
        "INFO of the first primary counts a replica that does not exist",
        &["consistency/replication-follows-the-cluster"],
        |scene, request, reply| {
            (scene.node() == 0 && is_three_and_three(scene) && request.is("INFO replication")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("connected_slaves:1", "connected_slaves:2"))
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "refuses-views-while-loading",
        "A node that loads its data does not answer CLUSTER commands",
        &["topology/answers-while-loading"],
        |scene, request, reply| {
            if request.is("INFO persistence") {
                *scene.note("loads") = i64::from(reply.text()?.contains("\nloading:1\r"));
            }
            (*scene.note("loads") > 0 && request.is("CLUSTER"))
                .then(|| Replacement::Answer(edit::error("LOADING Redis is loading the dataset in memory")))
        },
    ),
];

fn change_field(request: &Request, reply: &Reply, field: &str, change: impl Fn(i64) -> i64) -> Option<Replacement> {
    request.is("CLUSTER INFO").then_some(())?;
    let changed = edit::lines(reply.bytes(), |line| {
        let value = line.split_once(':').filter(|(name, _)| *name == field).and_then(|(_, value)| value.parse().ok());
        Some(value.map_or_else(|| line.to_owned(), |value| format!("{field}:{}", change(value))))
    });
    changed.map(Replacement::Answer)
}
