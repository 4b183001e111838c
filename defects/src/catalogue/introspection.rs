//! COMMAND describes commands wrongly, or access rules overlook keys.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Replacement, on_reply};
use crate::edit::{self, Tree, array, bulk, error, integer, null, simple};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_reply(
        "command-lists-a-subcommand-that-is-missing",
        "COMMAND lists a subcommand of CLUSTER that the server does not have",
        &["introspection/subcommands-exist"],
        |_, request, reply| {
            in_table(request, reply, "cluster", |entry| {
                let subcommands = entry.items_mut()?.get_mut(9)?.items_mut()?;
                let mut invented = subcommands.first()?.clone();
                *invented.items_mut()?.get_mut(0)? = Tree::Bulk(b'$', b"cluster|invented".to_vec());
                subcommands.push(invented);
                Some(())
            })
        },
    ),
    on_reply(
        "command-says-fewer-words-for-a-subcommand",
        "COMMAND says that COUNTKEYSINSLOT of CLUSTER has one word less than it needs",
        &["introspection/subcommands-exist"],
        |_, request, reply| {
            in_table(request, reply, "cluster", |entry| {
                let subcommands = entry.items_mut()?.get_mut(9)?.items_mut()?;
                let named = |entry: &Tree| {
                    entry.items().and_then(|items| items.first()?.text()) == Some(b"cluster|countkeysinslot")
                };
                let entry = subcommands.iter_mut().find(|entry| named(entry))?;
                *entry.items_mut()?.get_mut(1)? = Tree::Line(b':', b"2".to_vec());
                Some(())
            })
        },
    ),
    on_reply(
        "shard-channels-of-sunsubscribe-are-keys",
        "COMMAND describes the channels of SUNSUBSCRIBE as keys",
        &["introspection/shard-channels-are-not-keys"],
        |_, request, reply| {
            in_table(request, reply, "sunsubscribe", |entry| {
                let spec = entry.items_mut()?.get_mut(8)?.items_mut()?.first_mut()?;
                spec.value_mut("flags")?.items_mut()?.clear();
                Some(())
            })
        },
    ),
    on_reply(
        "getkeys-returns-shard-channels",
        "COMMAND GETKEYS returns the channel of SSUBSCRIBE",
        &["introspection/shard-channels-are-not-keys"],
        |_, request, _| {
            let asked = request.is("COMMAND GETKEYS SSUBSCRIBE");
            asked.then(|| Replacement::Answer(array(&[bulk(request.word(3))])))
        },
    ),
    on_reply(
        "tips-have-an-unknown-policy",
        "COMMAND gives RANDOMKEY a request_policy that no documentation names",
        &["introspection/policies-are-known"],
        |_, request, reply| tips(request, reply, "randomkey", &["request_policy:any_shard"]),
    ),
    on_reply(
        "tips-combine-without-a-request",
        "COMMAND gives RANDOMKEY a response_policy without a request_policy",
        &["introspection/policies-are-known"],
        |_, request, reply| tips(request, reply, "randomkey", &["response_policy:special"]),
    ),
    on_reply(
        "command-of-replicas-lacks-a-command",
        "COMMAND on a replica omits one command",
        &["introspection/every-node-has-the-same-table"],
        |scene, request, reply| {
            (scene.is_replica() && is_table(request)).then_some(())?;
            changed(reply, |tree| tree.items_mut()?.pop().map(drop))
        },
    ),
    on_reply(
        "command-of-the-second-primary-has-another-arity",
        "COMMAND on the second primary gives GETRANGE another arity",
        &["introspection/every-node-has-the-same-table"],
        |scene, request, reply| {
            (scene.node() == 1).then_some(())?;
            in_table(request, reply, "getrange", |entry| {
                *entry.items_mut()?.get_mut(1)? = Tree::Line(b':', b"-4".to_vec());
                Some(())
            })
        },
    ),
    on_reply(
        "key-spec-of-mset-has-step-1",
        "The key specification of MSET takes values for keys",
        &["introspection/key-specs-find-known-keys"],
        |_, request, reply| range(request, reply, "mset", "keystep", "1"),
    ),
    on_reply(
        "key-spec-of-blpop-includes-the-timeout",
        "The key specification of BLPOP takes the timeout for a key",
        &["introspection/key-specs-agree-with-getkeys"],
        |_, request, reply| range(request, reply, "blpop", "lastkey", "-1"),
    ),
    on_reply(
        "key-spec-of-xread-has-no-limit",
        "The key specification of XREAD takes the ids for keys",
        &["introspection/key-specs-find-known-keys", "introspection/key-specs-agree-with-getkeys"],
        |_, request, reply| range(request, reply, "xread", "limit", "0"),
    ),
    on_reply(
        "getkeys-of-georadius-omits-the-destination",
        "COMMAND GETKEYS of GEORADIUS omits the key after STORE",
        &["introspection/key-specs-find-known-keys"],
        |_, request, reply| {
            (request.is("COMMAND GETKEYS GEORADIUS") && reply.items()?.len() == 2).then_some(())?;
            changed(reply, |tree| tree.items_mut()?.pop().map(drop))
        },
    ),
    on_reply(
        "getkeys-of-migrate-finds-the-empty-key",
        "COMMAND GETKEYS of MIGRATE with KEYS returns the empty key as well",
        &["introspection/key-specs-find-known-keys"],
        |_, request, reply| {
            (request.is("COMMAND GETKEYS MIGRATE") && request.has("KEYS")).then_some(())?;
            changed(reply, |tree| {
                tree.items_mut()?.insert(0, Tree::Bulk(b'$', Vec::new()));
                Some(())
            })
        },
    ),
    on_reply(
        "rights-overlook-the-second-key-of-rename",
        "A user may RENAME a key to any name if only the first key is inside the user's pattern",
        &["introspection/rights-see-every-key"],
        |scene, request, reply| {
            let outside = request.word(2).windows(6).any(|part| part == b"hidden");
            let first_only = scene.in_transaction() && request.is("RENAME") && outside && code(reply)? == "NOPERM";
            first_only.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "rights-overlook-the-third-key-of-del",
        "A user may DEL any key that is the third one",
        &["introspection/rights-see-every-key"],
        |scene, request, reply| {
            let outside = request.word(3).windows(6).any(|part| part == b"hidden");
            let third = scene.in_transaction() && request.is("DEL") && outside && code(reply)? == "NOPERM";
            third.then(|| Replacement::Answer(simple("QUEUED")))
        },
    ),
    on_reply(
        "rights-refuse-streams",
        "XREAD in a transaction answers NOPERM for keys that the user may read",
        &["introspection/rights-see-every-key"],
        |scene, request, reply| {
            if request.is("AUTH") && request.words().len() == 3 {
                *scene.note("user") = 1;
            }
            let read = *scene.note("user") > 0 && scene.in_transaction() && request.is("XREAD");
            (read && reply.error().is_none())
                .then(|| Replacement::Answer(error("NOPERM No permissions to access a key")))
        },
    ),
    on_reply(
        "tips-of-dbsize-take-the-greatest",
        "COMMAND says that clients combine the replies of DBSIZE by their maximum",
        &["introspection/tips-name-the-right-nodes", "introspection/tips-hold-for-keys"],
        |_, request, reply| tips(request, reply, "dbsize", &["request_policy:all_shards", "response_policy:agg_max"]),
    ),
    on_reply(
        "tips-of-exists-are-for-one-node",
        "COMMAND gives EXISTS no tips, so that clients send all keys to one node",
        &["introspection/tips-name-the-right-nodes"],
        |_, request, reply| tips(request, reply, "exists", &[]),
    ),
    on_reply(
        "touch-counts-twice-on-the-second-primary",
        "TOUCH on the second primary counts each key twice",
        &["introspection/tips-hold-for-keys"],
        |scene, request, reply| {
            let counted = scene.node() == 1 && request.is("TOUCH") && reply.integer()? > 0;
            counted.then(|| Replacement::Answer(integer(2)))
        },
    ),
    on_reply(
        "script-load-misses-the-second-primary",
        "SCRIPT LOAD on the second primary returns the digest and does not keep the script",
        &["introspection/tips-hold-for-scripts"],
        |scene, request, _| {
            let asked = scene.node() == 1 && request.is("SCRIPT EXISTS") && request.words().len() == 4;
            asked.then(|| Replacement::Answer(array(&[integer(0), integer(0)])))
        },
    ),
    on_reply(
        "function-delete-misses-replicas",
        "FUNCTION DELETE does not reach replicas",
        &["introspection/tips-hold-for-scripts"],
        |scene, request, reply| {
            (scene.is_replica() && request.is("FUNCTION LIST")).then_some(())?;
            if !reply.items()?.is_empty() {
                scene.share("listed", 1);
                return None;
            }
            (scene.shared("listed") > 0).then(|| Replacement::Answer(array(&[array(&[])])))
        },
    ),
    on_reply(
        "client-setname-misses-replicas",
        "CLIENT SETNAME on a replica answers OK and sets no name",
        &["introspection/tips-hold-for-nodes"],
        |scene, request, _| {
            let asked = scene.is_replica() && !scene.resp3() && request.is("CLIENT GETNAME");
            asked.then(|| Replacement::Answer(null(false)))
        },
    ),
    on_reply(
        "acl-getuser-of-replicas-finds-deleted-users",
        "ACL DELUSER on a replica answers 0 and keeps the user",
        &["introspection/tips-hold-for-nodes"],
        |scene, request, reply| {
            let gone = scene.is_replica() && request.is("ACL GETUSER") && reply.is_null();
            gone.then(|| Replacement::Answer(array(&[bulk("flags"), array(&[])])))
        },
    ),
    on_reply(
        "flags-of-get-say-write",
        "COMMAND GETKEYSANDFLAGS says RW for a key that a command only reads",
        &["connection/getkeysandflags-of-get"],
        |_, request, reply| flags(request, reply, "RO", "RW"),
    ),
    on_reply(
        "flags-of-set-say-read",
        "COMMAND GETKEYSANDFLAGS says RW for a key that a command overwrites",
        &["connection/getkeysandflags-of-set"],
        |_, request, reply| flags(request, reply, "OW", "RW"),
    ),
    on_reply(
        "flags-of-lpush-say-update",
        "COMMAND GETKEYSANDFLAGS says update for a key to which a command adds",
        &["connection/getkeysandflags-of-lpush"],
        |_, request, reply| flags(request, reply, "insert", "update"),
    ),
    on_reply(
        "flags-of-del-say-update",
        "COMMAND GETKEYSANDFLAGS says update for a key that a command deletes",
        &["connection/getkeysandflags-of-del"],
        |_, request, reply| flags(request, reply, "delete", "update"),
    ),
];

