//! The plan of a sweep: for each command, a form that COMMAND GETKEYS confirms.

use std::collections::BTreeSet;

use wire::{Command, Node, Reply};

use super::arguments::{Form, forms};
use super::calls::Call;
use crate::cluster::Cluster;
use crate::commands::CommandEntry;
use crate::expect::text_of;
use crate::outcome::{Outcome, Stop};
use crate::words::list;

/// Commands that a sweep never calls, whatever the table says of their keys, because they change the node.
const NEVER: [&str; 12] = [
    "SHUTDOWN",
    "FLUSHALL",
    "FLUSHDB",
    "SWAPDB",
    "REPLICAOF",
    "SLAVEOF",
    "FAILOVER",
    "CLUSTER",
    "CONFIG",
    "DEBUG",
    "ACL",
    "MODULE",
];

/// The commands that a sweep calls.
pub(in crate::code) struct SweepPlan {
    probes: Vec<Probe>,
    /// The commands with keys for which no arguments could be built.
    unbuilt: Vec<String>,
    /// What COMMAND GETKEYS returned for them instead.
    unconfirmed: Vec<Unconfirmed>,
}

/// A call for which COMMAND GETKEYS returned other keys than rct wrote into it.
pub(in crate::code) struct Unconfirmed {
    /// The command, in upper case.
    pub(in crate::code) name: String,
    /// The call.
    pub(in crate::code) command: Command,
    /// The keys that COMMAND GETKEYS returned.
    pub(in crate::code) returned: BTreeSet<String>,
}

/// One command with a certain number of keys.
struct Probe {
    name: String,
    keys: usize,
    form: Form,
    open: bool,
}

/// Builds arguments for every command with keys, for each number of keys in `sizes`; the node confirms them.
///
/// # Errors
/// Broken, if the node confirms fewer than `least` commands, so that a sweep is never empty unnoticed.
pub(in crate::code) async fn plan(cluster: &Cluster, node: &Node, sizes: &[usize], least: usize) -> Outcome<SweepPlan> {
    let table = cluster.commands().await?;
    let entries: Vec<&CommandEntry> =
        table.entries().iter().filter(|entry| entry.has_keys() && is_harmless(entry)).collect();
    let drafts: Vec<Probe> = entries.iter().flat_map(|entry| drafts(entry, sizes)).collect();
    let questions: Vec<Command> = drafts.iter().map(Probe::question).collect();
    let answers = cluster.pipeline(node, &questions).await?;
    let plan = SweepPlan::confirmed(&entries, drafts, &answers);
    if plan.commands() < least {
        return Err(Stop::broken(format!(
            "rct could build calls with {} keys for only {} of {} commands, fewer than {least}: COMMAND GETKEYS did not \
             confirm the others",
            list(sizes),
            plan.commands(),
            entries.len()
        )));
    }
    Ok(plan)
}

impl SweepPlan {
    /// The number of commands.
    pub(in crate::code) fn commands(&self) -> usize {
        self.probes.chunk_by(|one, other| one.name == other.name).count()
    }

    /// The share of the commands with keys for which rct could build a call, in percent and rounded down.
    pub(in crate::code) fn built_percent(&self) -> usize {
        let all = self.commands() + self.unbuilt.len();
        self.commands() * 100 / all.max(1)
    }

    /// Adds the share of the commands with keys that got a call to the reports, with the names of the others.
    pub(in crate::code) fn report_share(&self, cluster: &Cluster) {
        let (built, all) = (self.commands(), self.commands() + self.unbuilt.len());
        let others = match self.unbuilt.as_slice() {
            [] => String::new(),
            names => format!(", not {}", names.join(" ")),
        };
        let name = format!("commands with keys that got a call ({built} of {all}{others})");
        let percent = built as f64 * 100.0 / all.max(1) as f64;
        cluster.measure_share(&name, percent);
    }

    /// Says for how many commands with keys rct could build a call, and names the others.
    pub(in crate::code) fn share(&self) -> String {
        let (built, all) = (self.commands(), self.commands() + self.unbuilt.len());
        format!("rct could build calls for {built} of {all} commands with keys; {}", self.not_swept())
    }

    /// Says which commands with keys the sweep leaves out.
    pub(in crate::code) fn not_swept(&self) -> String {
        match self.unbuilt.as_slice() {
            [] => "no command with keys was left out".to_owned(),
            names => format!("rct could build no arguments for {}", names.join(", ")),
        }
    }

    /// One call of every command, with as few keys as possible.
    ///
    /// `key` returns a key by the index of the call and the index of the key in it.
    pub(in crate::code) fn calls_once(&self, mut key: impl FnMut(usize, usize) -> String) -> Vec<Call> {
        let firsts = self.probes.chunk_by(|one, other| one.name == other.name).filter_map(<[Probe]>::first);
        firsts.enumerate().map(|(nth, probe)| probe.call((0..probe.keys).map(|at| key(nth, at)).collect())).collect()
    }

    /// A call of every command for each number of keys; `keys` returns this number of keys.
    pub(in crate::code) fn calls(&self, mut keys: impl FnMut(usize) -> Vec<String>) -> Vec<Call> {
        self.probes.iter().map(|probe| probe.call(keys(probe.keys))).collect()
    }

