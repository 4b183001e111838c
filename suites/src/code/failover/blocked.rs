//! Clients that are blocked on a primary while a manual failover demotes it.

use wire::{Command, command};

use super::participants::Participants;
use crate::cluster::Cluster;
use crate::code::blocked::{block, blocked, wait_for_blocked};
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("failover/blocked-client-gets-one-reply")
        .title("A blocked client gets exactly one reply when its primary is demoted")
        .must("CLUSTER FAILOVER")
        .covers(&["failover.blocked-one-reply"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .body(|cluster| Box::pin(one_reply(cluster))),
    check("failover/blocked-reader-stays")
        .title(
            "A READONLY client that waits for a stream stays blocked on the demoted primary, and gets the next entry",
        )
        .may("CLUSTER FAILOVER")
        .covers(&["failover.blocked-readonly-stays"])
        .shape(3, 1)
        .needs(&[Need::ChangeRoles])
        .servers(&["valkey >=9.0"])
        .in_resp2()
        .body(|cluster| Box::pin(reader_stays(cluster))),
];

async fn one_reply(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let slot = cluster.slot_of(&primary)?;
    let key = |name: &str| cluster.keys().named(slot, name);
    let commands = [
        command!["BLPOP", key("one"), key("two"), "0"],
        command!["BLMOVE", key("one"), key("two"), "LEFT", "LEFT", "0"],
        command!["BZPOPMIN", key("set"), key("other-set"), "0"],
        command!["XREAD", "BLOCK", "0", "STREAMS", key("stream"), key("other-stream"), "$", "$"],
    ];
    let mut known: Vec<Command> = Vec::new();
    for command in commands {
        // Redis 6.0 has no BLMOVE.
        if cluster.may_have(&command.name()).await? {
            known.push(command);
        }
    }
    let clients = block(cluster, &primary, &known).await?;
    cluster.failover(&replica, None).await?;
    for (mut client, command) in clients.into_iter().zip(&known) {
        let reply = client.receive().await?;
        client.require(command, &Expect::Kind(Kind::Error), &reply)?;
        // A second reply would come before this one. Redis, and Valkey before 9.0, close the connection.
        match client.try_call(command!["ECHO", "next"]).await {
            Ok(next) => client.require("ECHO next", &Expect::text("next"), &next)?,
            Err(error) if error.is_lost() && !cluster.server().is("valkey >=9.0") => {}
            Err(error) => return Err(client.judge(error, "ECHO next").await),
        }
    }
    Ok(())
}

async fn reader_stays(cluster: &Cluster) -> Outcome {
    let Participants { primary, replica, .. } = Participants::draw(cluster)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    let before = blocked(cluster, &primary).await?;
    let mut reader = cluster.readonly_session(&primary).await?;
    let read = command!["XREAD", "BLOCK", "0", "STREAMS", &key, "$"];
    reader.send(&read).await?;
    wait_for_blocked(cluster, &primary, before + 1).await?;
    cluster.failover(&replica, None).await?;
    wait_for_blocked(cluster, &primary, before + 1).await?;
    cluster.expect(&replica, command!["XADD", &key, "*", "field", "v"], Expect::Kind(Kind::Text)).await?;
    let reply = reader.receive().await?;
    let entry =
        Expect::Items(vec![Expect::Kind(Kind::Text), Expect::Items(vec![Expect::text("field"), Expect::text("v")])]);
    let expected = Expect::Items(vec![Expect::Items(vec![Expect::text(&key), Expect::Items(vec![entry])])]);
    reader.require(&read, &expected, &reply)
}
