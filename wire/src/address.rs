//! The address of a node, and the map from the addresses that nodes announce to those that rct can reach.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host (a name or an IP address, without brackets) and a TCP port.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Address {
    /// A host name, or an IPv4 or IPv6 address without brackets; empty if a node does not know its own host yet.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Address {
    /// Makes an address from a host and a port.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for Address {
    /// Prints `host:port` as the servers do, with IPv6 addresses without brackets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// A text that is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address; write HOST:PORT with a port from 0 to 65535")]
pub struct AddressError(pub String);

impl FromStr for Address {
    type Err = AddressError;

    /// Splits the text at its last colon, so that IPv6 needs no brackets (cluster specification, "MOVED Redirection").
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refuse = || AddressError(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        if !port.bytes().all(|byte| byte.is_ascii_digit()) || host.contains(|c: char| c.is_whitespace()) {
            return Err(refuse());
        }
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']').ok_or_else(refuse)?,
            None => host,
        };
        Ok(Self::new(host, port.parse().map_err(|_| refuse())?))
    }
}

/// Translates between the addresses that nodes announce and the addresses at which rct reaches them.
///
/// An address that is not in the map translates to itself. Clones share their pairs: a node that restarts may be
/// reachable at another address, and every clone must know it.
#[derive(Clone, Default, Debug)]
pub struct AddressMap {
    pairs: Rc<RefCell<Pairs>>,
}

#[derive(Default, Debug)]
struct Pairs {
    reachable: HashMap<Address, Address>,
    announced: HashMap<Address, Address>,
}

impl AddressMap {
    /// Adds a pair. It replaces earlier pairs that have the same announced or the same reachable address.
    pub fn insert(&self, announced: Address, reachable: Address) {
        let mut pairs = self.pairs.borrow_mut();
        if let Some(old) = pairs.reachable.insert(announced.clone(), reachable.clone()) {
            pairs.announced.remove(&old);
        }
        if let Some(old) = pairs.announced.insert(reachable, announced.clone()).filter(|old| *old != announced) {
            pairs.reachable.remove(&old);
        }
    }

    /// The address at which rct reaches the node that announces this address.
    #[must_use]
    pub fn reachable(&self, announced: &Address) -> Address {
        self.pairs.borrow().reachable.get(announced).unwrap_or(announced).clone()
    }

    /// A copy of the pairs, from announced to reachable addresses, which another thread can own.
    #[must_use]
    pub fn snapshot(&self) -> HashMap<Address, Address> {
        self.pairs.borrow().reachable.clone()
    }

    /// The address that the node at this reachable address announces.
    #[must_use]
    pub fn announced(&self, reachable: &Address) -> Address {
        self.pairs.borrow().announced.get(reachable).unwrap_or(reachable).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_at_the_last_colon() {
        for (text, host, port) in [
            ("127.0.0.1:7000", "127.0.0.1", 7000),
            ("localhost:1", "localhost", 1),
            ("::1:7000", "::1", 7000),
            ("[::1]:7000", "::1", 7000),
            ("[fe80::1%eth0]:7000", "fe80::1%eth0", 7000),
            (":0", "", 0),
            (":7000", "", 7000),
            ("?:7000", "?", 7000),
            ("a:65535", "a", 65_535),
        ] {
            assert_eq!(text.parse(), Ok(Address::new(host, port)), "{text:?}");
        }
        assert_eq!(Address::new("::1", 7000).to_string(), "::1:7000");
    }

    #[test]
    fn a_text_that_is_not_an_address_is_refused() {
        for text in
            ["", "localhost", "a:", "a:65536", "a:-1", "a:+1", "a: 1", "a b:1", "[::1:7000", "a:1x", "[::1]7000"]
        {
            assert_eq!(text.parse::<Address>(), Err(AddressError(text.to_owned())), "{text:?}");
        }
    }

    #[test]
    fn a_map_translates_both_ways_and_leaves_strangers_alone() {
        let [inside, outside, moved] = [1, 2, 3].map(|port| Address::new("a", port));
        let map = AddressMap::default();
        let shared = map.clone();
        map.insert(inside.clone(), outside.clone());
        assert_eq!((map.reachable(&inside), map.announced(&outside)), (outside.clone(), inside.clone()));
        assert_eq!((map.reachable(&outside), map.announced(&inside)), (outside.clone(), inside.clone()));
        map.insert(inside.clone(), moved.clone());
        assert_eq!((map.reachable(&inside), map.announced(&outside)), (moved.clone(), outside.clone()));
        map.insert(inside.clone(), moved.clone());
        assert_eq!((map.reachable(&inside), map.announced(&moved)), (moved.clone(), inside.clone()));
        map.insert(outside.clone(), moved.clone());
        assert_eq!((map.reachable(&inside), map.announced(&moved)), (inside, outside.clone()));
        assert_eq!(shared.reachable(&outside), moved);
    }
}
