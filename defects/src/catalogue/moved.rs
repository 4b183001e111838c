//! MOVED has the wrong slot, address, code or form.

use wire::{Reply, SLOT_COUNT, Slot};

use super::common::moved;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{self, error};
use crate::request::Request;
use crate::scene::Scene;

/// A MOVED: its slot, its address, the node that sends it and the request.
struct Moved<'a> {
    slot: u16,
    to: String,
    scene: &'a Scene<'a>,
    request: &'a Request,
}

/// MOVED to some commands, or to all if there are none, becomes another reply, unless `$reply` returns `None`.
macro_rules! wrong {
    ($name:literal, $sentence:literal, $commands:expr, $caught_by:expr, $reply:expr) => {
        on_reply($name, $sentence, $caught_by, |scene, request, reply| {
            replace_moved(scene, request, reply, $commands, $reply)
        })
    };
}

fn replace_moved(
    scene: &Scene<'_>,
    request: &Request,
    reply: &Reply,
    commands: &[&str],
    replace: fn(&Moved<'_>) -> Option<Vec<u8>>,
) -> Option<Replacement> {
    if !commands.is_empty() && !request.is_any(commands) {
        return None;
    }
    let (slot, to) = moved(reply)?;
    replace(&Moved { slot, to, scene, request }).map(Replacement::Answer)
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    wrong!(
        "moved-slot-one-too-high",
        "MOVED for TYPE, TTL and EXPIRE names the slot after that of the key",
        &["TYPE", "TTL", "EXPIRE"],
        &["moved/redirects-expire", "moved/redirects-ttl", "moved/redirects-type"],
        |moved| Some(error(&format!("MOVED {} {}", moved.slot + 1, moved.to)))
    ),
    wrong!(
        "moved-slot-of-the-whole-key",
        "MOVED for hashes names the slot of the whole key and ignores its hash tag",
        &["HSET", "HINCRBY"],
        &["moved/redirects-hset"],
        |moved| {
            let whole = moved.request.word(1).iter().filter(|byte| !b"{}".contains(byte)).copied().collect::<Vec<u8>>();
            Some(error(&format!("MOVED {} {}", Slot::of(&whole), moved.to)))
        }
    ),
    wrong!(
        "moved-at-the-ends-of-the-range-is-off-by-one",
        "MOVED for slots 0 and 16383 names the slot after it",
        &["EXISTS"],
        &["moved/every-slot"],
        |moved| {
            let is_an_end = [0, SLOT_COUNT - 1].contains(&moved.slot);
            is_an_end.then(|| error(&format!("MOVED {} {}", moved.slot + 1, moved.to)))
        }
    ),
    wrong!(
        "moved-names-itself",
        "MOVED for INCR names the node that sends it, so that clients loop",
        &["INCR"],
        &["moved/redirects-incr"],
        |moved| Some(error(&format!("MOVED {} {}", moved.slot, moved.scene.address())))
    ),
    wrong!(
        "moved-names-a-third-node",
        "MOVED for sorted sets names a node that does not own the slot",
        &["ZRANGE", "ZUNIONSTORE", "ZUNION"],
        &["moved/redirects-zrange", "moved/redirects-zunion", "moved/redirects-zunionstore"],
        |moved| {
            let mut others = moved.scene.addresses().iter();
            let third = others.find(|other| **other != moved.to && *other != moved.scene.address())?;
            Some(error(&format!("MOVED {} {third}", moved.slot)))
        }
    ),
    wrong!(
        "moved-without-port",
        "MOVED for DUMP and RESTORE names a host without a port",
        &["DUMP", "RESTORE"],
        &["moved/redirects-dump", "moved/redirects-restore"],
        |moved| Some(error(&format!("MOVED {} {}", moved.slot, moved.to.rsplit_once(':')?.0)))
    ),
    wrong!(
        "moved-with-bus-port",
        "MOVED for XINFO names the port of the cluster bus",
        &["XINFO"],
        &["moved/redirects-xinfo-consumers", "moved/redirects-xinfo-groups", "moved/redirects-xinfo-stream"],
        |moved| {
            let (host, port) = moved.to.rsplit_once(':')?;
            Some(error(&format!("MOVED {} {host}:{}", moved.slot, port.parse::<u32>().ok()? + 10_000)))
        }
    ),
    wrong!(
        "moved-with-node-and-bus-port",
        "MOVED for LMPOP and SINTERCARD adds the bus port to the address, like CLUSTER NODES",
        &["LMPOP", "SINTERCARD"],
        &["moved/redirects-lmpop", "moved/redirects-sintercard"],
        |moved| Some(error(&format!("MOVED {} {}@17000", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-with-brackets-around-ipv6",
        "MOVED puts an IPv6 host into brackets",
        &[],
        &["moved/ipv6-endpoint"],
        |moved| {
            let (host, port) = moved.to.rsplit_once(':')?;
            host.contains(':').then(|| error(&format!("MOVED {} [{host}]:{port}", moved.slot)))
        }
    ),
    wrong!(
        "moved-to-an-unknown-endpoint-says-null",
        "MOVED names the host NULL if no endpoint is known",
        &[],
        &["moved/empty-endpoint"],
        |moved| (moved.to.starts_with(':') && !moved.to.starts_with("::"))
            .then(|| error(&format!("MOVED {} NULL{}", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-in-lower-case",
        "MOVED for OBJECT has its code in lower case",
        &["OBJECT"],
        &["moved/redirects-object-encoding", "moved/redirects-object-freq", "moved/redirects-object-idletime"],
        |moved| Some(error(&format!("moved {} {}", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-behind-err",
        "MOVED for MEMORY USAGE comes after the code ERR",
        &["MEMORY USAGE"],
        &["moved/redirects-memory-usage", "moved/redirects-memory-usage-samples"],
        |moved| Some(error(&format!("ERR MOVED {} {}", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-without-slot",
        "MOVED for MIGRATE omits the slot",
        &["MIGRATE"],
        &["moved/redirects-migrate-key", "moved/redirects-migrate-keys"],
        |moved| Some(error(&format!("MOVED {}", moved.to)))
    ),
    wrong!(
        "moved-with-fields-swapped",
        "MOVED for FCALL and EVALSHA names the address before the slot",
        &["FCALL", "EVALSHA"],
        &["moved/redirects-evalsha", "moved/redirects-fcall"],
        |moved| Some(error(&format!("MOVED {} {}", moved.to, moved.slot)))
    ),
    wrong!(
        "moved-says-ask",
        "A node answers ASK to XREAD and XREADGROUP without BLOCK although no slot moves",
        &["XREAD", "XREADGROUP"],
        &["moved/redirects-xread", "moved/redirects-xreadgroup"],
        |moved| (!moved.request.has("BLOCK")).then(|| error(&format!("ASK {} {}", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-as-a-simple-string",
        "MOVED for PERSIST is a simple string instead of an error",
        &["PERSIST"],
        &["moved/every-declared-command", "moved/redirects-persist"],
        |moved| Some(edit::simple(&format!("MOVED {} {}", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-as-clusterdown",
        "A node answers CLUSTERDOWN to SORT and GEORADIUS for a key of another node",
        &["SORT", "GEORADIUS"],
        &["moved/redirects-georadius-store", "moved/redirects-sort-store"],
        |_| Some(error("CLUSTERDOWN Hash slot not served"))
    ),
    wrong!(
        "moved-with-a-space-at-the-end",
        "MOVED for SET ends with a space in RESP2",
        &["SET"],
        &["connection/same-errors-in-resp3", "moved/three-fields"],
        |moved| (!moved.scene.resp3()).then(|| error(&format!("MOVED {} {} ", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-as-a-blob-error-in-resp3",
        "A node sends MOVED as a blob error in RESP3",
        &[],
        &["connection/same-errors-in-resp3", "moved/resp3-simple-error"],
        |moved| {
            let text = format!("MOVED {} {}", moved.slot, moved.to);
            moved.scene.resp3().then(|| format!("!{}\r\n{text}\r\n", text.len()).into_bytes())
        }
    ),
    wrong!(
        "moved-in-resp3-has-a-fourth-word",
        "MOVED in RESP3 names the id of the node after its address",
        &[],
        &["connection/same-errors-in-resp3", "moved/resp3-simple-error"],
        |moved| moved.scene.resp3().then(|| error(&format!("MOVED {} {} node", moved.slot, moved.to)))
    ),
    wrong!(
        "moved-by-a-replica-names-itself",
        "MOVED for GET on a replica outside of transactions names the replica",
        &["GET"],
        &["moved/one-hop-from-every-node", "readonly/replica-redirects-by-default"],
        |moved| {
            let is_its_primary = moved.scene.addresses().get(moved.scene.node().checked_sub(3)?) == Some(&moved.to);
            (is_its_primary && !moved.scene.in_transaction())
                .then(|| error(&format!("MOVED {} {}", moved.slot, moved.scene.address())))
        }
    ),
    wrong!(
        "moved-by-a-demoted-primary-names-itself",
        "MOVED of a primary that became a replica of its replica names the node itself",
        &["EXISTS"],
        &["moved/no-dead-target"],
        |moved| {
            (moved.scene.addresses().get(moved.scene.node() + 3) == Some(&moved.to))
                .then(|| error(&format!("MOVED {} {}", moved.slot, moved.scene.address())))
        }
    ),
    wrong!(
        "moved-of-a-blocked-client-says-unblocked",
        "A client that waits for a stream gets UNBLOCKED instead of MOVED when the slot leaves",
        &["XREAD"],
        &["moved/blocked-clients"],
        |moved| moved.request.has("BLOCK").then(|| error("UNBLOCKED the stream key no longer exists"))
    ),
    wrong!(
        "wrongtype-before-moved",
        "LPUSH and LRANGE answer WRONGTYPE for a key of another node",
        &["LPUSH", "LRANGE"],
        &["moved/before-wrongtype", "moved/before-wrongtype-on-a-replica"],
        |_| Some(error("WRONGTYPE Operation against a key holding the wrong kind of value"))
    ),
    wrong!(
        "nil-before-moved",
        "GETRANGE and GETDEL answer for a key of another node as if it were missing",
        &["GETRANGE", "GETDEL"],
        &["moved/counted-in-stats", "moved/every-declared-command"],
        |_| Some(edit::bulk(""))
    ),
];
