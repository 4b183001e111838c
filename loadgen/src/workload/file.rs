//! Reads workloads from TOML files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::compiled::Workload;
use super::compiler::compile;
use super::sizes::Sizes;
use super::template::Template;
use crate::keys::{Distribution, GROUP_MAX, KEYS_MAX, KeySpace};
use crate::share::Share;

/// The most commands of a workload.
const COMMANDS_MAX: usize = 100;
/// The name of the key space that `{key}` means.
const FIRST_SPACE: &str = "key";

/// Why a workload cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkloadError {
    /// The file is not a workload in TOML. The text names the line.
    #[error("{0}")]
    Toml(String),
    /// A command is wrong.
    #[error("command {number} is wrong: {mistake}")]
    Command {
        /// Its number among the commands, from 1.
        number: usize,
        /// What is wrong, in one line.
        mistake: String,
    },
    /// A key space is wrong.
    #[error("key space {name:?} is wrong: {mistake}")]
    Space {
        /// Its name.
        name: String,
        /// What is wrong, in one line.
        mistake: String,
    },
}

/// A workload as the file has it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkloadFile {
    #[serde(default)]
    pub(crate) name: String,
    /// A title for readers of the file; rct ignores it.
    #[serde(default, rename = "title")]
    _title: String,
    #[serde(default)]
    pub(crate) values: Option<String>,
    #[serde(default)]
    pub(crate) keys: BTreeMap<String, SpaceFile>,
    #[serde(default)]
    pub(crate) command: Vec<CommandFile>,
    #[serde(default)]
    pub(crate) event: Vec<EventFile>,
}

/// A key space as the file has it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SpaceFile {
    #[serde(default = "default_count")]
    pub(crate) count: u64,
    #[serde(default = "default_group")]
    pub(crate) group: u64,
    #[serde(default)]
    pub(crate) prefix: Option<String>,
    #[serde(default)]
    pub(crate) distribution: DistributionName,
    #[serde(default)]
    pub(crate) exponent: Option<f64>,
    #[serde(default)]
    pub(crate) deviation: Option<f64>,
    #[serde(default)]
    pub(crate) share: Option<f64>,
    #[serde(default)]
    pub(crate) preload: Option<String>,
    /// The distribution that the command line sets, which replaces that of the file.
    #[serde(skip)]
    pub(crate) chosen: Option<Distribution>,
}

impl Default for SpaceFile {
    fn default() -> Self {
        Self {
            count: default_count(),
            group: default_group(),
            prefix: None,
            distribution: DistributionName::default(),
            exponent: None,
            deviation: None,
            share: None,
            preload: None,
            chosen: None,
        }
    }
}

fn default_count() -> u64 {
    100_000
}

fn default_group() -> u64 {
    1
}

#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DistributionName {
    #[default]
    Uniform,
    Sequential,
    Zipf,
    Gaussian,
    Latest,
    HotSlot,
}

/// A weighted operation as the file has it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandFile {
    #[serde(default = "default_weight")]
    pub(crate) weight: u32,
    pub(crate) send: Lines,
    #[serde(default)]
    pub(crate) read: Option<bool>,
}

/// A fault or change during the run as the file has it. Its words mean what they mean in `--fault`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventFile {
    action: String,
    /// `force` or `takeover`.
    #[serde(default)]
    mode: Option<String>,
    #[serde(default)]
    slots: Option<u32>,
    #[serde(default)]
    on: Option<String>,
    #[serde(default)]
    r#for: Option<String>,
    #[serde(default)]
    by: Option<String>,
    at: String,
}

impl EventFile {
    /// The event as it can be typed after `--fault`.
    fn text(&self) -> String {
        let slots = self.slots.map(|slots| format!("{slots} slots"));
        let by = self.by.as_ref().map(|by| format!("by={by}"));
        let words = [&self.mode, &slots, &self.on, &self.r#for, &by].into_iter().flatten();
        words.fold(self.action.clone(), |text, word| text + " " + word) + " @" + &self.at
    }
}

fn default_weight() -> u32 {
    1
}

/// One command, or several commands that are sent together.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Lines {
    One(String),
    Several(Vec<String>),
}

impl Workload {
    /// Reads a workload from the text of a TOML file. Every key begins with `prefix`.
    ///
    /// `count` replaces the number of keys of each key space, if it is given.
    ///
    /// # Errors
    ///
    /// [`WorkloadError`] names the line, the command or the key space that is wrong.
    pub fn read(text: &str, prefix: &str, count: Option<u64>) -> Result<Self, WorkloadError> {
        let mut file = WorkloadFile::read(text)?;
        if let Some(count) = count {
            if file.keys.is_empty() {
                file.keys.insert(FIRST_SPACE.to_owned(), SpaceFile::default());
            }
            file.keys.values_mut().for_each(|space| space.count = count);
        }
        file.compile(prefix)
    }
}

