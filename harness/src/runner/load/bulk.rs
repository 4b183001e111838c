//! Writes or deletes every key of a workload, before and after the load.

use std::sync::Arc;
use std::time::Duration;

use loadgen::workload::Workload;
use loadgen::{LoadError, LoadPlan, Pace, ReadFrom, Retry, Routing, StopSignal, Until};

use super::error::LoadRunError;
use super::observer::KeysObserver;
use crate::record::load_event::{LoadEvent, LoadEventLine};

/// The sockets that write and delete keys.
const CLIENTS: usize = 50;
/// The operations in flight on each of them.
const PIPELINE: usize = 32;

/// The bytes of values that one socket, and all of them, may have in flight. Values that are larger go one at a time.
const BYTES_IN_FLIGHT: u64 = 1 << 20;
const BYTES_IN_FLIGHT_IN_ALL: u64 = 256 << 20;

/// Runs workloads that touch each key once; `done` names in reports what they do. Sets `is_begun` before the first key.
pub(super) async fn touch_each_key(
    plan: &LoadPlan,
    stop: &StopSignal,
    workloads: Vec<(Workload, u64)>,
    done: &'static str,
    line: &mut LoadEventLine,
    is_begun: &mut bool,
) -> Result<(), LoadRunError> {
    for (workload, wanted) in workloads {
        let space = workload.templates.first().map_or("", |template| &workload.spaces[template.space].name).to_owned();
        let plan = Arc::new(plan_of(plan, workload, wanted));
        let layout = loadgen::layout(&plan).await?;
        let mut observer = KeysObserver::new(line, done, &space, wanted);
        let report = loadgen::run(&plan, layout, stop, &mut observer).await;
        *is_begun |= report.as_ref().err().is_none_or(LoadError::may_have_sent);
        let report = report?;
        if report.operations < wanted && !stop.is_raised() {
            let texts = report.error_texts.values().cloned().collect();
            return Err(LoadRunError::Keys { done, space, wanted, operations: report.operations, texts });
        }
        let (keys, duration_s) = (report.operations, report.duration_s);
        line.send(&LoadEvent::KeysDone { done, space: &space, keys, duration_s });
    }
    Ok(())
}

/// The plan of the run, with another workload, as fast as possible and on primaries.
fn plan_of(plan: &LoadPlan, workload: Workload, operations: u64) -> LoadPlan {
    let bytes = workload.largest_operation().max(1);
    let clients = CLIENTS.min((BYTES_IN_FLIGHT_IN_ALL / bytes).max(1) as usize);
    LoadPlan {
        workload: Arc::new(workload),
        clients: plan.clients.min(clients.max(plan.threads)),
        threads: 1,
        pipeline: PIPELINE.min((BYTES_IN_FLIGHT / bytes).max(1) as usize),
        pace: Pace::Closed,
        until: Until::Operations(operations),
        warmup: Duration::ZERO,
        retry: Retry::All,
        read_from: ReadFrom::Primary,
        routing: if plan.routing == Routing::Standalone { Routing::Standalone } else { Routing::Slots },
        finds_stalls: false,
        ..plan.clone()
    }
}
