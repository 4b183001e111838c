//! Every command with several keys accepts different keys of one slot.

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::outcome::{Mismatch, Outcome, Stop};

/// Every check of this file.
pub(super) const CHECKS: &[CodeCheck] = &[
    check("crossslot/tag-ok")
        .title("Every command with several keys accepts different keys with the same hash tag")
        .must("hash-tags")
        .covers(&["crossslot.tag-ok"])
        .in_resp2()
        .body(|cluster| Box::pin(tag_ok(cluster))),
    check("crossslot/two-tags-of-one-slot")
        .title("Commands accept keys of one slot even if their hash tags differ")
        .must("multi-keys-operations")
        .covers(&["crossslot.tag-ok"])
        .body(|cluster| Box::pin(two_tags_of_one_slot(cluster))),
];

/// The commands that make the keys; a word that starts with `$` is a key.
const SETUP: [&str; 7] = [
    "MSET $text1 ab $text2 abc $text3 abc",
    "RPUSH $list1 1 2 3 4 5 6 7 8 9",
    "SADD $set1 a b c",
    "SADD $set2 b c d",
    "ZADD $zset1 1 a 2 b 3 c 4 d 5 e",
    "ZADD $zset2 1 a 2 f",
    "GEOADD $geo1 1 1 m",
];

/// Every command with several keys. The reply must not be an error, except for the one after the `!`.
const ACCEPTED: [&str; 61] = [
    "MGET $text1 $text2",
    "MSET $text1 ab $text2 abc",
    "MSETNX $text1 x $text3 y",
    "MSETEX 2 $text1 ab $text2 abc EX 100",
    "LCS $text1 $text2",
    "EXISTS $text1 $text2",
    "TOUCH $text1 $text2",
    "COPY $text1 $text3",
    "RENAME $text3 $text4",
    "RENAMENX $text4 $text5",
    "UNLINK $text4 $text5",
    "BITOP AND $bits $text1 $text2",
    "PFADD $hll1 a",
    "PFMERGE $hll2 $hll1 $hll3",
    "PFCOUNT $hll1 $hll2",
    "SINTER $set1 $set2",
    "SUNION $set1 $set2",
    "SDIFF $set1 $set2",
    "SINTERSTORE $set3 $set1 $set2",
    "SUNIONSTORE $set3 $set1 $set2",
    "SDIFFSTORE $set3 $set1 $set2",
    "SINTERCARD 2 $set1 $set2",
    "SMOVE $set1 $set2 a",
    "ZUNION 2 $zset1 $zset2",
    "ZINTER 2 $zset1 $zset2",
    "ZDIFF 2 $zset1 $zset2",
    "ZINTERCARD 2 $zset1 $zset2",
    "ZUNIONSTORE $zset3 2 $zset1 $zset2",
    "ZINTERSTORE $zset3 2 $zset1 $zset2",
    "ZDIFFSTORE $zset3 2 $zset1 $zset2",
    "ZRANGESTORE $zset3 $zset1 0 -1",
    "ZMPOP 2 $zset1 $zset2 MIN",
    "BZMPOP 1 2 $zset1 $zset2 MIN",
    "BZPOPMIN $zset1 $zset2 1",
    "BZPOPMAX $zset1 $zset2 1",
    "RPOPLPUSH $list1 $list2",
    "BRPOPLPUSH $list1 $list2 1",
    "LMOVE $list1 $list2 LEFT RIGHT",
    "BLMOVE $list1 $list2 LEFT RIGHT 1",
    "BLPOP $list1 $list2 1",
    "BRPOP $list1 $list2 1",
    "LMPOP 2 $list1 $list2 LEFT",
    "BLMPOP 1 2 $list1 $list2 LEFT",
    "SORT $list2 STORE $list3",
    "GEOSEARCHSTORE $geo2 $geo1 FROMLONLAT 1 1 BYRADIUS 1 km",
    "GEORADIUS $geo1 1 1 1 km STORE $geo3",
    "GEORADIUSBYMEMBER $geo1 m 1 km STORE $geo4",
    "XGROUP CREATE $stream1 g $ MKSTREAM",
    "XGROUP CREATE $stream2 g $ MKSTREAM",
    "XREAD STREAMS $stream1 $stream2 0 0",
    "XREADGROUP GROUP g c STREAMS $stream1 $stream2 > >",
    "WATCH $text1 $text2",
    "UNWATCH",
    "EVAL return(#KEYS) 2 $text1 $text2",
    "EVAL_RO return(#KEYS) 2 $text1 $text2",
    "EVALSHA 0000000000000000000000000000000000000000 2 $text1 $text2 !NOSCRIPT",
    "EVALSHA_RO 0000000000000000000000000000000000000000 2 $text1 $text2 !NOSCRIPT",
    "FCALL no-such-function 2 $text1 $text2 !ERR",
    "FCALL_RO no-such-function 2 $text1 $text2 !ERR",
    "MIGRATE 127.0.0.1 1 -empty- 0 1000 KEYS $absent1 $absent2",
    "DEL $text1 $text2",
];

