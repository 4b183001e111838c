//! What will run where: checks that disturb nobody side by side on one cluster, the others each on a cluster that
//! nobody else uses.

use std::rc::Rc;

use suites::{Check, Fault, LiveCluster, Need, ServerRange, Shape};

use super::pattern::Pattern;

/// Which checks the user asked for.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Checks that fit any of these; empty means all.
    pub run: Vec<Pattern>,
    /// Checks that fit any of these are left out.
    pub skip: Vec<Pattern>,
    /// Only checks that disturb nobody.
    pub calm: bool,
}

/// Why a selection is refused.
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
    /// All that was selected was left out again.
    #[error("no check is selected: --skip leaves out all that --run selects")]
    Empty,
}

impl Selection {
    /// The selected checks of a catalogue, in its order.
    ///
    /// # Errors
    /// A pattern that fits no check, or an empty selection.
    pub fn of(&self, checks: &[Check]) -> Result<Vec<Rc<Check>>, SelectionError> {
        for pattern in self.run.iter().chain(&self.skip) {
            if !pattern.fits_any(checks) {
                let hint = pattern.nearest(checks).map_or(String::new(), |id| format!(" (did you mean {id}?)"));
                return Err(SelectionError::Unknown { pattern: pattern.to_string(), hint });
            }
        }
        let fits = |patterns: &[Pattern], check: &Check| patterns.iter().any(|pattern| pattern.fits(&check.id));
        let selected = checks.iter().filter(|check| {
            (self.run.is_empty() || fits(&self.run, check))
                && !fits(&self.skip, check)
                && !(self.calm && check.disturbs())
        });
        let selected: Vec<Rc<Check>> = selected.cloned().map(Rc::new).collect();
        if selected.is_empty() { Err(SelectionError::Empty) } else { Ok(selected) }
    }
}

/// The selected checks by how they run.
#[derive(Debug, Clone, Default)]
pub struct CheckPlan {
    /// Side by side on one cluster.
    pub shared: Vec<Rc<Check>>,
    /// Each alone on a cluster.
    pub alone: Vec<Rc<Check>>,
}

impl CheckPlan {
    /// Splits the selection; those that run alone come with the longest first, so that none is left at the end.
    pub fn of(selected: Vec<Rc<Check>>) -> Self {
        let (mut alone, shared): (Vec<_>, Vec<_>) = selected.into_iter().partition(|check| check.disturbs());
        alone.sort_by_key(|check| std::cmp::Reverse(weight(check)));
        Self { shared, alone }
    }
}

/// How long a check takes, very roughly: those that kill wait for a failover.
pub fn weight(check: &Check) -> u32 {
    let needs = |need: &Need| check.needs.contains(need);
    let nodes = u32::from(check.shape.nodes());
    if needs(&Need::KillNode) {
        100 + nodes
    } else if needs(&Need::PauseNode) || needs(&Need::IsolateNode) {
        90 + nodes
    } else if needs(&Need::RestartNode) {
        80
    } else {
        nodes
    }
}

/// Why a check cannot be judged on this cluster, if so; asked when the cluster is up.
pub async fn obstacle(check: &Check, live: &LiveCluster, may_disturb: bool) -> Option<String> {
    if let Some(reason) = obstacle_before(check, Some(live.shape), &live.server) {
        return Some(reason);
    }
    if check.disturbs() && !may_disturb {
        let what = check.needs.iter().find(|need| need.disturbs()).map_or(String::new(), ToString::to_string);
        return Some(format!("it would disturb the cluster ({what}); --allow-disruption permits it"));
    }
    for need in &check.needs {
        let fault = match need {
            Need::KillNode => Fault::Kill,
            Need::PauseNode => Fault::Pause,
            Need::RestartNode => Fault::Restart,
            Need::IsolateNode => Fault::Isolate,
            Need::FreshNode | Need::StandaloneNode => Fault::Spare,
            Need::EmptyShard => Fault::Discard,
            Need::Command(name) => match live.commands().await {
                Ok(table) if !table.has(name) => return Some(format!("{} has no command {name}", live.server)),
                _ => continue,
            },
            _ => continue,
        };
        if !live.control.offers(fault) {
            return Some(format!("this target cannot {fault}"));
        }
    }
    None
}

/// Why a check cannot be judged on a cluster of this shape and server, as far as can be told before it is up.
pub fn obstacle_before(check: &Check, shape: Option<Shape>, server: &suites::Server) -> Option<String> {
    if !ServerRange::admit(&check.servers, server) {
        let ranges: Vec<String> = check.servers.iter().map(ToString::to_string).collect();
        return Some(format!("the rule holds on {}; this is {server}", ranges.join(", ")));
    }
    match shape {
        Some(shape) if !shape.holds(check.shape) => Some(format!("it needs {} nodes; this is {shape}", check.shape)),
        _ => None,
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
        let selection = Selection { run: patterns(run), skip: patterns(skip), calm: false };
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
    fn a_near_miss_is_named() {
        let error = select(&["moved/from-nonowner"], &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean moved/from-non-owner?"), "{error}");
    }
}
