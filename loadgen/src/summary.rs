//! Sums up a run while it goes on: the results of all workers, and what they cost.

use std::time::Duration;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use crate::engine::{Clock, StopSignal};
use crate::error::LoadError;
use crate::observer::Observer;
use crate::outline::Outline;
use crate::recorder::Interval;
use crate::sums::Sums;
use crate::timeline::Progress;

/// How long a run goes on without a single good reply, although operations end.
const NO_REPLY_LIMIT: Duration = Duration::from_secs(3);
/// How many errors and unanswered operations show that this will not change.
const PROBLEMS_LEAST: u64 = 10;
/// The results of all workers, and what they cost.
pub(crate) struct Summary {
    pub(crate) sums: Sums,
    /// The CPU time of the process in the measured time, in seconds.
    pub(crate) cpu_s: f64,
    /// When rct stopped the run because nothing was answered, in seconds from its start.
    pub(crate) stopped_after_s: Option<f64>,
}

/// Sums up what the workers hand over until the last of them has ended.
///
/// # Errors
///
/// The system does not say how much CPU time the process used.
pub(crate) async fn sum_up(
    outline: &Outline,
    clock: Clock,
    start_ns: u64,
    intervals: &mut mpsc::Receiver<Interval>,
    stop: &StopSignal,
    observer: &mut dyn Observer,
) -> Result<Summary, LoadError> {
    let mut sums = Sums::new(outline, start_ns);
    let measuring = sleep_until(clock.instant(start_ns + outline.parts().measured_from_ns).into());
    tokio::pin!(measuring);
    let mut cpu_before = None;
    let mut prospects = Prospects::default();
    let mut stopped_after_s = None;
    loop {
        tokio::select! {
            () = &mut measuring, if cpu_before.is_none() => cpu_before = Some(cpu()?),
            interval = intervals.recv() => match interval {
                None => break,
                Some(interval) => {
                    observer.handed_over(&interval);
                    if let Some((progress, lanes)) = sums.add(interval) {
                        observer.second(&progress, &lanes);
                        prospects.add(&progress);
                        if stopped_after_s.is_none() && prospects.are_hopeless() && !stop.is_raised() {
                            stopped_after_s = Some(progress.at_s + progress.length_s);
                            stop.raise();
                        }
                    }
                }
            },
        }
    }
    let cpu_s = match cpu_before {
        Some(before) => cpu()?.saturating_sub(before).as_secs_f64(),
        None => 0.0,
    };
    sums.close(&mut |progress, lanes| observer.second(progress, lanes));
    Ok(Summary { sums, cpu_s, stopped_after_s })
}

/// Whether a run may still get a good reply.
#[derive(Default)]
struct Prospects {
    answered: u64,
    problems: u64,
    since_start_s: f64,
}

impl Prospects {
    fn add(&mut self, progress: &Progress) {
        self.answered += progress.answered;
        self.problems += progress.errors + progress.failed;
        self.since_start_s = progress.at_s + progress.length_s;
    }

    fn are_hopeless(&self) -> bool {
        self.answered == 0 && self.problems >= PROBLEMS_LEAST && self.since_start_s >= NO_REPLY_LIMIT.as_secs_f64()
    }
}

/// The user and system time of this process so far.
fn cpu() -> Result<Duration, LoadError> {
    let usage = usage()?;
    let seconds = |time: nix::sys::time::TimeVal| Duration::new(time.tv_sec() as u64, time.tv_usec() as u32 * 1000);
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// The most memory that this process has used so far, in MB.
pub(crate) fn memory_mb() -> Result<f64, LoadError> {
    Ok((usage()?.max_rss() as f64 / 1024.0 * 10.0).round() / 10.0)
}

fn usage() -> Result<Usage, LoadError> {
    getrusage(UsageWho::RUSAGE_SELF).map_err(|error| LoadError::System(error.into()))
}
