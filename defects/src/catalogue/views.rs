//! What nodes say of themselves and of their peers: ids, ROLE, REPLICAS, LINKS, failure reports, open slots.

use wire::{Reply, Slot, command};

use super::nodes::{change_lines, is_last};
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{self, Tree};
use crate::request::Request;
use crate::scene::Scene;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "myid-in-upper-case",
        sentence: "CLUSTER MYID of one replica is in upper case",
        fails: &[
            "consistency/addresses-lead-to-the-nodes",
            "topology/myid-format",
            "topology/myid-matches-nodes",
            "topology/myid-stable",
            "topology/myid-unique",
        ],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER MYID")).then_some(())?;
            edit::text(reply.bytes(), str::to_uppercase).map(Instead::Say)
        }),
    },
    Defect {
        name: "myid-another-on-every-connection",
        sentence: "CLUSTER MYID tells another id on every connection",
        fails: &[
            "consistency/addresses-lead-to-the-nodes",
            "consistency/survives-restart",
            "consistency/views-converge",
            "down/slot-without-owner",
            "errors/case-does-not-matter",
            "failover/manual-swaps-roles",
            "failover/old-primary-returns-as-replica",
            "failover/only-slot-owners-mark-failures",
            "moved/before-misconf",
            "moved/empty-endpoint",
            "moved/ipv6-endpoint",
            "moved/slotless-primary-redirects",
            "replication/empty-node-becomes-a-replica-and-back",
            "topology/answers-while-loading",
            "topology/fresh-node",
            "topology/myid-matches-nodes",
            "topology/myid-stable",
            "topology/myid-survives-soft-reset",
            "topology/nothing-is-an-empty-array",
            "topology/replica-without-data",
        ],
        lie: Lie::Reply(another_id),
    },
    Defect {
        name: "myid-another-in-resp3",
        sentence: "CLUSTER MYID tells another id in RESP3 than in RESP2",
        fails: &["topology/myid-stable"],
        lie: Lie::Reply(|scene, request, reply| {
            (scene.resp3() && request.is("CLUSTER MYID")).then_some(())?;
            edit::text(reply.bytes(), |id| id.chars().rev().collect()).map(Instead::Say)
        }),
    },
    Defect {
        name: "myid-of-another-node",
        sentence: "CLUSTER MYID of one replica tells another replica's id",
        fails: &["consistency/addresses-lead-to-the-nodes", "topology/myid-matches-nodes", "topology/myid-unique"],
        lie: Lie::Reply(|scene, request, _| {
            (is_last(scene) && request.is("CLUSTER MYID")).then_some(())?;
            Some(Instead::Ask { node: scene.addresses().get(3)?.clone(), commands: vec![request.command()] })
        }),
    },
    Defect {
        name: "myid-new-after-soft-reset",
        sentence: "A node has a new id after CLUSTER RESET SOFT",
        fails: &["topology/myid-survives-soft-reset"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("CLUSTER RESET SOFT") {
                *scene.note("reset") = 1;
            }
            (request.is("CLUSTER MYID") && *scene.note("reset") > 0).then_some(())?;
            edit::text(reply.bytes(), |id| id.chars().rev().collect()).map(Instead::Say)
        }),
    },
    Defect {
        name: "myshardid-is-the-nodes-own-id",
        sentence: "CLUSTER MYSHARDID tells the node's own id, on replicas too",
        fails: &["topology/myshardid", "topology/shard-id-follows-the-primary", "topology/shards-id"],
        lie: Lie::Reply(|scene, request, reply| {
            reply.text()?;
            request.is("CLUSTER MYSHARDID").then_some(())?;
            reply.error().is_none().then_some(())?;
            Some(Instead::Ask { node: scene.address().to_owned(), commands: vec![command!["CLUSTER", "MYID"]] })
        }),
    },
    Defect {
        name: "replicas-empty-on-replicas",
        sentence: "CLUSTER REPLICAS is empty where a replica is asked",
        fails: &["consistency/replicas-and-nodes", "topology/replicas-form", "topology/slaves-is-replicas"],
        lie: Lie::Reply(|scene, request, reply| {
            reply.items()?;
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then(|| Instead::Say(edit::array(&[])))
        }),
    },
    Defect {
        name: "replicas-without-primary",
        sentence: "The lines of CLUSTER REPLICAS of one replica do not name the primary",
        fails: &["topology/replicas-form", "topology/slaves-is-replicas"],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then_some(())?;
            let primary = String::from_utf8_lossy(request.word(2)).into_owned();
            each_text(reply, |line| line.replacen(&format!(" {primary} "), " - ", 1))
        }),
    },
    Defect {
        name: "replicas-lists-each-twice",
        sentence: "CLUSTER REPLICAS of one replica has each line twice",
        fails: &["consistency/replicas-and-nodes", "topology/replicas-form", "topology/slaves-is-replicas"],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER REPLICAS")).then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let lines = tree.items_mut()?;
                lines.extend_from_within(..);
                Some(())
            })
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "replicas-null-where-there-are-none",
        sentence: "CLUSTER REPLICAS is null, not an empty array, for a primary without replicas",
        fails: &["topology/nothing-is-an-empty-array"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("CLUSTER REPLICAS") && &reply.bytes()[..] == b"*0\r\n")
                .then(|| Instead::Say(b"*-1\r\n".to_vec()))
        }),
    },
    Defect {
        name: "slaves-is-empty",
        sentence: "CLUSTER SLAVES is always empty",
        fails: &["topology/slaves-is-replicas"],
        lie: Lie::Reply(|_, request, reply| {
            reply.items()?;
            request.is("CLUSTER SLAVES").then(|| Instead::Say(edit::array(&[])))
        }),
    },
    Defect {
        name: "lists-of-lines-are-one-text",
        sentence: "CLUSTER HELP, LINKS and SLAVES are one text each instead of a list",
        fails: &["topology/help", "topology/links-both-ways", "topology/links-form", "topology/slaves-is-replicas"],
        lie: Lie::Reply(|_, request, reply| {
            reply.items()?;
            request
                .is_any(&["CLUSTER HELP", "CLUSTER LINKS", "CLUSTER SLAVES"])
                .then(|| Instead::Say(edit::bulk(reply.to_string())))
        }),
    },
    Defect {
        name: "links-lead-out-alone",
        sentence: "CLUSTER LINKS lists the links to other nodes, not those from them",
        fails: &["topology/links-both-ways"],
        lie: Lie::Reply(|_, request, reply| {
            request.is("CLUSTER LINKS").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                let is_from = |item: &Tree| item.text() == Some(b"from");
                tree.items_mut()?.retain(|link| !link.items().is_some_and(|link| link.iter().any(is_from)));
                Some(())
            })
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "links-without-events",
        sentence: "CLUSTER LINKS does not have the events of links",
        fails: &["topology/links-form"],
        lie: Lie::Reply(|_, request, reply| {
            request.is("CLUSTER LINKS").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                for link in tree.items_mut()?.iter_mut().filter_map(Tree::items_mut) {
                    let at = link.iter().position(|item| item.text() == Some(b"events"))?;
                    link.drain(at..at + 2);
                }
                Some(())
            })
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "help-leaves-keyslot-out",
        sentence: "CLUSTER HELP does not name KEYSLOT",
        fails: &["topology/help"],
        lie: Lie::Reply(|_, request, reply| {
            request.is("CLUSTER HELP").then_some(())?;
            edit::tree(reply.bytes(), |tree| {
                tree.items_mut()?.retain(|line| !line.text().is_some_and(|line| line.starts_with(b"KEYSLOT")));
                Some(())
            })
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "exists-at-the-edge-is-redirected",
        sentence: "The first primary redirects EXISTS for the last slot of its range to the next node",
        fails: &["consistency/owner-serves", "moved/every-slot"],
        lie: Lie::Reply(|scene, request, reply| {
            reply.integer()?;
            (scene.node() == 0 && request.is("EXISTS")).then_some(())?;
            let slot = Slot::of(request.word(1)).number();
            (slot == 5_460 || slot == 8_191).then_some(())?;
            Some(Instead::Say(edit::error(&format!("MOVED {slot} {}", scene.next_address()))))
        }),
    },
    Defect {
        name: "failure-reports-of-healthy-nodes",
        sentence: "CLUSTER COUNT-FAILURE-REPORTS of one replica is 1 where nobody reports anything",
        fails: &["topology/no-failure-reports"],
        lie: Lie::Calm(|scene, request, reply| {
            (is_last(scene) && request.is("CLUSTER COUNT-FAILURE-REPORTS")).then_some(())?;
            (reply.integer()? == 0).then(|| Instead::Say(edit::integer(1)))
        }),
    },
    Defect {
        name: "failure-reports-are-not-counted",
        sentence: "CLUSTER COUNT-FAILURE-REPORTS is always 0",
        fails: &["topology/dead-shard"],
        lie: Lie::Reply(|_, request, reply| {
            request.is("CLUSTER COUNT-FAILURE-REPORTS").then_some(())?;
            (reply.integer()? > 0).then(|| Instead::Say(edit::integer(0)))
        }),
    },
    Defect {
        name: "role-says-replica",
        sentence: "ROLE of one replica says replica instead of slave",
        fails: &["replication/role-agrees-with-nodes", "topology/role-agrees"],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("ROLE")).then_some(())?;
            each_text(reply, |word| if word == "slave" { "replica".to_owned() } else { word.to_owned() })
        }),
    },
    Defect {
        name: "role-names-its-own-port",
        sentence: "ROLE of one replica has the replica's own port instead of its primary's",
        fails: &["replication/role-agrees-with-nodes", "topology/role-agrees"],
        lie: Lie::Reply(|scene, request, reply| {
            (is_last(scene) && request.is("ROLE")).then_some(())?;
            let (_, own) = scene.address().rsplit_once(':')?;
            edit::tree(reply.bytes(), |tree| {
                *tree.items_mut()?.get_mut(2)? = Tree::Line(b':', own.as_bytes().to_vec());
                Some(())
            })
            .map(Instead::Say)
        }),
    },
    Defect {
        name: "open-slots-arrows-swapped",
        sentence: "CLUSTER NODES writes migrating slots as importing ones and the other way round",
        fails: &["failover/open-slots-survive", "topology/open-slots", "topology/open-slots-on-replicas"],
        lie: Lie::Reply(|_, request, reply| {
            change_lines(request, reply, |fields| {
                for token in fields.iter_mut().filter(|token| token.starts_with('[')) {
                    *token = match token.contains("->-") {
                        true => token.replace("->-", "-<-"),
                        false => token.replace("-<-", "->-"),
                    };
                }
            })
        }),
    },
    Defect {
        name: "open-slots-not-shown",
        sentence: "CLUSTER NODES shows importing slots not at all",
        fails: &["failover/open-slots-survive", "topology/open-slots", "topology/open-slots-on-replicas"],
        lie: Lie::Reply(|_, request, reply| {
            change_lines(request, reply, |fields| fields.retain(|token| !token.contains("-<-")))
        }),
    },
];

/// Other last digits of the id for each connection.
fn another_id(scene: &mut Scene<'_>, request: &Request, reply: &Reply) -> Option<Instead> {
    request.is("CLUSTER MYID").then_some(())?;
    if *scene.note("connection") == 0 {
        let next = scene.shared("connections") + 1;
        scene.share("connections", next);
        *scene.note("connection") = next;
    }
    let connection = *scene.note("connection");
    edit::text(reply.bytes(), |id| format!("{}{connection:08x}", id.get(..32).unwrap_or_default())).map(Instead::Say)
}

fn each_text(reply: &Reply, change: impl Fn(&str) -> String) -> Option<Instead> {
    edit::tree(reply.bytes(), |tree| {
        for item in tree.items_mut()? {
            if let Tree::Bulk(_, text) = item {
                *text = change(&String::from_utf8_lossy(text)).into_bytes();
            }
        }
        Some(())
    })
    .map(Instead::Say)
}
