//! Addresses as typed: `host:port,host:port`, `redis://user:password@host:port`, `rediss://...`.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::Url;
use wire::{Address, Secret};

/// The port of an address that names none.
const PORT: u16 = 6379;
/// The addresses that one target may name.
const ADDRESSES: usize = 1_000;

/// Where a cluster can be entered, and as whom.
#[derive(Debug, Clone)]
pub struct Seeds {
    /// The addresses, at least one.
    pub addresses: Vec<Address>,
    /// The user, where one is given.
    pub username: Option<String>,
    /// The password, where one is given.
    pub password: Option<Secret>,
    /// Whether to speak TLS.
    pub tls: bool,
}

/// A text that names no cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {0:?} as a target")]
pub struct SeedsError(String);

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        // The message must not hold a password.
        let wrong = || SeedsError(text.rsplit('@').next().unwrap_or_default().to_owned());
        let mut seeds = Self { addresses: Vec::new(), username: None, password: None, tls: false };
        for part in text.split(',') {
            let read = if part.contains("://") { seeds.add_url(part) } else { seeds.add_address(part) };
            read.ok_or_else(wrong)?;
        }
        if seeds.addresses.len() > ADDRESSES { Err(wrong()) } else { Ok(seeds) }
    }
}

impl Seeds {
    fn add_address(&mut self, text: &str) -> Option<()> {
        self.addresses.push(text.parse().ok()?);
        Some(())
    }

    fn add_url(&mut self, text: &str) -> Option<()> {
        let url = Url::parse(text).ok()?;
        self.tls |= match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            _ => return None,
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
        let host = url.host_str().filter(|host| !host.is_empty())?;
        self.addresses.push(Address::new(host.trim_matches(['[', ']']), url.port().unwrap_or(PORT)));
        if !url.username().is_empty() {
            self.username = Some(decoded(url.username())?);
        }
        if let Some(password) = url.password() {
            self.password = Some(Secret::new(decoded(password)?));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_urls() {
        let seeds: Seeds = "127.0.0.1:7000,[::1]:7001".parse().unwrap();
        assert_eq!(seeds.addresses, [Address::new("127.0.0.1", 7000), Address::new("::1", 7001)]);
        let seeds: Seeds = "rediss://me:p%40ss@host:7000".parse().unwrap();
        assert!(seeds.tls);
        assert_eq!((seeds.username.as_deref(), seeds.password.unwrap().expose()), (Some("me"), "p@ss"));
        let seeds: Seeds = "redis://:hush@host".parse().unwrap();
        assert_eq!((seeds.username, seeds.addresses[0].port), (None, 6379));
    }

    #[test]
    fn nonsense_is_refused_without_telling_the_password() {
        for text in ["", "compose", "host", "host:port", "http://host:1", "redis://", "redis://u:hush@:x"] {
            let error = text.parse::<Seeds>().unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
