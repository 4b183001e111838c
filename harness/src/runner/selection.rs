//! Which checks a run selects.

use std::collections::BTreeSet;
use std::rc::Rc;

use suites::{Check, Release};

use super::pattern::{Pattern, hint, names_of};

/// Which checks the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Checks that fit any of these; empty means all.
    pub run: Vec<Pattern>,
    /// Checks that fit any of these are left out, whatever `run` says.
    pub skip: Vec<Pattern>,
    /// The ids of the only checks that may run; all may if there is no such set.
    pub only: Option<BTreeSet<String>>,
    /// Whether checks that disturb a cluster are left out.
    pub calm: bool,
    /// Checks that came after this release of rct are left out.
    pub as_of: Option<Release>,
}

/// Why a selection is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A pattern fits no check.
    #[error("no check fits {pattern:?}{hint}; `rct list` shows all")]
    Unknown {
        /// The pattern.
        pattern: String,
        /// What may have been meant.
        hint: String,
    },
    /// No check is left.
    #[error("no check is selected: --skip, --calm, --failed or --checks-as-of leaves out all that --run selects")]
    Empty,
}

impl Selection {
    /// Returns the selected checks of a catalogue, in its order.
    ///
    /// # Errors
    /// A pattern that fits no check, or an empty selection.
    pub fn of(&self, checks: &[Check]) -> Result<Vec<Rc<Check>>, SelectionError> {
        for pattern in self.run.iter().chain(&self.skip) {
            if !pattern.fits_any(checks) {
                let hint = hint(&pattern.to_string(), names_of(checks));
                return Err(SelectionError::Unknown { pattern: pattern.to_string(), hint });
            }
        }
        let selected = checks.iter().filter(|check| self.is_asked_for(check) && !self.is_too_new(check));
        let selected: Vec<Rc<Check>> = selected.cloned().map(Rc::new).collect();
        if selected.is_empty() { Err(SelectionError::Empty) } else { Ok(selected) }
    }

    /// Returns how many checks are left out only because they came after the release of `as_of`.
    pub fn too_new(&self, checks: &[Check]) -> usize {
        checks.iter().filter(|check| self.is_asked_for(check) && self.is_too_new(check)).count()
    }

    fn is_asked_for(&self, check: &Check) -> bool {
        let fits = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.fits(&check.id));
        (self.run.is_empty() || fits(&self.run))
            && !fits(&self.skip)
            && self.only.as_ref().is_none_or(|only| only.contains(&check.id))
            && !(self.calm && check.disturbs())
    }

    fn is_too_new(&self, check: &Check) -> bool {
        self.as_of.is_some_and(|release| check.since > release)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two small checks, `moved/from-non-owner` and `slots/of-keys`.
    pub(crate) fn checks() -> Vec<Check> {
        let suite = |suite: &str, id: &str| {
            let text = format!(
                "suite = \"{suite}\"\n[[check]]\nid = \"{id}\"\ntitle = \"t\"\nlevel = \"must\"\nspec = \"s\"\n\
                 steps = [{{ send = {{ command = \"PING\", to = \"owner\", expect = \"ok\" }} }}]\n"
            );
            suites::data::load(std::path::Path::new("s.toml"), &text).unwrap()
        };
        [suite("moved", "from-non-owner"), suite("slots", "of-keys")].concat()
    }

    fn select(run: &[&str], skip: &[&str]) -> Result<usize, SelectionError> {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(*text)).collect();
        let selection = Selection { run: patterns(run), skip: patterns(skip), ..Selection::default() };
        selection.of(&checks()).map(|checks| checks.len())
    }

    #[test]
    fn nothing_selected_is_an_error() {
        assert!(matches!(select(&["no-such-suite"], &[]), Err(SelectionError::Unknown { .. })));
        assert!(matches!(select(&[], &["*"]), Err(SelectionError::Empty)));
        assert_eq!(select(&["moved/*"], &[]), Ok(1));
        assert_eq!(select(&[], &["moved"]), Ok(1));
    }

    #[test]
    fn newer_checks_are_left_out_and_counted() {
        let mut checks = checks();
        checks[0].since = Release::NEWEST;
        let as_of = |release, run: &[&str]| Selection {
            run: run.iter().map(|text| Pattern::new(*text)).collect(),
            as_of: Some(release),
            ..Selection::default()
        };
        let first = as_of(Release::FIRST, &[]);
        let selected = first.of(&checks).unwrap();
        assert_eq!(selected.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(), ["slots/of-keys"]);
        assert_eq!((first.too_new(&checks), as_of(Release::NEWEST, &[]).too_new(&checks)), (1, 0));
        assert_eq!(as_of(Release::FIRST, &["slots"]).too_new(&checks), 0);
        assert!(matches!(as_of(Release::FIRST, &["moved"]).of(&checks), Err(SelectionError::Empty)));
    }

    #[test]
    fn a_near_miss_is_named() {
        let error = select(&["moved/from-nonowner"], &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean moved/from-non-owner?"), "{error}");
    }
}
