//! Arguments for a command, built only from its entry in the server's table of commands.
//!
//! A form is a guess until `plan` has confirmed its keys with COMMAND GETKEYS. Nothing here depends on what a command does,
//! so that a sweep includes a new command as soon as a server lists it.

use std::collections::BTreeMap;

use wire::Command;

use crate::commands::{Begin, CommandEntry, Find, KeySpec};

/// The argument at a place without a key: a small number, so that counts are small and timeouts short.
const FILLER: &str = "1";
/// The largest number of words of a form.
const WORDS: usize = 64;

/// Words that servers need at these positions to find the keys of a command.
const SYNTAX: [(&str, &[(usize, &str)]); 3] = [
    ("XREADGROUP", &[(1, "GROUP")]),
    // Up to 6.2, whose table has no subcommands.
    ("MEMORY", &[(1, "USAGE")]),
    ("STRALGO", &[(1, "LCS"), (2, "KEYS")]),
];

/// A command with places for its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Text(String),
    Key,
}

impl Form {
    /// The command with these keys at its places, in order.
    pub(super) fn command(&self, keys: &[String]) -> Command {
        let mut keys = keys.iter();
        Command::new(self.words.iter().map(|word| match word {
            Word::Text(text) => text.as_str(),
            Word::Key => keys.next().map_or("", String::as_str),
        }))
    }
}

/// The forms of a command with this number of keys, the most likely ones first.
///
/// There is none if the table does not say enough.
pub(super) fn forms(entry: &CommandEntry, keys: usize) -> Vec<Form> {
    let mut forms: Vec<Form> = Vec::new();
    for reading in readings(entry) {
        forms.extend(reading.form(entry, keys).filter(|form| !forms.contains(form)));
    }
    forms
}

/// One interpretation of what a table says of a command's keys.
#[derive(Debug, Clone, Default)]
struct Reading {
    specs: Vec<KeySpec>,
    /// Positions with an empty text, because the keys are elsewhere.
    blank: Vec<usize>,
}

fn readings(entry: &CommandEntry) -> Vec<Reading> {
    let known: Vec<KeySpec> =
        entry.key_specs.iter().filter(|spec| spec.means_keys() && is_known(spec)).cloned().collect();
    let mut readings = by_specs(&known);
    readings.extend(by_positions(entry).into_iter().map(Reading::of));
    if entry.flags.iter().any(|flag| flag == "movablekeys") {
        readings.extend(by_convention(entry));
    }
    readings
}

fn is_known(spec: &KeySpec) -> bool {
    spec.begin != Begin::Unknown && spec.find != Find::Unknown
}

/// Keys at fixed positions are always there. Keys after a keyword come in addition or instead, if the keyword is there.
fn by_specs(known: &[KeySpec]) -> Vec<Reading> {
    let (placed, worded): (Vec<KeySpec>, Vec<KeySpec>) =
        known.iter().cloned().partition(|spec| matches!(spec.begin, Begin::Index(_)));
    let blank: Vec<usize> = placed
        .iter()
        .filter_map(|spec| match spec.begin {
            Begin::Index(at) => Some(at),
            _ => None,
        })
        .collect();
    let mut readings = Vec::new();
    if !placed.is_empty() {
        readings.push(Reading::of(placed.clone()));
    }
    for spec in &worded {
        readings.push(Reading::of([placed.as_slice(), std::slice::from_ref(spec)].concat()));
        readings.push(Reading { specs: vec![spec.clone()], blank: blank.clone() });
    }
    readings
}

/// Keys at the positions that the tables of all versions have.
fn by_positions(entry: &CommandEntry) -> Option<Vec<KeySpec>> {
    let first = usize::try_from(entry.first_key).ok().filter(|first| *first > 0)?;
    let step = usize::try_from(entry.key_step).ok().filter(|step| *step > 0)?;
    Some(vec![KeySpec::of_positions(first, entry.last_key, step)])
}

