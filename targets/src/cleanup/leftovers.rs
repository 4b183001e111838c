//! Removes what runs created in a container engine: containers, networks and volumes with the name of a run as label.
//!
//! Nothing here is async, because the guard has no async runtime.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::cleanup::docker_client::docker;
use crate::cleanup::run_name::RunName;
use crate::cleanup::sweep::sweep;
use crate::error::TargetError;

/// The labels that hold the name of a run: that of rct, and that of Compose, whose projects rct names.
pub(crate) const LABEL: &str = "rct.run";
const COMPOSE_LABEL: &str = "com.docker.compose.project";

/// How long the engine may take for one command. Ending a container takes many seconds on a busy machine.
///
/// After a command that took longer, rct sends no further ones.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// How long rct repeats the removal: a container may still join a network, or the engine may create something late.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);
/// How long ending the processes of a dead run may take.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);
/// The pause after a removal that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(300);
/// How long the engine may continue with a command whose client was killed.
const LATECOMER_PAUSE: Duration = Duration::from_millis(700);

/// Which resources rct removes.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    /// Those of one cluster, by its name.
    Cluster(String),
    /// Those of a run.
    Run(RunName),
    /// Those of every run of this machine that has ended.
    Dead,
    /// Those of every run, including running ones and those of other machines.
    All,
}

/// What rct removed, and what it left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The number of containers.
    pub(crate) containers: usize,
    /// The number of networks.
    pub(crate) networks: usize,
    /// The number of volumes.
    pub(crate) volumes: usize,
    /// The number of runs that rct left alone, because they run or may run on another machine.
    pub(crate) spared: usize,
}

impl fmt::Display for Removed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { containers, networks, volumes, spared } = self;
        match containers + networks + volumes {
            0 => write!(formatter, "nothing is left behind")?,
            _ => write!(formatter, "removed {containers} containers, {networks} networks, {volumes} volumes")?,
        }
        match spared {
            0 => Ok(()),
            spared => write!(
                formatter,
                "; left alone {spared} runs that are running or belong to other machines (--all removes them)"
            ),
        }
    }
}

/// Removes what ended runs of this machine left in the engine; with `all`, what any run has there.
///
/// # Errors
///
/// The engine does not answer, or does not remove something.
pub fn remove_leftovers(all: bool) -> Result<Removed, TargetError> {
    let scope = if all { Scope::All } else { Scope::Dead };
    end_dead_runs().and_then(|()| remove(None, &scope, true)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TargetError::NoDocker,
        _ => TargetError::Leftovers(error),
    })
}

/// Ends the processes that dead runs left, such as Compose, and removes their folders.
///
/// If rct removed a container while Compose connects it to a network, that network could stay in use for ever (Docker
/// 20.10).
fn end_dead_runs() -> io::Result<()> {
    let mut runs = BTreeSet::new();
    let mut client = Client::new(None);
    for (kind, list, _) in KINDS {
        runs.extend(client.listed(kind, list)?.into_iter().map(|resource| resource.run).filter(RunName::is_over));
    }
    for folder in runs.iter().filter_map(RunName::folder).filter(|folder| folder.exists()) {
        sweep(&folder, SWEEP_LIMIT)?;
        // The engine continues with the last command.
        thread::sleep(LATECOMER_PAUSE);
    }
    Ok(())
}

/// Removes resources until none is left.
///
/// With `late`, it looks once more after a pause, because the engine may still create something after its client was
/// killed. `folder` is the folder of the run in which the client works, if there is one.
///
/// # Errors
///
/// There is no engine, it hangs, or it does not remove something.
pub(crate) fn remove(folder: Option<&Path>, scope: &Scope, late: bool) -> io::Result<Removed> {
    let mut client = Client::new(folder);
    let mut removed = Removed::default();
    let mut empty = 0;
    let started = Instant::now();
    loop {
        let mut failure = None;
        let (mine, spared) = remove_once(&mut client, scope, &mut removed, &mut failure)?;
        removed.spared = spared;
        empty = if mine == 0 { empty + 1 } else { 0 };
        match (empty, failure) {
            (0, Some(error)) if started.elapsed() > REMOVE_LIMIT => return Err(error),
            (0, Some(_)) => thread::sleep(FAILURE_PAUSE),
            (0, None) if started.elapsed() > REMOVE_LIMIT => {
                return Err(io::Error::other("somebody else creates containers with the label of this run"));
            }
            (0, None) => {}
            (1, _) if late => thread::sleep(LATECOMER_PAUSE),
            _ => return Ok(removed),
        }
    }
}

