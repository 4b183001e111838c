//! Key specifications: where the arguments of a command contain keys, as the table of a server says since 7.0.

use wire::{Value, items_of};

use crate::expect::text_of;

/// The highest position of a key in a table; a greater one counts as unknown.
const ARGUMENTS: usize = 100;

/// Where a command has some of its keys (page of COMMAND, "Key specifications").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// Flags such as `RO`, `RW`, `not_key`, `incomplete`.
    pub flags: Vec<String>,
    /// Where the search for keys begins.
    pub begin: Begin,
    /// Which arguments from there on are keys.
    pub find: Find,
}

/// Where the search for keys begins. Position 0 is the name of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// At this position.
    Index(usize),
    /// After a keyword, which is searched from a position on. A negative position counts from the end, backwards.
    Keyword {
        /// The keyword.
        word: String,
        /// The position where the search starts.
        start: i64,
    },
    /// The table does not say it.
    Unknown,
}

/// Which arguments are keys, counted from where the search begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Find {
    /// All arguments up to a last one.
    Range {
        /// The last key; a negative number counts from the end of the command.
        last: i64,
        /// The distance between keys.
        step: usize,
        /// With a `last` of -1: 2 means only the first half of the remaining arguments, 3 the first third, and so on.
        limit: usize,
    },
    /// As many arguments as another argument says.
    Count {
        /// The argument with the number of keys.
        count: usize,
        /// The first key.
        first: usize,
        /// The distance between keys.
        step: usize,
    },
    /// The table does not say it.
    Unknown,
}

impl KeySpec {
    /// Keys at the positions from `first` to `last`, as tables before 7.0 describe them.
    ///
    /// A negative `last` counts from the end.
    #[must_use]
    pub fn of_positions(first: usize, last: i64, step: usize) -> Self {
        let last = if last < 0 { last } else { last - i64::try_from(first).unwrap_or(i64::MAX) };
        Self { flags: Vec::new(), begin: Begin::Index(first), find: Find::Range { last, step, limit: 0 } }
    }

    /// Whether the arguments are keys, and not something else that is routed like a key, such as a shard channel.
    #[must_use]
    pub fn means_keys(&self) -> bool {
        !self.flags.iter().any(|flag| flag.eq_ignore_ascii_case("not_key"))
    }

    /// Whether the specification tells all of its keys.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let incomplete = self.flags.iter().any(|flag| flag.eq_ignore_ascii_case("incomplete"));
        !incomplete && self.begin != Begin::Unknown && self.find != Find::Unknown
    }

    /// The positions of the keys in a command, as its arguments stand; `None` if the specification does not fit them.
    #[must_use]
    pub fn positions(&self, words: &[Vec<u8>]) -> Option<Vec<usize>> {
        let Some(start) = self.start(words)? else { return Some(Vec::new()) };
        let from_end = |last: i64| usize::try_from(i64::try_from(words.len()).ok()? + last).ok();
        let (first, last, step) = match self.find {
            Find::Unknown => return None,
            Find::Count { count, first, step } => {
                let count: usize = std::str::from_utf8(words.get(start + count)?).ok()?.parse().ok()?;
                let first = start + first;
                let Some(more) = count.checked_sub(1) else { return Some(Vec::new()) };
                (first, first + more.checked_mul(step)?, step)
            }
            Find::Range { last, step, .. } if last >= 0 => (start, start + usize::try_from(last).ok()?, step),
            Find::Range { last, step, limit: 0 | 1 } => (start, from_end(last)?, step),
            Find::Range { last, step, limit } => {
                let share = i64::try_from(words.len().checked_sub(start)? / limit).ok()?;
                (start, start + usize::try_from(share + last).ok()?, step)
            }
        };
        (last < words.len()).then(|| (first..=last).step_by(step.max(1)).collect())
    }

    /// Where the keys begin. The outer `None` means that this is unknown, and the inner one that there are none.
    fn start(&self, words: &[Vec<u8>]) -> Option<Option<usize>> {
        match &self.begin {
            Begin::Unknown => None,
            Begin::Index(at) => Some((*at < words.len()).then_some(*at)),
            Begin::Keyword { word, start } => {
                let is_word = |at: &usize| words[*at].eq_ignore_ascii_case(word.as_bytes());
                let found = match usize::try_from(*start) {
                    Ok(start) => (start..words.len()).find(is_word),
                    Err(_) => {
                        let back = usize::try_from(start.unsigned_abs()).ok()?;
                        (1..=words.len().saturating_sub(back)).rev().filter(|at| *at < words.len()).find(is_word)
                    }
                };
                Some(found.map(|at| at + 1))
            }
        }
    }

    /// Reads one key specification; a part that does not have the documented form stays unknown.
    pub(super) fn parse(value: &Value) -> Self {
        let flags = field(value, "flags").and_then(items_of).unwrap_or_default();
        Self {
            flags: flags.iter().filter_map(text_of).collect(),
            begin: field(value, "begin_search").and_then(parse_begin).unwrap_or(Begin::Unknown),
            find: field(value, "find_keys").and_then(parse_find).unwrap_or(Find::Unknown),
        }
    }
}

fn parse_begin(value: &Value) -> Option<Begin> {
    let spec = field(value, "spec")?;
    Some(match text_of(field(value, "type")?)?.as_str() {
        "index" => Begin::Index(position(spec, "index")?),
        "keyword" => Begin::Keyword { word: text_of(field(spec, "keyword")?)?, start: number(spec, "startfrom")? },
        _ => Begin::Unknown,
    })
}

