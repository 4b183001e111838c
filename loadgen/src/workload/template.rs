//! Commands with placeholders, compiled to a list of pieces.
//!
//! A placeholder is a whole argument: `{key}`, `{key+1}` (the next key of the same group), `{keys:5}`, `{pairs:5}`
//! (keys and values in turns), `{new-key}`, `{value}`, `{value:64-1024}`, `{field}`, `{field:100}`, `{number:1-100}`.
//! A colon and a name select another key space than the first: `{key:users}`, `{keys:users:5}`.

use std::io::Write as _;

use wire::Command;

use super::effect::Effect;
use super::sizes::Sizes;
use super::values::{Values, next};
use crate::keys::{KeySpace, Keys};

/// The number of fields for `{field}` without a number.
const FIELDS: u64 = 10;
/// The placeholders, for messages.
const PLACEHOLDERS: &str =
    "{key}, {key+N}, {keys:N}, {pairs:N}, {new-key}, {value}, {value:SIZES}, {field}, {field:N} or {number:A-B}";

/// A piece of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Piece {
    /// These bytes.
    Fixed(Vec<u8>),
    /// The key, or the key that is `further` places after it in its group.
    Key { further: u32 },
    /// A value as a bulk string, of these sizes or else of the workload's.
    Value(Option<Sizes>),
    /// The same with the stamp of the ledger, whose counter comes from the seed.
    Stamped(Option<Sizes>),
    /// One of this many field names, as a bulk string.
    Field(u64),
    /// A number of this range, as a bulk string.
    Number(u64, u64),
}

/// Commands that are sent together as one operation.
#[derive(Clone, Debug)]
pub struct Template {
    /// The name in reports: the names of its commands, joined by `+`.
    pub name: String,
    /// Its weight: how often it is chosen, relative to the others.
    pub weight: u32,
    /// Whether it only reads, so that a replica may serve it.
    pub is_read: bool,
    /// The number of its key space.
    pub space: usize,
    /// Whether it inserts a new key.
    pub inserts: bool,
    /// Whether it has random parts other than its key.
    pub is_random: bool,
    /// How many replies it gets.
    pub replies: u8,
    pub(crate) pieces: Vec<Piece>,
    /// What it does to the values of its keys.
    pub(crate) effect: Effect,
    /// Whether the ledger follows it. Then the seeds of its operations are tickets of the ledger.
    pub(crate) is_verified: bool,
    /// Whether its last command is the WAIT that rct added.
    pub(crate) waits: bool,
}

/// Compiles the lines of one operation. The error says what is wrong, and in which line.
pub(crate) fn compile(lines: &[String], spaces: &[KeySpace]) -> Result<Template, String> {
    let mut compiler = Compiler {
        spaces,
        space: None,
        inserts: false,
        furthest: 0,
        pieces: Vec::new(),
        names: Vec::new(),
        effects: Vec::new(),
    };
    for line in lines {
        compiler.line(line)?;
    }
    compiler.finish(lines.len())
}

struct Compiler<'a> {
    spaces: &'a [KeySpace],
    space: Option<usize>,
    inserts: bool,
    furthest: u32,
    pieces: Vec<Piece>,
    names: Vec<String>,
    /// What each command does to values.
    effects: Vec<Effect>,
}

