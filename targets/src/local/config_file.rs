//! The configuration file of one server.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The settings of a server in the order of its configuration file.
///
/// A later setting replaces an earlier one of the same name, or adds to it as `user` does. The values may be secrets,
/// so this has no `Debug`.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pairs: Vec<(String, String)>,
}

impl Settings {
    /// Adds settings whose values are written as in the file.
    pub(crate) fn extend<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in pairs {
            self.pairs.push((name.to_ascii_lowercase(), written(value)));
        }
    }

    /// Adds a setting whose value is one word of any characters.
    pub(crate) fn set_word(&mut self, name: &str, value: &str) {
        self.pairs.push((name.to_ascii_lowercase(), quoted(value)));
    }

    /// The last value of a setting, as the file shows it; `None` if the file does not have the setting.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Writes the file, which only its owner can read.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(self.text().as_bytes())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.pairs {
            // Writing to a string cannot fail.
            let _written = writeln!(text, "{name} {value}");
        }
        text
    }
}

/// The value unchanged, or quoted if it is empty or would break the line.
fn written(value: &str) -> String {
    match value {
        "" => quoted(value),
        value if value.contains(char::is_control) => quoted(value),
        value => value.to_owned(),
    }
}

fn quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in word.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let _written = write!(quoted, "\\x{byte:02x}");
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_on_their_line_and_secrets_stay_one_word() {
        let mut settings = Settings::default();
        settings.extend([("save", "900 1"), ("Port", "1"), ("save", ""), ("rename-command", "KEYS \"\"")]);
        settings.extend([("dir", "a\nport 2")]);
        settings.set_word("requirepass", "a \"b\"\n");
        let lines = [
            "save 900 1",
            "port 1",
            "save \"\"",
            "rename-command KEYS \"\"",
            "dir \"a\\x0aport 2\"",
            "requirepass \"a \\\"b\\\"\\x0a\"",
        ];
        assert_eq!(settings.text().lines().collect::<Vec<_>>(), lines);
        assert_eq!(settings.value("save"), Some("\"\""));
    }
}
