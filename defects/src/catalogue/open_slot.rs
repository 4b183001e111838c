//! What a defect can know of the slot that is moving: the slot and its two ends, from the SETSLOT that nodes get.

use wire::{Redirect, Reply};

use super::common::{code, slot_of};
use crate::defect::Replacement;
use crate::edit::error;
use crate::request::Request;
use crate::scene::Scene;

/// The slot that was opened last, and the numbers of the nodes at its ends.
pub(super) struct OpenSlot {
    pub(super) slot: u16,
    pub(super) source: usize,
    pub(super) target: usize,
}

/// Follows SETSLOT, and returns the open slot for any other request.
pub(super) fn open_slot(scene: &mut Scene<'_>, request: &Request) -> Option<OpenSlot> {
    if request.is("CLUSTER SETSLOT") {
        let slot = i64::from(number(request.word(2))?) + 1;
        let node = i64::try_from(scene.node()).ok()? + 1;
        match request.word(3).to_ascii_uppercase().as_slice() {
            b"IMPORTING" => {
                scene.share("slot", slot);
                scene.share("target", node);
            }
            b"MIGRATING" => {
                scene.share("slot", slot);
                scene.share("source", node);
            }
            _ => ["slot", "source", "target"].into_iter().for_each(|name| scene.share(name, 0)),
        }
        return None;
    }
    let known = |name| usize::try_from(scene.shared(name) - 1).ok();
    Some(OpenSlot { slot: u16::try_from(known("slot")?).ok()?, source: known("source")?, target: known("target")? })
}

/// The open slot, if the node is its source and the request names a key in it.
pub(super) fn at_source(scene: &mut Scene<'_>, request: &Request) -> Option<OpenSlot> {
    let open = open_slot(scene, request)?;
    (scene.node() == open.source && open.has_key_of(request)).then_some(open)
}

/// The open slot, if the node is its target and the request names a key in it.
pub(super) fn at_target(scene: &mut Scene<'_>, request: &Request) -> Option<OpenSlot> {
    let open = open_slot(scene, request)?;
    (scene.node() == open.target && open.has_key_of(request)).then_some(open)
}

impl OpenSlot {
    /// Whether a word of the request is a key in the slot.
    fn has_key_of(&self, request: &Request) -> bool {
        self.keys_in(request) > 0
    }

    /// How many words of the request are keys in the slot.
    pub(super) fn keys_in(&self, request: &Request) -> usize {
        request.words().iter().skip(1).filter(|word| word.contains(&b'{') && slot_of(word) == self.slot).count()
    }

    /// ASK to the target.
    pub(super) fn ask(&self, scene: &Scene<'_>) -> Option<Replacement> {
        self.redirect("ASK", scene, self.target)
    }

    /// MOVED to the source.
    pub(super) fn moved(&self, scene: &Scene<'_>) -> Option<Replacement> {
        self.redirect("MOVED", scene, self.source)
    }

    /// A redirect to one of the ends.
    pub(super) fn redirect(&self, word: &str, scene: &Scene<'_>, node: usize) -> Option<Replacement> {
        let address = scene.addresses().get(node)?;
        Some(Replacement::Answer(error(&format!("{word} {} {address}", self.slot))))
    }
}

/// The slot and the address of an ASK.
pub(super) fn ask(reply: &Reply) -> Option<(u16, String)> {
    match Redirect::parse(&reply.error()?)?.ok()? {
        Redirect::Ask { slot, address } => Some((slot.number(), format!("{}:{}", address.host, address.port))),
        _ => None,
    }
}

/// Whether the reply is an error with this code.
pub(super) fn is(reply: &Reply, wanted: &str) -> bool {
    code(reply).is_some_and(|code| code == wanted)
}

fn number(word: &[u8]) -> Option<u16> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// The error that asks a client to try again.
pub(super) fn try_again() -> Replacement {
    Replacement::Answer(error("TRYAGAIN Multiple keys request during rehashing of slot"))
}

/// Whether a value is null.
pub(super) fn is_nil(value: &wire::Value) -> bool {
    matches!(value, wire::Value::Nil)
}

/// The slot that a node gave away last, with SETSLOT NODE or CLUSTER MIGRATESLOTS.
pub(super) fn given_slot(scene: &mut Scene<'_>, request: &Request) -> Option<u16> {
    if request.is("CLUSTER SETSLOT") && request.word(3).eq_ignore_ascii_case(b"NODE") {
        scene.share("given", i64::from(number(request.word(2))?) + 1);
    }
    if request.is("CLUSTER MIGRATESLOTS") {
        scene.share("given", i64::from(number(request.word(3))?) + 1);
    }
    u16::try_from(scene.shared("given") - 1).ok()
}

/// Whether the first key of a request is in the slot that was given away last.
pub(super) fn has_key_in_given_slot(scene: &mut Scene<'_>, request: &Request) -> bool {
    given_slot(scene, request).is_some_and(|slot| request.words().len() > 1 && slot_of(request.word(1)) == slot)
}
