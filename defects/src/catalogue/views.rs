//! A node reports wrong ids, roles, replicas, links, failure reports or open slots.

use wire::{Reply, Slot, command};

use super::nodes::{change_lines, is_last};
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply};
use crate::edit::{self, Tree};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "myid-in-upper-case",
        "CLUSTER MYID of one replica returns its id in upper case",
        &["topology/myid-format"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER MYID")).then_some(())?;
            edit::text(reply.bytes(), str::to_uppercase).map(Replacement::Answer)
        },
    ),
    on_reply(
        "myid-another-on-every-connection",
        "CLUSTER MYID returns another id on every connection",
        &["topology/myid-stable"],
        another_id,
    ),
    on_reply(
        "myid-another-in-resp3",
        "CLUSTER MYID returns another id in RESP3 than in RESP2",
        &["topology/myid-stable"],
        |scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER MYID")).then_some(())?;
            edit::text(reply.bytes(), |id| id.chars().rev().collect()).map(Replacement::Answer)
        },
    ),
    on_reply(
        "myid-of-another-node",
        "CLUSTER MYID of one replica returns the id of another replica",
        &["topology/myid-matches-nodes", "topology/myid-unique"],
        |scene, request, _| {
            (is_last(scene) && request.is("CLUSTER MYID")).then_some(())?;
            Some(Replacement::Ask { node: scene.addresses().get(3)?.clone(), commands: vec![request.command()] })
        },
    ),
    on_reply(
        "myid-new-after-soft-reset",
        "CLUSTER RESET SOFT changes the id of the node",
        &["topology/myid-survives-soft-reset"],
        |scene, request, reply| {
            if request.is("CLUSTER RESET SOFT") {
                *scene.note("reset") = 1;
            }
            (request.is("CLUSTER MYID") && *scene.note("reset") > 0).then_some(())?;
            edit::text(reply.bytes(), |id| id.chars().rev().collect()).map(Replacement::Answer)
        },
    ),
    on_reply(
        "myshardid-is-the-nodes-own-id",
        "CLUSTER MYSHARDID returns the id of the node, on replicas too",
        &["topology/myshardid"],
        |scene, request, reply| {
            reply.text()?;
            request.is("CLUSTER MYSHARDID").then_some(())?;
            reply.error().is_none().then_some(())?;
            Some(Replacement::Ask { node: scene.address().to_owned(), commands: vec![command!["CLUSTER", "MYID"]] })
        },
    ),
    on_reply(
        "replicas-empty-on-replicas",
        "CLUSTER REPLICAS returns an empty list on replicas",
        &["topology/replicas-form"],
        |scene, request, reply| {
            reply.items()?;
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then(|| Replacement::Answer(edit::array(&[])))
        },
    ),
    on_reply(
        "replicas-without-primary",
        "CLUSTER REPLICAS of one replica does not name the primary in its lines",
        &["topology/replicas-form", "topology/slaves-is-replicas"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then_some(())?;
            let primary = String::from_utf8_lossy(request.word(2)).into_owned();
            each_text(reply, |line| line.replacen(&format!(" {primary} "), " - ", 1))
        },
    ),
    on_reply(
        "replicas-lists-each-twice",
        "CLUSTER REPLICAS of one replica lists each line twice",
        &["topology/replicas-form"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let lines = tree.items_mut()?;
                lines.extend_from_within(..);
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "replicas-null-where-there-are-none",
        "CLUSTER REPLICAS returns null instead of an empty array for a primary without replicas",
        &["topology/nothing-is-an-empty-array"],
        |_, request, reply| {
            (request.is("CLUSTER REPLICAS") && &reply.bytes()[..] == b"*0\r\n")
                .then(|| Replacement::Answer(b"*-1\r\n".to_vec()))
        },
    ),
    on_reply(
        "slaves-is-empty",
        "CLUSTER SLAVES always returns an empty list",
        &["topology/slaves-is-replicas"],
        |_, request, reply| {
            reply.items()?;
            request.is("CLUSTER SLAVES").then(|| Replacement::Answer(edit::array(&[])))
        },
    ),
    on_reply(
        "lists-of-lines-are-one-text",
        "CLUSTER HELP, LINKS and SLAVES return one text each instead of a list",
        &["topology/slaves-is-replicas"],
        |_, request, reply| {
            reply.items()?;
            request
                .is_any(&["CLUSTER HELP", "CLUSTER LINKS", "CLUSTER SLAVES"])
                .then(|| Replacement::Answer(edit::bulk(reply.to_string())))
        },
    ),
    on_reply(
        "links-lead-out-alone",
        "CLUSTER LINKS lists the links to other nodes, but not those from them",
        &["topology/links-both-ways"],
        |_, request, reply| {
            request.is("CLUSTER LINKS").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let is_from = |item: &Tree| item.text() == Some(b"from");
                tree.items_mut()?.retain(|link| !link.items().is_some_and(|link| link.iter().any(is_from)));
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "links-without-events",
        "CLUSTER LINKS omits the events of links",
        &["topology/links-form"],
        |_, request, reply| {
            request.is("CLUSTER LINKS").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                for link in tree.items_mut()?.iter_mut().filter_map(Tree::items_mut) {
                    let at = link.iter().position(|item| item.text() == Some(b"events"))?;
                    link.drain(at..at + 2);
                }
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "help-leaves-keyslot-out",
        "CLUSTER HELP does not name KEYSLOT",
        &["topology/help"],
        |_, request, reply| {
            request.is("CLUSTER HELP").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                tree.items_mut()?.retain(|line| !line.text().is_some_and(|line| line.starts_with(b"KEYSLOT")));
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "exists-at-the-edge-is-redirected",
        "The first primary redirects EXISTS for the last slot of its range to the next node",
        &["consistency/owner-serves", "moved/every-slot"],
        |scene, request, reply| {
            reply.integer()?;
            (scene.node() == 0 && request.is("EXISTS")).then_some(())?;
            let slot = Slot::of(request.word(1)).number();
            (slot == 5_460 || slot == 8_191).then_some(())?;
            Some(Replacement::Answer(edit::error(&format!("MOVED {slot} {}", scene.next_address()))))
        },
    ),
    on_calm_reply(
        "failure-reports-of-healthy-nodes",
        "CLUSTER COUNT-FAILURE-REPORTS of one replica answers 1 although there are no reports",
        &["topology/no-failure-reports"],
        |scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER COUNT-FAILURE-REPORTS")).then_some(())?;
            (reply.integer()? == 0).then(|| Replacement::Answer(edit::integer(1)))
        },
    ),
    on_reply(
        "failure-reports-are-not-counted",
        "CLUSTER COUNT-FAILURE-REPORTS always answers 0",
        &["topology/dead-shard"],
        |_, request, reply| {
            request.is("CLUSTER COUNT-FAILURE-REPORTS").then_some(())?;
            (reply.integer()? > 0).then(|| Replacement::Answer(edit::integer(0)))
        },
    ),
    on_reply(
        "role-says-replica",
        "ROLE of one replica reports replica instead of slave",
        &["replication/role-agrees-with-nodes", "topology/role-agrees"],
        |scene, request, reply| {
            (is_last(scene) && request.is("ROLE")).then_some(())?;
            each_text(reply, |word| if word == "slave" { "replica".to_owned() } else { word.to_owned() })
        },
    ),
    on_reply(
        "role-names-its-own-port",
        "ROLE of one replica reports the port of the replica instead of its primary's",
        &["replication/role-agrees-with-nodes", "topology/role-agrees"],
        |scene, request, reply| {
            (is_last(scene) && request.is("ROLE")).then_some(())?;
            let (_, own) = scene.address().rsplit_once(':')?;
            edit::tree(reply.bytes(), |tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', own.as_bytes().to_vec());
                Some(())
            })
            .map(Replacement::Answer)
        },
    ),
    on_reply(
        "open-slots-arrows-swapped",
        "CLUSTER NODES shows migrating slots as importing ones and the reverse",
        &["topology/open-slots"],
        |_, request, reply| {
            change_lines(request, reply, |fields| {
                for token in fields.iter_mut().filter(|token| token.starts_with('[')) {
                    *token = match token.contains("->-") {
                        true => token.replace("->-", "-<-"),
                        false => token.replace("-<-", "->-"),
                    };
                }
            })
        },
    ),
    on_reply(
        "open-slots-not-shown",
        "CLUSTER NODES does not show importing slots",
        &["topology/open-slots"],
        |_, request, reply| change_lines(request, reply, |fields| fields.retain(|token| !token.contains("-<-"))),
    ),
];

/// Returns an id with other last digits for each connection.
fn another_id(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> Option<Replacement> {
    request.is("CLUSTER MYID").then_some(())?;
    if *scene.note("connection") == 0 {
        let next = scene.shared("connections") + 1;
        scene.share("connections", next);
        *scene.note("connection") = next;
    }
    let connection = *scene.note("connection");
    edit::text(reply.bytes(), |id| format!("{}{connection:08x}", id.get(..32).unwrap_or_default()))
        .map(Replacement::Answer)
}

fn each_text(reply: &Reply, change: impl Fn(&str) -> String) -> Option<Replacement> {
    edit::tree(reply.bytes(), |tree| {
        for item in tree.items_mut()? {
            if let Tree::Bulk(_, text) = item {
                *text = change(&String::from_utf8_lossy(text)).into_bytes();
            }
        }
        Some(())
    })
    .map(Replacement::Answer)
}
