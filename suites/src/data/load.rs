//! Reads a suite file into checks: expands `each`, resolves what can be resolved, and reports mistakes at their place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use wire::Command;

use super::error::{Place, SuiteFileError};
use super::names::NAMES;
use super::schema::{CheckEntry, CommandText, PipelineEntry, RawEntry, SendEntry, StepEntry, SuiteFile};
use super::steps::{DataBody, Expected, Step, To, What};
use super::template::Template;
use crate::check::{Body, Check, Source};
use crate::expect::Expect;
use crate::need::Need;
use crate::shape::Shape;

/// The steps that one check may have.
const STEPS: usize = 64;

/// Reads the text of a suite file; `file` is the name that messages and reports give.
///
/// # Errors
/// The first mistake.
pub fn load(file: &Path, text: &str) -> Result<Vec<Check>, SuiteFileError> {
    let (checks, mistakes) = load_all(file, text);
    mistakes.into_iter().next().map_or(Ok(checks), Err)
}

/// Reads all that can be read of a suite file: the checks without mistakes, and every mistake in the order of the lines.
///
/// One mistake hides others only within the same step, or within the same table beside the steps.
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
        let reader = Reader { place, suite, line: place.line_of(value.span().start), mistakes: &mistakes };
        checks.extend(reader.entry(value));
    }
    (checks, mistakes.sorted())
}

/// Reads a part of a file that is valid TOML.
fn read<'a, T: Deserialize<'a>>(value: Spanned<DeValue<'a>>) -> Result<T, toml::de::Error> {
    T::deserialize(ValueDeserializer::from(value))
}

/// The mistakes found so far.
#[derive(Default)]
struct Mistakes(RefCell<Vec<SuiteFileError>>);

impl Mistakes {
    fn add(&self, mistake: SuiteFileError) {
        self.0.borrow_mut().push(mistake);
    }

    /// The value, or nothing where a mistake stands in its place.
    fn note<T>(&self, result: Result<T, SuiteFileError>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }

    /// All values, or nothing where a mistake stands in the place of one; every mistake is noted.
    fn note_all<T>(&self, results: impl Iterator<Item = Result<T, SuiteFileError>>) -> Option<Vec<T>> {
        let values: Vec<Option<T>> = results.map(|result| self.note(result)).collect();
        values.into_iter().collect()
    }

    /// Each mistake once, although every row of `each` meets it.
    fn sorted(&self) -> Vec<SuiteFileError> {
        let mut mistakes = self.0.take();
        mistakes.sort();
        mistakes.dedup();
        mistakes
    }
}

fn is_id_character(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
}

/// Reads one entry of `check`.
struct Reader<'a> {
    place: Place<'a>,
    suite: &'a str,
    line: u32,
    mistakes: &'a Mistakes,
}

type Row = BTreeMap<String, String>;

