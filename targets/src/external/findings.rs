//! What rct finds on a cluster of somebody else, and what it tells the user of that.

use suites::{Closing, Endpoints, Findings};
use wire::{Node, Topology};

use crate::external::open_slots;
use crate::external::slot_map::SlotMap;
use crate::external::survey::Survey;

/// The connections to one node that a single check may open at a time.
const CONNECTIONS_WANTED: u64 = 16;

/// How many slots no node of a view serves.
pub(crate) fn unserved(view: &Topology) -> usize {
    view.slot_owners().iter().filter(|owner| owner.is_none()).count()
}

/// What the user should know about the cluster as it was found.
pub(crate) fn findings(survey: &Survey, view: &Topology) -> Findings {
    let mut findings = Findings { is_external: true, left_out: survey.left_out(view), ..Findings::default() };
    for left_out in &findings.left_out {
        findings.warnings.push(format!("rct leaves out {}: {}", left_out.node, left_out.reason));
    }
    if let unserved @ 1.. = unserved(view) {
        findings.warnings.push(format!("no node serves {unserved} of the 16384 slots; checks leave these slots out"));
    }
    findings.open_slots = open_slots::open_slots(survey);
    findings.warnings.extend(open_slots::warnings(&findings.open_slots));
    findings.connections_left = survey.answers().filter_map(|(_, answer)| answer.connections_left).min();
    if let Some(left) = findings.connections_left.filter(|left| *left < CONNECTIONS_WANTED) {
        findings
            .warnings
            .push(format!("a node takes only {left} more connections (maxclients); checks that need more are BROKEN"));
    }
    findings.replicas_at_most = replicas(view).into_iter().max().and_then(|most| u16::try_from(most).ok());
    let run_ids = survey.answers().filter_map(|(node, answer)| Some((node.address.clone(), answer.run_id.clone()?)));
    findings.run_ids = run_ids.collect();
    findings.evicted_keys = survey.answers().map(|(_, answer)| answer.evicted_keys).sum();
    let closing: Vec<(&Node, &Closing)> =
        survey.answers().flat_map(|(node, answer)| answer.closing.iter().map(move |closing| (node, closing))).collect();
    for (node, closing) in &closing {
        if !findings.closing.contains(closing) {
            findings.warnings.push(format!("{}: {}", node.address, told(closing)));
            findings.closing.push((*closing).clone());
        }
    }
    let common = common_endpoints(survey);
    let own_kinds = survey.answers().filter_map(|(node, answer)| Some((node.address.clone(), answer.endpoints?)));
    findings.endpoints = own_kinds.filter(|(_, endpoints)| *endpoints != common).collect();
    for (node, answer) in survey.answers() {
        let problem = match &answer.map {
            Ok(SlotMap { nodes_problem: None, .. }) => continue,
            Ok(SlotMap { nodes_problem: Some(problem), .. }) => problem.clone(),
            Err(error) => error.brief(),
        };
        let address = &node.address;
        findings.unreadable.push(node.id);
        findings.warnings.push(format!("rct cannot use CLUSTER NODES of {address}: {problem}"));
        findings.cannot_restore = Some(format!("rct cannot use CLUSTER NODES of {address}"));
    }
    findings
}

/// What a setting that closes connections means for checks.
fn told(closing: &Closing) -> String {
    match closing {
        Closing::Idle(after) => format!(
            "it closes connections that are idle for {} s (timeout); a check that waits longer is BROKEN",
            after.as_secs()
        ),
        Closing::OutputBuffer(limits) => format!(
            "it closes connections with large replies (client-output-buffer-limit {limits}); a check that needs them is BROKEN"
        ),
    }
}

/// By which kind of name most nodes send clients to others; the first of several.
pub(crate) fn common_endpoints(survey: &Survey) -> Endpoints {
    let kinds: Vec<Endpoints> = survey.answers().filter_map(|(_, answer)| answer.endpoints).collect();
    let votes = |kind: &Endpoints| kinds.iter().filter(|other| *other == kind).count();
    // The last of equal ones wins, so the first come last.
    kinds.iter().rev().max_by_key(|kind| votes(kind)).copied().unwrap_or_default()
}

/// How many usable replicas each usable primary with slots has.
pub(crate) fn replicas(topology: &Topology) -> Vec<usize> {
    let primaries = topology.primaries().filter(|node| !node.slots.is_empty() && node.is_usable());
    primaries.map(|node| topology.replicas_of(&node.id).filter(|replica| replica.is_usable()).count()).collect()
}
