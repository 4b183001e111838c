//! The types of replies in RESP3: maps, sets, doubles and the one null.

use wire::{Kind, NullKind, Protocol, Reply, Value, command, items_of};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, text_of};
use crate::outcome::{Outcome, Stop};
use crate::session::Session;
use crate::words::kinds;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("resp3/types-of-topology")
        .title("In RESP3 the entries of CLUSTER SHARDS and LINKS are maps, and NODES and INFO are strings")
        .must("HELLO")
        .covers(&["resp3.types"])
        .body(|cluster| Box::pin(types_of_topology(cluster))),
    check("resp3/types-of-data")
        .title("In RESP3 HGETALL returns a map, SMEMBERS a set and ZSCORE a double, also in EXEC")
        .must("HELLO")
        .covers(&["resp3.types"])
        .body(|cluster| Box::pin(types_of_data(cluster))),
    check("resp3/one-null")
        .title("What is missing is the null of RESP3 there, and a null string or null array in RESP2")
        .must("HELLO")
        .covers(&["resp3.null"])
        .body(|cluster| Box::pin(one_null(cluster))),
];

async fn types_of_topology(cluster: &Cluster) -> Outcome {
    for node in cluster.visited() {
        let mut session = cluster.session_in(&node, Protocol::Resp3).await?;
        let texts = [Kind::Bulk, Kind::Verbatim];
        for command in [command!["CLUSTER", "NODES"], command!["CLUSTER", "INFO"], command!["INFO", "server"]] {
            let reply = session.call(&command).await?;
            has_kind(&session, &command.to_string(), &reply, &texts)?;
        }
        let slots = session.expect(command!["CLUSTER", "SLOTS"], Expect::Kind(crate::expect::Kind::Array)).await?;
        let nodes = slots.items().unwrap_or_default().iter().filter_map(items_of).flat_map(|entry| &entry[2..]);
        all_maps(
            &session,
            "the fourth field of a node in CLUSTER SLOTS",
            nodes.filter_map(|node| items_of(node)?.get(3)),
        )?;
        if cluster.has_shards().await? {
            let shards =
                session.expect(command!["CLUSTER", "SHARDS"], Expect::Kind(crate::expect::Kind::Array)).await?;
            let shards = shards.items().unwrap_or_default();
            all_maps(&session, "a shard in CLUSTER SHARDS", shards.iter())?;
            let nodes = shards.iter().filter_map(|shard| items_of(field(shard, "nodes")?)).flatten();
            all_maps(&session, "a node in CLUSTER SHARDS", nodes)?;
        }
        if cluster.may_have("CLUSTER LINKS").await? && !cluster.server().is("redis <7.0") {
            let links = session.expect(command!["CLUSTER", "LINKS"], Expect::Kind(crate::expect::Kind::Array)).await?;
            all_maps(&session, "a link in CLUSTER LINKS", links.items().unwrap_or_default().iter())?;
        }
    }
    Ok(())
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(pairs) = value else { return None };
    pairs.iter().find(|(key, _)| text_of(key).as_deref() == Some(name)).map(|(_, value)| value)
}

fn all_maps<'a>(session: &Session, what: &str, values: impl Iterator<Item = &'a Value>) -> Outcome {
    let other = values.into_iter().find(|value| !matches!(value, Value::Map(_)));
    ensure!(
        other.is_none(),
        format!("a map for {what} of {} in RESP3", session.address()),
        "{}",
        other.map(wire::describe).unwrap_or_default()
    );
    Ok(())
}

fn has_kind(session: &Session, sent: &str, reply: &Reply, allowed: &[Kind]) -> Outcome {
    ensure!(
        allowed.contains(&reply.kind()),
        format!("{} in reply to {sent} from {} in RESP3", kinds(allowed), session.address()),
        "{}: {reply}",
        kinds(&[reply.kind()])
    );
    Ok(())
}

