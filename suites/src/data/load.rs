//! Reads a suite file as TOML; `expand` makes checks of its entries.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::error::{Mistakes, Place, SuiteFileError};
use super::expand::{Expander, is_id_character};
use super::schema::{CheckEntry, StepEntry, SuiteFile};
use crate::check::Check;

/// Reads the text of a suite file; `file` is its name in messages and reports.
///
/// # Errors
/// The first mistake.
pub fn load(file: &Path, text: &str) -> Result<Vec<Check>, SuiteFileError> {
    let (checks, mistakes) = load_all(file, text);
    mistakes.into_iter().next().map_or(Ok(checks), Err)
}

/// Reads everything that can be read of a suite file: the checks without mistakes, and all mistakes by line.
///
/// A mistake hides another one only in the same step, or in the same table outside the steps.
#[must_use]
pub fn load_all(file: &Path, text: &str) -> (Vec<Check>, Vec<SuiteFileError>) {
    let place = Place { file, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return (Vec::new(), errors.iter().map(|error| place.toml_error(error)).collect());
    }
    let entries = table.get_ref().get("check").and_then(|entries| entries.get_ref().as_array()).cloned();
    let root = Spanned::new(table.span(), DeValue::Table(table.into_inner()));
    let parsed: SuiteFile = match read(root) {
        Ok(parsed) => parsed,
        Err(error) => return (Vec::new(), vec![place.toml_error(&error)]),
    };
    let mistakes = Mistakes::default();
    let suite = parsed.suite.get_ref();
    if suite.is_empty() || !suite.chars().all(is_id_character) {
        let message = "the name of a suite may contain lower-case letters, digits and - only";
        mistakes.add(place.error(parsed.suite.span(), message));
    }
    let mut checks = Vec::new();
    for value in entries.into_iter().flatten() {
        let expander = Expander { place, suite, line: place.line_of(value.span().start), mistakes: &mistakes };
        let (entry, steps) = read_entry(value, place, &mistakes);
        checks.extend(entry.into_iter().flat_map(|entry| expander.checks(&entry, &steps)));
    }
    (checks, mistakes.sorted())
}

/// Reads one entry of `check`, and its steps one by one, so that a mistake in one step does not hide another.
fn read_entry(
    value: Spanned<DeValue<'_>>,
    place: Place<'_>,
    mistakes: &Mistakes,
) -> (Option<CheckEntry>, Vec<Option<Spanned<StepEntry>>>) {
    let steps = value.get_ref().get("steps").and_then(|steps| steps.get_ref().as_array()).cloned();
    let steps = steps.into_iter().flatten();
    let steps = steps.map(|step| mistakes.note(read(step).map_err(|error| place.toml_error(&error)))).collect();
    (mistakes.note(read(value).map_err(|error| place.toml_error(&error))), steps)
}

