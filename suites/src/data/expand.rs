//! Expands the entries of a suite file into checks: fills `each` rows, and resolves everything that does not depend on
//! the cluster. `names` fills the other names when a check runs.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use wire::Command;

use super::error::{Mistakes, Place, SuiteFileError};
use super::names::NAMES;
use super::schema::{CheckEntry, CommandText, PipelineEntry, RawEntry, SendEntry, StepEntry};
use super::steps::{DataBody, Expected, ProtocolName, Step, To, What};
use super::template::Template;
use crate::check::{Body, Check, Source};
use crate::expect::Expect;
use crate::need::Need;
use crate::release::Release;
use crate::shape::Shape;

/// The largest number of steps of a check.
const STEPS: usize = 64;

/// Whether a character may be in the name of a suite or in an id.
pub(super) fn is_id_character(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-'
}

/// Makes checks of one entry of `check`.
pub(super) struct Expander<'a> {
    pub(super) place: Place<'a>,
    /// The name of the suite.
    pub(super) suite: &'a str,
    /// The line where the entry starts, counted from 1.
    pub(super) line: u32,
    pub(super) mistakes: &'a Mistakes,
}

type Row = BTreeMap<String, String>;

impl Expander<'_> {
    /// The checks of an entry: one, or one for each row of `each`.
    pub(super) fn checks(&self, entry: &CheckEntry, steps: &[Option<Spanned<StepEntry>>]) -> Vec<Check> {
        if entry.each.is_empty() {
            return self.check(entry, steps, &Row::new()).into_iter().collect();
        }
        entry.each.iter().filter_map(|row| self.row(entry, steps, row)).collect()
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
            protocol: entry.protocol.map(ProtocolName::protocol),
            since: Release::FIRST,
            source: Source { file: self.place.file.to_owned(), line: self.line },
            body: Body::Data(DataBody { key: entry.key.clone(), steps }),
        })
    }

    fn id(&self, entry: &CheckEntry, row: &Row) -> Result<String, SuiteFileError> {
        let name = self.fill_now(&entry.id, row)?;
        if name.is_empty() || !name.chars().all(is_id_character) {
            let message = format!("the id \"{name}\" may contain lower-case letters, digits and - only");
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
            StepEntry::Receive(receive) => {
                (receive.from, &receive.on, What::Receive { expect: self.expect(&receive.expect, row)? })
            }
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

    /// The arguments of a command. The names of rct stay in them until the check runs.
    fn command(&self, text: &Spanned<CommandText>, row: &Row) -> Result<Vec<String>, SuiteFileError> {
        let span = text.span();
        let filled = |text: &str| self.fill_later(text, &span, row);
        match text.get_ref() {
            CommandText::Arguments(arguments) => arguments.iter().map(|argument| filled(argument)).collect(),
            CommandText::Line(line) => {
                let command =
                    Command::parse(&filled(line)?).map_err(|e| self.place.error(span.clone(), e.to_string()))?;
                let texts = command.args().iter().map(|argument| String::from_utf8(argument.clone()));
                texts.collect::<Result<_, _>>().map_err(|_| {
                    self.place.error(
                        span.clone(),
                        "a command in a suite file cannot contain bytes that are not UTF-8; write the check in Rust",
                    )
                })
            }
        }
    }

    fn expect(&self, expect: &Spanned<Expect>, row: &Row) -> Result<Expect, SuiteFileError> {
        expect.get_ref().filled(&mut |text| self.fill_later(text, &expect.span(), row))
    }

    /// Fills the names of the row; every other name must be one that rct fills when the check runs.
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

    /// Fills a text that may contain only names of the row.
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

/// The written shape, enlarged if a step needs a replica or a second primary.
fn smallest_shape(written: Shape, steps: &[Step]) -> Shape {
    let texts = |step: &Step| format!("{:?}", step.what);
    let speaks_to = |wanted: &[To]| steps.iter().any(|step| wanted.contains(&step.to));
    let names = |wanted: &[&str]| steps.iter().any(|step| wanted.iter().any(|name| texts(step).contains(name)));
    let second = speaks_to(&[To::NonOwner, To::ReplicaOfNonOwner]) || names(&["{non-owner", "other-node}"]);
    let replica = speaks_to(&[To::Replica, To::ReplicaOfNonOwner, To::EveryReplica]) || names(&["{replica"]);
    Shape::new(written.primaries.max(1 + u16::from(second)), written.replicas.max(u16::from(replica)))
}