fn parse_find(value: &Value) -> Option<Find> {
    let spec = field(value, "spec")?;
    Some(match text_of(field(value, "type")?)?.as_str() {
        "range" => Find::Range {
            last: number(spec, "lastkey")?,
            step: position(spec, "keystep")?,
            limit: position(spec, "limit")?,
        },
        "keynum" => Find::Count {
            count: position(spec, "keynumidx")?,
            first: position(spec, "firstkey")?,
            step: position(spec, "keystep")?,
        },
        _ => Find::Unknown,
    })
}

/// A field of a map, or of the flat array that represents it in RESP2.
fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let is_named = |key: &Value| text_of(key).as_deref() == Some(name);
    if let Value::Map(pairs) = value {
        return pairs.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value);
    }
    items_of(value)?.chunks_exact(2).find(|pair| is_named(&pair[0])).map(|pair| &pair[1])
}

fn number(value: &Value, name: &str) -> Option<i64> {
    match field(value, name)? {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// A number that is a position of an argument, up to [`ARGUMENTS`].
fn position(value: &Value, name: &str) -> Option<usize> {
    usize::try_from(number(value, name)?).ok().filter(|position| *position <= ARGUMENTS)
}

#[cfg(test)]
mod tests {
    use wire::Reply;

    use super::*;

    fn parse(frame: &str) -> KeySpec {
        let reply = Reply::parse(frame.replace('~', "\r\n").into_bytes()).unwrap();
        KeySpec::parse(reply.value())
    }

    #[test]
    fn both_kinds_of_beginning_and_of_range_are_read() {
        let keynum = "*6~$5~flags~*2~+RO~+access~$12~begin_search~*4~$4~type~$5~index~$4~spec~*2~$5~index~:2~\
                      $9~find_keys~*4~$4~type~$6~keynum~$4~spec~*6~$9~keynumidx~:0~$8~firstkey~:1~$7~keystep~:2~";
        let spec = parse(keynum);
        assert_eq!(spec.begin, Begin::Index(2));
        assert_eq!(spec.find, Find::Count { count: 0, first: 1, step: 2 });
        assert!(spec.means_keys());

        let keyword = "*6~$5~flags~*1~+not_key~$12~begin_search~*4~$4~type~$7~keyword~$4~spec~*4~$7~keyword~$4~KEYS~\
                       $9~startfrom~:-2~$9~find_keys~*4~$4~type~$5~range~$4~spec~*6~$7~lastkey~:-1~$7~keystep~:1~\
                       $5~limit~:2~";
        let spec = parse(keyword);
        assert_eq!(spec.begin, Begin::Keyword { word: "KEYS".into(), start: -2 });
        assert_eq!(spec.find, Find::Range { last: -1, step: 1, limit: 2 });
        assert!(!spec.means_keys());
    }

    #[test]
    fn keys_are_found_in_a_command() {
        let found = |begin: Begin, find: Find, line: &str| {
            let command = wire::Command::parse(line).unwrap();
            KeySpec { flags: vec![], begin, find }.positions(command.args())
        };
        let range = |last, step, limit| Find::Range { last, step, limit };
        let counted = |step| Find::Count { count: 0, first: 1, step };
        let after = |word: &str, start| Begin::Keyword { word: word.to_owned(), start };
        assert_eq!(found(Begin::Index(1), range(-1, 2, 0), "MSET a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(found(Begin::Index(1), range(-2, 1, 0), "BLPOP a b 0"), Some(vec![1, 2]));
        assert_eq!(found(Begin::Index(1), counted(2), "MSETEX 2 a 1 b 1"), Some(vec![2, 4]));
        assert_eq!(found(Begin::Index(2), counted(1), "EVAL s 0 a"), Some(vec![]));
        assert_eq!(found(Begin::Index(2), counted(1), "EVAL s 9 a"), None);
        assert_eq!(found(after("STREAMS", 1), range(-1, 1, 2), "XREAD STREAMS a b 0 0"), Some(vec![2, 3]));
        assert_eq!(found(after("KEYS", -2), range(-1, 1, 0), "MIGRATE h 1 '' 0 1 KEYS a b"), Some(vec![7, 8]));
        assert_eq!(found(after("STORE", 6), range(0, 1, 0), "GEORADIUS a 1 1 1 m"), Some(vec![]));
        assert_eq!(found(Begin::Unknown, range(0, 1, 0), "SORT a"), None);
    }

    #[test]
    fn what_the_table_cannot_say_stays_unknown() {
        let unknown = "*6~$5~flags~*0~$12~begin_search~*4~$4~type~$7~unknown~$4~spec~*0~\
                       $9~find_keys~*4~$4~type~$7~unknown~$4~spec~*0~";
        let wild = unknown.replace("$7~unknown~$4~spec~*0~$9", "$5~index~$4~spec~*2~$5~index~:-1~$9");
        for frame in [unknown, wild.as_str(), "*0~", ":1~"] {
            assert_eq!(parse(frame), KeySpec { flags: vec![], begin: Begin::Unknown, find: Find::Unknown }, "{frame}");
        }
    }

    #[test]
    fn positions_of_old_tables_count_from_the_first_key() {
        assert_eq!(KeySpec::of_positions(2, 3, 1).find, Find::Range { last: 1, step: 1, limit: 0 });
        assert_eq!(KeySpec::of_positions(1, -2, 1).find, Find::Range { last: -2, step: 1, limit: 0 });
    }
}
