//! What a replica serves in READONLY mode, and which commands show the mode.

use wire::{Node, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::commands::CommandTable;
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("readonly/every-slot-of-the-shard-is-served")
        .title("A replica in READONLY mode serves every slot of its primary and redirects every other slot")
        .must("scaling-reads-using-replica-nodes")
        .covers(&["readonly.enables-reads", "readonly.other-slots-moved"])
        .shape(1, 1)
        .body(|cluster| Box::pin(every_slot_is_served(cluster))),
    check("readonly/reset-ends-the-mode")
        .title("A replica redirects reads again after RESET")
        .should("RESET")
        .covers(&["readonly.reset-clears"])
        .shape(1, 1)
        .commands(&["RESET"])
        .body(|cluster| Box::pin(reset_ends_the_mode(cluster))),
    check("readonly/keyless-commands-are-served")
        .title("A replica without READONLY answers commands without keys")
        .must("READONLY")
        .covers(&["readonly.keyless-always"])
        .shape(1, 1)
        .body(|cluster| Box::pin(keyless_commands_are_served(cluster))),
    check("readonly/client-list-shows-the-mode")
        .title("CLIENT LIST shows the flag r for connections in READONLY mode only")
        .may("CLIENT LIST")
        .covers(&["readonly.client-list-flag"])
        .shape(1, 1)
        .commands(&["CLIENT LIST"])
        .servers(&["redis >=6.2", "valkey"])
        .body(|cluster| Box::pin(client_list_shows_the_mode(cluster))),
    check("readonly/allowed-while-loading")
        .title("COMMAND declares that READONLY and READWRITE are allowed while data is loading or stale")
        .may("COMMAND")
        .covers(&["readonly.loading-stale"])
        .commands(&["COMMAND INFO"])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(allowed_while_loading(cluster))),
    check("readonly/acknowledged-write-is-visible")
        .title("A write that WAIT confirmed is visible on as many replicas at once, and on all replicas soon")
        .should("WAIT")
        .covers(&["readonly.eventual"])
        .shape(1, 1)
        .body(|cluster| Box::pin(acknowledged_write_is_visible(cluster))),
];

async fn every_slot_is_served(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let owners = cluster.topology().slot_owners();
    let mut reads = Vec::with_capacity(owners.len());
    for (slot, owner) in Slot::all().zip(owners).filter(|(slot, _)| !cluster.is_open(*slot)) {
        // GET creates no keys, so rct need not delete them.
        let read = command!["GET", cluster.keys().unwritten(slot)];
        let own = owner == Some(primary.id);
        reads.push((read, if own { Expect::Null } else { Expect::moved(slot, &cluster.owner(slot)?) }));
    }
    cluster.readonly_session(&replica).await?.expect_all(&reads).await?;
    Ok(())
}

async fn reset_ends_the_mode(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.slot_of(&primary)?;
    let read = command!["GET", cluster.keys().fresh(slot)];
    let mut session = cluster.readonly_session(&replica).await?;
    session.expect(&read, Expect::Null).await?;
    session.expect(command!["RESET"], Expect::text("RESET")).await?;
    authenticate(cluster, &replica, &mut session).await?;
    session.expect(&read, Expect::moved(slot, &primary)).await?;
    session.expect(command!["READONLY"], Expect::Ok).await?;
    session.expect(&read, Expect::Null).await?;
    Ok(())
}

/// Authenticates again after RESET, if the cluster has a password.
async fn authenticate(cluster: &Cluster, node: &Node, session: &mut Session) -> Outcome {
    let access = cluster.options(node).access;
    let Some(password) = access.password else { return Ok(()) };
    let user = access.username.unwrap_or_else(|| "default".to_owned());
    session.expect(command!["AUTH", user, password.expose()], Expect::Ok).await?;
    Ok(())
}

/// The largest number of keys of a node on which rct sends KEYS, which would block a larger one for too long.
const KEYS_LISTED: i64 = 100_000;

async fn keyless_commands_are_served(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    cluster.expect(&primary, command!["SET", &key, "v"], Expect::Ok).await?;
    cluster.replicated(&primary).await?;
    let mut session = cluster.session(&replica).await?;
    let steps = [
        (command!["PING"], Expect::text("PONG")),
        (command!["INFO", "server"], Expect::Kind(Kind::Text)),
        (command!["TIME"], Expect::Length(2)),
        (command!["SCAN", "0"], Expect::Items(vec![Expect::Kind(Kind::Text), Expect::Kind(Kind::Array)])),
        (command!["RANDOMKEY"], Expect::Kind(Kind::Text)),
    ];
    for (command, expect) in steps {
        session.expect(command, expect).await?;
    }
    let size = session.expect(command!["DBSIZE"], Expect::AtLeast(1)).await?;
    if size.integer().is_some_and(|size| size <= KEYS_LISTED) {
        session.expect(command!["KEYS", &key], Expect::Items(vec![Expect::text(&key)])).await?;
    }
    Ok(())
}

