//! What CLUSTER MIGRATESLOTS accepts.

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::code::motion::job::{ended, jobs};
use crate::code::motion::route::{Route, draw_slots};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::list;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("asm-valkey/refuses-wrong-arguments")
        .title("CLUSTER MIGRATESLOTS refuses wrong ranges and unknown words, and starts no job")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.argument-errors"])
        .shape(2, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(refuses_wrong_arguments(cluster))),
    check("asm-valkey/refuses-wrong-targets")
        .title("CLUSTER MIGRATESLOTS refuses unknown targets, slots of others and slots of several shards, and starts no job")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.target-errors"])
        .shape(2, 1)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(refuses_wrong_targets(cluster))),
    check("asm-valkey/takes-several-targets")
        .title("One CLUSTER MIGRATESLOTS moves several ranges to several nodes, each in a job of its own")
        .may("CLUSTER MIGRATESLOTS")
        .covers(&["asm-valkey.syntax", "asm-valkey.concurrent"])
        .shape(3, 0)
        .needs(&[Need::MoveSlot])
        .commands(&["CLUSTER MIGRATESLOTS"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(takes_several_targets(cluster))),
];

/// `CLUSTER MIGRATESLOTS` with these words.
fn migrate(words: &str) -> Command {
    words.split_whitespace().fold(command!["CLUSTER", "MIGRATESLOTS"], |command, word| command.arg(word))
}

/// Requires that a node refuses each of the commands and lists no more jobs than before.
async fn refused(cluster: &Cluster, node: &Node, cases: &[(String, &str)]) -> Outcome {
    let before = jobs(cluster, node).await.map(|jobs| jobs.len());
    for (words, error) in cases {
        cluster.expect(node, migrate(words), Expect::error(*error)).await?;
    }
    // A replica may refuse to list jobs.
    if let Ok(before) = before {
        let after = jobs(cluster, node).await?.len();
        ensure!(after == before, format!("no new job on {}", node.address), "{} new jobs", after - before);
    }
    Ok(())
}

async fn refuses_wrong_arguments(cluster: &Cluster) -> Outcome {
    let Route { slot, source, target } = Route::draw(cluster)?;
    let id = target.id;
    let cases = [
        (String::new(), "ERR wrong number of arguments"),
        ("SLOTSRANGE".to_owned(), "ERR wrong number of arguments"),
        (format!("SLOTSRANGE {slot}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} NODE"), "ERR"),
        (format!("SLOTSRANGE NODE {id}"), "ERR"),
        (format!("SLOTSRANGE {slot} NODE {id}"), "ERR"),
        (format!("SLOTSRANGE 1 0 NODE {id}"), "ERR"),
        (format!("SLOTSRANGE {slot} 16384 NODE {id}"), "ERR Invalid or out of range slot"),
        (format!("SLOTSRANGE -1 {slot} NODE {id}"), "ERR Invalid or out of range slot"),
        (format!("SLOTSRANGE x {slot} NODE {id}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} {slot} {slot} NODE {id}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} NODE {id} SLOTSRANGE {slot} {slot} NODE {id}"), "ERR"),
        (format!("SLOTS {slot} {slot} NODE {id}"), "ERR syntax error"),
        (format!("SLOTSRANGE {slot} {slot} TO {id}"), "ERR syntax error"),
        (format!("SLOTSRANGE {slot} {slot} NODE {id} more"), "ERR syntax error"),
    ];
    refused(cluster, &source, &cases).await
}

async fn refuses_wrong_targets(cluster: &Cluster) -> Outcome {
    let Route { slot, source, target } = Route::with_replicas(cluster)?;
    let (id, own) = (target.id, source.id);
    let theirs = cluster.slot_of(&target)?;
    let unknown = "f".repeat(40);
    let cases = [
        (format!("SLOTSRANGE {slot} {slot} NODE x"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} NODE {}", &unknown[1..]), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} NODE {unknown}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} NODE {own}"), "ERR"),
        (format!("SLOTSRANGE {theirs} {theirs} NODE {own}"), "ERR"),
        (format!("SLOTSRANGE {theirs} {theirs} NODE {id}"), "ERR"),
        (format!("SLOTSRANGE {slot} {slot} {theirs} {theirs} NODE {id}"), "ERR"),
        (format!("SLOTSRANGE 0 16383 NODE {id}"), "ERR"),
        // The first part alone would be right.
        (format!("SLOTSRANGE {slot} {slot} NODE {id} SLOTSRANGE {theirs} {theirs} NODE {id}"), "ERR"),
    ];
    refused(cluster, &source, &cases).await?;
    let right = [(format!("SLOTSRANGE {slot} {slot} NODE {id}"), "ERR")];
    for replica in [cluster.replica_of(&source)?, cluster.replica_of(&target)?] {
        refused(cluster, &replica, &right).await?;
    }
    Route { slot, source: source.clone(), target }.is_owned_by(cluster, &source).await
}

async fn takes_several_targets(cluster: &Cluster) -> Outcome {
    let source = cluster.some_primary()?;
    let slots = draw_slots(cluster, &source, 4)?;
    let first = cluster.non_owner(slots[0])?;
    let second = Route { slot: slots[0], source: source.clone(), target: first.clone() }.third(cluster)?;
    let [a, b, c, d] = [slots[0], slots[1], slots[2], slots[3]];
    let words = format!("SLOTSRANGE {a} {a} {b} {b} NODE {} SLOTSRANGE {c} {c} {d} {d} NODE {}", first.id, second.id);
    let before = jobs(cluster, &source).await?.len();
    cluster.expect(&source, migrate(&words), Expect::Ok).await?;
    let started = jobs(cluster, &source).await?;
    ensure!(started.len() == before + 2, format!("2 new jobs on {}", source.address), "{}", list(&started));
    for job in &started[..2] {
        let job = ended(cluster, &source, &job.name).await?;
        ensure!(job.state == "success", "both jobs to end in success", "{job}");
    }
    for (slot, owner) in [(a, &first), (b, &first), (c, &second), (d, &second)] {
        cluster.owned(slot, owner).await?;
    }
    // Both nodes export to one node at the same time.
    for (slots, owner) in [([a, b], &first), ([c, d], &second)] {
        let words = format!("SLOTSRANGE {0} {0} {1} {1} NODE {2}", slots[0], slots[1], source.id);
        cluster.expect(owner, migrate(&words), Expect::Ok).await?;
    }
    for (slots, owner) in [([a, b], &first), ([c, d], &second)] {
        let name = jobs(cluster, owner).await?.first().map(|job| job.name.clone()).unwrap_or_default();
        let job = ended(cluster, owner, &name).await?;
        ensure!(job.state == "success", format!("the job of {} to end in success", owner.address), "{job}");
        for slot in slots {
            cluster.owned(slot, &source).await?;
        }
    }
    Ok(())
}