impl Compiler<'_> {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let command = Command::parse(line).map_err(|error| format!("{line:?} is malformed: {error}"))?;
        self.names.push(command.name());
        self.effects.push(Effect::of(&command));
        // One piece for each argument that the server receives.
        let mut pieces = Vec::new();
        for argument in command.args() {
            match std::str::from_utf8(argument).ok().and_then(placeholder) {
                Some(inner) => self.placeholder(inner, &mut pieces).map_err(|wrong| format!("{line:?} {wrong}"))?,
                None => pieces.push(Piece::Fixed(bulk(argument))),
            }
        }
        self.fixed(format!("*{}\r\n", pieces.len()).into_bytes());
        for piece in pieces {
            match piece {
                Piece::Fixed(bytes) => self.fixed(bytes),
                Piece::Key { .. } => {
                    let length = Keys::length(&self.spaces[self.space.unwrap_or(0)]);
                    self.fixed(format!("${length}\r\n").into_bytes());
                    self.pieces.push(piece);
                    self.fixed(b"\r\n".to_vec());
                }
                other => self.pieces.push(other),
            }
        }
        Ok(())
    }

    /// Compiles a placeholder. The error is the rest of a sentence that begins with the line.
    fn placeholder(&mut self, inner: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
        let unknown = || format!("has the unknown placeholder {{{inner}}}; write {PLACEHOLDERS}");
        let (word, detail) = inner.split_once(':').map_or((inner, None), |(word, detail)| (word, Some(detail)));
        match (word, detail) {
            ("value", None) => pieces.push(Piece::Value(None)),
            ("value", Some(sizes)) => {
                pieces.push(Piece::Value(Some(
                    sizes.parse().map_err(|error| format!("has a wrong {{{inner}}}: {error}"))?,
                )));
            }
            ("field", None) => pieces.push(Piece::Field(FIELDS)),
            ("field", Some(count)) => {
                pieces.push(Piece::Field(count.parse().ok().filter(|&count| count > 0).ok_or_else(unknown)?));
            }
            ("number", Some(range)) => {
                let (least, most) = range.split_once('-').ok_or_else(unknown)?;
                let (least, most) = (least.parse().map_err(|_| unknown())?, most.parse().map_err(|_| unknown())?);
                if least > most {
                    return Err(unknown());
                }
                pieces.push(Piece::Number(least, most));
            }
            ("keys" | "pairs", Some(detail)) => {
                let (space, count) = detail.rsplit_once(':').map_or(("", detail), |(space, count)| (space, count));
                let count: u32 = count.parse().ok().filter(|&count| (1..=1000).contains(&count)).ok_or_else(unknown)?;
                for further in 0..count {
                    self.key(space, further)?;
                    pieces.push(Piece::Key { further });
                    if word == "pairs" {
                        pieces.push(Piece::Value(None));
                    }
                }
            }
            ("new-key", space) => {
                self.inserts = true;
                self.key(space.unwrap_or_default(), 0)?;
                pieces.push(Piece::Key { further: 0 });
            }
            _ if inner == "key" || inner.starts_with("key+") || inner.starts_with("key:") => {
                let rest = inner.trim_start_matches("key").trim_start_matches(':');
                let (space, further) = rest.split_once('+').map_or((rest, "0"), |(space, further)| (space, further));
                let further = further.parse().map_err(|_| unknown())?;
                self.key(space, further)?;
                pieces.push(Piece::Key { further });
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Notes the use of a key. All keys of an operation must belong to one space, so that they can share a slot.
    fn key(&mut self, name: &str, further: u32) -> Result<(), String> {
        let at = match name {
            "" => Some(0).filter(|_| !self.spaces.is_empty()),
            name => self.spaces.iter().position(|space| space.name == name),
        };
        let at = at.ok_or_else(|| {
            let names: Vec<&str> = self.spaces.iter().map(|space| space.name.as_str()).collect();
            format!("names the unknown key space {name:?}; write one of: {}", names.join(", "))
        })?;
        if *self.space.get_or_insert(at) != at {
            return Err(
                "adds keys of a second key space, but all keys of an operation must share a slot; use one space"
                    .to_owned(),
            );
        }
        self.furthest = self.furthest.max(further);
        Ok(())
    }

    fn fixed(&mut self, bytes: Vec<u8>) {
        match self.pieces.last_mut() {
            Some(Piece::Fixed(last)) => last.extend(bytes),
            _ => self.pieces.push(Piece::Fixed(bytes)),
        }
    }

    fn finish(self, replies: usize) -> Result<Template, String> {
        let name = self.names.join("+");
        let space = self
            .space
            .ok_or_else(|| format!("{name} has no {{key}}, so rct cannot know which node to send it to; add one"))?;
        let group = self.spaces[space].group;
        if u64::from(self.furthest) >= group {
            return Err(format!(
                "{name} needs {} keys of one slot, but the groups of key space {:?} have {group}; set group = {}",
                self.furthest + 1,
                self.spaces[space].name,
                self.furthest + 1
            ));
        }
        if self.inserts && group > 1 {
            return Err(format!("{name} inserts keys, so key space {:?} must have group = 1", self.spaces[space].name));
        }
        let replies = u8::try_from(replies).ok().filter(|replies| (1..=100).contains(replies));
        let replies = replies.ok_or_else(|| "an operation must have 1 to 100 commands".to_owned())?;
        let is_read = self.names.iter().all(|name| is_read(name));
        let is_random =
            self.pieces.iter().any(|piece| matches!(piece, Piece::Value(_) | Piece::Field(_) | Piece::Number(..)));
        let effect = Effect::of_all(&self.effects, is_read);
        let (inserts, pieces) = (self.inserts, self.pieces);
        let (is_verified, waits) = (false, false);
        Ok(Template {
            name,
            weight: 1,
            is_read,
            space,
            inserts,
            is_random,
            replies,
            pieces,
            effect,
            is_verified,
            waits,
        })
    }
}

/// The text inside a placeholder: an argument in braces that begins with a lower-case letter.
fn placeholder(argument: &str) -> Option<&str> {
    argument
        .strip_prefix('{')?
        .strip_suffix('}')
        .filter(|inner| inner.starts_with(|first: char| first.is_ascii_lowercase()))
}

fn bulk(argument: &[u8]) -> Vec<u8> {
    let mut bytes = format!("${}\r\n", argument.len()).into_bytes();
    bytes.extend_from_slice(argument);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Whether a command only reads (command pages, category `@read`).
fn is_read(name: &str) -> bool {
    const READS: &[&str] = &[
        "BITCOUNT",
        "BITPOS",
        "EVALSHA_RO",
        "EVAL_RO",
        "EXISTS",
        "EXPIRETIME",
        "FCALL_RO",
        "GEODIST",
        "GEOPOS",
        "GEOSEARCH",
        "GET",
        "GETBIT",
        "GETRANGE",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HKEYS",
        "HLEN",
        "HMGET",
        "HSTRLEN",
        "HVALS",
        "LINDEX",
        "LLEN",
        "LRANGE",
        "MGET",
        "PTTL",
        "SCARD",
        "SISMEMBER",
        "SMEMBERS",
        "SMISMEMBER",
        "STRLEN",
        "TTL",
        "TYPE",
        "XLEN",
        "XRANGE",
        "ZCARD",
        "ZCOUNT",
        "ZMSCORE",
        "ZRANGE",
        "ZRANGEBYLEX",
        "ZRANGEBYSCORE",
        "ZRANK",
        "ZSCORE",
    ];
    READS.binary_search(&name).is_ok()
}

impl Template {
    /// The largest values of the operation, in bytes; values without sizes of their own are as large as `default`.
    pub(crate) fn values<'a>(&'a self, default: &'a Sizes) -> impl Iterator<Item = u64> + 'a {
        self.sizes(default).map(|sizes| u64::from(sizes.largest()))
    }

    /// Lets the ledger follow the operations: their values get its stamp.
    pub(crate) fn verify(&mut self) {
        self.is_verified = self.effect.is_followed();
        for piece in &mut self.pieces {
            if let (true, Piece::Value(sizes)) = (self.is_verified, &*piece) {
                *piece = Piece::Stamped(sizes.clone());
            }
        }
    }

    /// The sizes of the values that it writes.
    pub(crate) fn sizes<'a>(&'a self, of_workload: &'a Sizes) -> impl Iterator<Item = &'a Sizes> {
        self.pieces.iter().filter_map(move |piece| match piece {
            Piece::Value(sizes) | Piece::Stamped(sizes) => Some(sizes.as_ref().unwrap_or(of_workload)),
            _ => None,
        })
    }

    /// Adds WAIT for this many replicas, unless the operation only reads.
    pub(crate) fn wait(&mut self, replicas: u32, timeout_ms: u128) {
        if self.is_read || self.replies == u8::MAX {
            return;
        }
        let words = ["WAIT".to_owned(), replicas.to_string(), timeout_ms.to_string()];
        let packed = words.iter().fold(format!("*{}\r\n", words.len()).into_bytes(), |mut packed, word| {
            packed.extend(bulk(word.as_bytes()));
            packed
        });
        self.pieces.push(Piece::Fixed(packed));
        self.replies += 1;
        self.waits = true;
    }

    /// Writes the operation for a key and a seed. Equal arguments give equal bytes.
    pub(crate) fn write(&self, keys: &Keys, key: u64, seed: u64, values: &Values, out: &mut Vec<u8>) {
        let mut state = seed;
        for piece in &self.pieces {
            match piece {
                Piece::Fixed(bytes) => out.extend_from_slice(bytes),
                Piece::Key { further } => keys.write(key, *further, out),
                Piece::Value(sizes) => values.write(sizes.as_ref(), next(&mut state), out),
                Piece::Stamped(sizes) => {
                    // Keys that are written for the first time have the same ticket.
                    state ^= key.wrapping_mul(KEY_FACTOR);
                    let number = next(&mut state);
                    values
                        .write_stamped(sizes.as_ref(), number, (seed >> 32) as u32, out, |out| keys.write(key, 0, out));
                }
                Piece::Field(count) => {
                    let field = next(&mut state) % count;
                    text(&format!("field{field}"), out);
                }
                Piece::Number(least, most) => {
                    let count = u128::from(most - least) + 1;
                    let offset = (u128::from(next(&mut state)) % count) as u64;
                    text(&(least + offset).to_string(), out);
                }
            }
        }
    }
}

/// Spreads key numbers over all bits.
const KEY_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

fn text(text: &str, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _written = write!(out, "${}\r\n{text}\r\n", text.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Distribution;
    use crate::share::Share;

    fn spaces() -> Vec<KeySpace> {
        let space = |name: &str, group| KeySpace {
            name: name.to_owned(),
            prefix: format!("{name}:"),
            count: 100,
            group,
            distribution: Distribution::Uniform,
            share: Share::WHOLE,
            keeps_to_range: false,
        };
        vec![space("key", 1), space("multi", 3)]
    }

    fn written(lines: &[&str], key: u64, seed: u64) -> String {
        let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
        let spaces = spaces();
        let template = compile(&lines, &spaces).unwrap();
        let mut out = Vec::new();
        let values = Values::new(Sizes::Fixed(4));
        template.write(&Keys::new(&spaces[template.space], 0, 1), key, seed, &values, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commands_are_written_as_arrays_of_bulk_strings() {
        assert_eq!(written(&["GET {key}"], 7, 0), "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000007\r\n");
        assert_eq!(
            written(&["MGET {keys:multi:2}"], 5, 0),
            "*3\r\n$4\r\nMGET\r\n$25\r\nmulti:{000000000001}:0002\r\n$25\r\nmulti:{000000000001}:0000\r\n"
        );
        let eval = written(&["EVAL \"return {KEYS[1]}\" 1 {key}"], 0, 0);
        assert!(eval.starts_with("*4\r\n$4\r\nEVAL\r\n$16\r\nreturn {KEYS[1]}\r\n$1\r\n1\r\n"), "{eval}");
    }

    #[test]
    fn every_written_command_frames_as_one_array() {
        for line in [
            "SET {key} {value}",
            "HSET {key} {field} {value:1-9}",
            "ZADD {key} {number:3-7} {field:3}",
            "MSET {pairs:multi:3}",
        ] {
            for seed in 0..50 {
                let text = written(&[line], 3, seed);
                assert_eq!(wire::Framer::default().scan(text.as_bytes()), Ok(Some(text.len())), "{text:?}");
            }
        }
    }

    #[test]
    fn a_seed_gives_the_same_bytes_and_another_a_fresh_value() {
        assert_eq!(written(&["SET {key} {value}"], 1, 5), written(&["SET {key} {value}"], 1, 5));
        assert_ne!(written(&["SET {key} {value}"], 1, 5), written(&["SET {key} {value}"], 1, 6));
    }

    #[test]
    fn a_mistake_is_named() {
        let refuse = |lines: &[&str]| {
            compile(&lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>(), &spaces()).unwrap_err()
        };
        for (lines, wanted) in [
            (&["GET {kee}"][..], "\"GET {kee}\" has the unknown placeholder {kee}; write {key}"),
            (&["GET {key:none}"], "\"GET {key:none}\" names the unknown key space \"none\"; write one of: key, multi"),
            (&["PING"], "has no {key}"),
            (&["MGET {keys:2}"], "set group = 2"),
            (&["MGET {keys:multi:4}"], "set group = 4"),
            (&["MULTI", "GET {key}", "GET {key:multi}", "EXEC"], "a second key space"),
            (&["SET {new-key:multi} {value}"], "must have group = 1"),
            (&["SET {key} {value:x}"], "has a wrong {value:x}: cannot read \"x\" as value sizes"),
            (&["GET '{key}"], "\"GET '{key}\" is malformed: the command has a ' that is not closed"),
            (&["SET {key} {number:9-1}"], "unknown placeholder"),
        ] {
            let message = refuse(lines);
            assert!(message.contains(wanted), "{lines:?}: {message}");
        }
    }

    #[test]
    fn reads_are_sorted_so_that_they_are_found() {
        for name in ["BITCOUNT", "GET", "MGET", "ZSCORE", "HGETALL"] {
            assert!(is_read(name), "{name}");
        }
        assert!(!is_read("SET") && !is_read("GETEX"));
    }
}
