//! SELECT, HELLO, COMMAND or the protocol is wrong.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply, on_request};
use crate::edit::{Tree, array, bulk, error, integer, null, simple, tree};
use crate::request::Request;

/// COMMAND GETKEYS returns other keys for a command that starts with these words.
macro_rules! getkeys {
    ($name:literal, $sentence:literal, $call:literal, $change:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let change: fn(&Request, Vec<Vec<u8>>) -> Vec<Vec<u8>> = $change;
            request.is(concat!("COMMAND GETKEYS ", $call)).then_some(())?;
            let keys = reply.items()?.iter().filter_map(wire::bytes_of).map(<[u8]>::to_vec).collect();
            let keys: Vec<Vec<u8>> = change(request, keys).iter().map(bulk).collect();
            Some(Replacement::Answer(array(&keys)))
        })
    };
}

/// COMMAND INFO returns a changed entry for a command.
macro_rules! table {
    ($name:literal, $sentence:literal, $command:literal, $change:expr, $caught_by:expr) => {
        on_reply($name, $sentence, $caught_by, |_, request, reply| {
            let change: fn(&mut Vec<Tree>) = $change;
            entry_changed(request, reply, $command, change)
        })
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "select-takes-any-database",
        "SELECT answers OK for a database that does not exist",
        &["connection/other-databases-are-refused"],
        |_, request, reply| {
            let refused =
                request.is("SELECT") && request.word(1).iter().all(u8::is_ascii_digit) && code(reply)? == "ERR";
            refused.then(|| Replacement::Answer(simple("OK")))
        },
    ),
    on_reply(
        "select-that-is-refused-leaves-the-database",
        "A connection reads from another database after a SELECT that the node refused",
        &["connection/other-databases-are-refused"],
        |scene, request, reply| {
            if request.is("SELECT") {
                *scene.note("elsewhere") = i64::from(reply.error().is_some());
            }
            let reads = *scene.note("elsewhere") == 1 && request.is("GET") && reply.text().is_some();
            reads.then(|| Replacement::Answer(null(scene.resp3())))
        },
    ),
    on_reply(
        "select-zero-is-refused",
        "SELECT refuses every database, database 0 included",
        &["connection/database-zero"],
        |_, request, reply| {
            let zero = request.is("SELECT 0") && reply.is_ok();
            zero.then(|| Replacement::Answer(error("ERR SELECT is not allowed in cluster mode")))
        },
    ),
    on_reply(
        "select-zero-is-refused-on-a-replica",
        "A replica refuses SELECT 0",
        &["connection/database-zero"],
        |scene, request, reply| {
            let zero = request.is("SELECT 0") && reply.is_ok() && scene.node() == 4;
            zero.then(|| Replacement::Answer(error("ERR SELECT is not allowed in cluster mode")))
        },
    ),
    on_reply(
        "swapdb-is-accepted",
        "SWAPDB answers OK and does nothing",
        &["connection/swapdb-is-refused"],
        |_, request, reply| (request.is("SWAPDB") && code(reply)? == "ERR").then(|| Replacement::Answer(simple("OK"))),
    ),
    on_reply(
        "move-finds-no-key",
        "MOVE to a database that does not exist answers 0, as if the key were missing",
        &["connection/other-databases-are-refused"],
        |_, request, reply| (request.is("MOVE") && code(reply)? == "ERR").then(|| Replacement::Answer(integer(0))),
    ),
    on_reply(
        "copy-takes-any-database",
        "COPY ignores the number of the target database",
        &["connection/other-databases-are-refused"],
        |_, request, reply| {
            (request.is("COPY") && request.has("DB") && code(reply)? == "ERR").then(|| Replacement::Answer(integer(1)))
        },
    ),
    on_reply(
        "hello-says-standalone",
        "HELLO reports the mode standalone",
        &["connection/hello-tells-the-mode"],
        |scene, request, reply| {
            (scene.node() == 1).then_some(())?;
            hello_says(request, reply, "mode", Tree::Bulk(b'$', b"standalone".to_vec()))
        },
    ),
    on_reply(
        "hello-says-master-on-a-replica",
        "HELLO reports the role master on a replica",
        &["connection/hello-tells-the-mode"],
        |scene, request, reply| {
            (scene.node() == 3).then_some(())?;
            hello_says(request, reply, "role", Tree::Bulk(b'$', b"master".to_vec()))
        },
    ),
    on_reply(
        "hello-says-the-protocol-before",
        "HELLO reports the protocol that the connection used before",
        &["connection/hello-tells-the-mode"],
        |scene, request, reply| {
            let protocol: &[u8] = if scene.resp3() { b"3" } else { b"2" };
            (scene.node() == 2).then_some(())?;
            hello_says(request, reply, "proto", Tree::Line(b':', protocol.to_vec()))
        },
    ),
    on_request(
        "hello-takes-a-later-protocol",
        "HELLO accepts a protocol that does not exist, and switches to the latest one",
        &["connection/hello-of-an-unknown-version"],
        |_, request| {
            let later = request.is("HELLO 4") && request.words().len() == 2;
            later.then(|| Replacement::Send { commands: vec![wire::Command::new(["HELLO", "3"])], shown: 0 })
        },
    ),
    on_request(
        "hello-of-an-unknown-version-resets-the-protocol",
        "HELLO with a protocol that does not exist switches the connection to RESP2",
        &["connection/hello-of-an-unknown-version"],
        |_, request| {
            let refused = request.is("HELLO 1") && request.words().len() == 2;
            let commands = vec![request.command(), wire::Command::new(["HELLO", "2"])];
            refused.then_some(Replacement::Send { commands, shown: 0 })
        },
    ),
    on_reply(
        "crossslot-is-a-blob-error-in-resp3",
        "A node sends CROSSSLOT as a blob error in RESP3",
        &["connection/same-errors-in-resp3"],
        |scene, _, reply| {
            let error = reply.error().filter(|error| scene.resp3() && error.code == "CROSSSLOT")?;
            Some(Replacement::Answer(Tree::Bulk(b'!', error.text.into_bytes()).bytes()))
        },
    ),
    on_reply(
        "noscript-has-no-code-in-resp3",
        "EVALSHA of an unknown script answers ERR in RESP3",
        &["connection/same-errors-in-resp3"],
        |scene, _, reply| {
            let renamed = scene.resp3() && code(reply)? == "NOSCRIPT";
            renamed.then(|| Replacement::Answer(error("ERR No matching script.")))
        },
    ),
    on_reply(
        "redirect-lacks-its-port-in-resp3",
        "MOVED names the owner's host without its port in RESP3",
        &["connection/same-errors-in-resp3", "moved/resp3-simple-error"],
        |scene, _, reply| {
            let (slot, address) = super::common::moved(reply).filter(|_| scene.resp3())?;
            let host = address.rsplit_once(':')?.0;
            Some(Replacement::Answer(error(&format!("MOVED {slot} {host}"))))
        },
    ),
    getkeys!(
        "getkeys-takes-values-for-keys",
        "COMMAND GETKEYS returns the values of MSET, too",
        "MSET",
        |request, _| request.words()[3..].iter().map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-two-with-values"]
    ),
    getkeys!(
        "getkeys-takes-arguments-of-a-script-for-keys",
        "COMMAND GETKEYS ignores the number of keys of EVAL",
        "EVAL",
        |request, _| request.words().iter().skip(5).map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-a-number-of-keys-that-is-one", "connection/getkeys-of-two-that-are-counted"]
    ),
    getkeys!(
        "getkeys-finds-one-stream",
        "COMMAND GETKEYS returns only the first stream of XREAD",
        "XREAD",
        |_, keys| keys.into_iter().take(1).collect(),
        &["connection/getkeys-of-two-streams"]
    ),
    getkeys!(
        "getkeys-leaves-out-the-destination-of-sort",
        "COMMAND GETKEYS omits the key after STORE of SORT",
        "SORT",
        |_, keys| keys.into_iter().take(1).collect(),
        &["connection/getkeys-of-two-one-of-which-is-an-option"]
    ),
    getkeys!(
        "getkeys-leaves-out-the-destination-of-a-union",
        "COMMAND GETKEYS returns only the counted keys of ZUNIONSTORE",
        "ZUNIONSTORE",
        |request, keys| keys.into_iter().filter(|key| key != request.word(3)).collect(),
        &["connection/getkeys-of-two-one-of-which-is-the-destination", "moved/every-declared-command"]
    ),
    getkeys!(
        "getkeys-takes-a-timeout-for-a-key",
        "COMMAND GETKEYS returns the timeout of BLPOP, too",
        "BLPOP",
        |request, _| request.words()[3..].iter().map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-two-before-a-timeout"]
    ),
    getkeys!(
        "getkeys-takes-an-operation-for-a-key",
        "COMMAND GETKEYS returns the operation of BITOP as its first key",
        "BITOP",
        |request, keys| std::iter::once(request.word(3).to_vec()).chain(keys).collect(),
        &["connection/getkeys-of-two-behind-an-operation"]
    ),
    getkeys!(
        "getkeys-takes-a-subcommand-for-a-key",
        "COMMAND GETKEYS returns the subcommand of OBJECT",
        "OBJECT",
        |request, _| vec![request.word(3).to_vec()],
        &["connection/getkeys-of-the-second-word"]
    ),
    getkeys!(
        "getkeys-finds-no-key-in-get",
        "COMMAND GETKEYS returns an empty list for GET",
        "GET",
        |_, _| Vec::new(),
        &["connection/getkeys-of-one"]
    ),
    on_reply(
        "getkeys-of-no-keys-is-empty",
        "COMMAND GETKEYS returns an empty list for a command without keys",
        &["connection/getkeys-of-no-keys"],
        |_, request, reply| {
            (request.is("COMMAND GETKEYS PING") && code(reply)? == "ERR").then(|| Replacement::Answer(array(&[])))
        },
    ),
    table!(
        "command-table-steps-over-no-value",
        "COMMAND INFO says that every word of MSET is a key",
        "mset",
        |entry| entry[5] = Tree::Line(b':', b"1".to_vec()),
        &["connection/command-table"]
    ),
    table!(
        "command-table-ends-bitop-at-its-destination",
        "COMMAND INFO says that the first key of BITOP is its last",
        "bitop",
        |entry| entry[4] = Tree::Line(b':', b"2".to_vec()),
        &["connection/command-table"]
    ),
    table!(
        "command-table-counts-keys-from-zero",
        "COMMAND INFO counts the arguments of GET without its name",
        "get",
        |entry| entry[3..5].fill(Tree::Line(b':', b"0".to_vec())),
        &["connection/command-table"]
    ),
    table!(
        "command-table-gives-asking-an-argument",
        "COMMAND INFO says that ASKING has an argument",
        "asking",
        |entry| entry[1] = Tree::Line(b':', b"2".to_vec()),
        &["connection/command-table"]
    ),
    table!(
        "command-table-keeps-movable-keys-secret",
        "COMMAND INFO does not flag EVAL as a command with movable keys",
        "eval",
        |entry| {
            if let Some(flags) = entry[2].items_mut() {
                flags.retain(|flag| flag.text() != Some(b"movablekeys"));
            }
        },
        &["connection/command-table"]
    ),
];

/// Returns the reply to HELLO with another value for a name.
fn hello_says(request: &Request, reply: &Reply, name: &str, value: Tree) -> Option<Replacement> {
    request.is("HELLO").then_some(())?;
    let changed = tree(reply.bytes(), |hello| {
        *hello.value_mut(name)? = value;
        Some(())
    });
    changed.map(Replacement::Answer)
}

/// Returns the reply to COMMAND INFO with one entry changed.
fn entry_changed(
    request: &Request,
    reply: &Reply,
    command: &str,
    change: impl Fn(&mut Vec<Tree>),
) -> Option<Replacement> {
    request.is("COMMAND INFO").then_some(())?;
    let changed = tree(reply.bytes(), |commands| {
        let named = |entry: &&mut Tree| {
            entry.items().and_then(|items| items.first()?.text()).is_some_and(|name| name == command.as_bytes())
        };
        let entry = commands.items_mut()?.iter_mut().find(named)?;
        entry.items_mut().filter(|fields| fields.len() > 5).map(change)
    });
    changed.map(Replacement::Answer)
}
