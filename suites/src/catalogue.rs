//! The catalogue of all checks, both built in and from the user's files, with unique ids.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::check::{Body, Check, Source};
use crate::code;
use crate::code_check::CodeCheck;
use crate::data::{self, SuiteFileError};
use crate::need::Need;
use crate::release::{Release, published};

macro_rules! built_in {
    ($file:literal) => {
        (concat!("suites/checks/", $file), include_str!(concat!("../checks/", $file)))
    };
}

/// The suite files that are part of rct: the path in the repository, and the text.
const BUILT_IN: &[(&str, &str)] = &[
    built_in!("ask.toml"),
    built_in!("connection.toml"),
    built_in!("crossslot.toml"),
    built_in!("errors.toml"),
    built_in!("failover.toml"),
    built_in!("keyslot.toml"),
    built_in!("keyspace.toml"),
    built_in!("moved.toml"),
    built_in!("pubsub.toml"),
    built_in!("readonly.toml"),
    built_in!("redirect.toml"),
    built_in!("replication.toml"),
    built_in!("scripting.toml"),
    built_in!("sharded-pubsub.toml"),
    built_in!("slot-admin.toml"),
    built_in!("slot-stats.toml"),
    built_in!("slots.toml"),
    built_in!("topology.toml"),
    built_in!("transactions.toml"),
];

/// The largest suite file that rct reads, in bytes.
const FILE_BYTES: u64 = 4 << 20;

/// All checks.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    checks: Vec<Check>,
}

/// Why checks could not be added to the catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A suite file has a mistake.
    #[error(transparent)]
    SuiteFile(#[from] SuiteFileError),
    /// Two checks have the same id.
    #[error("{second}: the check at {first} already has the id {id}; choose another id")]
    Duplicate {
        /// The id.
        id: String,
        /// Where the first check is written.
        first: Source,
        /// Where the second check is written.
        second: Source,
    },
    /// A suite file cannot be read.
    #[error("failed to read {path}: {reason}", path = path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        reason: String,
    },
    /// A check in Rust has a malformed range of servers.
    #[error("{place}: {message}")]
    Server {
        /// Where the check is written.
        place: Source,
        /// What is wrong.
        message: String,
    },
}

impl Catalogue {
    /// The checks that are part of rct.
    ///
    /// # Errors
    /// A mistake in the built-in checks; the tests of this crate make sure that there is none.
    pub fn built_in() -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        for (file, text) in BUILT_IN {
            catalogue.add_all(data::load(Path::new(file), text)?)?;
        }
        for check in code::all() {
            catalogue.add(from_code(check)?)?;
        }
        let published = published();
        for check in &mut catalogue.checks {
            check.since = published.get(check.id.as_str()).copied().unwrap_or(Release::NEWEST);
        }
        Ok(catalogue)
    }

    /// Adds the checks of a suite file, or of every `*.toml` in a folder.
    ///
    /// # Errors
    /// The first file that cannot be read, the first mistake, or the first id that another check already has.
    pub fn add_path(&mut self, path: &Path) -> Result<(), CatalogueError> {
        for file in files_of(path)? {
            let text = read(&file)?;
            self.add_all(data::load(&file, &text)?)?;
        }
        Ok(())
    }

    /// All checks, in the order in which they were added: first those in TOML, then those in Rust, then the user's.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The check with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.id == id)
    }

    fn add_all(&mut self, checks: Vec<Check>) -> Result<(), CatalogueError> {
        checks.into_iter().try_for_each(|check| self.add(check))
    }

    fn add(&mut self, check: Check) -> Result<(), CatalogueError> {
        if let Some(first) = self.find(&check.id) {
            let (first, second) = (first.source.clone(), check.source);
            return Err(CatalogueError::Duplicate { id: check.id, first, second });
        }
        self.checks.push(check);
        Ok(())
    }
}

fn from_code(check: &CodeCheck) -> Result<Check, CatalogueError> {
    let source = Source { file: PathBuf::from(check.place.file()), line: check.place.line() };
    let servers = check.servers.iter().map(|range| range.parse()).collect::<Result<_, _>>();
    let commands = check.commands.iter().map(|name| Need::Command((*name).to_owned()));
    Ok(Check {
        id: check.id.to_owned(),
        title: check.title.to_owned(),
        level: check.level,
        spec: check.spec.to_owned(),
        statements: check.statements.iter().map(ToString::to_string).collect(),
        shape: check.shape,
        needs: check.needs.iter().cloned().chain(commands).collect(),
        servers: servers.map_err(|message| CatalogueError::Server { place: source.clone(), message })?,
        protocol: check.protocol,
        since: Release::FIRST,
        source,
        body: Body::Code(check.body),
    })
}

/// The path itself if it is no folder; else every `*.toml` in the folder, sorted by name.
pub(crate) fn files_of(path: &Path) -> Result<Vec<PathBuf>, CatalogueError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |reason: String| CatalogueError::Unreadable { path: path.to_owned(), reason };
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(error.to_string()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(unreadable("this folder contains no file *.toml".to_owned()));
    }
    Ok(files)
}

/// The text of a suite file.
pub(crate) fn read(file: &Path) -> Result<String, CatalogueError> {
    let unreadable = |reason: String| CatalogueError::Unreadable { path: file.to_owned(), reason };
    let length = std::fs::metadata(file).map_err(|error| unreadable(error.to_string()))?.len();
    if length > FILE_BYTES {
        return Err(unreadable(format!("it has {length} bytes, but a suite file may have {FILE_BYTES} at most")));
    }
    std::fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))
}

/// The ids of the checks that cover each statement.
#[must_use]
pub fn coverage(checks: &[Check]) -> BTreeMap<&str, Vec<&str>> {
    let mut covered: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for check in checks {
        for statement in &check.statements {
            covered.entry(statement).or_default().push(&check.id);
        }
    }
    covered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_checks_load_and_name_their_rule() {
        let catalogue = Catalogue::built_in().unwrap();
        for check in catalogue.checks() {
            assert!(check.id.split_once('/').is_some_and(|(suite, name)| !suite.is_empty() && !name.is_empty()));
            assert!(!check.title.is_empty() && !check.title.ends_with('.'), "{}: {}", check.id, check.title);
            assert!(check.title.split_whitespace().count() <= 25, "{}: {}", check.id, check.title);
            assert!(!check.spec.is_empty(), "{}", check.id);
            assert!(!check.statements.is_empty(), "{}", check.id);
        }
    }

    #[test]
    fn every_suite_file_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks");
        for file in files_of(&folder).unwrap() {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(BUILT_IN.iter().any(|(built_in, _)| built_in.ends_with(name)), "{name} is not in BUILT_IN");
        }
    }

    #[test]
    fn an_id_that_is_taken_is_refused() {
        let mut catalogue = Catalogue::built_in().unwrap();
        let first = catalogue.checks()[0].clone();
        let error = catalogue.add(first).unwrap_err().to_string();
        assert!(error.contains("already has the id"), "{error}");
    }
}
