//! What commands do to the values of keys, as far as the ledger of `--verify` can follow it.

use wire::Command;

/// What an operation does to the values of its keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    /// It replaces the value of one key by a value that rct makes. `expires`: the key gets a time to live.
    Write {
        /// Whether the key may expire.
        expires: bool,
    },
    /// It removes one key.
    Remove,
    /// It returns the value of one key.
    Read,
    /// It gives a key a time to live.
    Expire,
    /// It changes no value.
    Neutral,
    /// It does something else.
    Other,
}

impl Effect {
    /// The effect of a command as it stands in a workload, placeholders included.
    pub(crate) fn of(command: &Command) -> Self {
        let words: Vec<&str> = command.args().iter().map(|word| std::str::from_utf8(word).unwrap_or("?")).collect();
        let (key, rest) = (words.get(1).is_some_and(|word| is_one_key(word)), words.get(2..).unwrap_or_default());
        match (&*command.name(), rest) {
            ("GET", []) if key => Self::Read,
            ("DEL" | "UNLINK", []) if key => Self::Remove,
            ("SET", [value, options @ ..]) if key && is_value(value) => match options {
                [] => Self::Write { expires: false },
                [word, ..] if is_any(word, &["EX", "PX", "EXAT", "PXAT"]) && options.len() == 2 => {
                    Self::Write { expires: true }
                }
                // It keeps only what another command of the workload has set.
                [word] if is_any(word, &["KEEPTTL"]) => Self::Write { expires: false },
                _ => Self::Other,
            },
            ("SETEX" | "PSETEX", [_, value]) if key && is_value(value) => Self::Write { expires: true },
            ("EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT", _) => Self::Expire,
            ("PERSIST" | "TOUCH", _) => Self::Neutral,
            _ => Self::Other,
        }
    }

    /// The effect of the commands of one operation, which only reads if `is_read`.
    pub(crate) fn of_all(effects: &[Self], is_read: bool) -> Self {
        match effects {
            [Self::Other] if is_read => Self::Neutral,
            [one] => *one,
            _ if is_read => Self::Neutral,
            _ => Self::Other,
        }
    }

    /// Whether the ledger has to know each operation.
    pub(crate) fn is_followed(self) -> bool {
        matches!(self, Self::Write { .. } | Self::Remove | Self::Read)
    }
}

/// Whether a word is `{key}`, `{new-key}`, or one of them of another key space, and no further key of a group.
fn is_one_key(word: &str) -> bool {
    let inner = word.strip_prefix('{').and_then(|word| word.strip_suffix('}'));
    let name = inner.map(|inner| inner.split_once(':').map_or(inner, |(name, _)| name));
    matches!(name, Some("key" | "new-key")) && !word.contains('+')
}

fn is_value(word: &str) -> bool {
    word == "{value}" || word.starts_with("{value:")
}

fn is_any(word: &str, known: &[&str]) -> bool {
    known.iter().any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_the_effects_that_the_ledger_can_follow() {
        let write = |expires| Effect::Write { expires };
        for (line, effect) in [
            ("GET {key}", Effect::Read),
            ("get {key:other}", Effect::Read),
            ("GET {key+1}", Effect::Other),
            ("GET fixed", Effect::Other),
            ("SET {key} {value}", write(false)),
            ("SET {new-key} {value:64-128}", write(false)),
            ("SET {key} {value} KEEPTTL", write(false)),
            ("SET {key} {value} ex {number:1-9}", write(true)),
            ("SETEX {key} 10 {value}", write(true)),
            ("SET {key} {value} NX", Effect::Other),
            ("SET {key} {value} GET", Effect::Other),
            ("SET {key} {value} EX 1 XX", Effect::Other),
            ("SET {key} 0", Effect::Other),
            ("DEL {key}", Effect::Remove),
            ("UNLINK {key} {key+1}", Effect::Other),
            ("EXPIRE {key} 10", Effect::Expire),
            ("APPEND {key} {value}", Effect::Other),
            ("INCR {key}", Effect::Other),
        ] {
            assert_eq!(Effect::of(&Command::parse(line).unwrap()), effect, "{line}");
        }
        assert_eq!(Effect::of_all(&[Effect::Other], true), Effect::Neutral);
        assert_eq!(Effect::of_all(&[Effect::Read, Effect::Read], true), Effect::Neutral);
        assert_eq!(Effect::of_all(&[Effect::Other, Effect::Remove], false), Effect::Other);
    }
}
