//! Finds out on which machine rct runs.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use crate::record::HostRecord;

/// Files that container engines create.
const CONTAINER_MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Words in the control group of a process in a container.
const CONTAINER_GROUPS: [&str; 4] = ["docker", "kubepods", "containerd", "lxc"];

/// Describes this machine. What the system does not tell stays empty.
pub fn this_host() -> HostRecord {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = |name: &str| word(&file(&format!("/proc/sys/kernel/{name}")));
    HostRecord {
        name: kernel("hostname"),
        cpu: cpu_in(&file("/proc/cpuinfo")),
        cores: available_parallelism().map_or(1, usize::from),
        memory_mb: memory_mb_in(&file("/proc/meminfo")),
        kernel: kernel("osrelease").map(|release| format!("{} {release}", kernel("ostype").unwrap_or_default())),
        load_average: word(&file("/proc/loadavg")).and_then(|text| text.parse().ok()),
        container: CONTAINER_MARKS.iter().any(|mark| Path::new(mark).exists()) || is_container(&file("/proc/1/cgroup")),
    }
}

/// The first word of a text.
fn word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// The model in `/proc/cpuinfo`; machines with ARM processors do not name it.
fn cpu_in(cpuinfo: &str) -> Option<String> {
    let fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
    let model = fields.filter(|(name, _)| name.trim() == "model name").map(|(_, model)| model.trim()).next()?;
    (!model.is_empty()).then(|| model.to_owned())
}

fn memory_mb_in(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    word(total)?.parse::<u64>().ok().map(|kilobytes| kilobytes / 1024)
}

fn is_container(groups: &str) -> bool {
    CONTAINER_GROUPS.iter().any(|name| groups.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_linux_are_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 7B13: 64-Core\nmodel\t\t: 1\nprocessor\t: 1\n";
        assert_eq!(cpu_in(cpuinfo).as_deref(), Some("AMD EPYC 7B13: 64-Core"));
        assert_eq!(cpu_in("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
        assert_eq!(memory_mb_in("MemTotal:       16384000 kB\nMemFree: 1 kB\n"), Some(16_000));
        assert!(is_container("0::/kubepods/besteffort/pod1") && !is_container("0::/init.scope\n"));
    }

    #[test]
    fn this_machine_has_cores_and_a_name() {
        let host = this_host();
        assert!(host.cores >= 1 && host.name.is_some_and(|name| !name.is_empty()));
    }
}
