//! SELECT, HELLO, COMMAND and the protocols: what a connection is told of the server itself.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Instead, Lie};
use crate::edit::{Tree, array, bulk, error, integer, null, simple, tree};
use crate::request::Request;

/// COMMAND GETKEYS of a command that begins with these words gives other keys.
macro_rules! getkeys {
    ($name:literal, $sentence:literal, $call:literal, $change:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                let change: fn(&Request, Vec<Vec<u8>>) -> Vec<Vec<u8>> = $change;
                request.is(concat!("COMMAND GETKEYS ", $call)).then_some(())?;
                let keys = reply.items()?.iter().filter_map(wire::bytes_of).map(<[u8]>::to_vec).collect();
                let keys: Vec<Vec<u8>> = change(request, keys).iter().map(bulk).collect();
                Some(Instead::Say(array(&keys)))
            }),
        }
    };
}

/// The entry of a command in the table of COMMAND INFO is another one.
macro_rules! table {
    ($name:literal, $sentence:literal, $command:literal, $change:expr, $fails:expr) => {
        Defect {
            name: $name,
            sentence: $sentence,
            fails: $fails,
            lie: Lie::Reply(|_, request, reply| {
                let change: fn(&mut Vec<Tree>) = $change;
                entry_changed(request, reply, $command, change)
            }),
        }
    };
}

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    Defect {
        name: "select-takes-any-database",
        sentence: "SELECT answers OK to a database that is not there",
        fails: &["connection/other-databases-are-refused"],
        lie: Lie::Reply(|_, request, reply| {
            let refused =
                request.is("SELECT") && request.word(1).iter().all(u8::is_ascii_digit) && code(reply)? == "ERR";
            refused.then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "select-that-is-refused-leaves-the-database",
        sentence: "After a SELECT that was refused the connection reads from another database",
        fails: &["connection/other-databases-are-refused"],
        lie: Lie::Reply(|scene, request, reply| {
            if request.is("SELECT") {
                *scene.note("elsewhere") = i64::from(reply.error().is_some());
            }
            let reads = *scene.note("elsewhere") == 1 && request.is("GET") && reply.text().is_some();
            reads.then(|| Instead::Say(null(scene.resp3())))
        }),
    },
    Defect {
        name: "select-zero-is-refused",
        sentence: "SELECT refuses every database, that of the connection too",
        fails: &["connection/database-zero", "moved/fresh-after-reshard", "transactions/slot-leaves-before-exec"],
        lie: Lie::Reply(|_, request, reply| {
            let zero = request.is("SELECT 0") && reply.is_ok();
            zero.then(|| Instead::Say(error("ERR SELECT is not allowed in cluster mode")))
        }),
    },
    Defect {
        name: "select-zero-is-refused-on-a-replica",
        sentence: "A replica refuses SELECT 0",
        fails: &["connection/database-zero"],
        lie: Lie::Reply(|scene, request, reply| {
            let zero = request.is("SELECT 0") && reply.is_ok() && scene.node() == 4;
            zero.then(|| Instead::Say(error("ERR SELECT is not allowed in cluster mode")))
        }),
    },
    Defect {
        name: "swapdb-is-accepted",
        sentence: "SWAPDB answers OK and swaps nothing",
        fails: &["connection/swapdb-is-refused"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("SWAPDB") && code(reply)? == "ERR").then(|| Instead::Say(simple("OK")))
        }),
    },
    Defect {
        name: "move-finds-no-key",
        sentence: "MOVE to a database that is not there answers 0, as if the key were missing",
        fails: &["connection/other-databases-are-refused"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("MOVE") && code(reply)? == "ERR").then(|| Instead::Say(integer(0)))
        }),
    },
    Defect {
        name: "copy-takes-any-database",
        sentence: "COPY does not look at the number of the database that it copies to",
        fails: &["connection/other-databases-are-refused"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("COPY") && request.has("DB") && code(reply)? == "ERR").then(|| Instead::Say(integer(1)))
        }),
    },
    Defect {
        name: "hello-says-standalone",
        sentence: "HELLO says that the mode is standalone",
        fails: &["connection/hello-tells-the-mode"],
        lie: Lie::Reply(|scene, request, reply| {
            (scene.node() == 1).then_some(())?;
            hello_says(request, reply, "mode", Tree::Bulk(b'$', b"standalone".to_vec()))
        }),
    },
    Defect {
        name: "hello-says-master-on-a-replica",
        sentence: "HELLO says on a replica that its role is master",
        fails: &["connection/hello-tells-the-mode"],
        lie: Lie::Reply(|scene, request, reply| {
            (scene.node() == 3).then_some(())?;
            hello_says(request, reply, "role", Tree::Bulk(b'$', b"master".to_vec()))
        }),
    },
    Defect {
        name: "hello-says-the-protocol-before",
        sentence: "HELLO says which protocol the connection had before",
        fails: &["connection/hello-tells-the-mode"],
        lie: Lie::Reply(|scene, request, reply| {
            let protocol: &[u8] = if scene.resp3() { b"3" } else { b"2" };
            (scene.node() == 2).then_some(())?;
            hello_says(request, reply, "proto", Tree::Line(b':', protocol.to_vec()))
        }),
    },
    Defect {
        name: "hello-takes-a-later-protocol",
        sentence: "HELLO takes a protocol that does not exist yet, and goes on in the latest",
        fails: &["connection/hello-of-an-unknown-version"],
        lie: Lie::Request(|_, request| {
            let later = request.is("HELLO 4") && request.words().len() == 2;
            later.then(|| Instead::Send { commands: vec![wire::Command::new(["HELLO", "3"])], shown: 0 })
        }),
    },
    Defect {
        name: "hello-of-an-unknown-version-resets-the-protocol",
        sentence: "After HELLO with a protocol that does not exist the connection goes on in RESP2",
        fails: &["connection/hello-of-an-unknown-version"],
        lie: Lie::Request(|_, request| {
            let refused = request.is("HELLO 1") && request.words().len() == 2;
            let commands = vec![request.command(), wire::Command::new(["HELLO", "2"])];
            refused.then_some(Instead::Send { commands, shown: 0 })
        }),
    },
    Defect {
        name: "crossslot-is-a-blob-error-in-resp3",
        sentence: "CROSSSLOT is a blob error in RESP3",
        fails: &["connection/same-errors-in-resp3"],
        lie: Lie::Reply(|scene, _, reply| {
            let error = reply.error().filter(|error| scene.resp3() && error.code == "CROSSSLOT")?;
            Some(Instead::Say(Tree::Bulk(b'!', error.text.into_bytes()).bytes()))
        }),
    },
    Defect {
        name: "noscript-has-no-code-in-resp3",
        sentence: "EVALSHA of an unknown script answers ERR in RESP3",
        fails: &["connection/same-errors-in-resp3"],
        lie: Lie::Reply(|scene, _, reply| {
            let renamed = scene.resp3() && code(reply)? == "NOSCRIPT";
            renamed.then(|| Instead::Say(error("ERR No matching script.")))
        }),
    },
    Defect {
        name: "redirect-lacks-its-port-in-resp3",
        sentence: "MOVED names the owner's host without its port in RESP3",
        fails: &["connection/same-errors-in-resp3", "moved/resp3-simple-error"],
        lie: Lie::Reply(|scene, _, reply| {
            let (slot, address) = super::common::moved(reply).filter(|_| scene.resp3())?;
            let host = address.rsplit_once(':')?.0;
            Some(Instead::Say(error(&format!("MOVED {slot} {host}"))))
        }),
    },
    getkeys!(
        "getkeys-takes-values-for-keys",
        "COMMAND GETKEYS of MSET gives every word, the values too",
        "MSET",
        |request, _| request.words()[3..].iter().map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-two-with-values"]
    ),
    getkeys!(
        "getkeys-takes-arguments-of-a-script-for-keys",
        "COMMAND GETKEYS of EVAL does not look at the number of keys",
        "EVAL",
        |request, _| request.words().iter().skip(5).map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-a-number-of-keys-that-is-one", "connection/getkeys-of-two-that-are-counted"]
    ),
    getkeys!(
        "getkeys-finds-one-stream",
        "COMMAND GETKEYS of XREAD gives the first stream only",
        "XREAD",
        |_, keys| keys.into_iter().take(1).collect(),
        &["connection/getkeys-of-two-streams"]
    ),
    getkeys!(
        "getkeys-leaves-out-the-destination-of-sort",
        "COMMAND GETKEYS of SORT leaves out the key behind STORE",
        "SORT",
        |_, keys| keys.into_iter().take(1).collect(),
        &["connection/getkeys-of-two-one-of-which-is-an-option"]
    ),
    getkeys!(
        "getkeys-leaves-out-the-destination-of-a-union",
        "COMMAND GETKEYS of ZUNIONSTORE gives the keys that are counted only",
        "ZUNIONSTORE",
        |request, keys| keys.into_iter().filter(|key| key != request.word(3)).collect(),
        &["connection/getkeys-of-two-one-of-which-is-the-destination", "moved/every-declared-command"]
    ),
    getkeys!(
        "getkeys-takes-a-timeout-for-a-key",
        "COMMAND GETKEYS of BLPOP gives the timeout too",
        "BLPOP",
        |request, _| request.words()[3..].iter().map(|word| word.to_vec()).collect(),
        &["connection/getkeys-of-two-before-a-timeout"]
    ),
    getkeys!(
        "getkeys-takes-an-operation-for-a-key",
        "COMMAND GETKEYS of BITOP begins with the operation",
        "BITOP",
        |request, keys| std::iter::once(request.word(3).to_vec()).chain(keys).collect(),
        &["connection/getkeys-of-two-behind-an-operation"]
    ),
    getkeys!(
        "getkeys-takes-a-subcommand-for-a-key",
        "COMMAND GETKEYS of OBJECT gives the subcommand",
        "OBJECT",
        |request, _| vec![request.word(3).to_vec()],
        &["connection/getkeys-of-the-second-word"]
    ),
    getkeys!(
        "getkeys-finds-no-key-in-get",
        "COMMAND GETKEYS of GET gives an empty list",
        "GET",
        |_, _| Vec::new(),
        &["connection/getkeys-of-one"]
    ),
    Defect {
        name: "getkeys-of-no-keys-is-empty",
        sentence: "COMMAND GETKEYS of a command without keys gives an empty list",
        fails: &["connection/getkeys-of-no-keys"],
        lie: Lie::Reply(|_, request, reply| {
            (request.is("COMMAND GETKEYS PING") && code(reply)? == "ERR").then(|| Instead::Say(array(&[])))
        }),
    },
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
        "COMMAND INFO counts the words of GET from the one behind its name",
        "get",
        |entry| entry[3..5].fill(Tree::Line(b':', b"0".to_vec())),
        &["connection/command-table"]
    ),
    table!(
        "command-table-gives-asking-an-argument",
        "COMMAND INFO says that ASKING takes a word",
        "asking",
        |entry| entry[1] = Tree::Line(b':', b"2".to_vec()),
        &["connection/command-table"]
    ),
    table!(
        "command-table-keeps-movable-keys-secret",
        "COMMAND INFO does not say that the keys of EVAL are where its words say",
        "eval",
        |entry| {
            if let Some(flags) = entry[2].items_mut() {
                flags.retain(|flag| flag.text() != Some(b"movablekeys"));
            }
        },
        &["connection/command-table"]
    ),
];

/// The same answer to HELLO with another value for a name.
fn hello_says(request: &Request, reply: &Reply, name: &str, value: Tree) -> Option<Instead> {
    request.is("HELLO").then_some(())?;
    let changed = tree(reply.bytes(), |hello| {
        *hello.value_mut(name)? = value;
        Some(())
    });
    changed.map(Instead::Say)
}

/// The table of COMMAND INFO with one entry changed.
fn entry_changed(request: &Request, reply: &Reply, command: &str, change: impl Fn(&mut Vec<Tree>)) -> Option<Instead> {
    request.is("COMMAND INFO").then_some(())?;
    let changed = tree(reply.bytes(), |commands| {
        let named = |entry: &&mut Tree| {
            entry.items().and_then(|items| items.first()?.text()).is_some_and(|name| name == command.as_bytes())
        };
        let entry = commands.items_mut()?.iter_mut().find(named)?;
        entry.items_mut().filter(|fields| fields.len() > 5).map(change)
    });
    changed.map(Instead::Say)
}
