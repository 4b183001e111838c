//! Compiles commands with placeholders to a list of pieces.
//!
//! A placeholder is a whole argument: `{key}`, `{key+1}` (the next key of the same group), `{keys:5}`, `{pairs:5}`
//! (keys and values in turns), `{new-key}`, `{value}`, `{value:64-1024}`, `{field}`, `{field:100}`, `{number:1-100}`.
//! A colon and a name select another key space than the first: `{key:users}`, `{keys:users:5}`.

use wire::Command;

use super::effect::Effect;
use super::template::{Piece, Template, bulk};
use crate::keys::{KeySpace, Keys};

/// The number of fields for `{field}` without a number.
const FIELDS: u64 = 10;
/// The placeholders, for messages.
const PLACEHOLDERS: &str =
    "{key}, {key+N}, {keys:N}, {pairs:N}, {new-key}, {value}, {value:SIZES}, {field}, {field:N} or {number:A-B}";

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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::keys::Distribution;
    use crate::share::Share;

    /// Two key spaces, the second with groups of three keys.
    pub(in crate::workload) fn spaces() -> Vec<KeySpace> {
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
