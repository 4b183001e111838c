//! The suite `pubsub`: many messages, odd messages, notifications, and a cluster that is down.

use crate::code_check::CodeCheck;

mod payloads;
mod settings;

pub(super) const CHECKS: [&[CodeCheck]; 2] = [payloads::CHECKS, settings::CHECKS];
