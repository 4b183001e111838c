//! Reads a suite file into checks: expands `each`, resolves what can be resolved, and reports mistakes at their place.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use wire::Command;

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

/// A mistake in a suite file, with file, line and column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SuiteFileError {
    file: String,
    line: u32,
    column: u32,
    excerpt: String,
    message: String,
}

impl fmt::Display for SuiteFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, excerpt, message } = self;
        let mark = " ".repeat(column.saturating_sub(1) as usize);
        let gutter = " ".repeat(line.to_string().len());
        write!(formatter, "{file}:{line}:{column}: {message}\n  {line} | {excerpt}\n  {gutter} | {mark}^")
    }
}

/// Reads the text of a suite file; `file` is the name that messages and reports give.
///
/// # Errors
/// The first mistake.
pub fn load(file: &Path, text: &str) -> Result<Vec<Check>, SuiteFileError> {
    let place = Place { file, text };
    let parsed: SuiteFile = toml::from_str(text)
        .map_err(|error| place.error(error.span().unwrap_or(0..0), error.message().trim_end().replace('\n', ", ")))?;
    let suite = parsed.suite.get_ref();
    if suite.is_empty() || !suite.chars().all(is_id_character) {
        return Err(place.error(parsed.suite.span(), "a suite's name is made of lower-case letters, digits and -"));
    }
    let mut checks = Vec::new();
    for entry in &parsed.check {
        let reader = Reader { place, suite, line: place.line_of(entry.span().start) };
        checks.extend(reader.expand(entry.get_ref())?);
    }
    Ok(checks)
}

fn is_id_character(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
}

#[derive(Clone, Copy)]
struct Place<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Place<'_> {
    fn line_of(&self, offset: usize) -> u32 {
        self.text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() as u32 + 1
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> SuiteFileError {
        let start = self.text.floor_char_boundary(span.start.min(self.text.len()));
        let from = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        SuiteFileError {
            file: self.file.display().to_string(),
            line: self.line_of(start),
            column: self.text[from..start].chars().count() as u32 + 1,
            excerpt: self.text[from..].lines().next().unwrap_or_default().chars().take(160).collect(),
            message: message.into(),
        }
    }
}

/// Reads one entry of `check`.
struct Reader<'a> {
    place: Place<'a>,
    suite: &'a str,
    line: u32,
}

type Row = BTreeMap<String, String>;

impl Reader<'_> {
    fn expand(&self, entry: &CheckEntry) -> Result<Vec<Check>, SuiteFileError> {
        if entry.each.is_empty() {
            return Ok(vec![self.check(entry, &Row::new())?]);
        }
        entry
            .each
            .iter()
            .map(|row| {
                let clash = row.get_ref().keys().find(|name| NAMES.contains(&name.as_str()));
                match clash {
                    Some(name) => Err(self.place.error(row.span(), format!("`{name}` is a name of its own already"))),
                    None => self.check(entry, row.get_ref()),
                }
            })
            .collect()
    }

    fn check(&self, entry: &CheckEntry, row: &Row) -> Result<Check, SuiteFileError> {
        let name = self.fill_now(&entry.id, row)?;
        if name.is_empty() || !name.chars().all(is_id_character) {
            let message = format!("the id {name:?}: an id is made of lower-case letters, digits and -");
            return Err(self.place.error(entry.id.span(), message));
        }
        let steps = entry.steps.get_ref();
        if steps.is_empty() || steps.len() > STEPS {
            return Err(self.place.error(entry.steps.span(), format!("a check has 1 to {STEPS} steps")));
        }
        let steps = steps.iter().map(|step| self.step(step, row)).collect::<Result<Vec<_>, _>>()?;
        Ok(Check {
            id: format!("{}/{name}", self.suite),
            title: self.fill_now(&entry.title, row)?.trim_end().to_owned(),
            level: entry.level,
            spec: entry.spec.clone(),
            statements: entry.covers.iter().map(|text| self.fill_now(text, row)).collect::<Result<_, _>>()?,
            shape: smallest_shape(entry.shape, &steps),
            needs: entry.needs.iter().map(|need| self.need(need, row)).collect::<Result<_, _>>()?,
            servers: entry.servers.clone(),
            source: Source { file: self.place.file.to_owned(), line: self.line },
            body: Body::Data(DataBody { key: entry.key.clone(), protocol: entry.protocol, steps }),
        })
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
            let message = format!("{sent} commands and {expected} expectations: each command has one");
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