/// Reads a part of a file that is valid TOML.
fn read<'a, T: Deserialize<'a>>(value: Spanned<DeValue<'a>>) -> Result<T, toml::de::Error> {
    T::deserialize(ValueDeserializer::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Body;
    use crate::data::steps::What;
    use crate::shape::Shape;

    const HEAD: &str = "suite = \"s\"\n[[check]]\nid = \"a\"\ntitle = \"t\"\nlevel = \"must\"\nspec = \"x\"\n";

    fn fails(steps: &str) -> String {
        load(Path::new("s.toml"), &format!("{HEAD}{steps}")).unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_word_is_an_error_at_its_place_with_the_allowed_words() {
        let text =
            fails("steps = [\n  { send = { command = \"GET {key}\", to = \"nonowner\", expect = \"ok\" } },\n]\n");
        assert!(text.starts_with("s.toml:8:"), "{text}");
        assert!(text.contains("unknown variant `nonowner`, expected one of `owner`, `non-owner`"), "{text}");
    }

    #[test]
    fn a_misspelt_name_is_an_error_with_the_known_names() {
        let text = fails("steps = [{ send = { command = \"GET {kye}\", to = \"owner\", expect = \"ok\" } }]\n");
        assert!(text.contains("unknown name `kye`, expected one of") && text.contains("`key`"), "{text}");
    }

    #[test]
    fn unknown_fields_needs_and_empty_lists_are_errors() {
        let text = fails("steps = [{ send = { command = \"PING\", to = \"owner\", expects = \"ok\" } }]\n");
        assert!(text.contains("unknown field `expects`"), "{text}");
        let text =
            fails("needs = [\"kill\"]\nsteps = [{ send = { command = \"PING\", to = \"owner\", expect = \"ok\" } }]\n");
        assert!(text.contains("unknown need `kill`"), "{text}");
        let text = fails("steps = []\n");
        assert!(text.contains("1 to 64 steps"), "{text}");
    }

    #[test]
    fn every_mistake_is_found_in_the_order_of_the_lines() {
        let step = |to: &str, key: &str| {
            format!("{{ send = {{ command = \"GET {{{key}}}\", to = \"{to}\", expect = \"ok\" }} }},\n")
        };
        let entry = |id: &str, level: &str, steps: &[String]| {
            format!(
                "[[check]]\nid = \"{id}\"\ntitle = \"t\"\nlevel = \"{level}\"\nspec = \"x\"\nsteps = [\n{}]\n",
                steps.concat()
            )
        };
        let text = [
            "suite = \"s\"\n".to_owned(),
            entry("a", "must", &[step("ownr", "key"), step("owner", "kye"), step("owner", "key")]),
            entry("b", "maybe", &[step("replcia", "key")]),
            entry("C", "must", &[step("owner", "key")]),
            entry("d", "must", &[step("owner", "key")]),
        ];
        let (checks, mistakes) = load_all(Path::new("s.toml"), &text.concat());
        assert_eq!(checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(), ["s/d"]);
        let said: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let expected = [
            ("s.toml:8:", "unknown variant `ownr`"),
            ("s.toml:9:", "unknown name `kye`"),
            ("s.toml:15:", "unknown variant `maybe`"),
            ("s.toml:18:", "unknown variant `replcia`"),
            ("s.toml:21:", "the id \"C\""),
        ];
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, (place, words)) in said.iter().zip(expected) {
            assert!(said.starts_with(place) && said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_mistake_that_every_row_meets_is_told_once() {
        let text = format!(
            "{HEAD}each = [{{ n = \"a\" }}, {{ n = \"b\" }}]\n\
             steps = [{{ send = {{ command = \"GET {{kye}}\", to = \"owner\", expect = \"ok\" }} }}]\n"
        );
        assert_eq!(load_all(Path::new("s.toml"), &text).1.len(), 1);
    }

    #[test]
    fn rows_become_checks_with_ids_of_their_own() {
        let text = "suite = \"s\"\n[[check]]\nid = \"refuses-{name}\"\ntitle = \"{name} is refused\"\nlevel = \"must\"\n\
                    spec = \"x\"\neach = [{ name = \"del\", words = \"DEL {key} {key-same-node}\" }, { name = \"get\", words = \"GET {key}\" }]\n\
                    steps = [{ send = { command = \"{words}\", to = \"owner\", expect = { error = \"CROSSSLOT\" } } }]\n";
        let checks = load(Path::new("s.toml"), text).unwrap();
        assert_eq!(
            checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(),
            ["s/refuses-del", "s/refuses-get"]
        );
        let Body::Data(body) = &checks[0].body else { panic!() };
        let What::Send { command, .. } = &body.steps[0].what else { panic!() };
        assert_eq!(command, &["DEL", "{key}", "{key-same-node}"]);
    }

    #[test]
    fn the_shape_follows_from_the_nodes_that_are_spoken_to() {
        let text = format!(
            "{HEAD}steps = [{{ send = {{ command = \"GET {{key}}\", to = \"replica-of-non-owner\", expect = \"ok\" }} }}]\n"
        );
        assert_eq!(load(Path::new("s.toml"), &text).unwrap()[0].shape, Shape::new(2, 1));
    }
}
