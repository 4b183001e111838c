//! How the generators of a run start at the same instant, and end together.
//!
//! With `--start-at` they need only their clocks. With `--rendezvous` they meet through keys of the cluster under load;
//! [`board`] has these keys. The start is then an instant of a server's clock, so that their own clocks may differ.

mod board;
mod error;
mod server_time;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use loadgen::{LoadError, LoadPlan, Share, StopSignal};
use tokio::time::sleep;

use self::board::{Board, State};
use self::server_time::ServerTime;

pub use error::MeetingError;

/// How long before the start the generators learn when it is.
const LEAD: Duration = Duration::from_secs(1);
/// How often a generator looks whether the others are there.
const POLL_EVERY: Duration = Duration::from_millis(25);
/// The largest difference between the clocks of two machines about which rct says nothing.
const CLOCK_DIFFERENCE_MOST: Duration = Duration::from_secs(1);
/// The most generators that a message names.
const NAMED_MOST: usize = 5;
/// How much longer than planned, beside twice `--timeout`, a generator may run before the others delete their keys.
const END_SPARE: Duration = Duration::from_secs(2);

/// How the generators agree on the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// This generator starts when it is ready.
    Ready,
    /// At an instant of this machine's clock.
    At(Timestamp),
    /// When all generators are there.
    Rendezvous {
        /// The name that all generators of the run have in common.
        name: String,
        /// How long to wait for the others.
        limit: Duration,
    },
}

/// What the generators of a run have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Together {
    /// How they agree on the start.
    pub start: Start,
    /// The beginning of every key of the run.
    pub prefix: String,
    /// The settings of the run, by option.
    pub plan: BTreeMap<String, String>,
}

impl Together {
    /// What a generator needs that is the only one.
    pub fn alone() -> Self {
        Self { start: Start::Ready, prefix: String::new(), plan: BTreeMap::new() }
    }
}

/// A generator among the others of its run.
pub struct Meeting<'a> {
    plan: &'a LoadPlan,
    together: Together,
    board: Option<Board>,
}

impl<'a> Meeting<'a> {
    /// Returns the meeting of a generator, which has not joined it yet.
    pub fn new(plan: &'a LoadPlan, together: &Together) -> Self {
        Self { plan, together: together.clone(), board: None }
    }

    /// Joins the other generators.
    ///
    /// # Errors
    ///
    /// [`MeetingError`] if this generator cannot take part.
    pub async fn join(&mut self) -> Result<(), MeetingError> {
        match &self.together.start {
            Start::Ready => {}
            Start::At(_) => {
                let ahead_us = ServerTime::of_cluster(self.plan).await?.ahead_us();
                if ahead_us.unsigned_abs() > CLOCK_DIFFERENCE_MOST.as_micros() as u64 {
                    return Err(MeetingError::Clock { difference: difference(ahead_us) });
                }
            }
            Start::Rendezvous { name, .. } => {
                let mut board = Board::new(self.plan, &self.together.prefix, name);
                board.join(self.plan.share, &self.together.plan).await?;
                self.board = Some(board);
            }
        }
        Ok(())
    }

    /// Waits until all generators are ready, and gives the common start; `None` if there is nobody to wait for.
    ///
    /// # Errors
    ///
    /// [`LoadError::Start`] if a generator is missing, or this one is late.
    pub async fn start(&mut self, stop: &StopSignal, warn: &mut dyn FnMut(&str)) -> Result<Option<Instant>, LoadError> {
        match (&self.together.start, &mut self.board) {
            (Start::At(at), _) => until(*at).map(Some),
            (Start::Rendezvous { limit, .. }, Some(board)) => {
                together(board, self.plan.share, *limit, stop, warn).await
            }
            _ => Ok(None),
        }
    }

    /// Waits until the other generators have ended, so that nobody needs the keys of this one any more.
    ///
    /// `left` is the longest time that the others may still need. Returns what is wrong, if so.
    pub async fn end(&mut self, left: Duration, stop: &StopSignal) -> Option<String> {
        let share = self.plan.share;
        let problem = match (&self.together.start, &mut self.board) {
            (Start::At(_), _) if !share.is_whole() => {
                let until = Instant::now() + left + END_SPARE;
                while Instant::now() < until && !stop.is_raised() {
                    sleep(POLL_EVERY).await;
                }
                None
            }
            (Start::Rendezvous { limit, .. }, Some(board)) => {
                ended(board, share, (*limit).max(left + END_SPARE), stop).await
            }
            _ => None,
        };
        self.leave().await;
        problem
    }

    /// Leaves the others, without waiting for them.
    pub async fn leave(&mut self) {
        if let Some(mut board) = self.board.take() {
            board.leave(self.plan.share).await;
        }
    }
}

