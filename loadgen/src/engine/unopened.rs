//! Why a connection could not be opened.

use std::time::Duration;

use wire::{Address, WireError};

use crate::outcome::Outcome;

/// Why a connection could not be opened.
pub(super) struct Unopened {
    pub(super) outcome: Outcome,
    /// The reason, as a sentence that names the address.
    pub(super) text: String,
}

impl Unopened {
    /// The reason that the operating system or TLS gave.
    pub(super) fn because(error: &WireError) -> Self {
        let hint = match error {
            WireError::Unresolved { address, .. } => format!("; --map {address}=ADDRESS says where rct reaches it"),
            _ => String::new(),
        };
        Self { outcome: Outcome::Refused, text: format!("{error}{hint}") }
    }

    /// The limit has passed.
    pub(super) fn late(address: &Address, limit: Duration) -> Self {
        Self { outcome: Outcome::Timeout, text: format!("cannot connect to {address} within {limit:?}") }
    }
}
