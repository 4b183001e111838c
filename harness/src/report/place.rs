//! Where a run was made, in words: the machine, and how the servers were built and set.

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
    details.extend(host.memory_mb.map(|memory| ("memory", format!("{memory} MB"))));
    details.extend(host.kernel.clone().map(|kernel| ("kernel", kernel)));
    details.extend(host.load_average.map(|load| ("load average", format!("{load:.2} at the start"))));
    details.push(("container", if host.container { "yes" } else { "no" }.to_owned()));
    details
}

/// Returns how a server was built and set, each with the name of the server.
pub fn server_details(server: &ServerRecord) -> Vec<(String, String)> {
    let name = format!("{} {}", server.product, server.version);
    let build = [
        ("", &server.os),
        ("allocator ", &server.allocator),
        ("compiler ", &server.compiler),
        ("commit ", &server.commit),
        ("build ", &server.build),
    ];
    let build: Vec<_> = build.iter().filter_map(|(word, value)| Some(format!("{word}{}", value.as_ref()?))).collect();
    let settings: Vec<_> = server.settings.iter().map(|(name, value)| format!("{name} {value:?}")).collect();
    let details = [(name.clone(), build.join(", ")), (format!("{name} settings"), settings.join(", "))];
    details.into_iter().filter(|(_, text)| !text.is_empty()).collect()
}
