//! Options and their values, as words of a command line.

use std::ffi::OsString;
use std::path::Path;

/// Options and their values, in the order of the command line.
#[derive(Default)]
pub(in crate::cli) struct Words(pub(in crate::cli) Vec<String>);

impl Words {
    /// Adds an option, if it has a value.
    pub(in crate::cli) fn option(&mut self, name: &str, value: Option<&str>) {
        self.0.extend(value.into_iter().flat_map(|value| [name.to_owned(), value.to_owned()]));
    }

    /// Adds an option whose value is a path, if it has one.
    pub(in crate::cli) fn path(&mut self, name: &str, value: Option<&Path>) {
        let text = value.map(|path| OsString::from(path).to_string_lossy().into_owned());
        self.option(name, text.as_deref());
    }
}