impl WorkloadFile {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    pub(crate) fn read(text: &str) -> Result<Self, WorkloadError> {
        toml::from_str(text).map_err(|error| WorkloadError::Toml(error.to_string().trim_end().to_owned()))
    }

    /// Makes the workload ready for use. Every key begins with `prefix`.
    pub(crate) fn compile(self, prefix: &str) -> Result<Workload, WorkloadError> {
        let values = match self.values.as_deref() {
            None => Sizes::Fixed(64),
            Some(text) => {
                text.parse().map_err(|error| WorkloadError::Toml(format!("the setting `values` is wrong: {error}")))?
            }
        };
        let mut files: Vec<(String, SpaceFile)> = self.keys.into_iter().collect();
        if files.is_empty() {
            files.push((FIRST_SPACE.to_owned(), SpaceFile::default()));
        }
        // The space that `{key}` means must be the first one.
        files.sort_by_key(|(name, _)| name != FIRST_SPACE);
        let spaces = files.iter().map(|(name, file)| file.space(name, prefix)).collect::<Result<Vec<_>, _>>()?;
        let mut templates = Vec::with_capacity(self.command.len());
        for (index, command) in self.command.iter().enumerate() {
            let wrong = |mistake| WorkloadError::Command { number: index + 1, mistake };
            templates.push(command.template(&spaces).map_err(wrong)?);
        }
        if templates.is_empty() || templates.len() > COMMANDS_MAX {
            return Err(WorkloadError::Toml(format!(
                "the workload has {} [[command]] tables; write 1 to {COMMANDS_MAX}",
                templates.len()
            )));
        }
        let mut preloads = Vec::new();
        for (at, (name, file)) in files.iter().enumerate() {
            let line = file.preload.clone().unwrap_or_else(|| format!("SET {{key:{name}}} {{value}}"));
            let wrong = |mistake| WorkloadError::Space {
                name: name.clone(),
                mistake: format!("its preload does not work: {mistake}"),
            };
            let template = compile(&[line], &spaces).map_err(wrong)?;
            let is_used = templates.iter().any(|template: &Template| template.space == at);
            let is_channel = file.chosen.is_some() && file.preload.is_none();
            preloads.push(Some(template).filter(|_| is_used && !is_channel));
        }
        let events = self.event.iter().map(EventFile::text).collect();
        Ok(Workload { name: self.name, spaces, templates, preloads, values, events, ledger: None, waits: None })
    }
}

impl SpaceFile {
    fn space(&self, name: &str, prefix: &str) -> Result<KeySpace, WorkloadError> {
        let wrong = |mistake: String| WorkloadError::Space { name: name.to_owned(), mistake };
        let own = self.prefix.clone().unwrap_or_else(|| format!("{name}:"));
        if own.contains(['{', '}']) {
            return Err(wrong(
                "its prefix has braces, which would change the slots of its keys; use group instead".to_owned(),
            ));
        }
        if !(1..=KEYS_MAX).contains(&self.count) {
            return Err(wrong(format!("its count is {}; write 1 to {KEYS_MAX}", self.count)));
        }
        if !(1..=GROUP_MAX).contains(&self.group) {
            return Err(wrong(format!("its group is {}; write 1 to {GROUP_MAX}", self.group)));
        }
        let distribution = match self.chosen {
            Some(chosen) => chosen,
            None => self.distribution().map_err(wrong)?,
        };
        Ok(KeySpace {
            name: name.to_owned(),
            prefix: prefix.to_owned() + &own,
            count: self.count,
            group: self.group,
            distribution,
            share: Share::WHOLE,
            keeps_to_range: false,
        })
    }

    fn distribution(&self) -> Result<Distribution, String> {
        let positive = |name: &str, value: Option<f64>, default: f64| match value.unwrap_or(default) {
            value if value > 0.0 && value.is_finite() => Ok(value),
            value => Err(format!("its {name} is {value}; write a number above 0")),
        };
        Ok(match self.distribution {
            DistributionName::Uniform => Distribution::Uniform,
            DistributionName::Sequential => Distribution::Sequential,
            DistributionName::Zipf => Distribution::Zipf { exponent: positive("exponent", self.exponent, 0.99)? },
            DistributionName::Latest => Distribution::Latest { exponent: positive("exponent", self.exponent, 0.99)? },
            DistributionName::Gaussian => {
                Distribution::Gaussian { deviation: positive("deviation", self.deviation, 1.0 / 6.0)? }
            }
            DistributionName::HotSlot => match self.share.unwrap_or(0.9) {
                share if (0.0..=1.0).contains(&share) => Distribution::HotSlot { share },
                share => return Err(format!("its share is {share}; write a number from 0 to 1")),
            },
        })
    }
}

