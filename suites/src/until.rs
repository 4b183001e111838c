//! Waits that have a limit: they repeat an observation until a rule holds, or make sure that it holds all the time.
//!
//! [`crate::limits`] has the limits.

use std::time::{Duration, Instant};

use crate::outcome::{Outcome, Stop};

/// The pause after the first observation; it doubles up to the bound that the caller sets.
const FIRST_PAUSE: Duration = Duration::from_millis(2);

/// Repeats the observation `look` until it gives `Ok`, for `limit` at most.
///
/// `what` is a clause that says what is awaited, such as `all nodes agree`. The last observation starts after the limit,
/// so that a pause of the whole machine cannot end the wait by itself.
///
/// An observation that fails (`Broken`) is neither yes nor no: the wait goes on, and it ends as broken only if the last
/// observation fails too. `Skip` ends the wait at once.
///
/// # Errors
/// The last mismatch, with `what` and the limit in its note; or why the last observation failed.
pub async fn until<T>(
    limit: Duration,
    pause: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Outcome<T>,
) -> Outcome<T> {
    let started = Instant::now();
    let mut wait = FIRST_PAUSE;
    loop {
        let is_last = started.elapsed() >= limit;
        let stop = match look().await {
            Ok(value) => return Ok(value),
            Err(skip @ Stop::Skip(_)) => return Err(skip),
            Err(stop) => stop,
        };
        if is_last {
            return Err(late(stop, what, limit));
        }
        tokio::time::sleep(wait.min(limit.saturating_sub(started.elapsed()))).await;
        wait = (wait * 2).min(pause);
    }
}

/// Repeats the observation `look` during the whole of `span`, and ends at the first one that does not give `Ok`.
///
/// `what` is a clause that says what must hold. An observation that fails (`Broken`) is neither yes nor no, unless it is
/// the last one.
///
/// # Errors
/// The first mismatch, with `what` in its note; or why the last observation failed.
pub async fn throughout(
    span: Duration,
    pause: Duration,
    what: &str,
    mut look: impl AsyncFnMut() -> Outcome,
) -> Outcome {
    let started = Instant::now();
    loop {
        let last = started.elapsed() >= span;
        match look().await {
            Ok(()) => {}
            Err(Stop::Broken(_)) if !last => {}
            Err(stop) => {
                let after = started.elapsed().as_secs_f64();
                let span = span.as_secs_f64();
                return Err(
                    stop.with_note(format!("for {span:.1} s this must hold: {what}; it failed after {after:.1} s"))
                );
            }
        }
        if last {
            return Ok(());
        }
        tokio::time::sleep(pause.min(span.saturating_sub(started.elapsed()))).await;
    }
}

fn late(stop: Stop, what: &str, limit: Duration) -> Stop {
    let waited = format!("rct waited {:.1} s for this: {what}", limit.as_secs_f64());
    match stop {
        Stop::Mismatch(mut mismatch) => {
            mismatch.note = Some(match mismatch.note.take() {
                Some(note) => format!("{waited}; {note}"),
                None => waited,
            });
            Stop::Mismatch(mismatch)
        }
        Stop::Broken(reason) => Stop::Broken(format!("{waited}; the last attempt to see it failed: {reason}")),
        skip @ Stop::Skip(_) => skip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(40);
    const PAUSE: Duration = Duration::from_millis(4);

    #[tokio::test(start_paused = true)]
    async fn ends_when_the_assertion_holds() {
        let mut looks = 0;
        let seen = until(LIMIT, PAUSE, "it is the third look", async || {
            looks += 1;
            if looks == 3 { Ok(looks) } else { Err(Stop::mismatch("3", looks.to_string())) }
        });
        assert_eq!(seen.await.unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn looks_once_more_after_a_standstill() {
        let mut looks = 0;
        let seen = until(LIMIT, PAUSE, "it is the second look", async || {
            looks += 1;
            if looks == 2 {
                return Ok(looks);
            }
            let stalled = Instant::now();
            while stalled.elapsed() < LIMIT {}
            Err(Stop::mismatch("2", looks.to_string()))
        });
        assert_eq!(seen.await.unwrap(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn says_what_the_last_look_saw() {
        let outcome: Outcome = until(LIMIT, PAUSE, "pigs fly", async || Err(Stop::mismatch("a pig", "a cow"))).await;
        let Err(Stop::Mismatch(mismatch)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(mismatch.received, "a cow");
        assert!(mismatch.note.unwrap().contains("for this: pigs fly"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_must_hold_throughout_ends_at_the_first_look_that_differs() {
        let mut looks = 0;
        let outcome = throughout(LIMIT, PAUSE, "there are fewer than three looks", async || {
            looks += 1;
            if looks < 3 { Ok(()) } else { Err(Stop::mismatch("fewer than 3", looks.to_string())) }
        });
        assert!(matches!(outcome.await, Err(Stop::Mismatch(mismatch)) if mismatch.received == "3"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_seen_on_the_way_is_no_answer() {
        let mut looks = 0;
        let outcome = throughout(LIMIT, PAUSE, "it answers", async || {
            looks += 1;
            if looks == 2 { Err(Stop::broken("refused")) } else { Ok(()) }
        });
        assert!(outcome.await.is_ok());
        assert!(looks > 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_fails_to_the_end_is_broken() {
        let outcome: Outcome = until(LIMIT, PAUSE, "it answers", async || Err(Stop::broken("refused"))).await;
        assert!(matches!(outcome, Err(Stop::Broken(reason)) if reason.contains("refused")));
    }
}
