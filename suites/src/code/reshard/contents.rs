//! What is in the keys: every type, every field and every TTL arrives at the other end.

use std::time::{Duration, Instant};

use wire::{Command, Node, Reply, Slot, command};

use crate::cluster::Cluster;
use crate::code::motion::engine::{Engine, over_engines};
use crate::code::motion::route::Route;
use crate::code::motion::stage::{Motion, Stage};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind, text_of};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::words::list;

/// The promise of every engine.
pub(super) const EVERY_KEY_ARRIVES: &[CodeCheck] = over_engines!(
    "reshard/every-key-arrives",
    "A slot moves with all its keys, of every type, with values and TTLs",
    must("live-reconfiguration"),
    &["reshard.full-slot-with-keys", "reshard.migrate-all-types", "reshard.ttl-preserved"],
    atomic & ["asm-valkey.data-complete", "asm-valkey.moved-after"],
    shape(2, 0),
    needs & [Need::MoveSlot],
    servers & [],
    every_key_arrives
);

/// The other checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("reshard/importing-node-shows-its-keys")
    .title(
        "The target of an open slot shows the keys that have moved in CLUSTER COUNTKEYSINSLOT, GETKEYSINSLOT and SCAN",
    )
    .should("live-reconfiguration")
    .covers(&["reshard.keys-visible-on-importing"])
    .shape(2, 0)
    .needs(&[Need::MoveSlot])
    .body(|cluster| Box::pin(importing_node_shows_its_keys(cluster)))];

/// Keys without anything special, so that one batch is not enough.
const PLAIN_KEYS: usize = 100;
/// The TTL of half of the plain keys, in milliseconds.
const TTL_MS: i64 = 1_000_000;

/// The characters of a reply that a message shows.
const SHOWN: usize = 200;

/// A key of some type.
struct Sample {
    writes: Vec<Command>,
    read: Command,
    /// Whether the order of the items means nothing.
    is_sorted: bool,
}

/// Keys of every type, small and large, as far as the server has the commands.
async fn samples(cluster: &Cluster, slot: Slot) -> Outcome<Vec<Sample>> {
    let key = |name: &str| cluster.keys().named(slot, name);
    let many = |head: Command, words: &mut dyn FnMut(usize) -> Vec<String>| {
        (0..300).flat_map(words).fold(head, |command, word| command.arg(word))
    };
    let (string, number, bits, log, geo) = (key("string"), key("number"), key("bits"), key("log"), key("geo"));
    let (short, long, ints, set) = (key("short"), key("long"), key("ints"), key("set"));
    let (pack, skip, hash, large, stream) = (key("pack"), key("skip"), key("hash"), key("large"), key("stream"));
    let sample = |writes: Vec<Command>, read: Command| Sample { writes, read, is_sorted: false };
    let sorted = |writes: Vec<Command>, read: Command| Sample { writes, read, is_sorted: true };
    let mut samples = vec![
        sample(vec![command!["SET", &string, b"\x00\r\n\xff binary"]], command!["GET", &string]),
        sample(vec![command!["SET", &number, "-12345678901"]], command!["GET", &number]),
        sample(vec![command!["SETBIT", &bits, "70001", "1"]], command!["BITPOS", &bits, "1"]),
        sample(vec![many(command!["PFADD", &log], &mut |n| vec![format!("e{n}")])], command!["GET", &log]),
        sample(
            vec![command!["GEOADD", &geo, "13.361389", "38.115556", "Palermo"]],
            command!["GEOPOS", &geo, "Palermo"],
        ),
        sample(vec![command!["RPUSH", &short, "a", "b", "a"]], command!["LRANGE", &short, "0", "-1"]),
        sample(
            vec![many(command!["RPUSH", &long], &mut |n| vec![format!("{n}").repeat(40)])],
            command!["LRANGE", &long, "0", "-1"],
        ),
        sorted(vec![command!["SADD", &ints, "3", "1", "-7"]], command!["SMEMBERS", &ints]),
        sorted(vec![many(command!["SADD", &set], &mut |n| vec![format!("m{n}")])], command!["SMEMBERS", &set]),
        sample(
            vec![command!["ZADD", &pack, "1.5", "a", "-2", "b", "+inf", "c"]],
            command!["ZRANGE", &pack, "0", "-1", "WITHSCORES"],
        ),
        sample(
            vec![many(command!["ZADD", &skip], &mut |n| vec![format!("{n}.25"), format!("m{n}")])],
            command!["ZRANGE", &skip, "0", "-1", "WITHSCORES"],
        ),
        sorted(vec![command!["HSET", &hash, "f", "v", "", "empty"]], command!["HGETALL", &hash]),
        sorted(
            vec![many(command!["HSET", &large], &mut |n| vec![format!("f{n}"), format!("v{n}")])],
            command!["HGETALL", &large],
        ),
        sample(
            vec![
                command!["XADD", &stream, "1-1", "f", "one"],
                command!["XADD", &stream, "2-1", "f", "two", "g", "more"],
                command!["XGROUP", "CREATE", &stream, "group", "0"],
                command!["XREADGROUP", "GROUP", "group", "reader", "COUNT", "1", "STREAMS", &stream, ">"],
                command!["XDEL", &stream, "2-1"],
            ],
            command!["XRANGE", &stream, "-", "+"],
        ),
        sample(vec![], command!["XPENDING", &stream, "group"]),
    ];
    if cluster.may_have("HPEXPIRE").await? {
        let fields = key("fields");
        let until = "32503680000000";
        samples.push(sample(
            vec![
                command!["HSET", &fields, "f", "v", "g", "w"],
                command!["HPEXPIREAT", &fields, until, "FIELDS", "1", "f"],
            ],
            command!["HPEXPIRETIME", &fields, "FIELDS", "2", "f", "g"],
        ));
    }
    Ok(samples)
}

