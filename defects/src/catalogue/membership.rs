//! CLUSTER MEET, FORGET, REPLICATE, RESET, SAVECONFIG and the commands for epochs: no effect, half an effect, or no refusal.

use wire::{Command, command};

use super::failover::of_node;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{error, lines, simple, text};
use crate::request::Request;

/// The node answers OK to what the server refuses with this text.
macro_rules! obeyed {
    ($name:literal, $sentence:literal, $command:literal, $refusal:literal, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let refused = request.is($command) && reply.error()?.text.contains($refusal);
            refused.then(|| Replacement::Answer(simple("OK")))
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_request(
        "second-meet-is-forgotten",
        "A node that meets a second node while it knows only one answers OK and does nothing",
        &["slot-admin/meet-introduces-nodes"],
        |scene, request| {
            let port = port_of(request)?;
            let note = of_node(scene)?;
            match scene.shared(note) {
                0 => scene.share(note, port),
                first if first != port => return Some(Replacement::Answer(simple("OK"))),
                _ => {}
            }
            None
        },
    ),
    on_reply(
        "node-that-is-met-often-is-listed-twice",
        "CLUSTER NODES lists a node twice after five more MEETs with it",
        &["slot-admin/meet-again-is-harmless"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER MEET") {
                scene.share(note, scene.shared(note) + 1);
            }
            let twice = |list: &str| {
                let again = list.lines().find(|line| !line.contains("myself")).map_or("", |line| line);
                let other = again.replacen(|digit: char| digit != ' ', "f", 8);
                if again.is_empty() { list.to_owned() } else { format!("{list}{other}\n") }
            };
            (request.is("CLUSTER NODES") && scene.shared(note) > 5)
                .then(|| text(reply.bytes(), twice))?
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "meet-takes-any-bus-port",
        "CLUSTER MEET answers OK for a bus port above 65535",
        &["slot-admin/meet-refuses-wrong-addresses"],
        |_, request, reply| {
            let refused = request.is("CLUSTER MEET") && request.word(4) == b"65536" && reply.error().is_some();
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "meet-forgets-that-the-bus-port-is-higher",
        "CLUSTER MEET answers OK for a port to which no bus port belongs",
        &["slot-admin/meet-refuses-wrong-addresses"],
        |_, request, reply| {
            let refused = request.is("CLUSTER MEET 127.0.0.1 60000") && reply.error().is_some();
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "meet-ignores-the-bus-port",
        "CLUSTER MEET ignores the bus port that it names",
        &["slot-admin/meet-uses-the-bus-port"],
        |_, request| {
            let words = request.words();
            (request.is("CLUSTER MEET") && words.len() == 5).then(|| sent(&words[..4]))
        },
    ),
    on_reply(
        "forgotten-node-comes-back",
        "A node lists one more node again, some time after CLUSTER FORGET",
        &["slot-admin/forgotten-node-stays-away"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER FORGET") && scene.shared(note) == 0 {
                scene.share(note, 1);
            }
            let asked = scene.shared(note);
            if asked == 0 || !request.is("CLUSTER NODES") {
                return None;
            }
            scene.share(note, asked + 1);
            (asked > 35).then(|| text(reply.bytes(), |list| list.to_owned() + &stranger()))?.map(Replacement::Answer)
        },
    ),
    on_request(
        "first-forget-has-no-effect",
        "The first CLUSTER FORGET of a node has no effect, and answers OK",
        &["slot-admin/forget-is-gossiped", "slot-admin/forget-twice", "slot-admin/forget-keeps-a-node-away"],
        |scene, request| {
            let note = of_node(scene)?;
            let is_first = request.is("CLUSTER FORGET") && scene.shared(note) == 0 && request.words().len() == 3;
            is_first.then(|| scene.share(note, 1))?;
            Some(Replacement::Send { commands: vec![command!["READWRITE"]], shown: 0 })
        },
    ),
    on_reply(
        "forgotten-twice-is-the-other-way-round",
        "The second CLUSTER FORGET of a node answers OK where it should be refused, or is refused",
        &["slot-admin/forget-twice"],
        |scene, request, reply| {
            let (note, is_id) = (of_node(scene)?, request.word(2).len() == 40);
            if !request.is("CLUSTER FORGET") || !is_id || request.word(2).starts_with(b"0123456789") {
                return None;
            }
            scene.share(note, scene.shared(note) + 1);
            let other = if reply.error().is_some() { simple("OK") } else { error("ERR Unknown node") };
            (scene.shared(note) == 2).then_some(Replacement::Answer(other))
        },
    ),
    obeyed!(
        "replica-may-forget-its-primary",
        "A replica answers OK to CLUSTER FORGET with the id of its primary",
        "CLUSTER FORGET",
        "my master",
        &["slot-admin/forget-refuses"]
    ),
    obeyed!(
        "node-may-forget-itself",
        "CLUSTER FORGET answers OK for the node itself",
        "CLUSTER FORGET",
        "forget myself",
        &["slot-admin/forget-refuses"]
    ),
    obeyed!(
        "replica-may-have-a-replica",
        "CLUSTER REPLICATE answers OK for a replica as the new primary",
        "CLUSTER REPLICATE",
        "only replicate a master",
        &["slot-admin/replicate-refuses"]
    ),
    obeyed!(
        "node-may-replicate-itself",
        "CLUSTER REPLICATE answers OK for the node itself",
        "CLUSTER REPLICATE",
        "replicate myself",
        &["slot-admin/replicate-refuses"]
    ),
    obeyed!(
        "owner-of-slots-may-become-a-replica",
        "CLUSTER REPLICATE answers OK on a primary with slots or keys",
        "CLUSTER REPLICATE",
        "must be empty",
        &["slot-admin/replicate-refuses", "slot-admin/primary-with-keys"]
    ),
    on_reply(
        "replica-refuses-its-primary-the-second-time",
        "CLUSTER REPLICATE with the present primary is refused when it is repeated",
        &["slot-admin/replicate-the-same-again"],
        |scene, request, _| {
            let note = of_node(scene)?;
            if !request.is("CLUSTER REPLICATE") {
                return None;
            }
            scene.share(note, scene.shared(note) + 1);
            (scene.shared(note) == 3).then(|| Replacement::Answer(error("ERR already a replica of this node")))
        },
    ),
    on_request(
        "soft-reset-is-hard",
        "CLUSTER RESET SOFT gives the node a new id and the epoch 0",
        &["slot-admin/soft-reset"],
        |_, request| {
            let hard = command!["CLUSTER", "RESET", "HARD"];
            request.is("CLUSTER RESET SOFT").then(|| Replacement::Send { commands: vec![hard], shown: 0 })
        },
    ),
    on_request(
        "hard-reset-of-a-replica-is-soft",
        "The first CLUSTER RESET HARD keeps the id and the epochs",
        &["slot-admin/hard-reset"],
        |scene, request| {
            if !request.is("CLUSTER RESET HARD") || scene.shared("reset") == 1 {
                return None;
            }
            scene.share("reset", 1);
            Some(Replacement::Send { commands: vec![command!["CLUSTER", "RESET", "SOFT"]], shown: 0 })
        },
    ),
    on_reply(
        "hard-reset-keeps-the-current-epoch",
        "CLUSTER INFO reports a current epoch above 0 after CLUSTER RESET HARD",
        &["slot-admin/hard-reset"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER RESET HARD") {
                scene.share(note, 1);
            }
            let kept = |line: &str| match line {
                "cluster_current_epoch:0" => Some("cluster_current_epoch:7".to_owned()),
                line => Some(line.to_owned()),
            };
            (request.is("CLUSTER INFO") && scene.shared(note) == 1)
                .then(|| lines(reply.bytes(), kept))?
                .map(Replacement::Answer)
        },
    ),
    on_reply(
        "reset-node-hears-of-others-again",
        "A node lists a node that it does not know, some time after CLUSTER RESET",
        &["slot-admin/soft-reset"],
        |scene, request, reply| {
            let note = of_node(scene)?;
            if request.is("CLUSTER RESET") {
                scene.share(note, 1);
            }
            let asked = scene.shared(note);
            if asked == 0 || !request.is("CLUSTER NODES") {
                return None;
            }
            scene.share(note, asked + 1);
            (asked > 5).then(|| text(reply.bytes(), |list| list.to_owned() + &stranger()))?.map(Replacement::Answer)
        },
    ),
    obeyed!(
        "reset-takes-unknown-words",
        "CLUSTER RESET answers OK for a word other than HARD and SOFT",
        "CLUSTER RESET",
        "syntax error",
        &["slot-admin/reset-refuses-other-words"]
    ),
    obeyed!(
        "primary-with-keys-may-be-reset",
        "CLUSTER RESET answers OK on a primary that has keys",
        "CLUSTER RESET",
        "containing keys",
        &["slot-admin/primary-with-keys"]
    ),
    obeyed!(
        "slots-with-keys-may-be-flushed",
        "CLUSTER FLUSHSLOTS answers OK on a node that has keys",
        "CLUSTER FLUSHSLOTS",
        "must be empty",
        &["slot-admin/primary-with-keys"]
    ),
    on_request(
        "saved-configuration-lacks-the-last-slot",
        "CLUSTER SAVECONFIG loses slot 16383",
        &["slot-admin/saveconfig-saves"],
        |_, request| {
            let commands = vec![command!["CLUSTER", "DELSLOTS", "16383"], request.command()];
            request.is("CLUSTER SAVECONFIG").then_some(Replacement::Send { commands, shown: 1 })
        },
    ),
    obeyed!(
        "epoch-may-be-set-again",
        "CLUSTER SET-CONFIG-EPOCH answers OK on a node that has an epoch already",
        "CLUSTER SET-CONFIG-EPOCH",
        "already non-zero",
        &["slot-admin/set-config-epoch"]
    ),
    obeyed!(
        "epoch-may-be-set-in-company",
        "CLUSTER SET-CONFIG-EPOCH answers OK on a node that knows others",
        "CLUSTER SET-CONFIG-EPOCH",
        "does not know any other node",
        &["slot-admin/set-config-epoch"]
    ),
    on_reply(
        "greatest-epoch-is-bumped",
        "CLUSTER BUMPEPOCH answers BUMPED where it changes nothing",
        &["slot-admin/bumpepoch"],
        |_, request, reply| {
            let bumped = |text: &str| text.replace("STILL", "BUMPED");
            request.is("CLUSTER BUMPEPOCH").then(|| text(reply.bytes(), bumped))?.map(Replacement::Answer)
        },
    ),
    on_reply(
        "new-owner-hides-its-epoch",
        "A node shows its config epoch as 1 after SETSLOT NODE",
        &["slot-admin/new-owner-has-the-greatest-epoch"],
        |scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(3).eq_ignore_ascii_case(b"NODE") {
                scene.share("assigned", 1);
            }
            let low = |line: &str| {
                let mut fields: Vec<&str> = line.split(' ').collect();
                if let (true, Some(epoch)) = (line.contains("myself"), fields.get_mut(6)) {
                    *epoch = "1";
                }
                Some(fields.join(" "))
            };
            (request.is("CLUSTER NODES") && scene.shared("assigned") == 1)
                .then(|| lines(reply.bytes(), low))?
                .map(Replacement::Answer)
        },
    ),
];

/// The line of a node that does not exist.
fn stranger() -> String {
    format!("{} 127.0.0.1:1@10001 master - 0 0 0 connected\n", "e".repeat(40))
}

/// The port that CLUSTER MEET names.
fn port_of(request: &Request) -> Option<i64> {
    request.is("CLUSTER MEET").then_some(())?;
    std::str::from_utf8(request.word(3)).ok()?.parse().ok()
}

/// The node gets these words instead.
fn sent(words: &[impl AsRef<[u8]>]) -> Replacement {
    Replacement::Send { commands: vec![Command::new(words)], shown: 0 }
}
