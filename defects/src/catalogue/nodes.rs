//! CLUSTER NODES has lines that are wrong.

use wire::Reply;

use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit;
use crate::request::Request;
use crate::scene::Scene;

/// Says whether this is the last replica of three primaries with one each; other clusters number their nodes otherwise.
pub(super) fn is_last(scene: &Scene<'_>) -> bool {
    scene.node() == 5 && is_three_and_three(scene)
}

/// Says whether the cluster began as three primaries with a replica each.
pub(super) fn is_three_and_three(scene: &Scene<'_>) -> bool {
    *scene.place.replicas == (3..6)
}

/// Says whether no node is failed or suspected: a node that dies may be the defective one.
fn all_well(reply: &Reply) -> bool {
    reply.text().is_some_and(|text| !text.contains("fail"))
}

/// CLUSTER NODES of the last replica has changed fields in its lines.
macro_rules! on_one_node {
    ($name:literal, $sentence:literal, $caught_by:expr, $change:expr) => {
        on_calm_reply($name, $sentence, $caught_by, |scene, request, reply| {
            (is_last(scene)).then_some(())?;
            change_lines(request, reply, $change)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_one_node!(
        "nodes-lines-end-in-a-space",
        "CLUSTER NODES of one replica ends its lines with a space",
        &["topology/nodes-lines"],
        |fields| fields.push(String::new())
    ),
    on_reply(
        "nodes-lines-of-named-nodes-end-in-a-space",
        "CLUSTER NODES ends its lines with a space after a node got a human name",
        &["topology/human-name-stays-out-of-nodes"],
        trailing_space,
    ),
    on_one_node!(
        "nodes-without-bus-port",
        "CLUSTER NODES of one replica omits the bus ports",
        &["topology/nodes-lines"],
        |fields| if let Some(at) = fields[1].find('@') {
            fields[1].truncate(at);
        }
    ),
    on_calm_reply(
        "nodes-two-lines-say-myself",
        "CLUSTER NODES of one replica flags its primary as myself, too, and lists it first",
        &["topology/nodes-one-myself"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER NODES") && all_well(reply)).then_some(())?;
            edit::text(reply.bytes(), |text| {
                let (own, others): (Vec<_>, Vec<_>) =
                    text.split_inclusive('\n').partition(|line| line.ends_with("-16383\n"));
                own.concat().replace(" master ", " myself,master ") + &others.concat()
            })
            .map(Replacement::Answer)
        },
    ),
    on_one_node!(
        "nodes-no-line-says-myself",
        "CLUSTER NODES of one replica does not flag itself as myself",
        &["topology/nodes-one-myself"],
        |fields| fields[2] = fields[2].replace("myself,", "")
    ),
    on_one_node!(
        "nodes-flag-replica",
        "CLUSTER NODES of one replica flags replicas as replica instead of slave",
        &["replication/role-agrees-with-nodes", "topology/nodes-flags"],
        |fields| fields[2] = fields[2].replace("slave", "replica")
    ),
    on_one_node!(
        "nodes-flag-is-said-twice",
        "CLUSTER NODES of one replica flags itself as slave twice",
        &["topology/nodes-flags"],
        |fields| fields[2] = fields[2].replace("myself,slave", "myself,slave,slave")
    ),
    on_one_node!(
        "nodes-suspects-a-healthy-node",
        "CLUSTER NODES of one replica flags its healthy primary as fail?",
        &["topology/nodes-links"],
        |fields| if is_of_range(fields, 16_383) {
            fields[2].push_str(",fail?");
        }
    ),
    on_one_node!(
        "nodes-calls-a-healthy-replica-failed",
        "CLUSTER NODES of one replica flags healthy replicas as fail",
        &["topology/nodes-links"],
        |fields| if fields[2] == "slave" {
            fields[2].push_str(",fail");
        }
    ),
    on_one_node!(
        "nodes-noaddr-for-a-known-node",
        "CLUSTER NODES of one replica flags another replica as noaddr, but lists its address",
        &["topology/nodes-links"],
        |fields| if fields[2] == "slave" {
            fields[2].push_str(",noaddr");
        }
    ),
    on_one_node!(
        "nodes-link-stays-disconnected",
        "CLUSTER NODES of one replica reports the links to primaries as disconnected",
        &["topology/nodes-links"],
        |fields| if fields[2] == "master" {
            fields[7] = "disconnected".to_owned();
        }
    ),
    on_one_node!(
        "nodes-link-state-is-up",
        "CLUSTER NODES of one replica reports its own link state as up, which is not documented",
        &["topology/nodes-links"],
        |fields| if fields[2].starts_with("myself") {
            fields[7] = "up".to_owned();
        }
    ),
    on_one_node!(
        "nodes-epochs-all-the-same",
        "CLUSTER NODES of one replica lists the same config epoch for all primaries",
        &["consistency/epochs-agree", "topology/nodes-epochs-differ"],
        |fields| if fields[2] == "master" {
            fields[6] = "1".to_owned();
        }
    ),
    on_one_node!(
        "nodes-upper-case-ids",
        "CLUSTER NODES of one replica writes ids in upper case",
        &["topology/nodes-lines"],
        |fields| {
            fields[0] = fields[0].to_uppercase();
            fields[3] = fields[3].to_uppercase();
        }
    ),
    on_one_node!(
        "nodes-slots-on-the-replica",
        "CLUSTER NODES of one replica lists the last slot of its primary on its own line, too",
        &["consistency/info-and-nodes", "consistency/nodes-and-slots", "topology/nodes-slots-on-primaries"],
        |fields| if fields[2].starts_with("myself") {
            fields.push("16383".to_owned());
        }
    ),
    on_one_node!(
        "nodes-replica-without-primary",
        "CLUSTER NODES of one replica lists no primary on the lines of replicas",
        &["topology/nodes-replicas-name-their-primary"],
        |fields| if fields[2].contains("slave") {
            fields[3] = "-".to_owned();
        }
    ),
    on_one_node!(
        "nodes-ranges-end-exclusively",
        "CLUSTER NODES of one replica ends ranges with the slot after the last one",
        &["topology/nodes-slots-on-primaries"],
        |fields| move_ends(fields, 1)
    ),
    on_one_node!(
        "nodes-ranges-one-short",
        "CLUSTER NODES of one replica omits the last slot of ranges",
        &["consistency/nodes-and-slots"],
        |fields| move_ends(fields, -1)
    ),
    on_one_node!(
        "nodes-range-of-one-as-a-range",
        "CLUSTER NODES of one replica writes the last slot as a range of its own",
        &["topology/nodes-lines"],
        |fields| if is_of_range(fields, 16_383) {
            if let Some(last) = fields.last_mut() {
                *last = last.replace("-16383", "-16382");
            }
            fields.push("16383-16383".to_owned());
        }
    ),
    on_calm_reply(
        "nodes-knows-one-node-less",
        "CLUSTER NODES of one replica omits another replica",
        &["consistency/replicas-and-nodes"],
        |scene, request, reply| {
            let other = scene.addresses().get(3)?;
            (is_last(scene) && request.is("CLUSTER NODES") && all_well(reply)).then_some(())?;
            let lines = |line: &str| (!line.contains(&format!(" {other}@"))).then(|| line.to_owned());
            edit::lines(reply.bytes(), lines).map(Replacement::Answer)
        },
    ),
    on_reply(
        "nodes-is-an-array-in-resp3",
        "CLUSTER NODES returns an array of lines in RESP3",
        &["consistency/changes-show-at-once", "topology/nodes-reply-type"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER NODES")).then_some(())?;
            let text = reply.text()?;
            Some(Replacement::Answer(edit::array(&text.lines().map(edit::bulk).collect::<Vec<_>>())))
        },
    ),
];

/// Returns the lines of CLUSTER NODES with their fields changed.
pub(super) fn change_lines(request: &Request, reply: &Reply, change: impl Fn(&mut Vec<String>)) -> Option<Replacement> {
    request.is("CLUSTER NODES").then_some(())?;
    let changed = edit::lines(reply.bytes(), |line| {
        let mut fields: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if fields.len() >= 8 {
            change(&mut fields);
        }
        Some(fields.join(" "))
    });
    changed.map(Replacement::Answer)
}

fn trailing_space(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> Option<Replacement> {
    if request.is("CONFIG SET cluster-announce-human-nodename") {
        scene.share("named", 1);
    }
    (scene.shared("named") > 0).then_some(())?;
    change_lines(request, reply, |fields| fields.push(String::new()))
}

/// Says whether the last range of a line ends at this slot.
fn is_of_range(fields: &[String], slot: u16) -> bool {
    fields[8..].iter().any(|token| token.ends_with(&format!("-{slot}")))
}

/// Moves the ends of ranges, except of those that end at the last slot.
fn move_ends(fields: &mut [String], by: i32) {
    for token in &mut fields[8..] {
        let Some((start, end)) = token.split_once('-') else { continue };
        if let (Ok(start), Ok(end)) = (start.parse::<i32>(), end.parse::<i32>())
            && end < 16_383
            && end + by > start
        {
            *token = format!("{start}-{}", end + by);
        }
    }
}
