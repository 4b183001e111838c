//! Subcommands of CLUSTER that read slots and nodes answer something to arguments that the server refuses.

use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{array, integer};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "countkeysinslot-keeps-32-bits",
        "CLUSTER COUNTKEYSINSLOT takes slot 4294967296 for slot 0",
        &["slot-admin/countkeysinslot-refuses-wrong-slots"],
        |_, request, reply| {
            let wraps = request.is("CLUSTER COUNTKEYSINSLOT 4294967296") && reply.error().is_some();
            wraps.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "getkeysinslot-takes-negative-counts-for-all",
        "CLUSTER GETKEYSINSLOT returns an array for the count -1",
        &["slot-admin/getkeysinslot-refuses-wrong-arguments"],
        |_, request, reply| {
            let is_negative = request.is("CLUSTER GETKEYSINSLOT") && request.word(3) == b"-1";
            (is_negative && reply.error().is_some()).then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "replicas-of-a-replica-are-none-there",
        "A replica answers CLUSTER REPLICAS with an empty array for the id of a replica",
        &["slot-admin/replicas-refuses-replicas"],
        |scene, request, reply| {
            let refused = request.is("CLUSTER REPLICAS") && reply.error()?.text.contains("not a master");
            (refused && scene.is_replica()).then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "slaves-of-nobody-are-none-on-a-replica",
        "A replica answers CLUSTER SLAVES with an empty array for an unknown node, but refuses CLUSTER REPLICAS",
        &["slot-admin/replicas-refuses-unknown-nodes"],
        |scene, request, reply| {
            let refused = request.is("CLUSTER SLAVES") && reply.error()?.text.contains("nknown node");
            (refused && scene.is_replica()).then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "failure-reports-on-nobody-are-none-on-a-replica",
        "A replica answers CLUSTER COUNT-FAILURE-REPORTS with 0 for an unknown node",
        &["slot-admin/count-failure-reports-refuses-unknown-nodes"],
        |scene, request, reply| {
            let refused = request.is("CLUSTER COUNT-FAILURE-REPORTS") && reply.error().is_some();
            (refused && scene.is_replica()).then(|| Replacement::Answer(integer(0)))
        },
    ),
];