/// Removes what there is; returns the number of resources, and the number of runs whose resources it left.
fn remove_once(
    client: &mut Client<'_>,
    scope: &Scope,
    removed: &mut Removed,
    failure: &mut Option<io::Error>,
) -> io::Result<(usize, usize)> {
    let mut count = 0;
    let mut spared = BTreeSet::new();
    for (kind, list, remove) in KINDS {
        let resources = match client.listed(kind, list) {
            Ok(resources) => resources,
            Err(error) => return Err(failure.take().unwrap_or(error)),
        };
        let mine: Vec<&str> = resources.iter().filter(|one| one.is_in(scope)).map(|one| one.id.as_str()).collect();
        spared.extend(resources.iter().filter(|one| !one.is_in(scope)).map(|one| one.run));
        if mine.is_empty() {
            continue;
        }
        count += mine.len();
        match client.run(&[remove, &mine].concat()) {
            Ok(_) => match kind {
                Kind::Container => removed.containers += mine.len(),
                Kind::Network => removed.networks += mine.len(),
                Kind::Volume => removed.volumes += mine.len(),
            },
            // The next round removes what is left.
            Err(error) => *failure = Some(error),
        }
    }
    Ok((count, spared.len()))
}

/// The kinds of resources, with the commands that list and remove them.
const KINDS: [(Kind, &[&str], &[&str]); 3] = [
    (Kind::Container, &["ps", "-a", "--no-trunc"], &["rm", "-f", "-v"]),
    (Kind::Network, &["network", "ls", "--no-trunc"], &["network", "rm"]),
    (Kind::Volume, &["volume", "ls"], &["volume", "rm", "-f"]),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    Container,
    Network,
    Volume,
}

/// A container, network or volume of a run.
struct Resource {
    id: String,
    label: String,
    run: RunName,
}

impl Resource {
    fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Cluster(name) => self.label == *name,
            Scope::Run(run) => self.run == *run,
            Scope::Dead => self.run.is_of_here() && self.run.is_over(),
            Scope::All => true,
        }
    }
}

/// The client of the engine, which runs no further command after one that did not end.
struct Client<'a> {
    folder: Option<&'a Path>,
    hangs: bool,
}

impl<'a> Client<'a> {
    fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, hangs: false }
    }

    /// All resources of a kind that have the label of any run.
    fn listed(&mut self, kind: Kind, list: &[&str]) -> io::Result<Vec<Resource>> {
        let id = if matches!(kind, Kind::Volume) { "{{.Name}}" } else { "{{.ID}}" };
        let format = format!("{id}\t{{{{.Label \"{LABEL}\"}}}}\t{{{{.Label \"{COMPOSE_LABEL}\"}}}}");
        let text = self.run(&[list, &["--format", &format]].concat())?;
        Ok(text.lines().filter_map(resource).collect())
    }

    fn run(&mut self, arguments: &[&str]) -> io::Result<String> {
        if self.hangs {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let said = docker(self.folder, arguments, COMMAND_LIMIT);
        self.hangs = said.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut);
        said
    }
}

fn resource(line: &str) -> Option<Resource> {
    let mut fields = line.split('\t');
    let id = fields.next().filter(|id| !id.is_empty())?;
    let (label, run) = fields.find_map(|label| Some((label, RunName::parse(label)?)))?;
    Some(Resource { id: id.to_owned(), label: label.to_owned(), run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_resources_with_the_name_of_a_run_are_listed() {
        let name = "rct-0123abcd-0123456789abcdef";
        let seen = |line: &str| resource(line).map(|resource| (resource.id, resource.label));
        assert_eq!(seen(&format!("a\t{name}-1\t")), Some(("a".to_owned(), format!("{name}-1"))));
        assert_eq!(seen(&format!("a\t\t{name}")), Some(("a".to_owned(), name.to_owned())));
        assert_eq!(seen("a\t\tweb"), None);
        assert_eq!(seen("a\t\t"), None);
        assert_eq!(seen(&format!("\t{name}\t")), None);
        let mine = resource(&format!("a\t{name}-1\t")).unwrap();
        assert!(mine.is_in(&Scope::Cluster(format!("{name}-1"))) && mine.is_in(&Scope::Run(mine.run)));
        assert!(!mine.is_in(&Scope::Cluster(format!("{name}-11"))));
        assert!(!mine.is_in(&Scope::Dead), "it belongs to another machine");
    }
}
