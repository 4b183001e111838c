//! CLUSTER INFO is wrong.

use wire::Reply;

use super::nodes::{is_last, is_three_and_three};
use crate::defect::{Defect, Instead, Lie};
use crate::edit;
use crate::request::Request;
use crate::scene::Scene;

/// What a node that fits says in CLUSTER INFO, one field changed.
macro_rules! field {
    ($lie:ident, $name:literal, $sentence:literal, $fails:expr, $where:expr, $field:literal, $change:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::$lie(|scene, request, reply| {
                let fits: fn(&Scene<'_>) -> bool = $where;
                fits(scene).then_some(())?;
                change_field(request, reply, $field, $change)
            }),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "cluster-info-lines-end-in-lf",
        sentence: "The lines of CLUSTER INFO end in LF alone in RESP3",
        fails: &["topology/info-format"],
        lie: Lie::Reply(|scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("\r\n", "\n")).map(Instead::Say)
        }),
    },
    Defect {
        name: "cluster-info-spaces-after-colons",
        sentence: "CLUSTER INFO has a space after each colon in RESP3",
        fails: &["topology/info-format"],
        lie: Lie::Reply(|scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace(':', ": ")).map(Instead::Say)
        }),
    },
    Defect {
        name: "cluster-info-without-pfail",
        sentence: "CLUSTER INFO of one replica has no cluster_slots_pfail",
        fails: &["topology/info-fields", "topology/info-slot-arithmetic"],
        lie: Lie::Calm(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            edit::lines(reply.bytes(), |line| (!line.starts_with("cluster_slots_pfail")).then(|| line.to_owned()))
                .map(Instead::Say)
        }),
    },
    Defect {
        name: "cluster-info-without-counters",
        sentence: "CLUSTER INFO has no counters of messages, links and nodes",
        fails: &[
            "topology/info-link-buffer-counter",
            "topology/info-message-counters",
            "topology/info-node-health-counters",
        ],
        lie: Lie::Calm(|scene, request, reply| {
            (is_three_and_three(scene) && request.is("CLUSTER INFO")).then_some(())?;
            const COUNTERS: [&str; 5] =
                ["cluster_stats_", "total_cluster_links", "cluster_nodes_", "cluster_voting_", "cluster_slot_"];
            edit::lines(reply.bytes(), |line| {
                (!COUNTERS.iter().any(|name| line.starts_with(name))).then(|| line.to_owned())
            })
            .map(Instead::Say)
        }),
    },
    field!(
        Calm,
        "cluster-size-counts-replicas",
        "cluster_size of one replica counts replicas, too",
        &["consistency/info-and-nodes", "topology/info-counts"],
        |scene| is_last(scene),
        "cluster_size",
        |size| size * 2
    ),
    field!(
        Calm,
        "known-nodes-counts-others-only",
        "cluster_known_nodes of one replica does not count the node itself",
        &["consistency/info-and-nodes", "topology/info-counts"],
        |scene| is_last(scene),
        "cluster_known_nodes",
        |nodes| nodes - 1
    ),
    field!(
        Calm,
        "slots-assigned-one-too-few",
        "cluster_slots_assigned of one replica is one too low",
        &["consistency/info-and-nodes", "topology/info-slot-arithmetic"],
        |scene| is_last(scene),
        "cluster_slots_assigned",
        |slots| slots - 1
    ),
    field!(
        Calm,
        "slots-ok-are-never-all",
        "cluster_slots_ok of one replica is one too low",
        &["topology/info-slot-arithmetic"],
        |scene| is_last(scene),
        "cluster_slots_ok",
        |slots| slots - 1
    ),
    field!(
        Calm,
        "current-epoch-of-a-replica-stands-at-0",
        "cluster_current_epoch of one replica stands at 0",
        &["consistency/epochs-agree", "topology/info-epochs"],
        |scene| is_last(scene),
        "cluster_current_epoch",
        |_| 0
    ),
    field!(
        Calm,
        "current-epoch-ahead-on-one-node",
        "cluster_current_epoch of one replica is ahead of the others'",
        &["consistency/epochs-agree"],
        |scene| is_last(scene),
        "cluster_current_epoch",
        |epoch| epoch + 1
    ),
    field!(
        Calm,
        "my-epoch-of-replicas-is-0",
        "cluster_my_epoch is 0 on one replica",
        &["topology/info-epochs"],
        |scene| is_last(scene),
        "cluster_my_epoch",
        |_| 0
    ),
    Defect {
        name: "size-of-a-lone-node-is-0",
        sentence: "cluster_size is 0 on a node that knows no other, whatever it serves",
        fails: &["topology/one-node-serves-all"],
        lie: Lie::Reply(|_, request, reply| {
            reply.text()?.contains("cluster_known_nodes:1\r").then_some(())?;
            change_field(request, reply, "cluster_size", |_| 0)
        }),
    },
    Defect {
        name: "cluster-state-in-upper-case",
        sentence: "cluster_state of one replica is OK in upper case",
        fails: &["topology/info-state"],
        lie: Lie::Calm(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_state:ok", "cluster_state:OK")).map(Instead::Say)
        }),
    },
    Defect {
        name: "cluster-state-ok-without-slots",
        sentence: "cluster_state is ok on a node that knows no slots",
        fails: &["down/node-without-slots-known", "keyslot/answers-while-down", "topology/fresh-node"],
        lie: Lie::Reply(|_, request, reply| {
            let text = reply.text()?;
            (request.is("CLUSTER INFO") && text.contains("cluster_slots_assigned:0\r")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_state:fail", "cluster_state:ok")).map(Instead::Say)
        }),
    },
    Defect {
        name: "message-counter-starts-over",
        sentence: "cluster_stats_messages_sent of one replica starts over the second time that a connection asks",
        fails: &["topology/info-message-counters"],
        lie: Lie::Calm(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER INFO")).then_some(())?;
            *scene.note("asked") += 1;
            (*scene.note("asked") > 1).then_some(())?;
            change_field(request, reply, "cluster_stats_messages_sent", |_| 1)
        }),
    },
    Defect {
        name: "info-cluster-enabled-0",
        sentence: "INFO says cluster_enabled:0 on one replica",
        fails: &["topology/cluster-enabled"],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("INFO cluster")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("cluster_enabled:1", "cluster_enabled:0")).map(Instead::Say)
        }),
    },
    Defect {
        name: "connected-slaves-one-too-many",
        sentence: "INFO of the first primary counts a replica that is not there",
        fails: &["consistency/replication-follows-the-cluster"],
        lie: Lie::Calm(|scene, request, reply| {
            (scene.node() == 0 && is_three_and_three(scene) && request.is("INFO replication")).then_some(())?;
            edit::text(reply.bytes(), |text| text.replace("connected_slaves:1", "connected_slaves:2")).map(Instead::Say)
        }),
    },
    Defect {
        name: "refuses-views-while-loading",
        sentence: "A node that loads its data answers no CLUSTER command meanwhile",
        fails: &["topology/answers-while-loading"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("INFO persistence") {
                *scene.note("loads") = i64::from(reply.text()?.contains("\nloading:1\r"));
            }
            (*scene.note("loads") > 0 && request.is("CLUSTER"))
                .then(|| Instead::Say(edit::error("LOADING Redis is loading the dataset in memory")))
        }),
    },
];

fn change_field(request: &Request, reply: &Reply, field: &str, change: impl Fn(i64) -> i64) -> Option<Instead> {
    request.is("CLUSTER INFO").then_some(())?;
    let changed = edit::lines(reply.bytes(), |line| {
        let value = line.split_once(':').filter(|(name, _)| *name == field).and_then(|(_, value)| value.parse().ok());
        Some(value.map_or_else(|| line.to_owned(), |value| format!("{field}:{}", change(value))))
    });
    changed.map(Instead::Say)
}
