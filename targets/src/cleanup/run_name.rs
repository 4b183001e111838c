//! The name of a run, which labels everything that the run creates in a container engine.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::cleanup::places::{FOLDER_PREFIX, parents};

/// The file in the folder of a run that is locked while the run exists.
const ALIVE_FILE: &str = "alive";
/// The first part of each name.
const PREFIX: &str = "rct";

/// The name of a run: the place where it runs, and its number, which is also in the name of its folder.
///
/// An engine may serve several machines, and a machine may have several folders for temporary files. rct can find out
/// whether a run has ended only for a run of the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunName {
    place: u32,
    run: u64,
}

impl RunName {
    /// The name of the run that has this folder.
    ///
    /// # Errors
    ///
    /// It is not the folder of a run.
    pub(crate) fn of_folder(folder: &Path) -> io::Result<Self> {
        let number = folder.file_name().and_then(|name| name.to_str()?.strip_prefix(FOLDER_PREFIX));
        let run = number.filter(|number| number.len() == 16).and_then(|number| u64::from_str_radix(number, 16).ok());
        let parent = folder.parent().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { place: place(parent), run: run.ok_or(io::ErrorKind::InvalidInput)? })
    }

    /// Reads the name of a run or of a cluster of a run, which ends with a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let hexadecimal = |part: Option<&str>, length: usize| {
            let part = part.filter(|part| part.len() == length && !part.starts_with('+'))?;
            u64::from_str_radix(part, 16).ok()
        };
        parts.next().filter(|prefix| *prefix == PREFIX)?;
        let place = u32::try_from(hexadecimal(parts.next(), 8)?).ok()?;
        let run = hexadecimal(parts.next(), 16)?;
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (parts.next().is_none_or(is_number) && parts.next().is_none()).then_some(Self { place, run })
    }

    /// The name of a cluster of this run.
    pub(crate) fn cluster(&self, number: u32) -> String {
        format!("{self}-{number}")
    }

    /// Whether the run belongs to this machine and to a folder for temporary files of this user.
    pub(crate) fn is_of_here(&self) -> bool {
        self.parent().is_some()
    }

    /// Whether a run of this machine has ended: its folder is gone, or nobody holds the lock in it.
    pub(crate) fn is_over(&self) -> bool {
        let Some(folder) = self.folder() else { return false };
        match folder.symlink_metadata() {
            Err(error) => error.kind() == io::ErrorKind::NotFound,
            Ok(_) => File::open(folder.join(ALIVE_FILE)).is_ok_and(|file| file.try_lock().is_ok()),
        }
    }

    /// The folder of a run of this machine, which may be gone.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        Some(self.parent()?.join(format!("{FOLDER_PREFIX}{:016x}", self.run)))
    }

    /// The parent of the folder of the run, if that is a place of this machine.
    fn parent(&self) -> Option<PathBuf> {
        parents().into_iter().find(|parent| place(parent) == self.place)
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{PREFIX}-{:08x}-{:016x}", self.place, self.run)
    }
}

/// Locks the folder of a run for as long as the returned file is open.
///
/// # Errors
///
/// The file cannot be created or locked.
pub(crate) fn hold(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(ALIVE_FILE))?;
    file.lock()?;
    Ok(file)
}

/// The number of a folder on a machine.
fn place(parent: &Path) -> u32 {
    let system = rustix::system::uname();
    let bytes = system.nodename().to_bytes().iter().chain(parent.as_os_str().as_encoded_bytes());
    wire::fingerprint(0, bytes.copied()) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_folder() -> PathBuf {
        parents()[0].join(format!("{FOLDER_PREFIX}{:016x}", rand::random::<u64>()))
    }

    #[test]
    fn names_of_runs_are_read_and_other_names_are_not() {
        let name = RunName::of_folder(&new_folder()).unwrap();
        assert_eq!(RunName::parse(&name.to_string()), Some(name));
        assert_eq!(RunName::parse(&name.cluster(12)), Some(name));
        let number = "0123456789abcdef";
        for other in [
            "rct".to_owned(),
            "rct-web".to_owned(),
            format!("{name}-"),
            format!("{name}-a"),
            format!("{name}-1-2"),
            format!("x{name}"),
            format!("rct-0123456-{number}"),
            format!("rct-+1234567-{number}"),
        ] {
            assert_eq!(RunName::parse(&other), None, "{other}");
        }
        assert!(RunName::of_folder(Path::new("/tmp/rct-mine")).is_err());
    }

    #[test]
    fn a_run_is_over_when_nobody_holds_its_folder() {
        let folder = new_folder();
        let name = RunName::of_folder(&folder).unwrap();
        assert!(name.is_of_here() && name.is_over());
        std::fs::create_dir(&folder).unwrap();
        assert!(!name.is_over(), "it has just started");
        let held = hold(&folder).unwrap();
        assert!(!name.is_over());
        drop(held);
        assert!(name.is_over());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
