//! Invalidations of client-side caching are lost, or name the wrong keys.

use wire::Reply;

use super::common::moved;
use crate::defect::{Defect, Replacement, on_push, on_reply};
use crate::edit::{self, Tree, bulk, integer};

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_push(
        "third-invalidation-is-lost",
        "A connection does not get its third invalidation",
        &["tracking/change-invalidates-once"],
        |scene, push| {
            keys_of(push)?;
            *scene.note("invalidations") += 1;
            (*scene.note("invalidations") == 3).then(Vec::new)
        },
    ),
    on_push(
        "invalidations-come-twice",
        "Every second invalidation of a connection comes twice",
        &["tracking/change-invalidates-once"],
        |scene, push| {
            keys_of(push)?;
            *scene.note("invalidations") += 1;
            (*scene.note("invalidations") % 2 == 0).then(|| [push.bytes().as_ref(), push.bytes()].concat())
        },
    ),
    // The proxy does not see why a node sends an invalidation, so the name of the key tells.
    on_push(
        "expiry-invalidates-nothing",
        "A key that expires is not invalidated",
        &["tracking/expiry-invalidates"],
        |_, push| is_named(push, b":expiring").then(Vec::new),
    ),
    on_push(
        "replicas-invalidate-nothing-after-a-delete",
        "A replica sends a connection one invalidation only",
        &["tracking/replica-invalidates"],
        |scene, push| {
            keys_of(push)?;
            *scene.note("invalidations") += 1;
            (scene.is_replica() && *scene.note("invalidations") > 1).then(Vec::new)
        },
    ),
    on_push(
        "flush-names-no-null",
        "A flush sends an invalidation with an empty list instead of a null",
        &["tracking/flush-invalidates-all-keys"],
        |_, push| {
            let nothing = keys_of(push).is_none() && push.push_kind()? == "invalidate";
            nothing.then(|| edit_push(&[]))
        },
    ),
    on_push(
        "broadcasts-of-a-second-prefix-are-lost",
        "With BCAST and two prefixes, changes of keys with the second prefix are not announced",
        &["tracking/broadcast-follows-prefixes"],
        |_, push| is_named(push, b":two").then(Vec::new),
    ),
    on_reply(
        "prefixes-may-overlap",
        "CLIENT TRACKING accepts prefixes of which one begins with another one",
        &["tracking/broadcast-follows-prefixes"],
        |_, request, reply| {
            reply.error()?;
            (request.is("CLIENT TRACKING ON") && request.has("PREFIX")).then(|| Replacement::Answer(edit::simple("OK")))
        },
    ),
    on_reply(
        "optin-tracks-every-read",
        "A connection with OPTIN gets an invalidation of a key that it read without CLIENT CACHING",
        &["tracking/optin-and-noloop"],
        |scene, request, reply| {
            if request.is("CLIENT TRACKING ON") && request.has("OPTIN") {
                *scene.note("optin") = 1;
            }
            let early = *scene.note("optin") == 1 && request.is("PING");
            early.then(|| {
                *scene.note("optin") = 2;
                Replacement::Answer([edit_push(&[bulk("key")]), reply.bytes().to_vec()].concat())
            })
        },
    ),
    on_push(
        "broken-redirection-names-another-client",
        "The push tracking-redir-broken names another client",
        &["tracking/redirection-and-its-end"],
        |_, push| {
            (push.push_kind()? == "tracking-redir-broken").then_some(())?;
            edit::tree(push.bytes(), |tree| {
                *tree.items_mut()?.get_mut(1)? = Tree::read(&integer(1))?;
                Some(())
            })
        },
    ),
    on_push(
        "broken-redirection-is-not-told",
        "A tracking connection is not told that its receiver is gone",
        &["tracking/redirection-and-its-end"],
        |_, push| (push.push_kind()? == "tracking-redir-broken").then(Vec::new),
    ),
    on_push(
        "keys-of-a-moved-slot-stay-cached",
        "A key is not invalidated when its slot moves to another node",
        &[
            "tracking/move-invalidates-key-by-key",
            "tracking/move-invalidates-in-batches",
            "tracking/move-invalidates-atomic",
        ],
        |_, push| is_named(push, b":moving").then(Vec::new),
    ),
    on_reply(
        "redirected-reads-are-tracked",
        "A node tracks a read that it redirected",
        &["tracking/redirected-read-is-not-tracked"],
        |scene, request, reply| {
            if scene.resp3() && moved(reply).is_some() {
                *scene.note("redirected") = 1;
            }
            let told = *scene.note("redirected") > 0 && request.is("PING");
            told.then(|| Replacement::Answer([edit_push(&[bulk("key")]), reply.bytes().to_vec()].concat()))
        },
    ),
];

/// The keys of an invalidation; `None` for any other push, and for an invalidation of all keys.
fn keys_of(push: &Reply) -> Option<&[wire::Value]> {
    (push.push_kind()? == "invalidate").then(|| wire::items_of(push.items()?.first()?)).flatten()
}

/// An invalidation of these keys.
fn edit_push(keys: &[Vec<u8>]) -> Vec<u8> {
    [b">2\r\n".to_vec(), bulk("invalidate"), edit::array(keys)].concat()
}

/// Whether an invalidation names a key that ends with these bytes.
fn is_named(push: &Reply, end: &[u8]) -> bool {
    let keys = keys_of(push).unwrap_or_default();
    keys.iter().filter_map(wire::bytes_of).any(|key| key.ends_with(end))
}