impl Reader<'_> {
    /// The checks of an entry: one, or one for each row of `each`.
    fn entry(&self, value: Spanned<DeValue<'_>>) -> Vec<Check> {
        let steps = value.get_ref().get("steps").and_then(|steps| steps.get_ref().as_array()).cloned();
        let steps: Vec<Option<Spanned<StepEntry>>> = steps
            .into_iter()
            .flatten()
            .map(|step| self.mistakes.note(read(step).map_err(|error| self.place.toml_error(&error))))
            .collect();
        let entry: Option<CheckEntry> = self.mistakes.note(read(value).map_err(|error| self.place.toml_error(&error)));
        let Some(entry) = entry else { return Vec::new() };
        if entry.each.is_empty() {
            return self.check(&entry, &steps, &Row::new()).into_iter().collect();
        }
        entry.each.iter().filter_map(|row| self.row(&entry, &steps, row)).collect()
    }

    fn row(&self, entry: &CheckEntry, steps: &[Option<Spanned<StepEntry>>], row: &Spanned<Row>) -> Option<Check> {
        if let Some(name) = row.get_ref().keys().find(|name| NAMES.contains(&name.as_str())) {
            let message = format!("a row cannot define `{name}`, because rct defines that name itself");
            self.mistakes.add(self.place.error(row.span(), message));
            return None;
        }
        self.check(entry, steps, row.get_ref())
    }

    fn check(&self, entry: &CheckEntry, steps: &[Option<Spanned<StepEntry>>], row: &Row) -> Option<Check> {
        let id = self.mistakes.note(self.id(entry, row));
        let title = self.mistakes.note(self.fill_now(&entry.title, row));
        let statements = self.mistakes.note_all(entry.covers.iter().map(|text| self.fill_now(text, row)));
        let needs = self.mistakes.note_all(entry.needs.iter().map(|need| self.need(need, row)));
        let count = entry.steps.get_ref().len();
        if count == 0 || count > STEPS {
            self.mistakes.add(self.place.error(entry.steps.span(), format!("a check must have 1 to {STEPS} steps")));
        }
        let read = self.mistakes.note_all(steps.iter().flatten().map(|step| self.step(step, row)));
        let steps = read.filter(|read| !read.is_empty() && read.len() == count && count <= STEPS)?;
        Some(Check {
            id: id?,
            title: title?.trim_end().to_owned(),
            level: entry.level,
            spec: entry.spec.clone(),
            statements: statements?,
            shape: smallest_shape(entry.shape, &steps),
            needs: needs?,
            servers: entry.servers.clone(),
            source: Source { file: self.place.file.to_owned(), line: self.line },
            body: Body::Data(DataBody { key: entry.key.clone(), protocol: entry.protocol, steps }),
        })
    }

    fn id(&self, entry: &CheckEntry, row: &Row) -> Result<String, SuiteFileError> {
        let name = self.fill_now(&entry.id, row)?;
        if name.is_empty() || !name.chars().all(is_id_character) {
            let message = format!("the id {name:?} may contain lower-case letters, digits and - only");
            return Err(self.place.error(entry.id.span(), message));
        }
        Ok(format!("{}/{name}", self.suite))
    }

    fn need(&self, text: &Spanned<String>, row: &Row) -> Result<Need, SuiteFileError> {
        let name = self.fill_now(text, row)?;
        if let Some(command) = name.strip_prefix("command:") {
            return Ok(Need::Command(command.to_uppercase()));
        }
        let known = Need::NAMED.iter().find(|(known, _)| *known == name).map(|(_, need)| need.clone());
        known.ok_or_else(|| {
            let names: Vec<String> = Need::NAMED.iter().map(|(name, _)| format!("`{name}`")).collect();
            let message = format!("unknown need `{name}`, expected `command:NAME` or one of {}", names.join(", "));
            self.place.error(text.span(), message)
        })
    }

    fn step(&self, entry: &Spanned<StepEntry>, row: &Row) -> Result<Step, SuiteFileError> {
        let line = self.place.line_of(entry.span().start);
        let (to, on, what) = match entry.get_ref() {
            StepEntry::Send(send) => (send.to, &send.on, self.send(send, row)?),
            StepEntry::Pipeline(pipeline) => (pipeline.to, &pipeline.on, self.pipeline(pipeline, row)?),
            StepEntry::Raw(raw) => (raw.to, &raw.on, self.raw(raw, row)?),
        };
        Ok(Step { line, to, on: on.clone(), what })
    }

    fn send(&self, entry: &SendEntry, row: &Row) -> Result<What, SuiteFileError> {
        let dialects =
            entry.dialect.iter().map(|dialect| Ok((dialect.servers.clone(), self.expect(&dialect.expect, row)?)));
        let expect =
            Expected { usual: self.expect(&entry.expect, row)?, dialects: dialects.collect::<Result<_, _>>()? };
        Ok(What::Send { command: self.command(&entry.command, row)?, expect, within: entry.within })
    }

    fn pipeline(&self, entry: &PipelineEntry, row: &Row) -> Result<What, SuiteFileError> {
        let (sent, expected) = (entry.commands.len(), entry.expect.get_ref().len());
        if sent != expected {
            let message = format!(
                "a pipeline needs one expectation for each command, but has {sent} commands and {expected} expectations"
            );
            return Err(self.place.error(entry.expect.span(), message));
        }
        Ok(What::Pipeline {
            commands: entry.commands.iter().map(|command| self.command(command, row)).collect::<Result<_, _>>()?,
            expect: entry.expect.get_ref().iter().map(|expect| self.expect(expect, row)).collect::<Result<_, _>>()?,
        })
    }

    fn raw(&self, entry: &RawEntry, row: &Row) -> Result<What, SuiteFileError> {
        let filled = self.fill_later(entry.bytes.get_ref(), &entry.bytes.span(), row)?;
        Ok(What::Raw { bytes: filled.into_bytes(), expect: self.expect(&entry.expect, row)? })
    }

    /// The arguments of a command, each still with the names that are filled when the check runs.
    fn command(&self, text: &Spanned<CommandText>, row: &Row) -> Result<Vec<String>, SuiteFileError> {
        let span = text.span();
        let filled = |text: &str| self.fill_later(text, &span, row);
        match text.get_ref() {
            CommandText::Arguments(arguments) => arguments.iter().map(|argument| filled(argument)).collect(),
            CommandText::Line(line) => {
                let command =
                    Command::parse(&filled(line)?).map_err(|e| self.place.error(span.clone(), e.to_string()))?;
                let texts = command.args().iter().map(|argument| String::from_utf8(argument.clone()));
                texts
                    .collect::<Result<_, _>>()
                    .map_err(|_| self.place.error(span.clone(), "bytes that are not UTF-8: write the check in Rust"))
            }
        }
    }

    fn expect(&self, expect: &Spanned<Expect>, row: &Row) -> Result<Expect, SuiteFileError> {
        expect.get_ref().filled(&mut |text| self.fill_later(text, &expect.span(), row))
    }

    /// Fills names of the row now; every other name must be one that is known when the check runs.
    fn fill_later(&self, text: &str, span: &Range<usize>, row: &Row) -> Result<String, SuiteFileError> {
        let template = Template::parse(text).map_err(|message| self.place.error(span.clone(), message))?;
        template.fill(|name| {
            let known = row.contains_key(name) || NAMES.contains(&name);
            if known { Ok(String::new()) } else { Err(self.unknown(name, span, row)) }
        })?;
        let filled = template.fill_some(|name| row.get(name).cloned());
        match Template::parse(&filled) {
            Ok(_) => Ok(filled),
            Err(message) => Err(self.place.error(span.clone(), message)),
        }
    }

    /// Fills a text in which only names of the row may stand.
    fn fill_now(&self, text: &Spanned<String>, row: &Row) -> Result<String, SuiteFileError> {
        let template = Template::parse(text.get_ref()).map_err(|message| self.place.error(text.span(), message))?;
        template.fill(|name| row.get(name).cloned().ok_or_else(|| self.unknown(name, &text.span(), row)))
    }

    fn unknown(&self, name: &str, span: &Range<usize>, row: &Row) -> SuiteFileError {
        let known = row.keys().map(String::as_str).chain(NAMES.iter().copied());
        let list: Vec<String> = known.map(|known| format!("`{known}`")).collect();
        self.place.error(span.clone(), format!("unknown name `{name}`, expected one of {}", list.join(", ")))
    }
}

/// A check that speaks to a replica or to a second primary needs one, whether or not it says so.
fn smallest_shape(written: Shape, steps: &[Step]) -> Shape {
    let texts = |step: &Step| format!("{:?}", step.what);
    let speaks_to = |wanted: &[To]| steps.iter().any(|step| wanted.contains(&step.to));
    let names = |wanted: &[&str]| steps.iter().any(|step| wanted.iter().any(|name| texts(step).contains(name)));
    let second = speaks_to(&[To::NonOwner, To::ReplicaOfNonOwner]) || names(&["{non-owner", "other-node}"]);
    let replica = speaks_to(&[To::Replica, To::ReplicaOfNonOwner, To::EveryReplica]) || names(&["{replica"]);
    Shape::new(written.primaries.max(1 + u16::from(second)), written.replicas.max(u16::from(replica)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
