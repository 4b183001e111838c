//! A workload that is ready for use, and two that follow from it: its preload and its removal.

use std::sync::Arc;

use super::sizes::Sizes;
use super::template::{Template, compile};
use crate::keys::{Distribution, KeySpace};
use crate::ledger::Ledger;
use crate::waits::Waits;

/// What a run sends.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The name in reports.
    pub name: String,
    /// The key spaces; the first is the one that `{key}` means.
    pub spaces: Vec<KeySpace>,
    /// The operations, 1 to 100.
    pub templates: Vec<Template>,
    /// The command that fills each key of a space before the load; `None` for channels and for unused spaces.
    pub(crate) preloads: Vec<Option<Template>>,
    /// The sizes of values, for templates without sizes of their own.
    pub values: Sizes,
    /// The faults and changes during a run that the file plans, as they can be typed after `--fault`.
    pub events: Vec<String>,
    /// The ledger of a workload that is verified.
    pub ledger: Option<Arc<Ledger>>,
    /// The answers to WAIT, of a workload whose writes wait for replicas.
    pub waits: Option<Arc<Waits>>,
}

impl Workload {
    /// The workloads that fill every key, one for each space in use, with the number of operations.
    pub fn preload(&self) -> impl Iterator<Item = (Self, u64)> + '_ {
        let fills = self.preloads.iter().flatten();
        fills.map(|template| self.over_all_keys(template.clone(), self.spaces[template.space].count, "preload"))
    }

    /// The workloads that delete every key that this one may have written, one for each space in use, with the number
    /// of operations.
    ///
    /// `inserted` is the most keys that the load may have inserted into a space.
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
            events: Vec::new(),
            ledger: self.ledger.clone(),
            waits: None,
        };
        (workload, count)
    }

    /// Whether keys are chosen one after the other, so that no drawn operation may be left out.
    pub(crate) fn is_sequential(&self) -> bool {
        self.spaces.iter().any(|space| space.distribution == Distribution::Sequential)
    }

    /// The largest value of an operation, those of the preload included, in bytes.
    #[must_use]
    pub fn largest_value(&self) -> u64 {
        self.all_templates().flat_map(|template| template.values(&self.values)).max().unwrap_or(0)
    }

    /// The most bytes that the values of one operation have together.
    #[must_use]
    pub fn largest_operation(&self) -> u64 {
        self.all_templates().map(|template| template.values(&self.values).sum()).max().unwrap_or(0)
    }

    pub(super) fn all_templates(&self) -> impl Iterator<Item = &Template> {
        self.templates.iter().chain(self.preloads.iter().flatten())
    }

    /// Whether any operation may write.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.templates.iter().any(|template| !template.is_read)
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
