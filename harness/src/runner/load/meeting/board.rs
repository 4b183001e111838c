//! The keys through which the generators of a run meet: who is there, who is ready, and when the run starts.
//!
//! All keys begin with the prefix of the run and have one hash tag. The last generator deletes them, and they expire
//! if no generator does. They are hashes, so that the servers' counts of GET and SET are those of the load.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use loadgen::{LoadPlan, Share};
use serde_json::Value as Json;
use wire::{Command, Reply, bytes_of, command, items_of};

use super::error::MeetingError;
use super::server_time::ServerTime;
use crate::runner::load::caller::Caller;

/// When the keys expire, in milliseconds: a day, so that a long run finds them at its end.
const LIFE_MS: u64 = 24 * 3_600_000;
/// How far a generator has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// It is connected, and waits for the start.
    Ready,
    /// It has sent its last operation.
    Done,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Done => "done",
        }
    }
}

/// The keys of a rendezvous.
pub(super) struct Board {
    caller: Caller,
    /// The beginning of every key, with the hash tag.
    prefix: String,
    time: Option<ServerTime>,
}

impl Board {
    /// Names the keys; nothing is written yet.
    pub(super) fn new(plan: &LoadPlan, prefix: &str, name: &str) -> Self {
        let prefix = format!("{prefix}{{{name}}}:");
        Self { caller: Caller::new(plan, &prefix), prefix, time: None }
    }

    /// Enters a generator with its plan, which must be the plan of the generator that came first.
    pub(super) async fn join(&mut self, share: Share, plan: &BTreeMap<String, String>) -> Result<(), MeetingError> {
        let time = self.server_time().await?;
        let number = share.number().to_string();
        let entered = self.call(command!["HSETNX", self.key("parts"), &number, time.ahead_us().to_string()]).await?;
        if entered.integer() == Some(0) {
            return Err(MeetingError::Twice(share));
        }
        let own = serde_json::json!({ "part": share.number(), "parts": share.parts(), "plan": plan }).to_string();
        self.call(command!["HSETNX", self.key("board"), "plan", &own]).await?;
        let first = self.call(command!["HGET", self.key("board"), "plan"]).await?;
        let first: Json = first.bytes_value().and_then(|text| serde_json::from_slice(text).ok()).unwrap_or_default();
        for kind in ["parts", "board"] {
            self.call(command!["PEXPIRE", self.key(kind), LIFE_MS.to_string()]).await?;
        }
        let Some((option, ours, theirs)) = difference(share, plan, &first) else { return Ok(()) };
        self.leave(share).await;
        let other = first["part"].as_u64().unwrap_or_default() as u32;
        Err(MeetingError::OtherPlan { own: share.number(), other, option, ours, theirs })
    }

    /// Notes how far a generator has come.
    pub(super) async fn enter(&mut self, state: State, share: Share) -> Result<(), MeetingError> {
        let key = self.key(state.name());
        self.call(command!["HSET", &key, share.number().to_string(), "1"]).await?;
        self.call(command!["PEXPIRE", &key, LIFE_MS.to_string()]).await?;
        self.time = Some(self.server_time().await?);
        Ok(())
    }

    /// Whether all generators have come as far; false if nobody knows.
    pub(super) async fn is_complete(&mut self, state: State, share: Share) -> bool {
        let count = self.call(command!["HLEN", self.key(state.name())]).await;
        count.is_ok_and(|count| count.integer() == Some(i64::from(share.parts())))
    }

    /// The numbers of the generators that have not come as far.
    pub(super) async fn missing(&mut self, state: State, share: Share) -> Result<Vec<u32>, MeetingError> {
        let reply = self.call(command!["HKEYS", self.key(state.name())]).await?;
        let there: Vec<u32> = numbers(&reply).collect();
        Ok((1..=share.parts()).filter(|number| !there.contains(number)).collect())
    }

    /// How far the clock of each generator is ahead of the server's, in microseconds, with its number; in order.
    pub(super) async fn clocks(&mut self) -> Result<Vec<(i64, u32)>, MeetingError> {
        let reply = self.call(command!["HGETALL", self.key("parts")]).await?;
        let all: Vec<i64> = numbers(&reply).collect();
        let mut clocks: Vec<(i64, u32)> = all.chunks_exact(2).map(|pair| (pair[1], pair[0] as u32)).collect();
        clocks.sort_unstable();
        Ok(clocks)
    }

    /// Decides on the start, if nobody has done so.
    pub(super) async fn set_start(&mut self, lead: Duration) -> Result<(), MeetingError> {
        let at_us = self.server_time().await?.server_us(Instant::now() + lead);
        self.call(command!["HSETNX", self.key("board"), "start", at_us.to_string()]).await?;
        Ok(())
    }

    /// The start, once it is known.
    pub(super) async fn start(&mut self) -> Option<Instant> {
        let reply = self.call(command!["HGET", self.key("board"), "start"]).await.ok()?;
        let at_us = std::str::from_utf8(reply.bytes_value()?).ok()?.parse().ok()?;
        self.time.as_ref().map(|time| time.instant(at_us))
    }

    /// Removes a generator; the last one removes all keys. What cannot be removed expires.
    pub(super) async fn leave(&mut self, share: Share) {
        let _expires = self.call(command!["HDEL", self.key("parts"), share.number().to_string()]).await;
        let left = self.call(command!["HLEN", self.key("parts")]).await;
        if left.is_ok_and(|left| left.integer() == Some(0)) {
            let keys = ["board", "ready", "done"].map(|kind| self.key(kind));
            let _expires = self.call(command!["DEL", &keys[0], &keys[1], &keys[2]]).await;
        }
    }

    fn key(&self, kind: &str) -> String {
        format!("{}{kind}", self.prefix)
    }

    async fn server_time(&mut self) -> Result<ServerTime, MeetingError> {
        ServerTime::of(self.caller.connection().await?).await
    }

    async fn call(&mut self, command: Command) -> Result<Reply, MeetingError> {
        Ok(self.caller.call(command).await?)
    }
}

/// The numbers in an array of strings.
fn numbers<T: std::str::FromStr>(reply: &Reply) -> impl Iterator<Item = T> {
    let items = items_of(reply.value()).into_iter().flatten();
    items.filter_map(|item| std::str::from_utf8(bytes_of(item)?).ok()?.parse().ok())
}

/// The first option in which a plan differs from that of the generator that came first, with both values.
fn difference(share: Share, plan: &BTreeMap<String, String>, first: &Json) -> Option<(String, String, String)> {
    let (own, theirs) = (share.parts().to_string(), first["parts"].to_string());
    if own != theirs {
        return Some(("--part K/N".to_owned(), format!("K/{own}"), format!("K/{theirs}")));
    }
    let theirs = |option: &str| first["plan"][option].as_str().unwrap_or_default();
    let others = first["plan"].as_object().into_iter().flatten().map(|(option, _)| option.as_str());
    let options = plan.keys().map(String::as_str).chain(others);
    let ours = |option: &str| plan.get(option).map_or("", String::as_str);
    let mut different = options.filter(|option| ours(option) != theirs(option));
    different.next().map(|option| (option.to_owned(), ours(option).to_owned(), theirs(option).to_owned()))
}