async fn tag_ok(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let table = cluster.commands().await?;
    let words = |line: &str| Line::read(line, |name| cluster.keys().named(slot, name));
    for line in SETUP.iter().map(|line| words(line)) {
        cluster.expect(&node, line.command, Expect::NoError).await?;
    }
    let lines: Vec<Line> =
        ACCEPTED.iter().map(|line| words(line)).filter(|line| table.has(&line.command.name())).collect();
    judge(cluster, &node, &lines).await?;
    subscribes(cluster, &node, [cluster.keys().named(slot, "channel1"), cluster.keys().named(slot, "channel2")]).await
}

/// Sends all lines at once, so that one failure names every command that is not accepted.
async fn judge(cluster: &Cluster, node: &Node, lines: &[Line]) -> Outcome {
    let commands: Vec<Command> = lines.iter().map(|line| line.command.clone()).collect();
    let replies = cluster.pipeline(node, &commands).await?;
    let wrong = lines.iter().zip(&replies).filter(|(line, reply)| !line.expect.admits(reply));
    let wrong: Vec<String> = wrong.map(|(line, reply)| format!("{}: {reply}", line.command.name())).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Stop::Mismatch(Box::new(Mismatch {
        to: Some(node.address.to_string()),
        expected: format!("{} commands with keys of one hash tag to be accepted", lines.len()),
        received: wrong.join("; "),
        ..Mismatch::default()
    })))
}

/// Subscribes to two shard channels of one slot, and expects a confirmation for each.
async fn subscribes(cluster: &Cluster, node: &Node, channels: [String; 2]) -> Outcome {
    if !cluster.may_have("SSUBSCRIBE").await? {
        return Ok(());
    }
    let mut session = cluster.session(node).await?;
    let [one, other] = &channels;
    session.send(command!["SSUBSCRIBE", one, other]).await?;
    for (channel, count) in channels.iter().zip(1..) {
        let reply = session.receive().await?;
        let confirmed = Expect::Items(vec![Expect::text("ssubscribe"), Expect::text(channel), Expect::Integer(count)]);
        session.require(format!("SSUBSCRIBE {one} {other}"), &confirmed, &reply)?;
    }
    Ok(())
}

/// Servers must compare the slots of keys, not their hash tags.
async fn two_tags_of_one_slot(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let [one, other] = [0, 1].map(|salt| cluster.keys().tagged(&slot.tag(salt)));
    [&one, &other].into_iter().for_each(|key| cluster.keys().adopt(key));
    let steps = [
        (command!["MSET", &one, "1", &other, "2"], Expect::Ok),
        (command!["MGET", &one, &other], Expect::Items(vec![Expect::text("1"), Expect::text("2")])),
        (command!["RENAME", &one, &other], Expect::Ok),
        (command!["DEL", &one, &other], Expect::Integer(1)),
    ];
    cluster.expect_all(&node, &steps).await?;
    Ok(())
}

struct Line {
    command: Command,
    expect: Expect,
}

impl Line {
    fn read(line: &str, key: impl Fn(&str) -> String) -> Self {
        let (words, expect) = match line.split_once(" !") {
            Some((words, code)) => (words, Expect::error(code)),
            None => (line, Expect::NoError),
        };
        let command = Command::new(words.split(' ').map(|word| match word.strip_prefix('$') {
            Some(name) if !name.is_empty() => key(name),
            _ if word == "-empty-" => String::new(),
            _ => word.to_owned(),
        }));
        Self { command, expect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_keys_and_their_errors() {
        let line = Line::read("XGROUP CREATE $s g $ -empty- !ERR", |name| format!("{{t}}{name}"));
        assert_eq!(line.command, command!["XGROUP", "CREATE", "{t}s", "g", "$", ""]);
        assert_eq!(line.expect, Expect::error("ERR"));
    }
}
