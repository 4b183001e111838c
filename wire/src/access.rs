//! How a connection authenticates: user, password and TLS. Secrets print as `***`.

use std::fmt;

use crate::tls::Tls;

/// A text that must not appear in any output. It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Use it only to send it to a server.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The given text with `***` in place of every occurrence of this secret.
    #[must_use]
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&self.0, MASK) }
    }
}

/// The text that replaces a secret in output.
pub const MASK: &str = "***";

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// How to authenticate to a node. The default is plain TCP without AUTH.
#[derive(Clone, Default, Debug)]
pub struct Access {
    /// The ACL user. Without one, the password is for the user `default`.
    pub username: Option<String>,
    /// The password of AUTH.
    pub password: Option<Secret>,
    /// The TLS settings, if the node speaks TLS.
    pub tls: Option<Tls>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let access = Access { username: Some("ann".to_owned()), password: Some("hunter2".into()), ..Access::default() };
        assert!(!format!("{access:?} {}", access.password.as_ref().unwrap()).contains("hunter2"));
        assert_eq!(access.password.as_ref().unwrap().expose(), "hunter2");
        assert_eq!(Secret::new("pw").hide_in("-ERR 'pw' 'x'"), "-ERR '***' 'x'");
        assert_eq!(Secret::new("").hide_in("abc"), "abc");
    }
}