async fn every_key_arrives(cluster: &Cluster, engine: &Engine) -> Outcome {
    let route = Route::draw(cluster)?;
    let Route { slot, source, target } = &route;
    let samples = samples(cluster, *slot).await?;
    let mut before = Vec::new();
    for sample in &samples {
        for write in &sample.writes {
            cluster.expect(source, write, Expect::NoError).await?;
        }
        before.push(contents(sample, &cluster.expect(source, &sample.read, Expect::NoError).await?));
    }
    let plain: Vec<String> = (0..PLAIN_KEYS).map(|number| route.key(cluster, &format!("plain{number}"))).collect();
    let write = |(number, key): (usize, &String)| match number % 2 {
        0 => (command!["SET", key, format!("v{number}")], Expect::Ok),
        _ => (command!["SET", key, format!("v{number}"), "PX", TTL_MS.to_string()], Expect::Ok),
    };
    let writes: Vec<_> = plain.iter().enumerate().map(write).collect();
    let written = Instant::now();
    cluster.expect_all(source, &writes).await?;
    let count = count_keys(cluster, source, *slot).await?;

    let started = Instant::now();
    (engine.move_slots)(cluster, std::slice::from_ref(slot), source, target).await?;
    cluster.measure("move", started.elapsed());

    let arrived = count_keys(cluster, target, *slot).await?;
    ensure!(
        arrived == count,
        format!("{count} keys in slot {slot} of {} after the move", target.address),
        "{arrived} keys"
    );
    none_left(cluster, &route).await?;
    for (sample, before) in samples.iter().zip(before) {
        let reply = cluster.expect(target, &sample.read, Expect::NoError).await?;
        let after = contents(sample, &reply);
        let expected = format!("{} from {} to {} as before the move", start(&before), target.address, sample.read);
        ensure!(after == before, expected, "{}", start(&after));
    }
    let reads: Vec<_> = plain
        .iter()
        .enumerate()
        .map(|(number, key)| (command!["GET", key], Expect::text(format!("v{number}"))))
        .collect();
    cluster.expect_all(target, &reads).await?;
    ttls_are_kept(cluster, target, &plain, written).await?;
    (engine.move_slots)(cluster, std::slice::from_ref(slot), target, source).await
}

/// Requires that each second key has its TTL, less the time that has passed, and that the others have none.
async fn ttls_are_kept(cluster: &Cluster, node: &Node, keys: &[String], written: Instant) -> Outcome {
    let commands: Vec<Command> = keys.iter().map(|key| command!["PTTL", key]).collect();
    let replies = cluster.pipeline(node, &commands).await?;
    let passed = i64::try_from(written.elapsed().as_millis()).unwrap_or(TTL_MS);
    // The clocks of the servers and the transfer of a key differ by less than a second.
    let range = TTL_MS - passed - 1_000..=TTL_MS + 1_000;
    for (number, (command, reply)) in commands.iter().zip(&replies).enumerate() {
        let found = reply.integer().unwrap_or(-3);
        let is_kept = if number % 2 == 0 { found == -1 } else { range.contains(&found) };
        let expected = match number % 2 {
            0 => format!("-1 from {} to {command}", node.address),
            _ => format!("{} to {} from {} to {command}", range.start(), range.end(), node.address),
        };
        ensure!(is_kept, expected, "{reply}");
    }
    Ok(())
}

