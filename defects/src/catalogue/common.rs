//! Helpers that several families use.

use wire::{Redirect, Reply};

use crate::defect::Replacement;
use crate::edit;
use crate::request::Request;
use crate::scene::Scene;

/// Returns the code of an error; `None` for any other reply.
pub(super) fn code(reply: &Reply) -> Option<String> {
    reply.error().map(|error| error.code)
}

/// Returns the slot and the address of a MOVED.
pub(super) fn moved(reply: &Reply) -> Option<(u16, String)> {
    match Redirect::parse(&reply.error()?)?.ok()? {
        Redirect::Moved { slot, address } => Some((slot.number(), format!("{}:{}", address.host, address.port))),
        _ => None,
    }
}

/// Returns the reply of the owner of the slot where the node itself would redirect.
pub(super) fn served(request: &Request, reply: &Reply) -> Option<Replacement> {
    let (_, node) = moved(reply)?;
    Some(Replacement::Ask { node, commands: vec![request.command()] })
}

/// Returns what a command answers that finds nothing or does nothing, for nodes that do not refuse what they should.
pub(super) fn plausible(scene: &Scene<'_>, request: &Request) -> Vec<u8> {
    if scene.in_transaction() {
        return edit::simple("QUEUED");
    }
    match request.name() {
        "MSET" | "RENAME" | "PFMERGE" | "WATCH" | "SET" => edit::simple("OK"),
        "MGET" => edit::array(&vec![edit::null(scene.resp3()); request.words().len().saturating_sub(1)]),
        "SINTER" | "SUNION" | "SDIFF" | "ZUNION" | "ZINTER" | "ZDIFF" => edit::array(&[]),
        "GET" | "LMOVE" | "RPOPLPUSH" | "BLPOP" | "BRPOP" | "EVAL" | "EVALSHA" | "FCALL" | "XREAD" | "XREADGROUP" => {
            edit::null(scene.resp3())
        }
        _ => edit::integer(0),
    }
}

/// Answers some commands as a node would that never refuses with this error code.
pub(super) fn unrefused(
    scene: &Scene<'_>,
    request: &Request,
    reply: &Reply,
    refusal: &str,
    commands: &[&str],
) -> Option<Replacement> {
    (request.is_any(commands) && code(reply)? == refusal).then(|| Replacement::Answer(plausible(scene, request)))
}

/// Returns the slot of a key.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    wire::Slot::of(key).number()
}
