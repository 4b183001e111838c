//! Pushes and replies on one connection never mix.

use wire::{Kind, Node, Protocol, Reply, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::{Outcome, Stop};
use crate::words;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("resp3/push-is-whole")
        .title("A connection that publishes to its own channel gets the whole push and the whole reply, at any length")
        .must("PUBLISH")
        .covers(&["resp3.push-whole"])
        .body(|cluster| Box::pin(push_is_whole(cluster))),
    check("resp3/shard-push-is-whole")
        .title("A connection that publishes to its own shard channel gets the whole push and the whole reply, at any length")
        .must("SPUBLISH")
        .covers(&["resp3.push-whole"])
        .commands(&["SPUBLISH"])
        .body(|cluster| Box::pin(shard_push_is_whole(cluster))),
    check("resp3/push-stays-out-of-exec")
        .title("A push that a command inside EXEC causes comes before or after the reply to EXEC, and not inside it")
        .must("PUBLISH")
        .covers(&["resp3.push-whole"])
        // Redis 6.2 and 7.0 write the push into the array of EXEC.
        .servers(&["redis >=7.2", "valkey"])
        .body(|cluster| Box::pin(push_stays_out_of_exec(cluster))),
];

/// The lengths of the messages, in bytes: at and around the sizes at which servers change how they send.
const LENGTHS: [usize; 6] = [1, 1_000, 16_383, 16_384, 65_536, 300_000];

async fn push_is_whole(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    exchange(cluster, &node, "SUBSCRIBE", "PUBLISH", "message", &cluster.keys().plain()).await
}

async fn shard_push_is_whole(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let channel = cluster.keys().fresh(cluster.slot_of(&node)?);
    exchange(cluster, &node, "SSUBSCRIBE", "SPUBLISH", "smessage", &channel).await
}

async fn exchange(
    cluster: &Cluster,
    node: &Node,
    subscribe: &str,
    publish: &str,
    kind: &str,
    channel: &str,
) -> Outcome {
    let mut session = cluster.session_in(node, Protocol::Resp3).await?;
    session.call(command![subscribe, channel]).await?;
    for length in LENGTHS {
        let message = "x".repeat(length);
        let sent = format!("{publish} of {length} bytes to a channel of the same connection to {}", node.address);
        session.send(command![publish, channel, &message]).await?;
        let frames = [session.receive().await?, session.receive().await?];
        one_of_each(&frames, kind, channel, &message, &sent)?;
        session.expect(command!["PING"], Expect::text("PONG")).await?;
    }
    Ok(())
}

async fn push_stays_out_of_exec(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let channel = cluster.keys().plain();
    let mut session = cluster.session_in(&node, Protocol::Resp3).await?;
    session.call(command!["SUBSCRIBE", &channel]).await?;
    for length in LENGTHS {
        let message = "x".repeat(length);
        session.expect(command!["MULTI"], Expect::Ok).await?;
        session.expect(command!["PUBLISH", &channel, &message], Expect::Queued).await?;
        session.send(command!["EXEC"]).await?;
        let frames = [session.receive().await?, session.receive().await?];
        let sent =
            format!("EXEC with PUBLISH of {length} bytes to a channel of the same connection to {}", node.address);
        one_of_each(&frames, "message", &channel, &message, &sent)?;
        session.expect(command!["PING"], Expect::text("PONG")).await?;
    }
    Ok(())
}

/// Requires a push with the message and another frame that is the reply, in any order.
fn one_of_each(frames: &[Reply; 2], kind: &str, channel: &str, message: &str, sent: &str) -> Outcome {
    let pushes: Vec<&Reply> = frames.iter().filter(|frame| frame.kind() == Kind::Push).collect();
    let replies: Vec<&Reply> = frames.iter().filter(|frame| frame.kind() != Kind::Push).collect();
    let ([push], [reply]) = (pushes.as_slice(), replies.as_slice()) else {
        let found = frames.iter().map(|frame| words::kind(frame.kind())).collect::<Vec<_>>().join(" and ");
        return Err(Stop::mismatch(format!("a push and a reply after {sent}"), found));
    };
    let items = push.items().unwrap_or_default();
    let is_whole = push.push_kind().as_deref() == Some(kind)
        && items.first().and_then(text_of).as_deref() == Some(channel)
        && items.get(1).and_then(text_of).as_deref() == Some(message);
    ensure!(is_whole, format!("a push {kind} with the channel and the whole message after {sent}"), "{push}");
    let counted = matches!(reply.kind(), Kind::Integer)
        || Expect::Items(vec![Expect::Kind(crate::expect::Kind::Integer)]).admits(reply);
    ensure!(counted, format!("the number of receivers after {sent}"), "{reply}");
    Ok(())
}
