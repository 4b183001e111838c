//! The table of commands that a server sends in reply to COMMAND.

use wire::{Value, items_of};

use crate::expect::text_of;

mod key_spec;

pub use key_spec::{Begin, Find, KeySpec};

/// The largest number of commands in a table; a reply with more is refused.
const COMMANDS: usize = 10_000;

/// The table of commands of a server.
#[derive(Debug, Clone, Default)]
pub struct CommandTable {
    entries: Vec<CommandEntry>,
}

/// One command or subcommand, as the server describes it (page of COMMAND).
#[derive(Debug, Clone, PartialEq)]
pub struct CommandEntry {
    /// The name in upper case; a subcommand has both words, such as `XINFO STREAM`.
    pub name: String,
    /// The number of words, the name included; a negative number is the least number of words.
    pub arity: i64,
    /// Flags such as `write`, `readonly`, `movablekeys`, in lower case.
    pub flags: Vec<String>,
    /// The position of the first key; 0 if there is none.
    pub first_key: i64,
    /// The position of the last key; negative counts from the end.
    pub last_key: i64,
    /// The distance between two keys.
    pub key_step: i64,
    /// The key specifications (since 7.0).
    pub key_specs: Vec<KeySpec>,
    /// The tips (since 7.0), such as `request_policy:all_shards`.
    pub tips: Vec<String>,
}

impl CommandEntry {
    /// Whether the command has keys, according to the table.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        let movable = self.flags.iter().any(|flag| flag == "movablekeys");
        if self.key_specs.is_empty() {
            self.first_key > 0 || movable
        } else {
            self.key_specs.iter().any(KeySpec::means_keys)
        }
    }

    /// The value of a tip, such as `all_shards` of `request_policy`.
    #[must_use]
    pub fn tip(&self, name: &str) -> Option<&str> {
        self.tips.iter().find_map(|tip| tip.split_once(':').filter(|(own, _)| *own == name)).map(|(_, value)| value)
    }
}

impl CommandTable {
    /// Reads the reply of COMMAND.
    ///
    /// # Errors
    /// What is wrong with the reply.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let items = items_of(value).ok_or("a reply to COMMAND that is not an array")?;
        let mut entries = Vec::new();
        for item in items {
            collect(item, &mut entries, 0)?;
        }
        Ok(Self { entries })
    }

    /// Whether the server has a command, such as `SPUBLISH` or `CLUSTER SHARDS`, in upper or lower case.
    ///
    /// Before 7.0 the table lists no subcommands, so a command stands for all of its subcommands.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        let name = name.to_uppercase();
        let container = name.split(' ').next().unwrap_or(&name);
        let lists_subcommands = self.entries.iter().any(|entry| entry.name.contains(' '));
        self.find(&name).is_some() || (!lists_subcommands && self.find(container).is_some())
    }

    /// The entry with this name, which is in upper case.
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
    let entry = entry_of(fields)
        .ok_or_else(|| format!("a malformed entry in the reply to COMMAND: {}", wire::describe(item)))?;
    if entries.len() >= COMMANDS {
        return Err(format!("more than {COMMANDS} commands in the reply to COMMAND"));
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
        tips: fields.get(7).and_then(items_of).unwrap_or_default().iter().filter_map(text_of).collect(),
    })
}
