//! A workload that is ready for use, and two that follow from it: its preload and its removal.

use std::sync::Arc;

use super::compiler::compile;
use super::sizes::Sizes;
use super::template::Template;
use crate::keys::{Distribution, KeySpace};
use crate::ledger::Ledger;
use crate::share::{Share, ShareError};
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
    /// Makes this the workload of one of several generators, which share the key spaces.
    ///
    /// It fills, deletes and takes in order only its own range of the keys. With a ledger all its operations keep to
    /// that range, because no generator knows the writes of another one.
    ///
    /// # Errors
    ///
    /// [`ShareError::TooFew`] if a key space has fewer keys than there are generators.
    pub fn shared(mut self, share: Share) -> Result<Self, ShareError> {
        for space in &mut self.spaces {
            share.of_at_least_one(space.count, &format!("keys of {:?}", space.name), "--keys")?;
            space.share = share;
            space.keeps_to_range = !share.is_whole() && self.ledger.is_some();
        }
        Ok(self)
    }

    /// The workloads that fill every key, one for each space in use, with the number of operations.
    pub fn preload(&self) -> impl Iterator<Item = (Self, u64)> + '_ {
        let fills = self.preloads.iter().flatten();
        fills.map(|template| {
            let space = &self.spaces[template.space];
            (self.over_keys(template.clone(), space.count, "preload"), space.share.of(space.count))
        })
    }

    /// The workloads that delete every key that this one may have written, one for each space in use, with the number
    /// of operations.
    ///
    /// `inserted` is the most keys that the load may have inserted into a space.
    pub fn removal(&self, inserted: u64) -> impl Iterator<Item = (Self, u64)> + '_ {
        (0..self.spaces.len()).flat_map(move |at| {
            let space = &self.spaces[at];
            let used: Vec<&Template> = self.templates.iter().filter(|template| template.space == at).collect();
            let keys = (!used.is_empty()).then(|| space.count.next_multiple_of(space.group));
            let more = used.iter().any(|template| template.inserts).then_some(inserted).filter(|&more| more > 0);
            let old = keys.and_then(|keys| self.removal_of(at, "key", keys, space.share.of(keys)));
            let new = more.and_then(|more| self.removal_of(at, "new-key", space.count, more));
            [old, new].into_iter().flatten()
        })
    }

    /// The workload that deletes so many of the keys that a placeholder gives, out of a space of `count` keys.
    fn removal_of(&self, at: usize, placeholder: &str, count: u64, operations: u64) -> Option<(Self, u64)> {
        let line = format!("UNLINK {{{placeholder}:{}}}", self.spaces[at].name);
        let template = compile(&[line], &self.spaces).ok()?;
        Some((self.over_keys(template, count, "removal"), operations))
    }

    /// The workload that takes the keys of a space of `count` keys in order.
    fn over_keys(&self, template: Template, count: u64, name: &str) -> Self {
        let mut spaces = self.spaces.clone();
        spaces[template.space].distribution = Distribution::Sequential;
        spaces[template.space].count = count;
        Self {
            name: name.to_owned(),
            spaces,
            templates: vec![template],
            preloads: Vec::new(),
            values: self.values.clone(),
            events: Vec::new(),
            ledger: self.ledger.clone(),
            waits: None,
        }
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
