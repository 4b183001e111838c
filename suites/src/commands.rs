//! The server's own table of commands, from COMMAND.

use wire::{Value, items_of};

use crate::expect::text_of;

mod key_spec;

pub use key_spec::{Begin, Find, KeySpec};

/// The commands that a table may hold; more are a hostile reply.
const COMMANDS: usize = 10_000;

/// The server's own table of commands.
#[derive(Debug, Clone, Default)]
pub struct CommandTable {
    entries: Vec<CommandEntry>,
}

/// One command, or one subcommand, as the server describes it (command page of COMMAND).
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEntry {
    /// The name in upper case; of a subcommand with its container's, such as `XINFO STREAM`.
    pub name: String,
    /// The number of words with the name; negative for "at least".
    pub arity: i64,
    /// Flags such as `write`, `readonly`, `movablekeys`, in lower case.
    pub flags: Vec<String>,
    /// The position of the first key; 0 for none.
    pub first_key: i64,
    /// The position of the last key; negative counts from the end.
    pub last_key: i64,
    /// The distance between keys.
    pub key_step: i64,
    /// The key specifications (since 7.0).
    pub key_specs: Vec<KeySpec>,
}

impl CommandEntry {
    /// Whether the table says that the command has keys, wherever they are.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        let movable = self.flags.iter().any(|flag| flag == "movablekeys");
        if self.key_specs.is_empty() {
            self.first_key > 0 || movable
        } else {
            self.key_specs.iter().any(KeySpec::means_keys)
        }
    }
}

impl CommandTable {
    /// Reads the reply of COMMAND.
    ///
    /// # Errors
    /// What could not be read.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let items = items_of(value).ok_or("an answer to COMMAND that is no array")?;
        let mut entries = Vec::new();
        for item in items {
            collect(item, &mut entries, 0)?;
        }
        Ok(Self { entries })
    }

    /// Whether the server has a command, such as `SPUBLISH` or `CLUSTER SHARDS`, in any case.
    ///
    /// Where the table lists no subcommands (before 7.0), a container stands for all of its own.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name = name.to_uppercase();
        let container = name.split(' ').next().unwrap_or(&name);
        let lists_subcommands = self.entries.iter().any(|entry| entry.name.contains(' '));
        self.find(&name).is_some() || (!lists_subcommands && self.find(container).is_some())
    }

    /// The entry of a name in upper case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&CommandEntry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// All commands and subcommands.
    #[must_use]
    pub fn entries(&self) -> &[CommandEntry] {
        &self.entries
    }
}

fn collect(item: &Value, entries: &mut Vec<CommandEntry>, depth: u8) -> Result<(), String> {
    let Some(fields) = items_of(item) else { return Ok(()) };
    let entry = entry_of(fields).ok_or_else(|| format!("an entry {}", wire::describe(item)))?;
    if entries.len() >= COMMANDS {
        return Err(format!("more than {COMMANDS} commands"));
    }
    entries.push(entry);
    if depth == 0 {
        for subcommand in fields.get(9).and_then(items_of).unwrap_or_default() {
            collect(subcommand, entries, 1)?;
        }
    }
    Ok(())
}

fn entry_of(fields: &[Value]) -> Option<CommandEntry> {
    let number = |index: usize| match fields.get(index) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    Some(CommandEntry {
        name: text_of(fields.first()?)?.to_uppercase().replace('|', " "),
        arity: number(1)?,
        flags: items_of(fields.get(2)?)?.iter().filter_map(text_of).map(|flag| flag.to_lowercase()).collect(),
        first_key: number(3)?,
        last_key: number(4)?,
        key_step: number(5)?,
        key_specs: fields.get(8).and_then(items_of).unwrap_or_default().iter().map(KeySpec::parse).collect(),
    })
}
