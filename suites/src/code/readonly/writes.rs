//! Writes that clients send to a replica: redirected, whatever their type, and never executed.

use wire::{Command, Node, Reply, Slot, command};

use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::Expect;
use crate::outcome::Outcome;
use crate::words::list;

pub(super) const CHECKS: &[CodeCheck] = &[check("readonly/writes-are-redirected")
    .title("A replica in READONLY mode answers MOVED to every write and executes none")
    .must("READONLY")
    .covers(&["readonly.writes-moved"])
    .shape(1, 1)
    .body(|cluster| Box::pin(writes_are_redirected(cluster)))];

async fn writes_are_redirected(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let slot = cluster.slot_of(&primary)?;
    let data = Data::new(cluster, slot);
    let create: Vec<_> = data.create().into_iter().map(|create| (create, Expect::NoError)).collect();
    cluster.expect_all(&primary, &create).await?;
    let before = texts(&cluster.pipeline(&primary, &data.observe()).await?);
    cluster.replicated(&primary).await?;
    let mut session = cluster.readonly_session(&replica).await?;
    same(&replica, &before, &texts(&session.pipeline(&data.observe()).await?), "before the writes")?;

    let commands = cluster.commands().await?;
    let writes = data.writes().into_iter().filter(|write| commands.has(&write.name()));
    let writes: Vec<_> = writes.map(|write| (write, Expect::moved(slot, &primary))).collect();
    session.expect_all(&writes).await?;
    same(&replica, &before, &texts(&session.pipeline(&data.observe()).await?), "after the writes")?;
    same(&primary, &before, &texts(&cluster.pipeline(&primary, &data.observe()).await?), "after the writes")
}

fn texts(replies: &[Reply]) -> Vec<String> {
    replies.iter().map(ToString::to_string).collect()
}

fn same(node: &Node, expected: &[String], found: &[String], when: &str) -> Outcome {
    ensure!(expected == found, format!("the data of {} {when}: {}", node.address, list(expected)), "{}", list(found));
    Ok(())
}

/// A key of each type, so that every command of [`Data::writes`] would succeed on the primary.
struct Data {
    string: String,
    list: String,
    hash: String,
    set: String,
    sorted: String,
    stream: String,
    absent: String,
}

impl Data {
    fn new(cluster: &Cluster, slot: Slot) -> Self {
        let key = |name: &str| cluster.keys().named(slot, name);
        Self {
            string: key("string"),
            list: key("list"),
            hash: key("hash"),
            set: key("set"),
            sorted: key("sorted"),
            stream: key("stream"),
            absent: key("absent"),
        }
    }

    fn create(&self) -> [Command; 6] {
        [
            command!["SET", &self.string, "10"],
            command!["RPUSH", &self.list, "1", "2"],
            command!["HSET", &self.hash, "field", "1"],
            command!["SADD", &self.set, "member"],
            command!["ZADD", &self.sorted, "1", "member"],
            command!["XADD", &self.stream, "1-1", "field", "value"],
        ]
    }

    fn observe(&self) -> [Command; 8] {
        [
            command!["GET", &self.string],
            command!["TTL", &self.string],
            command!["LRANGE", &self.list, "0", "-1"],
            command!["HGETALL", &self.hash],
            command!["SMEMBERS", &self.set],
            command!["ZRANGE", &self.sorted, "0", "-1", "WITHSCORES"],
            command!["XLEN", &self.stream],
            command!["EXISTS", &self.absent],
        ]
    }

    fn writes(&self) -> Vec<Command> {
        let Self { string, list, hash, set, sorted, stream, absent } = self;
        vec![
            command!["SET", string, "x"],
            command!["SETEX", string, "100", "x"],
            command!["SETNX", absent, "x"],
            command!["GETSET", string, "x"],
            command!["GETDEL", string],
            command!["GETEX", string, "EX", "100"],
            command!["APPEND", string, "x"],
            command!["INCR", string],
            command!["DECRBY", string, "2"],
            command!["SETRANGE", string, "0", "x"],
            command!["SETBIT", string, "1", "1"],
            command!["BITOP", "NOT", absent, string],
            command!["MSET", string, "x", absent, "x"],
            command!["MSETNX", absent, "x"],
            command!["DEL", string],
            command!["UNLINK", list, hash],
            command!["EXPIRE", string, "100"],
            command!["PEXPIREAT", string, "1"],
            command!["RENAME", string, absent],
            command!["COPY", string, absent],
            command!["SORT", list, "STORE", absent],
            command!["LPUSH", list, "x"],
            command!["RPOP", list],
            command!["LSET", list, "0", "x"],
            command!["LTRIM", list, "1", "0"],
            command!["LMOVE", list, absent, "LEFT", "RIGHT"],
            command!["BLPOP", list, "1"],
            command!["HSET", hash, "other", "x"],
            command!["HINCRBY", hash, "field", "1"],
            command!["HDEL", hash, "field"],
            command!["SADD", set, "other"],
            command!["SPOP", set],
            command!["SMOVE", set, absent, "member"],
            command!["SUNIONSTORE", absent, set],
            command!["ZADD", sorted, "2", "other"],
            command!["ZINCRBY", sorted, "1", "member"],
            command!["ZPOPMIN", sorted],
            command!["ZRANGESTORE", absent, sorted, "0", "-1"],
            command!["GEOADD", absent, "1", "1", "x"],
            command!["PFADD", absent, "x"],
            command!["XADD", stream, "*", "field", "x"],
            command!["XTRIM", stream, "MAXLEN", "0"],
            command!["XGROUP", "CREATE", stream, "group", "$"],
        ]
    }
}