impl CommandFile {
    fn template(&self, spaces: &[KeySpace]) -> Result<Template, String> {
        let lines = match &self.send {
            Lines::One(line) => std::slice::from_ref(line),
            Lines::Several(lines) => lines,
        };
        if self.weight == 0 || self.weight > 1_000_000 {
            return Err(format!("its weight is {}; write 1 to 1000000", self.weight));
        }
        let template = compile(lines, spaces)?;
        let is_read = self.read.unwrap_or(template.is_read);
        Ok(Template { weight: self.weight, is_read, ..template })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Workload, WorkloadError> {
        WorkloadFile::read(text)?.compile("rct:")
    }

    #[test]
    fn a_count_replaces_that_of_every_key_space() {
        let counts = |text: &str, count| {
            let workload = Workload::read(text, "rct:", count).unwrap();
            workload.spaces.iter().map(|space| space.count).collect::<Vec<_>>()
        };
        let text = "[keys.key]\ncount = 5\n[keys.cart]\ncount = 6\n[[command]]\nsend = 'GET {key}'\n";
        assert_eq!((counts(text, None), counts(text, Some(9))), (vec![5, 6], vec![9, 9]));
        assert_eq!(counts("[[command]]\nsend = 'GET {key}'\n", Some(9)), [9]);
    }

    #[test]
    fn a_file_names_spaces_values_and_commands() {
        let workload = compile(
            "name = 'cart'\nvalues = '10-20'\n[keys.key]\ncount = 5\n[keys.cart]\ngroup = 4\ndistribution = 'zipf'\n\
             [[command]]\nweight = 3\nsend = 'GET {key}'\n\
             [[command]]\nsend = ['MULTI', 'SET {key:cart} {value}', 'GET {key:cart+1}', 'EXEC']\n",
        )
        .unwrap();
        assert_eq!((workload.name.as_str(), &workload.values), ("cart", &Sizes::Range(10, 20)));
        assert_eq!(workload.spaces[0].prefix, "rct:key:");
        assert_eq!(workload.spaces[1].distribution, Distribution::Zipf { exponent: 0.99 });
        let [get, transaction] = &workload.templates[..] else { panic!("two templates") };
        assert!(get.is_read && !transaction.is_read);
        assert_eq!((transaction.name.as_str(), transaction.replies), ("MULTI+SET+GET+EXEC", 4));
    }

    #[test]
    fn events_read_as_on_the_command_line() {
        let text = "[[command]]\nsend = 'GET {key}'\n\
             [[event]]\naction = 'pause'\non = 'primary'\nfor = '3s'\nat = '10s'\n\
             [[event]]\naction = 'move'\nslots = 500\nby = 'atomic'\nat = '20s'\n\
             [[event]]\naction = 'failover'\nmode = 'force'\nat = '30s'\n";
        let wanted = ["pause primary 3s @10s", "move 500 slots by=atomic @20s", "failover force @30s"];
        assert_eq!(compile(text).unwrap().events, wanted);
        let message = compile("[[event]]\naction = 'kill'\nwhen = '3s'\n").unwrap_err().to_string();
        assert!(message.contains("unknown field `when`, expected one of `action`"), "{message}");
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, wanted) in [
            ("", "[[command]]"),
            ("nonsense = 1", "unknown field `nonsense`"),
            (
                "[[command]]\nsend = 'GET {x}'",
                "command 1 is wrong: \"GET {x}\" has the unknown placeholder {x}; write {key}",
            ),
            ("[[command]]\nweight = 0\nsend = 'GET {key}'", "weight is 0"),
            ("[keys.key]\ncount = 0\n[[command]]\nsend = 'GET {key}'", "count is 0"),
            ("[keys.key]\nprefix = '{'\n[[command]]\nsend = 'GET {key}'", "braces"),
            ("[keys.key]\ndistribution = 'zapf'", "unknown variant `zapf`"),
            ("[keys.key]\ndistribution = 'zipf'\nexponent = 0.0\n[[command]]\nsend = 'GET {key}'", "above 0"),
            (
                "values = 'x'\n[[command]]\nsend = 'GET {key}'",
                "the setting `values` is wrong: cannot read \"x\" as value sizes",
            ),
        ] {
            let message = compile(text).unwrap_err().to_string();
            assert!(message.contains(wanted), "{text:?}: {message}");
        }
    }
}