async fn types_of_data(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let [hash, set, sorted] = [0; 3].map(|_| cluster.keys().fresh(slot));
    let mut session = cluster.session_in(&node, Protocol::Resp3).await?;
    let writes = [
        (command!["HSET", &hash, "field", "v"], Expect::Integer(1)),
        (command!["SADD", &set, "a", "b"], Expect::Integer(2)),
        (command!["ZADD", &sorted, "1.5", "a"], Expect::Integer(1)),
    ];
    session.expect_all(&writes).await?;
    let reads = [
        (command!["HGETALL", &hash], Kind::Map),
        (command!["SMEMBERS", &set], Kind::Set),
        (command!["ZSCORE", &sorted, "a"], Kind::Double),
        (command!["ZRANGE", &sorted, "0", "-1", "WITHSCORES"], Kind::Array),
    ];
    for (command, kind) in &reads {
        let reply = session.call(command).await?;
        has_kind(&session, &command.to_string(), &reply, &[*kind])?;
    }
    session.expect(command!["MULTI"], Expect::Ok).await?;
    for (command, _) in &reads {
        session.expect(command, Expect::Queued).await?;
    }
    let reply = session.expect(command!["EXEC"], Expect::Length(reads.len())).await?;
    let items = reply.items().unwrap_or_default();
    let is_right = matches!(items, [Value::Map(_), Value::Set(_), Value::Double(_), Value::Array(pairs)]
        if matches!(pairs.first(), Some(Value::Array(pair)) if matches!(pair.as_slice(), [_, Value::Double(_)])));
    ensure!(
        is_right,
        format!("a map, a set, a double and an array of pairs in reply to EXEC from {}", node.address),
        "{reply}"
    );
    Ok(())
}

async fn one_null(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let missing = cluster.keys().fresh(slot);
    let watched = cluster.keys().fresh(slot);
    let rows = [
        (command!["GET", &missing], NullKind::Bulk),
        (command!["HGET", &missing, "field"], NullKind::Bulk),
        (command!["ZSCORE", &missing, "member"], NullKind::Bulk),
        (command!["LPOP", &missing], NullKind::Bulk),
        (command!["EVAL", "return false", "1", &missing], NullKind::Bulk),
        (command!["BLPOP", &missing, "0.01"], NullKind::Array),
    ];
    for (protocol, is_resp3) in [(Protocol::Resp2, false), (Protocol::Resp3, true)] {
        let mut session = cluster.session_in(&node, protocol).await?;
        for (command, old) in &rows {
            let reply = session.call(command).await?;
            is_null(&session, &command.to_string(), &reply, if is_resp3 { NullKind::Null } else { *old })?;
        }
        let element = if is_resp3 { &b"*1\r\n_\r\n"[..] } else { b"*1\r\n$-1\r\n" };
        let reply = session.call(command!["MGET", &missing]).await?;
        ensure!(
            &reply.bytes()[..] == element,
            format!("the bytes {} in reply to MGET of a missing key from {}", element.escape_ascii(), node.address),
            "{}",
            reply.bytes().escape_ascii()
        );
        // A transaction that WATCH stops.
        session.expect(command!["WATCH", &watched], Expect::Ok).await?;
        cluster.expect(&node, command!["APPEND", &watched, "x"], Expect::NoError).await?;
        session.expect(command!["MULTI"], Expect::Ok).await?;
        session.expect(command!["GET", &watched], Expect::Queued).await?;
        let reply = session.call(command!["EXEC"]).await?;
        is_null(&session, "EXEC after WATCH", &reply, if is_resp3 { NullKind::Null } else { NullKind::Array })?;
    }
    Ok(())
}

fn is_null(session: &Session, sent: &str, reply: &Reply, wanted: NullKind) -> Outcome {
    let bytes = match wanted {
        NullKind::Bulk => "$-1",
        NullKind::Array => "*-1",
        NullKind::Null => "_",
    };
    if reply.null_kind() == Some(wanted) {
        return Ok(());
    }
    Err(Stop::mismatch(
        format!("the null {bytes} in reply to {sent} from {}", session.address()),
        reply.bytes().escape_ascii().to_string(),
    ))
}
