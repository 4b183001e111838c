//! A workload that is ready for use, and the two that go with it: its preload and its removal.

use super::sizes::Sizes;
use super::template::{Template, compile};
use crate::keys::{Distribution, KeySpace};

/// What to send.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name in reports.
    pub name: String,
    /// The key spaces; the first is the one that `{key}` means.
    pub spaces: Vec<KeySpace>,
    /// The operations, 1 to 100.
    pub templates: Vec<Template>,
    /// What fills each key of each space before the load; `None` for spaces that hold nothing or are not used.
    pub(crate) preloads: Vec<Option<Template>>,
    /// The sizes of values, where a template says nothing else.
    pub values: Sizes,
}

impl Workload {
    /// The workloads that fill every key of the spaces that are used, one a space, with the number of operations.
    pub fn preload(&self) -> impl Iterator<Item = (Self, u64)> + '_ {
        let fills = self.preloads.iter().flatten();
        fills.map(|template| self.over_all_keys(template.clone(), self.spaces[template.space].count, "preload"))
    }

    /// The workloads that delete what this one can have written, one a space, with the number of operations.
    ///
    /// `inserted` is the most keys that can have been added behind a space's own.
    pub fn removal(&self, inserted: u64) -> impl Iterator<Item = (Self, u64)> + '_ {
        (0..self.spaces.len()).filter_map(move |at| {
            let used: Vec<&Template> = self.templates.iter().filter(|template| template.space == at).collect();
            if used.is_empty() {
                return None;
            }
            let line = format!("UNLINK {{key:{}}}", self.spaces[at].name);
            let template = compile(&[line], &self.spaces).ok()?;
            let more = if used.iter().any(|template| template.inserts) { inserted } else { 0 };
            let keys = self.spaces[at].count.saturating_add(more).next_multiple_of(self.spaces[at].group);
            Some(self.over_all_keys(template, keys, "removal"))
        })
    }

    fn over_all_keys(&self, template: Template, count: u64, name: &str) -> (Self, u64) {
        let mut spaces = self.spaces.clone();
        spaces[template.space].distribution = Distribution::Sequential;
        spaces[template.space].count = count;
        let workload = Self {
            name: name.to_owned(),
            spaces,
            templates: vec![template],
            preloads: Vec::new(),
            values: self.values.clone(),
        };
        (workload, count)
    }

    /// Whether every key is to be drawn exactly once in its turn, so that none may be left out.
    pub(crate) fn is_sequential(&self) -> bool {
        self.spaces.iter().any(|space| space.distribution == Distribution::Sequential)
    }

    /// The share of operations that only read, from 0 to 1.
    #[must_use]
    pub fn read_share(&self) -> f64 {
        let sum = |only_reads: bool| -> u64 {
            let counted = self.templates.iter().filter(|template| !only_reads || template.is_read);
            counted.map(|template| u64::from(template.weight)).sum()
        };
        sum(true) as f64 / sum(false).max(1) as f64
    }
}
