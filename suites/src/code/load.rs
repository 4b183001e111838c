//! The suite `load`: what must hold for several clients that write at the same time. `rct load` measures the rest.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use wire::{Command, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::Outcome;
use crate::session::Session;

pub(super) const CHECKS: [&[CodeCheck]; 1] = [&[
    check("load/pipelines-keep-their-order")
        .title("Each connection that pipelines INCR and GET of one key sees a counter that only rises, and no count is lost")
        .must("INCR")
        .covers(&["load.pipelines-safe", "load.monotonic-counter", "load.no-wrong-value"])
        .body(|cluster| Box::pin(pipelines_keep_their_order(cluster))),
    check("load/true-map-needs-no-redirect")
        .title("A client that sends each key to the owner of its slot gets no redirect, for keys of all slots")
        .must("moved-redirection")
        .covers(&["load.redirect-budget"])
        .shape(2, 0)
        .body(|cluster| Box::pin(true_map_needs_no_redirect(cluster))),
    check("load/replicas-are-never-ahead")
        .title("A replica never shows a value that its primary has not acknowledged or received, and never goes back")
        .should("scaling-reads-using-replica-nodes")
        .covers(&["load.replica-reads-stale"])
        .shape(1, 1)
        .body(|cluster| Box::pin(replicas_are_never_ahead(cluster))),
    check("load/list-appends-are-in-one-order")
        .title("Transactions that append to lists of one slot are seen by all clients in one order, and none is seen in part")
        .may("transactions")
        .covers(&["load.list-append"])
        .body(|cluster| Box::pin(list_appends_are_in_one_order(cluster))),
]];

/// The number of clients that write at the same time.
const CLIENTS: usize = 4;
/// The number of rounds of each client.
const ROUNDS: usize = 20;
/// The number of writes in one round of one client.
const BATCH: usize = 25;

async fn clients(cluster: &Cluster, node: &wire::Node) -> Outcome<Vec<Session>> {
    let mut sessions = Vec::new();
    for _ in 0..CLIENTS {
        sessions.push(cluster.session(node).await?);
    }
    Ok(sessions)
}

async fn pipelines_keep_their_order(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let key = cluster.keys().fresh(cluster.slot_of(&node)?);
    let pairs = [command!["INCR", &key], command!["GET", &key]];
    let batch: Vec<Command> = pairs.iter().cycle().take(BATCH * 2).cloned().collect();
    let clients = clients(cluster, &node).await?;
    try_join_all(clients.into_iter().map(|session| count(session, &batch, &key))).await?;
    let total = i64::try_from(CLIENTS * ROUNDS * BATCH).unwrap_or(i64::MAX);
    cluster.expect(&node, command!["GET", &key], Expect::text(total.to_string())).await.map(drop)
}

/// Sends INCR and GET in turn, many at a time, and requires that the counter only rises.
async fn count(mut session: Session, batch: &[Command], key: &str) -> Outcome {
    let mut last = 0;
    for _ in 0..ROUNDS {
        for (command, reply) in batch.iter().zip(session.pipeline(batch).await?) {
            let value = reply.integer().or_else(|| reply.text().and_then(|text| text.parse().ok())).unwrap_or(-1);
            let least = if command.name() == "INCR" { last + 1 } else { last };
            ensure!(value >= least, format!("{least} or more in reply to {} of {key}", command.name()), "{reply}");
            last = value;
        }
    }
    Ok(())
}

async fn true_map_needs_no_redirect(cluster: &Cluster) -> Outcome {
    for primary in cluster.primaries() {
        let gets: Vec<_> = cluster
            .slots_of(&primary)
            .into_iter()
            .map(|slot: Slot| (command!["GET", cluster.keys().unwritten(slot)], Expect::Null))
            .collect();
        cluster.expect_all(&primary, &gets).await?;
    }
    Ok(())
}

async fn replicas_are_never_ahead(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let mut reader = cluster.readonly_session(&replica).await?;
    let mut last = 0;
    for round in 1..=ROUNDS * BATCH {
        // The replica may have the value before the client has the reply, so reads compare with what was sent.
        let sent = i64::try_from(round).unwrap_or(i64::MAX);
        cluster.expect(&primary, command!["INCR", &key], Expect::Integer(sent)).await?;
        let reply =
            reader.expect(command!["GET", &key], Expect::AnyOf(vec![Expect::Null, Expect::Kind(Kind::Text)])).await?;
        let seen: i64 = reply.text().map_or(Some(0), |text| text.parse().ok()).unwrap_or(-1);
        ensure!(
            (last..=sent).contains(&seen),
            format!("a value from {last}, which was seen before, to {sent}, in reply to GET from {}", replica.address),
            "{reply}"
        );
        last = seen;
    }
    let total = (ROUNDS * BATCH).to_string();
    let arrived = cluster.until(cluster.limits().replicate, "the replica has the last value", async || {
        reader.expect(command!["GET", &key], Expect::text(&total)).await
    });
    arrived.await.map(drop)
}

async fn list_appends_are_in_one_order(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let lists = ["first", "second"].map(|name| cluster.keys().named(slot, name));
    let clients = clients(cluster, &node).await?;
    let appended = clients.into_iter().enumerate().map(|(client, session)| append(session, client, &lists));
    let seen: Vec<Vec<String>> = try_join_all(appended).await?.concat();
    let last = cluster.expect(&node, read(&lists[0]), Expect::Length(CLIENTS * ROUNDS)).await?;
    let last = items(last.value());
    let different: BTreeSet<&String> = last.iter().collect();
    ensure!(different.len() == last.len(), format!("each item once in {}", lists[0]), "{}", last.join(" "));
    for seen in seen {
        ensure!(
            last.starts_with(&seen),
            format!("lists that clients read to be the beginning of the last one, {}", last.join(" ")),
            "{}",
            seen.join(" ")
        );
    }
    Ok(())
}

fn read(list: &str) -> Command {
    command!["LRANGE", list, "0", "-1"]
}

/// Appends items of one client to both lists in transactions, and returns what each transaction read.
async fn append(mut session: Session, client: usize, lists: &[String; 2]) -> Outcome<Vec<Vec<String>>> {
    let mut seen = Vec::new();
    for round in 0..ROUNDS {
        let item = format!("{client}-{round}");
        let sent = [
            (command!["MULTI"], Expect::Ok),
            (command!["RPUSH", &lists[0], &item], Expect::Queued),
            (command!["RPUSH", &lists[1], &item], Expect::Queued),
            (read(&lists[0]), Expect::Queued),
            (read(&lists[1]), Expect::Queued),
            (command!["EXEC"], Expect::Length(4)),
        ];
        let replies = session.expect_all(&sent).await?;
        let found: Vec<Vec<String>> = replies[5].items().unwrap_or_default()[2..].iter().map(items).collect();
        ensure!(
            found[0] == found[1] && found[0].last() == Some(&item),
            format!("the same items in both lists, {item} the last one, in a transaction on {}", session.address()),
            "{} and {}",
            found[0].join(" "),
            found[1].join(" ")
        );
        seen.push(found[0].clone());
    }
    Ok(seen)
}

fn items(value: &wire::Value) -> Vec<String> {
    wire::items_of(value).unwrap_or_default().iter().filter_map(text_of).collect()
}
