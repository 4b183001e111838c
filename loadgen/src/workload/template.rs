//! The commands of an operation as a list of pieces, and how they are written. `compiler` makes them from text.

use std::io::Write as _;

use super::effect::Effect;
use super::sizes::Sizes;
use super::values::{Values, next};
use crate::keys::Keys;

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

/// An argument as a bulk string.
pub(super) fn bulk(argument: &[u8]) -> Vec<u8> {
    let mut bytes = format!("${}\r\n", argument.len()).into_bytes();
    bytes.extend_from_slice(argument);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Spreads key numbers over all bits.
const KEY_FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

fn text(text: &str, out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _written = write!(out, "${}\r\n{text}\r\n", text.len());
}

#[cfg(test)]
mod tests {
    use super::super::compiler::{compile, tests::spaces};
    use super::*;

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
}
