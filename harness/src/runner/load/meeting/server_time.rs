//! The clock of a server, as TIME gives it, and what it shows when this machine's clock shows something else.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use loadgen::LoadPlan;
use wire::{ConnectOptions, Connection, bytes_of, command, items_of};

use super::error::MeetingError;

/// How often rct asks; the fastest answer is the most precise one.
const QUESTIONS: usize = 5;

/// An instant, and what the clocks of a server and of this machine showed then.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerTime {
    at: Instant,
    server_us: i64,
    own_us: i64,
}

impl ServerTime {
    /// Asks the first node of a cluster that answers.
    pub(super) async fn of_cluster(plan: &LoadPlan) -> Result<Self, MeetingError> {
        let layout = loadgen::layout(plan).await?;
        let address = layout.nodes.first().map(|node| node.address.clone());
        let address = address.ok_or_else(|| MeetingError::Time("no node".to_owned()))?;
        let options = ConnectOptions {
            access: plan.access.clone(),
            connect_timeout: plan.connect_timeout,
            ..ConnectOptions::new(address)
        };
        Self::of(&mut Connection::open(&options).await?).await
    }

    /// Asks a server, and takes the answer that came fastest.
    pub(super) async fn of(connection: &mut Connection) -> Result<Self, MeetingError> {
        let mut best: Option<(Duration, Self)> = None;
        for _ in 0..QUESTIONS {
            let asked = Instant::now();
            let reply = connection.call(&command!["TIME"]).await?;
            let took = asked.elapsed();
            let own_us = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as i64;
            let items = items_of(reply.value()).unwrap_or_default();
            let mut numbers = items.iter().filter_map(|item| std::str::from_utf8(bytes_of(item)?).ok()?.parse().ok());
            let (Some(seconds), Some(more_us)) = (numbers.next(), numbers.next()) else {
                return Err(MeetingError::Time(reply.to_string()));
            };
            let (seconds, more_us): (i64, i64) = (seconds, more_us);
            // The server looked at its clock about halfway.
            let half_us = took.as_micros() as i64 / 2;
            let answer = Self {
                at: asked + took / 2,
                server_us: seconds.saturating_mul(1_000_000).saturating_add(more_us),
                own_us: own_us - half_us,
            };
            if best.is_none_or(|(fastest, _)| took < fastest) {
                best = Some((took, answer));
            }
        }
        best.map(|(_, answer)| answer).ok_or_else(|| MeetingError::Time("nothing".to_owned()))
    }

    /// How far the clock of this machine is ahead of the server's, in microseconds.
    pub(super) fn ahead_us(&self) -> i64 {
        self.own_us - self.server_us
    }

    /// The instant at which the server's clock shows a time.
    pub(super) fn instant(&self, server_us: i64) -> Instant {
        let later = server_us.saturating_sub(self.server_us);
        let distance = Duration::from_micros(later.unsigned_abs());
        if later < 0 { self.at.checked_sub(distance).unwrap_or(self.at) } else { self.at + distance }
    }

    /// What the server's clock shows at an instant.
    pub(super) fn server_us(&self, at: Instant) -> i64 {
        self.server_us + at.saturating_duration_since(self.at).as_micros() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_and_the_servers_time_are_converted_both_ways() {
        let at = Instant::now();
        let time = ServerTime { at, server_us: 5_000_000, own_us: 7_500_000 };
        assert_eq!(time.ahead_us(), 2_500_000);
        let later = at + Duration::from_millis(1_500);
        assert_eq!((time.server_us(later), time.instant(6_500_000)), (6_500_000, later));
    }
}
