//! The suite `load`: what must hold for several clients that write at the same time. `rct load` measures the rest.

use std::collections::BTreeSet;

use wire::{Command, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};
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
    let counted = clients.into_iter().map(async |mut session: Session| {
        let mut last = 0;
        for _ in 0..ROUNDS {
            for (nth, reply) in session.pipeline(&batch).await?.iter().enumerate() {
                let value = reply.integer().or_else(|| reply.text().and_then(|text| text.parse().ok()));
                let least = if nth % 2 == 0 { last + 1 } else { last };
                let value = value.filter(|value| *value >= least).ok_or_else(|| {
                    Stop::mismatch(
                        format!("{least} or more in reply to {} of {key}", pairs[nth % 2].name()),
                        reply.to_string(),
                    )
                })?;
                last = value;
            }
        }
        Ok(())
    });
    for outcome in futures_util::future::join_all(counted).await {
        let outcome: Outcome = outcome;
        outcome?;
    }
    let total = i64::try_from(CLIENTS * ROUNDS * BATCH).unwrap_or(i64::MAX);
    cluster.expect(&node, command!["GET", &key], Expect::text(total.to_string())).await.map(drop)
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
    let [first, second] = ["first", "second"].map(|name| cluster.keys().named(slot, name));
    let clients = clients(cluster, &node).await?;
    let read = |key: &String| command!["LRANGE", key, "0", "-1"];
    let appended = clients.into_iter().enumerate().map(async |(client, mut session): (usize, Session)| {
        let mut seen = Vec::new();
        for round in 0..ROUNDS {
            let item = format!("{client}-{round}");
            let sent = [
                (command!["MULTI"], Expect::Ok),
                (command!["RPUSH", &first, &item], Expect::Queued),
                (command!["RPUSH", &second, &item], Expect::Queued),
                (read(&first), Expect::Queued),
                (read(&second), Expect::Queued),
                (command!["EXEC"], Expect::Length(4)),
            ];
            let replies = session.expect_all(&sent).await?;
            let lists = replies[5].items().unwrap_or_default()[2..].iter().map(items).collect::<Vec<_>>();
            ensure!(
                lists[0] == lists[1] && lists[0].last() == Some(&item),
                format!(
                    "the same items in both lists, {item} the last one, inside one transaction on {}",
                    node.address
                ),
                "{} and {}",
                lists[0].join(" "),
                lists[1].join(" ")
            );
            seen.push(lists[0].clone());
        }
        Ok(seen)
    });
    let outcomes: Vec<Outcome<Vec<Vec<String>>>> = futures_util::future::join_all(appended).await;
    let last = cluster.expect(&node, read(&first), Expect::Length(CLIENTS * ROUNDS)).await?;
    let last = items(last.value());
    let different: BTreeSet<&String> = last.iter().collect();
    ensure!(different.len() == last.len(), format!("each item once in {first}"), "{}", last.join(" "));
    for outcome in outcomes {
        for seen in outcome? {
            ensure!(
                last.starts_with(&seen),
                format!("lists that clients read to be the beginning of the last one, {}", last.join(" ")),
                "{}",
                seen.join(" ")
            );
        }
    }
    Ok(())
}

fn items(value: &wire::Value) -> Vec<String> {
    wire::items_of(value).unwrap_or_default().iter().filter_map(text_of).collect()
}