/// Requires that the source has no key of the slot left; it may delete them in the background.
async fn none_left(cluster: &Cluster, route: &Route) -> Outcome {
    let Route { slot, source, .. } = route;
    cluster
        .until(cluster.limits().converge, "the source has no key of the slot left", async || {
            let left = count_keys(cluster, source, *slot).await?;
            ensure!(left == 0, format!("no key in slot {slot} of {}", source.address), "{left} keys");
            Ok(())
        })
        .await
}

/// The number of keys that a node has in a slot (CLUSTER COUNTKEYSINSLOT).
pub(super) async fn count_keys(cluster: &Cluster, node: &Node, slot: Slot) -> Outcome<i64> {
    let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
    let reply = cluster.expect(node, count, Expect::Kind(Kind::Integer)).await?;
    Ok(reply.integer().unwrap_or(-1))
}

/// The reply to the read of a sample, in an order that does not depend on the node.
fn contents(sample: &Sample, reply: &Reply) -> String {
    match reply.items() {
        Some(items) if sample.is_sorted => {
            let width = if sample.read.name() == "HGETALL" { 2 } else { 1 };
            let mut items: Vec<String> =
                items.chunks(width).map(|item| list(item.iter().filter_map(text_of))).collect();
            items.sort();
            list(items)
        }
        _ => String::from_utf8_lossy(reply.bytes()).into_owned(),
    }
}

/// The start of a long text, for messages.
fn start(text: &str) -> String {
    text.chars().take(SHOWN).collect::<String>().escape_debug().to_string()
}

async fn importing_node_shows_its_keys(cluster: &Cluster) -> Outcome {
    let motion = Motion::begin(cluster, Stage::HalfMoved).await?;
    let Route { slot, source, target } = &motion.route;
    let moved = [motion.key("gone"), motion.key("gone2")];
    let stayed = [motion.key("here"), motion.key("here2"), motion.key("list")];
    cluster
        .expect(target, command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()], Expect::Integer(moved.len() as i64))
        .await?;
    for (node, has, lacks) in [(source, &stayed[..], &moved[..]), (target, &moved[..], &stayed[..])] {
        let list_keys = command!["CLUSTER", "GETKEYSINSLOT", slot.to_string(), "100000"];
        let listed = cluster.expect(node, list_keys, Expect::Kind(Kind::Array)).await?;
        let listed: Vec<String> = listed.items().unwrap_or_default().iter().filter_map(text_of).collect();
        let scanned = scan(cluster, node).await?;
        for (names, place) in [(&listed, "CLUSTER GETKEYSINSLOT"), (&scanned, "SCAN")] {
            for (keys, wanted) in [(has, true), (lacks, false)] {
                for key in keys {
                    let found = names.contains(key);
                    let expected = if wanted { "with" } else { "without" };
                    ensure!(
                        found == wanted,
                        format!("a reply to {place} {expected} {key} from {}", node.address),
                        "{} keys, {} of them of this check",
                        names.len(),
                        names.iter().filter(|name| cluster.keys().owns(name)).count()
                    );
                }
            }
        }
    }
    motion.end().await
}

/// The keys of the run on a node, by SCAN.
async fn scan(cluster: &Cluster, node: &Node) -> Outcome<Vec<String>> {
    let pattern = format!("{}*", cluster.keys().run_prefix());
    let mut cursor = "0".to_owned();
    let mut keys = Vec::new();
    let given_up = Instant::now() + Duration::from_secs(10);
    while Instant::now() < given_up {
        let step = command!["SCAN", &cursor, "MATCH", &pattern, "COUNT", "10000"];
        let reply = cluster.expect(node, step, Expect::Length(2)).await?;
        let items = reply.items().unwrap_or_default();
        keys.extend(items[1..].iter().filter_map(wire::items_of).flatten().filter_map(text_of));
        cursor = items.first().and_then(text_of).unwrap_or_default();
        if cursor == "0" {
            break;
        }
    }
    Ok(keys)
}
