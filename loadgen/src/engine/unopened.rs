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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_resolved_is_named_with_the_option_that_helps() {
        let address = Address::new("node.internal", 6379);
        let unresolved =
            WireError::Unresolved { address: address.clone(), source: std::io::Error::other("no such name") };
        let text = Unopened::because(&unresolved).text;
        assert_eq!(
            text,
            "cannot resolve the name \"node.internal\": no such name; --map node.internal:6379=ADDRESS says where rct reaches it"
        );
        let late = Unopened::late(&address, Duration::from_secs(5));
        assert_eq!(
            (late.outcome, late.text.as_str()),
            (Outcome::Timeout, "cannot connect to node.internal:6379 within 5s")
        );
    }
}
