//! The committed matrix: which checks fail under which defect, on which servers.
//!
//! `matrix.tsv` beside this crate's manifest has it, one line per defect and check. `script/defects` runs all checks
//! against all defects and compares, and `script/defects --accept` writes the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

/// The text of the committed file.
const COMMITTED: &str = include_str!("../matrix.tsv");

/// What the file says about itself, above its rows.
const HEADING: &str = "\
# Which checks fail under which defect, and on which servers: `defect check servers`, with tabs between them.
# `script/defects` compares a run with this file, and `script/defects --accept` writes it.
";

/// Which checks fail under which defect, on which servers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    servers_by_pair: BTreeMap<Pair, BTreeSet<String>>,
}

/// A defect and a check that fails because of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The name of the defect.
    pub defect: String,
    /// The id of the check.
    pub check: String,
}

/// A text is not a matrix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// A line has another form than the rows of the file.
    #[error(
        "line {line} of the matrix is {text:?}; expected a defect, a check and its servers, with tabs between them"
    )]
    Row {
        /// The number of the line, from 1.
        line: usize,
        /// What the line says.
        text: String,
    },
    /// Two lines have the same defect and check.
    #[error("line {line} of the matrix repeats the pair {pair}")]
    Repeated {
        /// The number of the second line, from 1.
        line: usize,
        /// The pair.
        pair: Pair,
    },
}

impl Matrix {
    /// Returns the committed matrix.
    ///
    /// # Errors
    ///
    /// The first line of the committed file that is not a row.
    pub fn committed() -> Result<Self, MatrixError> {
        Self::parse(COMMITTED)
    }

    /// Reads a matrix from the text of a file.
    ///
    /// # Errors
    ///
    /// The first line that is not a row, or that repeats one.
    pub fn parse(text: &str) -> Result<Self, MatrixError> {
        let mut matrix = Self::default();
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[defect, check, servers] = fields.as_slice() else {
                return Err(MatrixError::Row { line: number, text: line.to_owned() });
            };
            let pair = Pair::new(defect, check);
            let servers = servers.split(' ').map(str::to_owned).collect();
            if matrix.servers_by_pair.insert(pair.clone(), servers).is_some() {
                return Err(MatrixError::Repeated { line: number, pair });
            }
        }
        Ok(matrix)
    }

    /// Returns all pairs in order, each with the servers on which the check fails.
    pub fn pairs(&self) -> impl Iterator<Item = (&Pair, &BTreeSet<String>)> {
        self.servers_by_pair.iter()
    }

    /// Returns the checks that fail under a defect on any server.
    pub fn failing<'a>(&'a self, defect: &'a str) -> impl Iterator<Item = &'a str> {
        self.servers_by_pair.keys().filter(move |pair| pair.defect == defect).map(|pair| pair.check.as_str())
    }

    /// Returns the checks that fail under any defect on a server.
    #[must_use]
    pub fn checks_on(&self, server: &str) -> BTreeSet<&str> {
        let pairs = self.servers_by_pair.iter().filter(|(_, servers)| servers.contains(server));
        pairs.map(|(pair, _)| pair.check.as_str()).collect()
    }

    /// Says whether a check fails under a defect on a server.
    #[must_use]
    pub fn has(&self, pair: &Pair, server: &str) -> bool {
        self.servers_by_pair.get(pair).is_some_and(|servers| servers.contains(server))
    }

    /// Adds a pair for a server, or removes it there.
    pub fn set(&mut self, pair: Pair, server: &str, fails: bool) {
        if fails {
            self.servers_by_pair.entry(pair).or_default().insert(server.to_owned());
        } else if let Some(servers) = self.servers_by_pair.get_mut(&pair) {
            servers.remove(server);
            if servers.is_empty() {
                self.servers_by_pair.remove(&pair);
            }
        }
    }
}

impl Pair {
    /// Returns the pair of a defect's name and a check's id.
    pub fn new(defect: impl Into<String>, check: impl Into<String>) -> Self {
        Self { defect: defect.into(), check: check.into() }
    }
}

impl Display for Pair {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.defect, self.check)
    }
}

/// The text of the file.
impl Display for Matrix {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(HEADING)?;
        for (pair, servers) in self.pairs() {
            let servers: Vec<&str> = servers.iter().map(String::as_str).collect();
            writeln!(formatter, "{}\t{}\t{}", pair.defect, pair.check, servers.join(" "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_read_as_it_was_written() {
        let mut matrix = Matrix::default();
        matrix.set(Pair::new("b", "slots/x"), "valkey-9.1", true);
        matrix.set(Pair::new("b", "slots/x"), "redis-7.0", true);
        matrix.set(Pair::new("a", "slots/y"), "redis-7.0", true);
        let text = matrix.to_string();
        assert!(text.ends_with("\na\tslots/y\tredis-7.0\nb\tslots/x\tredis-7.0 valkey-9.1\n"), "{text}");
        assert_eq!(Matrix::parse(&text), Ok(matrix.clone()));
        matrix.set(Pair::new("a", "slots/y"), "redis-7.0", false);
        assert_eq!(matrix.failing("a").count(), 0);
        assert!(matrix.has(&Pair::new("b", "slots/x"), "redis-7.0"));
    }

    #[test]
    fn what_is_no_row_is_refused_with_its_line() {
        let row = MatrixError::Row { line: 2, text: "a b".to_owned() };
        assert_eq!(Matrix::parse("# heading\na b\n"), Err(row));
        let repeated = Matrix::parse("a\ts/x\tredis-7.0\na\ts/x\tvalkey-9.1\n");
        assert_eq!(repeated, Err(MatrixError::Repeated { line: 2, pair: Pair::new("a", "s/x") }));
    }

    #[test]
    fn the_committed_file_is_as_it_would_be_written() {
        assert_eq!(Matrix::committed().unwrap().to_string(), COMMITTED);
    }
}
