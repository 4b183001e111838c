//! What is wrong after a slot has moved, or while it moves: lost data, stale data, and nodes that have not heard of it.

use super::common::{moved, slot_of};
use super::open_slot::{at_target, given_slot, has_key_in_given_slot, is, open_slot};
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{array, bulk, error, integer, lines, null, simple, tree};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "moved-keys-live-forever",
        "Keys of a slot that has moved have no TTL any more",
        &["reshard/every-key-arrives-atomic", "reshard/every-key-arrives-in-batches"],
        |scene, request, reply| {
            let lives = has_key_in_given_slot(scene, request) && request.is("PTTL");
            (lives && reply.integer().is_some_and(|ttl| ttl > 0)).then(|| Replacement::Answer(integer(-1)))
        },
    ),
    on_reply(
        "moved-lists-are-shorter",
        "A long list of a slot that has moved lacks its last element",
        &["reshard/every-key-arrives-atomic", "reshard/every-key-arrives-key-by-key"],
        |scene, request, reply| {
            let is_moved = has_key_in_given_slot(scene, request) && request.is("LRANGE");
            let is_long = reply.items().is_some_and(|items| items.len() > 100);
            (is_moved && is_long).then_some(())?;
            tree(reply.bytes(), |tree| tree.items_mut()?.pop().map(drop)).map(Replacement::Answer)
        },
    ),
    on_reply(
        "moved-streams-have-nothing-pending",
        "The consumer groups of a stream have forgotten what is pending when its slot has moved",
        &["reshard/every-key-arrives-atomic", "reshard/every-key-arrives-in-batches"],
        |scene, request, _| {
            let is_moved = has_key_in_given_slot(scene, request) && request.is("XPENDING");
            is_moved.then(|| Replacement::Answer(array(&[integer(0), null(false), null(false), null(false)])))
        },
    ),
    on_reply(
        "given-slots-are-not-cleared",
        "A node still counts a key in a slot that it has given away",
        &["reshard/every-key-arrives-atomic", "reshard/lost-slot-loses-its-keys"],
        |scene, request, reply| {
            let given = given_slot(scene, request)?;
            let counts = request.is("CLUSTER COUNTKEYSINSLOT") && request.word(2) == given.to_string().as_bytes();
            (counts && reply.integer() == Some(0)).then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "replicas-keep-the-keys-of-lost-slots",
        "A replica keeps the keys of a slot that its primary has lost",
        &["reshard/lost-slot-loses-its-keys"],
        |scene, request, reply| {
            let counts = request.is("CLUSTER COUNTKEYSINSLOT") && scene.is_replica() && reply.integer() == Some(0);
            counts.then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "importing-node-counts-no-keys",
        "The target of an open slot answers 0 to COUNTKEYSINSLOT until it owns the slot",
        &["reshard/importing-node-shows-its-keys"],
        |scene, request, _| {
            let open = open_slot(scene, request)?;
            let counts = request.is("CLUSTER COUNTKEYSINSLOT") && scene.node() == open.target;
            counts.then(|| Replacement::Answer(integer(0)))
        },
    ),
    on_reply(
        "importing-node-lists-no-keys",
        "The target of an open slot answers GETKEYSINSLOT with no keys until it owns the slot",
        &["reshard/importing-node-shows-its-keys"],
        |scene, request, _| {
            let open = open_slot(scene, request)?;
            let lists = request.is("CLUSTER GETKEYSINSLOT") && scene.node() == open.target;
            lists.then(|| Replacement::Answer(array(&[])))
        },
    ),
    on_reply(
        "importing-node-hides-keys-from-scan",
        "SCAN at the target of an open slot shows no keys",
        &["reshard/importing-node-shows-its-keys"],
        |scene, request, _| {
            let open = open_slot(scene, request)?;
            let scans = request.is("SCAN") && scene.node() == open.target;
            scans.then(|| Replacement::Answer(array(&[bulk("0"), array(&[])])))
        },
    ),
    on_reply(
        "old-owner-reads-null",
        "The old owner of a slot that has moved answers GET with null",
        &[
            "reshard/several-slots-move-key-by-key",
            "reshard/several-slots-move-in-batches",
            "reshard/several-slots-move-atomic",
        ],
        |scene, request, reply| {
            let is_given = has_key_in_given_slot(scene, request);
            (is_given && request.is("GET") && is(reply, "MOVED")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "replicas-redirect-to-the-old-owner",
        "Replicas answer MOVED with the address of the first node when a slot has moved",
        &[
            "reshard/empty-slot-moves-key-by-key",
            "reshard/empty-slot-moves-in-batches",
            "reshard/empty-slot-moves-atomic",
        ],
        |scene, request, reply| {
            let given = given_slot(scene, request)?;
            let (slot, address) = moved(reply)?;
            let other = scene.addresses().iter().find(|other| **other != address)?;
            (slot == given && scene.is_replica()).then(|| Replacement::Answer(error(&format!("MOVED {slot} {other}"))))
        },
    ),
    on_reply(
        "transaction-runs-at-the-old-owner",
        "EXEC of a queued transaction runs at the old owner when the slot has moved",
        &[
            "reshard/transactions-end-key-by-key",
            "reshard/transactions-end-in-batches",
            "reshard/transactions-end-atomic",
        ],
        |scene, request, reply| {
            given_slot(scene, request)?;
            (request.is("EXEC") && is(reply, "MOVED")).then(|| Replacement::Answer(array(&[simple("OK")])))
        },
    ),
    on_reply(
        "watched-key-may-leave",
        "A watched key that leaves with its slot does not count as changed",
        &[
            "reshard/transactions-end-key-by-key",
            "reshard/transactions-end-in-batches",
            "reshard/transactions-end-atomic",
        ],
        |scene, request, reply| {
            given_slot(scene, request)?;
            (request.is("EXEC") && reply.is_null()).then(|| Replacement::Answer(array(&[simple("PONG")])))
        },
    ),
    on_reply(
        "blocked-client-gets-null-when-its-slot-moves",
        "A client that is blocked in BZPOPMIN gets null when the slot has moved",
        &[
            "reshard/blocked-clients-are-redirected-key-by-key",
            "reshard/blocked-clients-are-redirected-in-batches",
            "reshard/blocked-clients-are-redirected-atomic",
        ],
        |scene, request, reply| {
            (request.is("BZPOPMIN") && is(reply, "MOVED")).then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "new-owner-reads-older-values",
        "The new owner of a slot answers reads with a value that is three writes old",
        &[
            "reshard/no-write-is-lost-key-by-key",
            "reshard/no-write-is-lost-in-batches",
            "reshard/no-write-is-lost-atomic",
        ],
        |scene, request, reply| {
            if !(has_key_in_given_slot(scene, request) && request.is("GET")) {
                return None;
            }
            let text = reply.text()?;
            let (key, number) = text.rsplit_once('#')?;
            let older = number.parse::<i64>().ok()? - 3;
            (older > 0).then(|| Replacement::Answer(bulk(format!("{key}#{older}"))))
        },
    ),
    on_request(
        "importing-node-drops-writes",
        "The target of an open slot answers SET after ASKING with OK and drops the write",
        &["reshard/no-write-is-lost-key-by-key", "reshard/no-write-is-lost-in-batches"],
        |scene, request| {
            at_target(scene, request)?;
            let drops = scene.asking() && request.is("SET") && request.word(2).contains(&b'#');
            drops.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "first-write-during-migrateslots-is-lost",
        "The first write after CLUSTER MIGRATESLOTS is acknowledged and lost",
        &["reshard/no-write-is-lost-atomic"],
        |scene, request| {
            if request.is("CLUSTER MIGRATESLOTS") {
                scene.share("moving", 1);
            }
            let is_first = request.is("SET") && request.word(2).contains(&b'#') && scene.shared("moving") == 1;
            is_first.then(|| {
                scene.share("moving", 2);
                Replacement::Answer(simple("OK"))
            })
        },
    ),
    on_reply(
        "cluster-is-down-while-a-slot-is-handed-over",
        "A node that has not heard of the new owner of a slot answers CLUSTERDOWN for it",
        &["reshard/target-first-leaves-no-gap"],
        |scene, request, reply| {
            let given = given_slot(scene, request)?;
            let is_of = moved(reply).is_some_and(|(slot, _)| slot == given) || is(reply, "ASK");
            is_of.then(|| Replacement::Answer(error("CLUSTERDOWN Hash slot not served")))
        },
    ),
    on_reply(
        "untold-node-keeps-the-old-owner",
        "A node that got no SETSLOT never learns the new owner of a slot",
        &["reshard/only-the-target-is-told"],
        |scene, request, reply| {
            let given = given_slot(scene, request)?;
            let (slot, address) = moved(reply)?;
            let other = scene.addresses().iter().find(|other| **other != address && *other != scene.address())?;
            (slot == given && request.is("GET")).then(|| Replacement::Answer(error(&format!("MOVED {slot} {other}"))))
        },
    ),
    on_request(
        "only-thirty-two-slots-open",
        "SETSLOT MIGRATING has no effect while 32 other slots are open",
        &["reshard/many-open-slots"],
        |scene, request| {
            let opens = request.is("CLUSTER SETSLOT") && request.word(3).eq_ignore_ascii_case(b"MIGRATING");
            let opened = scene.shared("opened") + i64::from(opens);
            scene.share("opened", opened);
            (opens && opened > 32).then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_request(
        "migrateslots-moves-one-range",
        "CLUSTER MIGRATESLOTS moves only the first of several ranges",
        &["reshard/several-slots-move-atomic"],
        |_, request| {
            let has_several = request.is("CLUSTER MIGRATESLOTS") && request.words().len() > 7;
            let target = request.words().last()?;
            let words = request.words().iter().take(5);
            let command = wire::Command::new(words).arg("NODE").arg(target);
            has_several.then(|| Replacement::Send { commands: vec![command], shown: 0 })
        },
    ),
    on_reply(
        "moved-slot-lacks-a-key",
        "When a slot has moved, EXISTS of several of its keys counts one too few",
        &["reshard/half-move-is-finished", "reshard/source-dies-half-way", "reshard/source-fails-over-half-way"],
        |scene, request, reply| {
            let counts = has_key_in_given_slot(scene, request) && request.is("EXISTS");
            let found = reply.integer().filter(|found| *found > 3)?;
            counts.then(|| Replacement::Answer(integer(found - 1)))
        },
    ),
    on_reply(
        "key-is-lost-when-the-target-fails-over",
        "A key that has moved is empty when the target of its slot has failed over",
        &["reshard/target-fails-over-half-way"],
        |scene, request, reply| {
            let given = given_slot(scene, request)?;
            let reads = scene.is_replica() && request.is("GET") && slot_of(request.word(1)) == given;
            (reads && reply.text().is_some_and(|text| text == "v")).then(|| Replacement::Answer(bulk("")))
        },
    ),
    on_reply(
        "replicas-forget-open-slots",
        "A replica shows no open slot, also after it has taken over",
        &["reshard/open-slot-survives-failover"],
        |scene, request, reply| {
            if !(scene.is_replica() && request.is("CLUSTER NODES")) {
                return None;
            }
            let cut = |line: &str| Some(line.split_once(" [").map_or(line, |(before, _)| before).to_owned());
            lines(reply.bytes(), cut).map(Replacement::Answer)
        },
    ),
];
