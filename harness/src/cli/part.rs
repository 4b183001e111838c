//! What `--part` makes of the settings of a load run: the share of this generator, and what all generators agree on.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use loadgen::plan::CLIENTS_MAX;
use loadgen::workload::Workload;
use loadgen::{Pace, Share, ShareError, Until};

use super::args::Load;
use crate::record::part::PartRecord;
use crate::runner::load::{LoadSettings, Start, Together};

/// Why this generator cannot be one of several.
#[derive(Debug, thiserror::Error)]
pub(super) enum PartError {
    /// There is too little to share.
    #[error("--part: {0}")]
    Share(#[from] ShareError),
    /// The generators would not load the same cluster.
    #[error("--part needs a cluster that all generators share; give its address with --target")]
    OwnCluster,
    /// The generators would not start together.
    #[error("--part needs a common start; add --rendezvous NAME, or --start-at TIME")]
    NoStart,
    /// Nobody would know when the keys may go.
    #[error("--requests with several parts needs --rendezvous, because nobody knows when the other parts end")]
    NoEnd,
    /// One generator has too many clients.
    #[error(
        "one generator cannot run {clients} clients; use --clients {CLIENTS_MAX} or fewer, or more parts with --part"
    )]
    Clients {
        /// How many it would have.
        clients: u64,
    },
}

/// Returns the beginning of every key of a run: the same for all its parts, and another one for each run.
pub(super) fn prefix(name: &str) -> String {
    format!("rct:{:06x}:", wire::fingerprint(0, name.bytes()) & 0xff_ffff)
}

/// Returns what names a run: its rendezvous, or its start.
pub(super) fn name(arguments: &Load) -> String {
    let generators = &arguments.generators;
    generators.rendezvous.clone().or(generators.start_at.map(|at| at.to_string())).unwrap_or_default()
}

/// Returns what the generators of the run have in common; `prefix` begins every key.
///
/// # Errors
///
/// [`PartError`] if they would not start or end together.
pub(super) fn together(arguments: &Load, prefix: &str, part: Option<&PartRecord>) -> Result<Together, PartError> {
    let generators = &arguments.generators;
    let start = match (&generators.rendezvous, generators.start_at) {
        (Some(name), _) => Start::Rendezvous { name: name.clone(), limit: generators.rendezvous_limit },
        (None, Some(_)) if part.is_some() && arguments.requests.is_some() => return Err(PartError::NoEnd),
        (None, Some(at)) => Start::At(at),
        (None, None) if part.is_some_and(|part| part.parts > 1) => return Err(PartError::NoStart),
        (None, None) => Start::Ready,
    };
    let plan = part.map(|part| part.plan.clone()).unwrap_or_default();
    Ok(Together { start, prefix: prefix.to_owned(), plan })
}

/// Takes the share of this generator of everything that a run divides.
///
/// # Errors
///
/// [`PartError`] if there is too little, or one generator has too many clients.
pub(super) fn shared(whole: LoadSettings, share: Share) -> Result<LoadSettings, PartError> {
    let clients = share.of_at_least_one(whole.clients as u64, "clients", "--clients")?;
    if clients > CLIENTS_MAX as u64 {
        return Err(PartError::Clients { clients });
    }
    let pace = match whole.pace {
        Pace::Closed => Pace::Closed,
        Pace::Open { rates_per_s, arrivals, ramp } if share.is_whole() => Pace::Open { rates_per_s, arrivals, ramp },
        Pace::Open { rates_per_s, arrivals, ramp } => {
            let of_rate = |rate: &f64| {
                share.of_at_least_one(*rate as u64, "operations per second", "--rate").map(|_| share.of_rate(*rate))
            };
            Pace::Open { rates_per_s: rates_per_s.iter().map(of_rate).collect::<Result<_, _>>()?, arrivals, ramp }
        }
    };
    let until = match whole.until {
        Until::Operations(all) => Until::Operations(share.of_at_least_one(all, "operations", "--requests")?),
        elapsed @ Until::Elapsed(_) => elapsed,
    };
    let workload = Arc::new(Workload::clone(&whole.workload).shared(share)?);
    Ok(LoadSettings { workload, clients: clients as usize, pace, until, share, ..whole })
}

/// Returns which generator this is, and the settings of the whole run.
pub(super) fn record(arguments: &Load, workload: &Workload, share: Share) -> PartRecord {
    fn text(value: &impl Debug) -> String {
        format!("{value:?}")
    }
    let content = format!("{:?} {:?} {:?}", workload.spaces, workload.templates, workload.values);
    let plan = [
        ("--arrivals", text(&arguments.arrivals)),
        ("--clients", arguments.clients.to_string()),
        ("--duration", text(&arguments.duration)),
        ("--fault", arguments.fault.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("--mix or --workload", format!("{} ({:016x})", workload.name, wire::fingerprint(0, content.bytes()))),
        ("--pipeline", arguments.pipeline.to_string()),
        ("--preload", arguments.preload.to_string()),
        ("--ramp", text(&arguments.ramp)),
        ("--rate", arguments.rate.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
        ("--read-from", text(&arguments.read_from)),
        ("--requests", arguments.requests.map(|count| count.to_string()).unwrap_or_default()),
        ("--retry", text(&arguments.retry)),
        ("--routing", text(&arguments.routing)),
        ("--timeout", text(&arguments.timeout)),
        ("--verify", arguments.verify.map(|copies| text(&copies)).unwrap_or_default()),
        ("--wait", arguments.wait.map(|replicas| replicas.to_string()).unwrap_or_default()),
        ("--warmup", text(&arguments.warmup)),
    ];
    let given = plan.into_iter().filter(|(_, value)| !value.is_empty());
    let plan: BTreeMap<String, String> = given.map(|(option, value)| (option.to_owned(), value)).collect();
    PartRecord { number: share.number(), parts: share.parts(), load_began: None, plan }
}