/// The instant of a time of this machine's clock.
fn until(at: Timestamp) -> Result<Instant, LoadError> {
    let left = at.duration_since(Timestamp::now());
    match Duration::try_from(left) {
        Ok(left) => Ok(Instant::now() + left),
        Err(_) => Err(LoadError::Start(format!(
            "this generator was ready {:.1} s after --start-at; choose a later time",
            -left.as_secs_f64()
        ))),
    }
}

/// Waits for the others, and for the start on which the first generator decides.
async fn together(
    board: &mut Board,
    share: Share,
    limit: Duration,
    stop: &StopSignal,
    warn: &mut dyn FnMut(&str),
) -> Result<Option<Instant>, LoadError> {
    let failed = |error: MeetingError| LoadError::Start(error.to_string());
    board.enter(State::Ready, share).await.map_err(failed)?;
    let deadline = Instant::now() + limit;
    while !stop.is_raised() {
        if share.number() == 1 && board.is_complete(State::Ready, share).await {
            if let Some(text) = clocks(&board.clocks().await.map_err(failed)?) {
                warn(&text);
            }
            board.set_start(LEAD).await.map_err(failed)?;
        }
        if let Some(start) = board.start().await {
            return Ok(Some(start));
        }
        if Instant::now() > deadline {
            let missing = board.missing(State::Ready, share).await.map_err(failed)?;
            return Err(LoadError::Start(absent(&missing, share, limit)));
        }
        sleep(POLL_EVERY).await;
    }
    Ok(None)
}

/// Waits until all have ended; says who has not, if so.
async fn ended(board: &mut Board, share: Share, limit: Duration, stop: &StopSignal) -> Option<String> {
    if let Err(error) = board.enter(State::Done, share).await {
        return Some(format!("cannot tell the other parts that this one has ended: {error}"));
    }
    let deadline = Instant::now() + limit;
    while !stop.is_raised() && !board.is_complete(State::Done, share).await {
        if Instant::now() > deadline {
            let missing = board.missing(State::Done, share).await.unwrap_or_default();
            return Some(format!(
                "{} did not end within {limit:.0?}; it may leave keys behind",
                named(&missing, share)
            ));
        }
        sleep(POLL_EVERY).await;
    }
    None
}

fn absent(missing: &[u32], share: Share, limit: Duration) -> String {
    match missing {
        [] => format!("part 1 of {} gave no start within {limit:.0?}; read what it printed", share.parts()),
        missing => format!(
            "{} did not come within {limit:.0?}; start all parts, or raise --rendezvous-limit",
            named(missing, share)
        ),
    }
}

/// Says that two clocks differ too much, if they do. `clocks` are ordered.
fn clocks(clocks: &[(i64, u32)]) -> Option<String> {
    let ((behind_us, behind), (ahead_us, ahead)) = (clocks.first()?, clocks.last()?);
    let apart_us = ahead_us - behind_us;
    (apart_us > CLOCK_DIFFERENCE_MOST.as_micros() as i64).then(|| {
        let apart = difference(apart_us);
        format!("the clock of part {ahead} is {apart} that of part {behind}; synchronize them, so that times in reports agree")
    })
}

/// Names generators: `part 3 of 8`, or `parts 3, 4 of 8`.
fn named(numbers: &[u32], share: Share) -> String {
    let named: Vec<String> = numbers.iter().take(NAMED_MOST).map(u32::to_string).collect();
    let more = if numbers.len() > named.len() { " and more" } else { "" };
    let parts = if numbers.len() == 1 { "part" } else { "parts" };
    format!("{parts} {}{more} of {}", named.join(", "), share.parts())
}

/// Says how far one clock is from another.
fn difference(ahead_us: i64) -> String {
    let seconds = ahead_us as f64 / 1e6;
    if seconds < 0.0 { format!("{:.1} s behind", -seconds) } else { format!("{seconds:.1} s ahead of") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generators_that_are_missing_are_named() {
        let share = Share::new(2, 20).unwrap();
        let limit = Duration::from_secs(120);
        let one = absent(&[3], share, limit);
        assert_eq!(one, "part 3 of 20 did not come within 120s; start all parts, or raise --rendezvous-limit");
        let many: Vec<u32> = (3..20).collect();
        assert!(absent(&many, share, limit).starts_with("parts 3, 4, 5, 6, 7 and more of 20 did not come"));
        assert!(absent(&[], share, limit).starts_with("part 1 of 20 gave no start"));
    }

    #[test]
    fn clocks_that_differ_by_more_than_a_second_are_named_with_the_difference() {
        assert_eq!(clocks(&[(-400_000, 1), (500_000, 2)]), None);
        let text = clocks(&[(-1_500_000, 4), (0, 1), (800_000, 2)]).unwrap();
        assert!(text.starts_with("the clock of part 2 is 2.3 s ahead of that of part 4"), "{text}");
        assert_eq!(difference(-1_500_000), "1.5 s behind");
    }
}
