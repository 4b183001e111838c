//! Says on standard error how long something takes.

use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::out;

/// How often rct says that something still goes on.
const NEWS_EVERY: Duration = Duration::from_secs(5);

/// Waits for the end of `work`, and says at its start and then every few seconds that rct is `doing` it.
pub(super) async fn with_news<T>(doing: &str, work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let mut work = pin!(work);
    out::message(doing);
    loop {
        match timeout(NEWS_EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => out::message(&format!("{doing}: {:.0} s so far", started.elapsed().as_secs_f64())),
        }
    }
}
