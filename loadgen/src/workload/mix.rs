//! Reads mixes of well-known commands, such as `GET:9,SET:1`.

use super::compiled::Workload;
use super::file::{CommandFile, Lines, SpaceFile, WorkloadError, WorkloadFile};
use super::sizes::Sizes;
use crate::keys::Distribution;

/// The well-known commands: the name, the command line, and the key space of each.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("APPEND", "APPEND {key} {value}", "key"),
    ("DEL", "DEL {key}", "key"),
    ("EXISTS", "EXISTS {key}", "key"),
    ("EXPIRE", "EXPIRE {key} 3600", "key"),
    ("GET", "GET {key}", "key"),
    ("HGET", "HGET {key:hash} {field}", "hash"),
    ("HGETALL", "HGETALL {key:hash}", "hash"),
    ("HSET", "HSET {key:hash} {field} {value}", "hash"),
    ("INCR", "INCR {key:counter}", "counter"),
    ("LPOP", "LPOP {key:list}", "list"),
    ("LPUSH", "LPUSH {key:list} {value}", "list"),
    ("LRANGE", "LRANGE {key:list} 0 9", "list"),
    ("MGET", "MGET {keys:multi:5}", "multi"),
    ("MSET", "MSET {pairs:multi:5}", "multi"),
    ("RPOP", "RPOP {key:list}", "list"),
    ("RPUSH", "RPUSH {key:list} {value}", "list"),
    ("SADD", "SADD {key:set} {field}", "set"),
    ("SET", "SET {key} {value}", "key"),
    ("SISMEMBER", "SISMEMBER {key:set} {field}", "set"),
    ("SPUBLISH", "SPUBLISH {key:channel} {value}", "channel"),
    ("STRLEN", "STRLEN {key}", "key"),
    ("TTL", "TTL {key}", "key"),
    ("ZADD", "ZADD {key:zset} {number:0-999} {field}", "zset"),
    ("ZRANGE", "ZRANGE {key:zset} 0 9", "zset"),
    ("ZSCORE", "ZSCORE {key:zset} {field}", "zset"),
];

/// Why a mix cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// The text is not a mix of known commands.
    #[error(
        "cannot read {text:?} as a mix; write COMMAND:WEIGHT,... such as GET:9,SET:1 with commands of {}, or use any command in a workload file",
        names()
    )]
    Text {
        /// The text.
        text: String,
    },
    /// The settings of a key space are wrong.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
}

impl Workload {
    /// Reads a mix of well-known commands, such as `GET:9,SET:1`, over key spaces of `count` keys each.
    ///
    /// Every key begins with `prefix`.
    ///
    /// # Errors
    ///
    /// [`MixError`] if the text is not a mix of known commands. It names those.
    pub fn mix(
        text: &str,
        prefix: &str,
        count: u64,
        distribution: Distribution,
        values: Sizes,
    ) -> Result<Self, MixError> {
        let workload = mix(text, count, distribution)?.compile(prefix)?;
        Ok(Self { values, ..workload })
    }
}

/// Turns a mix into the workload file that means the same.
fn mix(text: &str, count: u64, distribution: Distribution) -> Result<WorkloadFile, MixError> {
    let refuse = || MixError::Text { text: text.to_owned() };
    let mut file = WorkloadFile::named(text);
    for part in text.split(',') {
        let (name, weight) = part.split_once(':').unwrap_or((part, "1"));
        let name = name.trim().to_uppercase();
        let weight = weight.trim().parse().ok().filter(|&weight| weight > 0).ok_or_else(refuse)?;
        let &(_, send, space) = COMMANDS.iter().find(|(known, ..)| *known == name).ok_or_else(refuse)?;
        file.command.push(CommandFile { weight, send: Lines::One(send.to_owned()), read: None });
        if !file.keys.contains_key(space) {
            file.keys.insert(space.to_owned(), space_file(space, count, distribution));
        }
    }
    Ok(file)
}

fn space_file(name: &str, count: u64, distribution: Distribution) -> SpaceFile {
    let preload = match name {
        "key" | "multi" => format!("SET {{key:{name}}} {{value}}"),
        "counter" => "SET {key:counter} 0".to_owned(),
        "hash" => many("HSET {key:hash}", |field| format!("field{field} {{value}}")),
        "list" => many("RPUSH {key:list}", |_| "{value}".to_owned()),
        "set" => many("SADD {key:set}", |field| format!("field{field}")),
        "zset" => many("ZADD {key:zset}", |field| format!("{field} field{field}")),
        // Channels have no data.
        _ => String::new(),
    };
    SpaceFile {
        count,
        group: if name == "multi" { 5 } else { 1 },
        preload: Some(preload).filter(|preload| !preload.is_empty()),
        chosen: Some(distribution),
        ..SpaceFile::default()
    }
}

fn many(command: &str, item: impl Fn(u32) -> String) -> String {
    (0..10).fold(command.to_owned(), |line, number| line + " " + &item(number))
}

fn names() -> String {
    COMMANDS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_command_compiles() {
        let all = names().replace(", ", ",");
        let workload = mix(&all, 100, Distribution::Uniform).unwrap().compile("").unwrap();
        assert_eq!(workload.templates.len(), COMMANDS.len());
        for (template, (name, ..)) in workload.templates.iter().zip(COMMANDS) {
            assert_eq!(template.name, *name);
        }
    }

    #[test]
    fn what_is_no_mix_is_refused_with_the_known_names() {
        for text in ["", "GET:0", "GET:x", "NOPE:1", "GET:1,"] {
            let message = mix(text, 1, Distribution::Uniform).unwrap_err().to_string();
            assert!(message.contains("HGETALL"), "{message}");
        }
    }
}