/// The usual places of movable keys: tables before 7.0 say only that the keys of a command move.
fn by_convention(entry: &CommandEntry) -> Vec<Reading> {
    let one = |at: usize| KeySpec::of_positions(at, at as i64, 1);
    let counted = |at: usize| KeySpec {
        begin: Begin::Index(at),
        find: Find::Count { count: 0, first: 1, step: 1 },
        ..KeySpec::of_positions(at, -1, 1)
    };
    let after = |word: &str, start: i64, last: i64, limit: usize| KeySpec {
        begin: Begin::Keyword { word: word.to_owned(), start },
        find: Find::Range { last, step: 1, limit },
        ..KeySpec::of_positions(1, -1, 1)
    };
    let placed = by_positions(entry).unwrap_or_default();
    let least = entry.arity.abs();
    vec![
        Reading::of(vec![counted(1)]),
        Reading::of(vec![counted(2)]),
        Reading::of(vec![one(1), counted(2)]),
        Reading::of(vec![after("STREAMS", 1, -1, 2)]),
        Reading::of(vec![after("STREAMS", 4, -1, 2)]),
        Reading::of([placed, vec![after("STORE", least, 0, 0)]].concat()),
        Reading { specs: vec![after("KEYS", least, -1, 0)], blank: vec![3] },
        Reading::of(vec![one(2)]),
        Reading::of(vec![KeySpec::of_positions(3, 4, 1)]),
    ]
}

impl Reading {
    fn of(specs: Vec<KeySpec>) -> Self {
        Self { specs, blank: Vec::new() }
    }

    fn form(&self, entry: &CommandEntry, keys: usize) -> Option<Form> {
        let mut draft = Draft::new(entry);
        for at in &self.blank {
            draft.set(*at, Word::Text(String::new()))?;
        }
        for (spec, count) in self.specs.iter().zip(self.shares(keys)?) {
            draft.place(spec, count)?;
        }
        draft.finish(entry)
    }

    /// The number of keys of each specification: what it needs, and the rest for the last one that may have more.
    fn shares(&self, keys: usize) -> Option<Vec<usize>> {
        let mut shares: Vec<usize> = self.specs.iter().map(|spec| fixed_count(spec).unwrap_or(1)).collect();
        let left = keys.checked_sub(shares.iter().sum())?;
        match self.specs.iter().rposition(|spec| fixed_count(spec).is_none()) {
            Some(open) => shares[open] += left,
            None if left > 0 || shares.is_empty() => return None,
            None => {}
        }
        Some(shares)
    }
}

/// The number of keys of a specification, if it is fixed.
fn fixed_count(spec: &KeySpec) -> Option<usize> {
    match spec.find {
        Find::Range { last, step, .. } => usize::try_from(last).ok().map(|last| last / step.max(1) + 1),
        _ => None,
    }
}

/// A form under construction.
struct Draft {
    words: BTreeMap<usize, Word>,
    /// The number of words that the placed keys need.
    length: usize,
    /// The least number of words of the command.
    least: usize,
}

impl Draft {
    fn new(entry: &CommandEntry) -> Self {
        let names = entry.name.split(' ').map(|word| Word::Text(word.to_owned()));
        let words: BTreeMap<usize, Word> = names.enumerate().collect();
        let least = usize::try_from(entry.arity.unsigned_abs()).unwrap_or(usize::MAX);
        Self { length: words.len(), words, least }
    }

    fn place(&mut self, spec: &KeySpec, count: usize) -> Option<()> {
        let start = match &spec.begin {
            Begin::Index(at) => *at,
            Begin::Keyword { word, start } => {
                let at = usize::try_from(*start).unwrap_or(self.least).max(self.length);
                self.set(at, Word::Text(word.clone()))?;
                at + 1
            }
            Begin::Unknown => return None,
        };
        match spec.find {
            Find::Range { last, step, limit } => {
                self.place_keys(start, step, count)?;
                let after = usize::try_from(-1 - last).unwrap_or(0);
                self.length += after + count * limit.saturating_sub(1);
            }
            Find::Count { count: at, first, step } => {
                self.set(start + at, Word::Text(count.to_string()))?;
                self.place_keys(start + first, step, count)?;
            }
            Find::Unknown => return None,
        }
        Some(())
    }