async fn client_list_shows_the_mode(cluster: &Cluster) -> Outcome {
    let replica = cluster.replica_of(&cluster.some_primary()?)?;
    let mut session = cluster.session(&replica).await?;
    let id = session.expect(command!["CLIENT", "ID"], Expect::AtLeast(1)).await?.integer().unwrap_or_default();
    for (command, shown) in [("PING", false), ("READONLY", true), ("READWRITE", false)] {
        session.expect(command!["CLIENT", "ID"], Expect::Integer(id)).await?;
        session.expect(command![command], Expect::NoError).await?;
        let list = session.expect(command!["CLIENT", "LIST", "ID", id.to_string()], Expect::Kind(Kind::Text)).await?;
        let flags = client_flags(&list.text().unwrap_or_default(), id)?;
        let expected = format!("flags {} r in CLIENT LIST after {command}", if shown { "with" } else { "without" });
        ensure!(flags.contains('r') == shown, expected, "flags={flags}");
    }
    Ok(())
}

/// The flags of a connection in a reply to CLIENT LIST.
pub(in crate::code) fn client_flags(list: &str, id: i64) -> Outcome<String> {
    let line = list.lines().find(|line| line.starts_with(&format!("id={id} ")));
    let flags = line.and_then(|line| line.split(' ').find_map(|field| field.strip_prefix("flags=")));
    flags
        .map(str::to_owned)
        .ok_or_else(|| Stop::mismatch(format!("a line of connection {id} with flags in CLIENT LIST"), list))
}

async fn allowed_while_loading(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let ask = command!["COMMAND", "INFO", "READONLY", "READWRITE"];
    let reply = cluster.expect(&node, ask, Expect::Length(2)).await?;
    let table = CommandTable::parse(reply.value());
    let table =
        table.map_err(|wrong| Stop::mismatch("the entries of READONLY and READWRITE in COMMAND INFO", wrong))?;
    for name in ["READONLY", "READWRITE"] {
        let flags = table.find(name).map(|entry| entry.flags.clone()).unwrap_or_default();
        for flag in ["loading", "stale", "fast"] {
            ensure!(
                flags.iter().any(|found| found == flag),
                format!("the flag {flag} for {name} in COMMAND INFO"),
                "the flags {}",
                list(&flags)
            );
        }
    }
    Ok(())
}

/// The number of writes.
const ROUNDS: usize = 10;

async fn acknowledged_write_is_visible(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    let mut writer = cluster.session(&primary).await?;
    let mut readers = Vec::new();
    for replica in cluster.replicas_of(&primary) {
        readers.push(cluster.readonly_session(&replica).await?);
    }
    ensure!(!readers.is_empty(), format!("a replica of {}", primary.address), "no replica");
    for round in 0..ROUNDS {
        let (key, value) = (cluster.keys().fresh(slot), round.to_string());
        writer.expect(command!["SET", &key, &value], Expect::Ok).await?;
        let acknowledged = cluster.until(cluster.limits().replicate, "a replica acknowledges a write", async || {
            Ok(writer.expect(command!["WAIT", "1", "500"], Expect::AtLeast(1)).await?.integer().unwrap_or_default())
        });
        let acknowledged = acknowledged.await?;
        let visible = count_visible(&mut readers, &key, &value).await?;
        ensure!(
            visible >= acknowledged,
            format!("{key} to be visible on {acknowledged} replicas, because WAIT counted as many"),
            "visible on {visible}"
        );
        let all = i64::try_from(readers.len()).unwrap_or(i64::MAX);
        let everywhere = cluster.until(cluster.limits().replicate, "all replicas show a write", async || {
            let visible = count_visible(&mut readers, &key, &value).await?;
            ensure!(visible == all, format!("{key} to be visible on all {all} replicas"), "visible on {visible}");
            Ok(())
        });
        everywhere.await?;
    }
    Ok(())
}

async fn count_visible(readers: &mut [Session], key: &str, value: &str) -> Outcome<i64> {
    let mut visible = 0;
    for reader in readers {
        let reply = reader.expect(command!["GET", key], Expect::NoError).await?;
        visible += i64::from(text_of(reply.value()).as_deref() == Some(value));
    }
    Ok(visible)
}
