//! The errors with which a cluster redirects a client or asks it to wait, as a type.

use crate::address::Address;
use crate::slot::Slot;
use crate::value::ErrorReply;

/// What a cluster's error asks of a client (cluster specification, "Redirection and resharding").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redirect {
    /// Another node serves the slot from now on.
    Moved {
        /// The slot.
        slot: Slot,
        /// The node that serves it.
        address: Endpoint,
    },
    /// The client must send this one command to another node, after ASKING.
    Ask {
        /// The slot.
        slot: Slot,
        /// The node that imports it.
        address: Endpoint,
    },
    /// The same command may succeed here later.
    TryAgain,
    /// The keys belong to several slots; a retry cannot succeed.
    CrossSlot,
    /// The cluster does not serve the slot now.
    ClusterDown,
}

/// The node that MOVED or ASK names. An empty host or `?` means the host to which the client connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The host as the server sent it.
    pub host: String,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl Endpoint {
    /// The address to connect to, for a client that reached the sender as `dialled_host`.
    #[must_use]
    pub fn address(&self, dialled_host: &str) -> Address {
        let host = if matches!(self.host.as_str(), "" | "?") { dialled_host } else { &self.host };
        Address::new(host, self.port)
    }
}

/// A MOVED or ASK that does not have the form `MOVED slot host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read the redirect {text:?}: {fault}")]
pub struct RedirectError {
    /// The error as the server sent it.
    pub text: String,
    /// What is wrong with it.
    pub fault: RedirectFault,
}

/// What is wrong with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// The error does not have three fields with one space between them.
    #[error("it must have three fields: the code, a slot and host:port")]
    Fields,
    /// The slot is not a number from 0 to 16383.
    #[error("its slot must be a number from 0 to 16383")]
    Slot,
    /// The address is not `host:port` with a port from 1 to 65535.
    #[error("its address must be host:port with a port from 1 to 65535")]
    Address,
}

impl Redirect {
    /// Reads an error reply; `None` if it is not one of the errors of this type.
    #[must_use]
    pub fn parse(error: &ErrorReply) -> Option<Result<Self, RedirectError>> {
        let fail = |fault| RedirectError { text: error.text.clone(), fault };
        Some(match error.code.as_str() {
            "MOVED" => target(&error.text).map(|(slot, address)| Self::Moved { slot, address }).map_err(fail),
            "ASK" => target(&error.text).map(|(slot, address)| Self::Ask { slot, address }).map_err(fail),
            "TRYAGAIN" => Ok(Self::TryAgain),
            "CROSSSLOT" => Ok(Self::CrossSlot),
            "CLUSTERDOWN" => Ok(Self::ClusterDown),
            _ => return None,
        })
    }
}

fn target(text: &str) -> Result<(Slot, Endpoint), RedirectFault> {
    let fields: Vec<&str> = text.split(' ').collect();
    let [_, slot, address] = fields[..] else { return Err(RedirectFault::Fields) };
    if !slot.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RedirectFault::Slot);
    }
    let slot = slot.parse().map_err(|_| RedirectFault::Slot)?;
    let Address { host, port } = address.parse().map_err(|_| RedirectFault::Address)?;
    if port == 0 {
        return Err(RedirectFault::Address);
    }
    Ok((slot, Endpoint { host, port }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Result<Redirect, RedirectFault>> {
        Redirect::parse(&ErrorReply::new(text)).map(|parsed| parsed.map_err(|error| error.fault))
    }

    fn target(slot: u16, host: &str, port: u16) -> (Slot, Endpoint) {
        (Slot::new(slot).unwrap(), Endpoint { host: host.to_owned(), port })
    }

    #[test]
    fn moved_and_ask_name_slot_and_address() {
        for (fields, (slot, address)) in [
            ("3999 127.0.0.1:6381", target(3999, "127.0.0.1", 6381)),
            ("0 ::1:7000", target(0, "::1", 7000)),
            ("16383 host.example:65535", target(16_383, "host.example", 65_535)),
            ("1 :7000", target(1, "", 7000)),
            ("1 ?:7000", target(1, "?", 7000)),
        ] {
            let moved = Redirect::Moved { slot, address: address.clone() };
            assert_eq!(parse(&format!("MOVED {fields}")), Some(Ok(moved)), "{fields:?}");
            assert_eq!(parse(&format!("ASK {fields}")), Some(Ok(Redirect::Ask { slot, address })), "{fields:?}");
        }
    }

    #[test]
    fn other_shapes_are_faults() {
        for (text, fault) in [
            ("MOVED", RedirectFault::Fields),
            ("MOVED 1", RedirectFault::Fields),
            ("MOVED 1 a:1 b", RedirectFault::Fields),
            ("MOVED  1 a:1", RedirectFault::Fields),
            ("MOVED 1 a:1 ", RedirectFault::Fields),
            ("MOVED 16384 a:1", RedirectFault::Slot),
            ("MOVED -1 a:1", RedirectFault::Slot),
            ("MOVED +1 a:1", RedirectFault::Slot),
            ("MOVED x a:1", RedirectFault::Slot),
            ("ASK 1 a", RedirectFault::Address),
            ("ASK 1 a:", RedirectFault::Address),
            ("ASK 1 a:0", RedirectFault::Address),
            ("ASK 1 a:65536", RedirectFault::Address),
        ] {
            assert_eq!(parse(text), Some(Err(fault)), "{text:?}");
        }
    }

    #[test]
    fn the_first_word_alone_decides_the_other_kinds() {
        assert_eq!(parse("TRYAGAIN"), Some(Ok(Redirect::TryAgain)));
        assert_eq!(parse("CROSSSLOT any text"), Some(Ok(Redirect::CrossSlot)));
        assert_eq!(parse("CLUSTERDOWN Hash slot not served"), Some(Ok(Redirect::ClusterDown)));
        for other in ["ERR MOVED 1 a:1", "moved 1 a:1", "MOVEDX 1 a:1", "", "ERR"] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_missing_host_is_the_dialled_one() {
        for (host, resolved) in [("", "dialled"), ("?", "dialled"), ("own", "own")] {
            let endpoint = Endpoint { host: host.to_owned(), port: 7 };
            assert_eq!(endpoint.address("dialled"), Address::new(resolved, 7), "{host:?}");
        }
    }
}
