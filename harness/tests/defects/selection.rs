//! Which defects, checks and servers a run has.

use std::env;
use std::path::PathBuf;
use std::rc::Rc;

use defects::Defect;
use harness::runner::pattern::Pattern;
use suites::{Catalogue, Check};

use crate::servers::server;

/// The defects of a run without `RCT_DEFECTS`: a few of several families, each of which affects few checks.
const SAMPLE: &[&str] = &[
    "keyslot-ignores-hash-tags",
    "keyslot-tag-to-the-last-closing-brace",
    "only-the-first-two-keys-are-compared",
    "destination-is-not-compared",
    "wrongtype-is-err",
    "unknown-commands-have-no-code",
    "select-takes-any-database",
    "readwrite-is-ignored",
];
/// The suites of a run without `RCT_DEFECTS_CHECKS`: those that the sample is about.
const SUITES: &[&str] = &["keyslot", "crossslot", "errors", "connection", "readonly"];
/// The clusters per server at a time without `RCT_DEFECTS_CLUSTERS`; there are many, since checks mostly wait.
const CLUSTERS: usize = 20;

pub(crate) struct Selection {
    pub(crate) servers: Vec<PathBuf>,
    pub(crate) defects: Vec<&'static Defect>,
    pub(crate) checks: Vec<Rc<Check>>,
    /// Whether these are all defects, so that every check must fail under one of them.
    pub(crate) has_all_defects: bool,
    /// Whether these are all checks.
    pub(crate) has_all_checks: bool,
    /// Whether checks that need a cluster of their own also run with defects that they need not catch.
    pub(crate) has_all_pairs: bool,
    /// The clusters per server at a time.
    pub(crate) clusters: usize,
    /// Whether the run rewrites the committed matrix.
    pub(crate) accepts: bool,
}

impl Selection {
    pub(crate) fn from_environment() -> Self {
        let (defects, checks) = (patterns("RCT_DEFECTS"), patterns("RCT_DEFECTS_CHECKS"));
        let selected = defects::all().filter(|defect| match &defects {
            Some(patterns) => patterns.iter().any(|pattern| pattern.fits(defect.name)),
            None => SAMPLE.contains(&defect.name),
        });
        let selected: Vec<&Defect> = selected.collect();
        let catalogue = Catalogue::built_in().unwrap();
        let run = catalogue.checks().iter().filter(|check| match &checks {
            Some(patterns) => patterns.iter().any(|pattern| pattern.fits(&check.id)),
            None => !check.disturbs() && SUITES.contains(&check.suite()),
        });
        let run: Vec<Rc<Check>> = run.cloned().map(Rc::new).collect();
        assert!(!selected.is_empty() && !run.is_empty(), "RCT_DEFECTS or RCT_DEFECTS_CHECKS selects nothing");
        let has_all_defects = selected.len() == defects::all().count();
        let has_all_checks = run.len() == catalogue.checks().len();
        Self {
            has_all_defects,
            has_all_checks,
            has_all_pairs: !(has_all_defects && has_all_checks) || env::var_os("RCT_DEFECTS_ALL_PAIRS").is_some(),
            servers: servers(),
            defects: selected,
            checks: run,
            clusters: env::var("RCT_DEFECTS_CLUSTERS").ok().and_then(|number| number.parse().ok()).unwrap_or(CLUSTERS),
            accepts: env::var_os("RCT_DEFECTS_ACCEPT").is_some(),
        }
    }
}

fn patterns(variable: &str) -> Option<Vec<Pattern>> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty())?;
    Some(text.split(',').map(|pattern| Pattern::new(if pattern == "all" { "*" } else { pattern })).collect())
}

/// Redis 7.0 and Valkey 9.1, as `script/setup` installs them. Redis 6.2 cannot stand behind a proxy.
fn servers() -> Vec<PathBuf> {
    if let Some(server) = env::var_os("RCT_DEFECTS_SERVER") {
        return vec![server.into()];
    }
    ["redis-7.0", "valkey-9.1"].map(server).to_vec()
}