    /// Places keys from a position on, each followed by the arguments that belong to it.
    fn place_keys(&mut self, start: usize, step: usize, count: usize) -> Option<()> {
        let step = step.max(1);
        for nth in 0..count {
            self.set(start + nth * step, Word::Key)?;
        }
        self.length = self.length.max(start + count * step);
        Some(())
    }

    fn set(&mut self, at: usize, word: Word) -> Option<()> {
        self.length = self.length.max(at + 1);
        (at < WORDS && self.words.insert(at, word).is_none()).then_some(())
    }

    fn finish(mut self, entry: &CommandEntry) -> Option<Form> {
        let length = self.length.max(self.least);
        if length > WORDS || (entry.arity > 0 && length != self.least) {
            return None;
        }
        let syntax = SYNTAX.iter().find(|(name, _)| *name == entry.name).map_or(&[][..], |(_, words)| *words);
        let fill = |at: usize| syntax.iter().find(|(place, _)| *place == at).map_or(FILLER, |(_, word)| *word);
        let words = (0..length).map(|at| self.words.remove(&at).unwrap_or_else(|| Word::Text(fill(at).to_owned())));
        Some(Form { words: words.collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, arity: i64, specs: &[KeySpec]) -> CommandEntry {
        CommandEntry {
            name: name.to_owned(),
            arity,
            flags: vec![],
            first_key: 0,
            last_key: 0,
            key_step: 0,
            key_specs: specs.to_vec(),
            tips: vec![],
        }
    }

    fn spec(begin: Begin, find: Find) -> KeySpec {
        KeySpec { flags: vec![], begin, find }
    }

    fn range(at: usize, last: i64, step: usize) -> KeySpec {
        spec(Begin::Index(at), Find::Range { last, step, limit: 0 })
    }

    fn counted(at: usize, step: usize) -> KeySpec {
        spec(Begin::Index(at), Find::Count { count: 0, first: 1, step })
    }

    fn after(word: &str, start: i64, last: i64, limit: usize) -> KeySpec {
        spec(Begin::Keyword { word: word.into(), start }, Find::Range { last, step: 1, limit })
    }

    fn written(entry: &CommandEntry, keys: usize) -> Vec<String> {
        let names: Vec<String> = ["a", "b", "c"][..keys].iter().map(ToString::to_string).collect();
        forms(entry, keys).iter().map(|form| form.command(&names).to_string()).collect()
    }

    #[test]
    fn keys_at_positions_and_up_to_the_end() {
        assert_eq!(written(&entry("GET", 2, &[range(1, 0, 1)]), 1), ["GET a"]);
        assert_eq!(written(&entry("RENAME", 3, &[range(1, 0, 1), range(2, 0, 1)]), 2), ["RENAME a b"]);
        assert_eq!(written(&entry("OBJECT FREQ", 3, &[range(2, 0, 1)]), 1), ["OBJECT FREQ a"]);
        assert_eq!(written(&entry("MSET", -3, &[range(1, -1, 2)]), 2), ["MSET a 1 b 1"]);
        assert_eq!(written(&entry("BLPOP", -3, &[range(1, -2, 1)]), 3), ["BLPOP a b c 1"]);
        assert_eq!(written(&entry("SDIFFSTORE", -3, &[range(1, 0, 1), range(2, -1, 1)]), 3), ["SDIFFSTORE a b c"]);
    }

    #[test]
    fn keys_behind_a_count() {
        assert_eq!(written(&entry("EVAL", -3, &[counted(2, 1)]), 2), ["EVAL 1 2 a b"]);
        assert_eq!(written(&entry("MSETEX", -4, &[counted(1, 2)]), 2), ["MSETEX 2 a 1 b 1"]);
        assert_eq!(written(&entry("BZMPOP", -5, &[counted(2, 1)]), 1), ["BZMPOP 1 1 a 1"]);
        assert_eq!(written(&entry("ZUNIONSTORE", -4, &[range(1, 0, 1), counted(2, 1)]), 3), ["ZUNIONSTORE a 2 b c"]);
    }

    #[test]
    fn keys_behind_a_word() {
        assert_eq!(written(&entry("XREAD", -4, &[after("STREAMS", 1, -1, 2)]), 2), ["XREAD STREAMS a b 1 1"]);
        let group = entry("XREADGROUP", -7, &[after("STREAMS", 4, -1, 2)]);
        assert_eq!(written(&group, 1), ["XREADGROUP GROUP 1 1 STREAMS a 1"]);
        let migrate = entry("MIGRATE", -6, &[range(3, 0, 1), after("KEYS", -2, -1, 0)]);
        assert_eq!(written(&migrate, 2)[1], "MIGRATE 1 1 \"\" 1 1 KEYS a b");
        let geo = entry("GEORADIUS", -6, &[range(1, 0, 1), after("STORE", 6, 0, 0), after("STOREDIST", 6, 0, 0)]);
        assert_eq!(written(&geo, 2), ["GEORADIUS a 1 1 1 1 STORE b", "GEORADIUS a 1 1 1 1 STOREDIST b"]);
    }

    #[test]
    fn an_old_table_is_read_by_its_positions_or_by_convention() {
        let old = |name: &str, arity: i64, positions: [i64; 3], flags: &[&str]| CommandEntry {
            first_key: positions[0],
            last_key: positions[1],
            key_step: positions[2],
            flags: flags.iter().map(ToString::to_string).collect(),
            ..entry(name, arity, &[])
        };
        assert_eq!(written(&old("SMOVE", 4, [1, 2, 1], &[]), 2), ["SMOVE a b 1"]);
        assert_eq!(written(&old("XINFO", -2, [2, 2, 1], &[]), 1), ["XINFO 1 a"]);
        let movable = ["movablekeys"];
        assert!(written(&old("EVAL", -3, [0, 0, 0], &movable), 2).contains(&"EVAL 1 2 a b".to_owned()));
        assert!(written(&old("SORT", -2, [1, 1, 1], &movable), 2).contains(&"SORT a STORE b".to_owned()));
        assert!(written(&old("STRALGO", -2, [0, 0, 0], &movable), 2).contains(&"STRALGO LCS KEYS a b".to_owned()));
        assert!(written(&old("MEMORY", -2, [0, 0, 0], &movable), 1).contains(&"MEMORY USAGE a".to_owned()));
        assert!(written(&old("PING", -1, [0, 0, 0], &[]), 1).is_empty());
    }

    #[test]
    fn what_cannot_be_is_not_built() {
        assert!(written(&entry("GET", 2, &[range(1, 0, 1)]), 2).is_empty());
        assert!(written(&entry("SMOVE", 4, &[range(1, 0, 1), range(2, 0, 1)]), 1).is_empty());
        assert!(written(&entry("ODD", 2, &[range(5, 0, 1)]), 1).is_empty());
        assert!(written(&entry("FAR", -2, &[range(100, 0, 1)]), 1).is_empty());
        assert!(written(&entry("WILD", i64::MIN, &[range(1, 0, 1)]), 1).is_empty());
        assert!(written(&entry("TWICE", 3, &[range(1, 0, 1), range(1, 0, 1)]), 2).is_empty());
        assert!(written(&entry("DARK", -2, &[spec(Begin::Unknown, Find::Unknown)]), 1).is_empty());
    }
}