    /// One call of each command without a confirmed one, if COMMAND GETKEYS returned keys for it.
    pub(in crate::code) fn unconfirmed(&self) -> &[Unconfirmed] {
        &self.unconfirmed
    }

    fn confirmed(entries: &[&CommandEntry], drafts: Vec<Probe>, answers: &[Reply]) -> Self {
        let mut probes: Vec<Probe> = Vec::new();
        let mut unconfirmed: Vec<Unconfirmed> = Vec::new();
        for (draft, answer) in drafts.into_iter().zip(answers) {
            let is_new = probes.last().is_none_or(|last| last.name != draft.name || last.keys != draft.keys);
            if is_new && draft.is_confirmed_by(answer) {
                probes.push(draft);
            } else if unconfirmed.last().is_none_or(|last| last.name != draft.name) {
                unconfirmed.extend(draft.contradicted_by(answer));
            }
        }
        let is_built = |name: &str| probes.iter().any(|probe| probe.name == name);
        unconfirmed.retain(|call| !is_built(&call.name));
        let unbuilt = entries.iter().filter(|entry| !is_built(&entry.name)).map(|entry| entry.name.clone()).collect();
        Self { probes, unbuilt, unconfirmed }
    }
}

fn is_harmless(entry: &CommandEntry) -> bool {
    !NEVER.contains(&entry.name.split(' ').next().unwrap_or_default())
}

fn drafts(entry: &CommandEntry, sizes: &[usize]) -> Vec<Probe> {
    let probe = |keys: usize, form: Form| Probe { name: entry.name.clone(), keys, form, open: entry.arity < 0 };
    sizes.iter().flat_map(|keys| forms(entry, *keys).into_iter().map(|form| probe(*keys, form))).collect()
}

/// Keys for COMMAND GETKEYS, which reads no data; they differ from all other words of a form.
fn trial_keys(count: usize) -> Vec<String> {
    (0..count).map(|nth| format!("trial-key-{nth}")).collect()
}

impl Probe {
    fn question(&self) -> Command {
        let command = self.form.command(&trial_keys(self.keys));
        Command::new([&b"COMMAND"[..], b"GETKEYS"].into_iter().chain(command.args().iter().map(Vec::as_slice)))
    }

    /// Whether the server names exactly the keys of this probe, in any order.
    fn is_confirmed_by(&self, answer: &Reply) -> bool {
        let Some(items) = answer.items() else { return false };
        let mut found: Vec<String> = items.iter().filter_map(text_of).collect();
        found.sort();
        found == trial_keys(self.keys)
    }

    /// The call and the keys that the server names in it, if it names any.
    fn contradicted_by(self, answer: &Reply) -> Option<Unconfirmed> {
        let returned = answer.items()?.iter().filter_map(text_of).collect();
        Some(Unconfirmed { command: self.form.command(&trial_keys(self.keys)), name: self.name, returned })
    }

    fn call(&self, keys: Vec<String>) -> Call {
        Call { name: self.name.clone(), command: self.form.command(&keys), open: self.open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::KeySpec;

    fn entry(name: &str, arity: i64, last: i64) -> CommandEntry {
        CommandEntry {
            name: name.into(),
            arity,
            flags: vec![],
            first_key: 1,
            last_key: last,
            key_step: 1,
            key_specs: vec![KeySpec::of_positions(1, last, 1)],
            tips: vec![],
        }
    }

    fn answers(texts: &[&'static str]) -> Vec<Reply> {
        texts.iter().map(|text| Reply::parse(text.as_bytes().to_vec()).unwrap()).collect()
    }

    #[test]
    fn only_what_the_server_confirms_is_called() {
        let (get, del, odd) = (entry("GET", 2, 1), entry("DEL", -2, -1), entry("ODD", 2, 1));
        let entries = [&get, &del, &odd];
        let drafts: Vec<Probe> = entries.iter().flat_map(|entry| drafts(entry, &[1, 2])).collect();
        assert_eq!(drafts[0].question().to_string(), "COMMAND GETKEYS GET trial-key-0");
        let replies = answers(&[
            "*1\r\n$11\r\ntrial-key-0\r\n",
            "-ERR Invalid arguments\r\n",
            "*2\r\n$11\r\ntrial-key-1\r\n$11\r\ntrial-key-0\r\n",
            "*1\r\n$1\r\n1\r\n",
        ]);
        let plan = SweepPlan::confirmed(&entries, drafts, &replies);
        assert_eq!(plan.commands(), 2);
        assert_eq!(plan.unbuilt, ["ODD"]);
        let [odd] = plan.unconfirmed() else { panic!("only ODD has no confirmed call") };
        assert_eq!(odd.command.to_string(), "ODD trial-key-0");
        assert_eq!(odd.returned, BTreeSet::from(["1".to_owned()]));
        let calls = plan.calls(|keys| vec!["k".to_owned(); keys]);
        assert_eq!(calls.iter().map(|call| call.command.to_string()).collect::<Vec<_>>(), ["GET k", "DEL k k"]);
    }

    #[test]
    fn nothing_that_changes_a_node_is_called() {
        assert!(is_harmless(&entry("DEL", -2, -1)));
        assert!(!is_harmless(&entry("FLUSHALL", -1, 1)) && !is_harmless(&entry("CLUSTER RESET", -2, 2)));
    }
}
