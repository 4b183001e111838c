//! Reads suite files without running them, and finds every mistake; the work of `rct lint`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::catalogue::{self, Catalogue, CatalogueError};
use crate::check::{Check, Source};
use crate::data;

/// What was found in suite files.
#[derive(Debug, Default)]
pub struct Findings {
    /// The number of files that were read.
    pub files: usize,
    /// The number of checks that have no mistake.
    pub checks: usize,
    /// The mistakes, by file and line.
    pub mistakes: Vec<CatalogueError>,
}

/// Reads suite files and folders of them, and finds every mistake.
///
/// A copy of a built-in file, such as the one in a checkout, may use the ids of the built-in checks.
///
/// # Errors
/// A mistake in the built-in checks; the tests of this crate make sure that there is none.
pub fn lint(paths: &[PathBuf]) -> Result<Findings, CatalogueError> {
    let built_in = Catalogue::built_in()?;
    let mut taken = BTreeMap::new();
    let mut findings = Findings::default();
    for path in paths {
        match catalogue::files_of(path) {
            Ok(files) => files.iter().for_each(|file| findings.add(file, built_in.checks(), &mut taken)),
            Err(error) => findings.mistakes.push(error),
        }
    }
    Ok(findings)
}

impl Findings {
    fn add(&mut self, file: &Path, built_in: &[Check], taken: &mut BTreeMap<String, Source>) {
        self.files += 1;
        let text = match catalogue::read(file) {
            Ok(text) => text,
            Err(error) => return self.mistakes.push(error),
        };
        let (checks, mistakes) = data::load_all(file, &text);
        self.mistakes.extend(mistakes.into_iter().map(CatalogueError::from));
        self.checks += checks.len();
        let original = original_of(&checks, built_in);
        for Check { id, source, .. } in checks {
            let of_built_in = built_in.iter().find(|check| check.id == id).map(|check| &check.source);
            let first = taken.get(&id).or(of_built_in.filter(|first| Some(first.file.as_path()) != original));
            if let Some(first) = first.cloned() {
                self.mistakes.push(CatalogueError::Duplicate { id, first, second: source });
            } else {
                taken.insert(id, source);
            }
        }
    }
}

/// The built-in file that a file is a copy of: the one with which it shares more than half of the ids.
fn original_of<'a>(checks: &[Check], built_in: &'a [Check]) -> Option<&'a Path> {
    let mut shared: BTreeMap<&Path, (usize, usize)> = BTreeMap::new();
    for check in built_in {
        let (all, found) = shared.entry(&check.source.file).or_default();
        *all += 1;
        *found += usize::from(checks.iter().any(|own| own.id == check.id));
    }
    shared.into_iter().find(|(_, (all, found))| found * 2 > *all).map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checks_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("checks")
    }

    #[test]
    fn the_built_in_files_have_no_mistake() {
        let findings = lint(&[checks_folder()]).unwrap();
        assert!(findings.mistakes.is_empty(), "{:#?}", findings.mistakes);
        assert!(findings.files > 10 && findings.checks > 200, "{findings:?}");
    }

    #[test]
    fn a_file_that_is_read_twice_has_its_ids_twice() {
        let file = checks_folder().join("redirect.toml");
        let findings = lint(&[file.clone(), file]).unwrap();
        let [CatalogueError::Duplicate { id, .. }] = &findings.mistakes[..] else { panic!("{findings:?}") };
        assert_eq!(id, "redirect/moved-from-non-owner");
    }

    #[test]
    fn a_single_id_of_a_built_in_file_is_taken() {
        let text = catalogue::read(&checks_folder().join("moved.toml")).unwrap();
        let head = text.split("[[check]]").next().unwrap();
        let last = text.split("[[check]]").last().unwrap();
        let (checks, mistakes) = data::load_all(Path::new("own.toml"), &format!("{head}[[check]]{last}"));
        assert!(mistakes.is_empty() && checks.len() == 1, "{mistakes:?}");
        assert_eq!(original_of(&checks, Catalogue::built_in().unwrap().checks()), None);
    }
}
