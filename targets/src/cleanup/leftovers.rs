//! Removes what runs made in a container engine: containers, networks and volumes with a run's name as their label.
//!
//! Nothing here needs a runtime, since the guard has none.

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

/// The label that rct gives, and the one that Compose gives, whose projects rct names.
pub(crate) const LABEL: &str = "rct.run";
const COMPOSE_LABEL: &str = "com.docker.compose.project";

/// How long the engine may take over a command; on a busy machine ending a container takes many seconds. One that has
/// hung at a command is not asked again.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);
/// How long to go on removing what does not go, as a network that a container is just being put into, or comes late.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);
/// How long ending what a dead run has left going may take.
const SWEEP_LIMIT: Duration = Duration::from_secs(10);
const TROUBLE_PAUSE: Duration = Duration::from_millis(300);
/// How long the engine may go on with what a killed client asked it for.
const LATECOMER_PAUSE: Duration = Duration::from_millis(700);

/// Whose things are removed.
#[derive(Debug, Clone)]
pub(crate) enum Whose {
    /// Those of one cluster, by its name.
    Cluster(String),
    /// Those of a run.
    Run(RunName),
    /// Those of every run of here that is over.
    Dead,
    /// Those of every run, also of other machines, also if it lives.
    All,
}

/// What was removed, and what was left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers.
    pub(crate) containers: usize,
    /// Networks.
    pub(crate) networks: usize,
    /// Volumes.
    pub(crate) volumes: usize,
    /// Runs whose things are there still, since they live or cannot be told to be over.
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
            spared => write!(formatter, "; left alone: {spared} runs that live, or are of other machines (--all)"),
        }
    }
}

/// Removes what dead runs of this machine have left in the engine; with `all`, what any run has there.
///
/// # Errors
///
/// If the engine does not answer, or something does not go.
pub fn remove_leftovers(all: bool) -> Result<Removed, TargetError> {
    let whose = if all { Whose::All } else { Whose::Dead };
    end_dead_runs().and_then(|()| remove(None, &whose, true)).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TargetError::NoDocker,
        _ => TargetError::Leftovers(error),
    })
}

/// Ends what dead runs have left going, such as Compose, and removes their folders: a container that is removed while it
/// is put into a network may leave that network in use for ever (Docker 20.10).
fn end_dead_runs() -> io::Result<()> {
    let mut runs = BTreeSet::new();
    let mut client = Client::new(None);
    for (kind, list, _) in KINDS {
        runs.extend(client.listed(kind, list)?.into_iter().map(|thing| thing.run).filter(RunName::is_over));
    }
    for folder in runs.iter().filter_map(RunName::folder).filter(|folder| folder.exists()) {
        sweep(&folder, SWEEP_LIMIT)?;
        // The engine goes on with what it was asked for.
        thread::sleep(LATECOMER_PAUSE);
    }
    Ok(())
}

/// Removes things until none is left; with `late`, looks once more after a while, for what the engine was about to make
/// when its client was killed. The client works in the folder of the run that removes them, if it is one.
///
/// # Errors
///
/// If there is no engine, it hangs, or something does not go.
pub(crate) fn remove(folder: Option<&Path>, whose: &Whose, late: bool) -> io::Result<Removed> {
    let mut client = Client::new(folder);
    let mut removed = Removed::default();
    let mut empty = 0;
    let started = Instant::now();
    loop {
        let mut trouble = None;
        let (mine, spared) = round(&mut client, whose, &mut removed, &mut trouble)?;
        removed.spared = spared;
        empty = if mine == 0 { empty + 1 } else { 0 };
        match (empty, trouble) {
            (0, Some(trouble)) if started.elapsed() > REMOVE_LIMIT => return Err(trouble),
            (0, Some(_)) => thread::sleep(TROUBLE_PAUSE),
            (0, None) if started.elapsed() > REMOVE_LIMIT => {
                return Err(io::Error::other("there is ever more to remove"));
            }
            (0, None) => {}
            (1, _) if late => thread::sleep(LATECOMER_PAUSE),
            _ => return Ok(removed),
        }
    }
}

/// Removes what there is; gives how much that was, and how many runs have things that are not to be removed.
fn round(
    client: &mut Client<'_>,
    whose: &Whose,
    removed: &mut Removed,
    trouble: &mut Option<io::Error>,
) -> io::Result<(usize, usize)> {
    let mut count = 0;
    let mut spared = BTreeSet::new();
    for (kind, list, remove) in KINDS {
        let things = match client.listed(kind, list) {
            Ok(things) => things,
            Err(error) => return Err(trouble.take().unwrap_or(error)),
        };
        let mine: Vec<&str> = things.iter().filter(|thing| thing.is_of(whose)).map(|thing| thing.id.as_str()).collect();
        spared.extend(things.iter().filter(|thing| !thing.is_of(whose)).map(|thing| thing.run));
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
            // The next round sees what is left of it.
            Err(error) => *trouble = Some(error),
        }
    }
    Ok((count, spared.len()))
}

/// What there may be, how it is listed, and how it is removed.
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

/// A thing in the engine that a run made.
struct Thing {
    id: String,
    label: String,
    run: RunName,
}

impl Thing {
    fn is_of(&self, whose: &Whose) -> bool {
        match whose {
            Whose::Cluster(name) => self.label == *name,
            Whose::Run(run) => self.run == *run,
            Whose::Dead => self.run.is_of_here() && self.run.is_over(),
            Whose::All => true,
        }
    }
}

/// The engine's client, for as long as its commands end.
struct Client<'a> {
    folder: Option<&'a Path>,
    hangs: bool,
}

impl<'a> Client<'a> {
    fn new(folder: Option<&'a Path>) -> Self {
        Self { folder, hangs: false }
    }

    /// All things of a kind that have the label of any run.
    fn listed(&mut self, kind: Kind, list: &[&str]) -> io::Result<Vec<Thing>> {
        let id = if matches!(kind, Kind::Volume) { "{{.Name}}" } else { "{{.ID}}" };
        let format = format!("{id}\t{{{{.Label \"{LABEL}\"}}}}\t{{{{.Label \"{COMPOSE_LABEL}\"}}}}");
        let text = self.run(&[list, &["--format", &format]].concat())?;
        Ok(text.lines().filter_map(thing).collect())
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

fn thing(line: &str) -> Option<Thing> {
    let mut fields = line.split('\t');
    let id = fields.next().filter(|id| !id.is_empty())?;
    let (label, run) = fields.find_map(|label| Some((label, RunName::parse(label)?)))?;
    Some(Thing { id: id.to_owned(), label: label.to_owned(), run })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_runs_name_is_seen() {
        let name = "rct-0123abcd-0123456789abcdef";
        let seen = |line: &str| thing(line).map(|thing| (thing.id, thing.label));
        assert_eq!(seen(&format!("a\t{name}-1\t")), Some(("a".to_owned(), format!("{name}-1"))));
        assert_eq!(seen(&format!("a\t\t{name}")), Some(("a".to_owned(), name.to_owned())));
        assert_eq!(seen("a\t\tweb"), None);
        assert_eq!(seen("a\t\t"), None);
        assert_eq!(seen(&format!("\t{name}\t")), None);
        let mine = thing(&format!("a\t{name}-1\t")).unwrap();
        assert!(mine.is_of(&Whose::Cluster(format!("{name}-1"))) && mine.is_of(&Whose::Run(mine.run)));
        assert!(!mine.is_of(&Whose::Cluster(format!("{name}-11"))));
        assert!(!mine.is_of(&Whose::Dead), "it is of another place");
    }
}
