//! Writes or deletes every key of a workload, before and after the load.

use std::sync::Arc;
use std::time::Duration;

use loadgen::workload::Workload;
use loadgen::{LoadPlan, Pace, ReadFrom, Retry, Routing, StopSignal, Until};

use super::error::LoadRunError;
use super::observer::SilentObserver;
use crate::record::load_event::{LoadEvent, LoadEventLine};

/// The sockets that write and delete keys.
const CLIENTS: usize = 50;
/// The operations in flight on each of them.
const PIPELINE: usize = 32;

/// Runs workloads that touch each key once; `done` names in reports what they do.
pub(super) async fn touch_each_key(
    plan: &LoadPlan,
    stop: &StopSignal,
    workloads: Vec<(Workload, u64)>,
    done: &'static str,
    line: &mut LoadEventLine,
) -> Result<(), LoadRunError> {
    for (workload, wanted) in workloads {
        let space = workload.templates.first().map_or("", |template| &workload.spaces[template.space].name).to_owned();
        let plan = Arc::new(plan_of(plan, workload, wanted));
        let layout = loadgen::layout(&plan).await?;
        let report = loadgen::run(&plan, layout, stop, &mut SilentObserver).await?;
        if report.operations < wanted && !stop.is_raised() {
            let codes = report.error_codes.keys().cloned().collect();
            return Err(LoadRunError::Keys { done, space, wanted, operations: report.operations, codes });
        }
        let (keys, duration_s) = (report.operations, report.duration_s);
        line.send(&LoadEvent::KeysDone { done, space: &space, keys, duration_s });
    }
    Ok(())
}

/// The plan of the run, with another workload, as fast as possible and on primaries.
fn plan_of(plan: &LoadPlan, workload: Workload, operations: u64) -> LoadPlan {
    LoadPlan {
        workload: Arc::new(workload),
        clients: plan.clients.min(CLIENTS.max(plan.threads)),
        threads: 1,
        pipeline: PIPELINE,
        pace: Pace::Closed,
        until: Until::Operations(operations),
        warmup: Duration::ZERO,
        retry: Retry::All,
        read_from: ReadFrom::Primary,
        routing: if plan.routing == Routing::Standalone { Routing::Standalone } else { Routing::Slots },
        ..plan.clone()
    }
}