fn changed(reply: &Reply, change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Replacement> {
    edit::tree(reply.bytes(), change).map(Replacement::Answer)
}

fn is_table(request: &Request) -> bool {
    request.is("COMMAND") && request.words().len() == 1
}

/// Changes the entry of one command in the reply to COMMAND.
fn in_table(
    request: &Request,
    reply: &Reply,
    name: &str,
    change: impl FnOnce(&mut Tree) -> Option<()>,
) -> Option<Replacement> {
    is_table(request).then_some(())?;
    changed(reply, |tree| {
        let named = |entry: &Tree| entry.items().and_then(|items| items.first()?.text()) == Some(name.as_bytes());
        change(tree.items_mut()?.iter_mut().find(|entry| named(entry))?)
    })
}

/// Replaces the tips of one command in the reply to COMMAND.
fn tips(request: &Request, reply: &Reply, name: &str, tips: &[&str]) -> Option<Replacement> {
    in_table(request, reply, name, |entry| {
        let own = entry.items_mut()?.get_mut(7)?.items_mut()?;
        *own = tips.iter().map(|tip| Tree::Bulk(b'$', tip.as_bytes().to_vec())).collect();
        Some(())
    })
}

/// Changes a number in the first key specification of one command in the reply to COMMAND.
fn range(request: &Request, reply: &Reply, name: &str, field: &str, value: &str) -> Option<Replacement> {
    in_table(request, reply, name, |entry| {
        let spec = entry.items_mut()?.get_mut(8)?.items_mut()?.first_mut()?;
        *spec.value_mut("find_keys")?.value_mut("spec")?.value_mut(field)? =
            Tree::Line(b':', value.as_bytes().to_vec());
        Some(())
    })
}

/// Changes a flag of the keys in the reply to COMMAND GETKEYSANDFLAGS.
fn flags(request: &Request, reply: &Reply, before: &str, after: &str) -> Option<Replacement> {
    request.is("COMMAND GETKEYSANDFLAGS").then_some(())?;
    changed(reply, |tree| {
        for key in tree.items_mut()? {
            for flag in key.items_mut()?.get_mut(1)?.items_mut()? {
                if flag.text()? == before.as_bytes() {
                    *flag = Tree::Line(b'+', after.as_bytes().to_vec());
                }
            }
        }
        Some(())
    })
}
