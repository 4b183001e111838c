//! Addresses as a user types them: `host:port,host:port`, `redis://user:password@host:port`, `rediss://...`.

use std::fmt;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;
use wire::{Address, MASK, Secret};

/// The port of a URL without a port.
const PORT: u16 = 6379;
/// The most addresses that one target may have.
const ADDRESSES_MAX: usize = 1_000;

/// Where rct enters a cluster, and as which user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds {
    /// The addresses, at least one.
    pub addresses: Vec<Address>,
    /// The user, if the text has one.
    pub username: Option<String>,
    /// The password, if the text has one.
    pub password: Option<Secret>,
    /// Whether rct connects with TLS.
    pub tls: bool,
}

/// A text that is not a list of addresses; its user and password are left out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeedsError {
    /// The text is something else.
    #[error("{0:?} is not a list of addresses")]
    Text(String),
    /// A URL selects a database.
    #[error("{0:?} selects a database, but rct uses only database 0; leave out what follows the port")]
    Database(String),
}

impl FromStr for Seeds {
    type Err = SeedsError;

    fn from_str(text: &str) -> Result<Self, SeedsError> {
        // The message must not hold a password.
        let shown = || text.rsplit('@').next().unwrap_or_default().to_owned();
        let wrong = || SeedsError::Text(shown());
        let mut seeds = Self { addresses: Vec::new(), username: None, password: None, tls: false };
        for part in text.split(',') {
            let read = if part.contains("://") { seeds.add_url(part) } else { seeds.add_address(part) };
            read.ok_or_else(wrong)?;
            if part.contains("://") && Url::parse(part).is_ok_and(|url| !matches!(url.path(), "" | "/" | "/0")) {
                return Err(SeedsError::Database(shown()));
            }
        }
        if seeds.addresses.len() > ADDRESSES_MAX { Err(wrong()) } else { Ok(seeds) }
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

/// Prints a text that names the same cluster, without secrets.
///
/// The password is left out. A user without a password may be a password in the wrong place, so `***` stands for it.
impl fmt::Display for Seeds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let username = self.username.as_ref().map(|name| match &self.password {
            Some(_) => utf8_percent_encode(name, NON_ALPHANUMERIC).to_string(),
            None => MASK.to_owned(),
        });
        for (position, address) in self.addresses.iter().enumerate() {
            let url = match (&username, self.tls) {
                _ if position > 0 => ",".to_owned(),
                (None, false) => String::new(),
                (username, tls) => {
                    let user = username.as_ref().map_or_else(String::new, |name| format!("{name}@"));
                    format!("{}://{user}", if tls { "rediss" } else { "redis" })
                }
            };
            match address.host.contains(':') {
                true => write!(formatter, "{url}[{}]:{}", address.host, address.port)?,
                false => write!(formatter, "{url}{address}")?,
            }
        }
        Ok(())
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
    fn a_url_may_select_database_0_only() {
        for text in ["redis://host:7000", "redis://host:7000/", "redis://host:7000/0"] {
            assert!(text.parse::<Seeds>().is_ok(), "{text}");
        }
        let error = "redis://me:hush@host:7000/3".parse::<Seeds>().unwrap_err().to_string();
        assert!(error.starts_with("\"host:7000/3\" selects a database") && !error.contains("hush"), "{error}");
    }

    #[test]
    fn printed_seeds_name_the_same_cluster_without_secrets() {
        for (typed, printed) in [
            ("127.0.0.1:7000,[::1]:7001", "127.0.0.1:7000,[::1]:7001"),
            ("redis://host", "host:6379"),
            ("redis://:hush@host:7000", "host:7000"),
            ("redis://me:hush@host:7000", "redis://me@host:7000"),
            ("rediss://m%40e:hush@[::1]:7000,host:7001", "rediss://m%40e@[::1]:7000,host:7001"),
            ("redis://hush@host:7000", "redis://***@host:7000"),
        ] {
            assert_eq!(typed.parse::<Seeds>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn nonsense_is_refused_without_telling_the_password() {
        for text in ["", "compose", "host", "host:port", "http://host:1", "redis://", "redis://u:hush@:x"] {
            let error = text.parse::<Seeds>().unwrap_err().to_string();
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
