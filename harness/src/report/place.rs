//! Where a run was made, in words: the machine, and how the servers were built.

use crate::record::{HostRecord, ServerRecord};

/// Returns the machine in a few words: `ci-7, 2 cores, AMD EPYC 7B13`.
pub fn host_sentence(host: &HostRecord) -> String {
    let cores = crate::text::count(host.cores, "core");
    let container = host.container.then(|| "in a container".to_owned());
    let parts = host.name.iter().cloned().chain([cores]).chain(host.cpu.clone()).chain(container);
    parts.collect::<Vec<_>>().join(", ")
}

/// Returns what the record knows of the machine, each with its name.
pub fn host_details(host: &HostRecord) -> Vec<(&'static str, String)> {
    let mut details = Vec::new();
    details.extend(host.name.clone().map(|name| ("host", name)));
    details.extend(host.cpu.clone().map(|cpu| ("processor", cpu)));
    details.push(("cores", host.cores.to_string()));
    details.extend(host.memory_mb.map(|memory| ("memory", format!("{:.1} GiB", memory as f64 / 1024.0))));
    details.extend(host.kernel.clone().map(|kernel| ("kernel", kernel)));
    details.extend(host.load_average.map(|load| ("load average", format!("{load:.2} at the start"))));
    details.push(("container", if host.container { "yes" } else { "no" }.to_owned()));
    details
}

/// Returns how a server was built; empty if it did not say.
pub fn server_build(server: &ServerRecord) -> String {
    let build = [
        ("", &server.os),
        ("allocator ", &server.allocator),
        ("compiler ", &server.compiler),
        ("commit ", &server.commit),
        ("build ", &server.build),
    ];
    let known = build.iter().filter_map(|(word, value)| Some(format!("{word}{}", value.as_ref()?)));
    known.collect::<Vec<_>>().join(", ")
}
