//! Reads events: `ACTION [WHAT] [OPTIONS] @WHEN`.

use std::str::FromStr;
use std::time::Duration;

use wire::{Address, SLOT_COUNT};

use super::fault::{Action, FailoverKind, Fault, FaultError, MoveBy, On};

/// The actions, and how each is written.
const ACTIONS: [(&str, &str); 10] = [
    ("kill", "kill [WHAT] [TIME] @WHEN"),
    ("pause", "pause [WHAT] TIME @WHEN"),
    ("restart", "restart [WHAT] @WHEN"),
    ("isolate", "isolate [WHAT] TIME @WHEN"),
    ("stop", "stop shard N [TIME] @WHEN"),
    ("failover", "failover [force|takeover] [WHAT] @WHEN"),
    ("move", "move N slots [by=migrate|by=atomic] @WHEN"),
    ("add", "add node @WHEN"),
    ("remove", "remove node [HOST:PORT] @WHEN"),
    ("rolling-restart", "rolling-restart @WHEN"),
];
/// What [`On`] allows.
const WHAT: &str = "WHAT is primary, replica, node HOST:PORT or shard N";

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let wrong = |mistake| FaultError::Text { text: text.to_owned(), mistake };
        let mut words = Words { rest: text.split_whitespace().collect() };
        words.read().map_err(|mistake| match words_of(text) {
            Some(form) => wrong(format!("{mistake}; write '{form}'{}", hint(form))),
            None => wrong(mistake),
        })
    }
}

/// How the action is written with which a text begins, if it begins with one.
fn words_of(text: &str) -> Option<&'static str> {
    let first = text.split_whitespace().next()?;
    ACTIONS.iter().find(|(name, _)| *name == first).map(|(_, form)| *form)
}

fn hint(form: &str) -> String {
    let what = if form.contains("WHAT") { format!(", where {WHAT}") } else { String::new() };
    if form.contains(" TIME") || form.contains("[TIME]") {
        format!("{what}, and TIME is such as 500ms or 3s")
    } else {
        what
    }
}

/// The words of an event that are still to be read.
struct Words<'a> {
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    fn read(&mut self) -> Result<Fault, String> {
        let Some(name) = self.next() else {
            return Err(format!("an event begins with an action: {}", names()));
        };
        if words_of(name).is_none() {
            return Err(format!("{name:?} is no action; actions are {}", names()));
        }
        let at = self.when()?;
        let action = self.action(name)?;
        match self.rest.first() {
            Some(word) => Err(format!("{word:?} does not belong there")),
            None => Ok(Fault { action, at }),
        }
    }

    fn action(&mut self, name: &str) -> Result<Action, String> {
        Ok(match name {
            "kill" => Action::Kill(self.on()?.unwrap_or(On::Primary), self.time()?),
            "pause" => Action::Pause(self.on()?.unwrap_or(On::Primary), self.needed_time()?),
            "restart" => Action::Restart(self.on()?.unwrap_or(On::Primary)),
            "isolate" => Action::Isolate(self.on()?.unwrap_or(On::Primary), self.needed_time()?),
            "stop" => match self.on()? {
                Some(on @ On::Shard(_)) => Action::Stop(on, self.time()?),
                _ => return Err("stop ends all nodes of one shard".to_owned()),
            },
            "failover" => {
                let kind = match self.rest.first() {
                    Some(&"force") => FailoverKind::Force,
                    Some(&"takeover") => FailoverKind::Takeover,
                    _ => FailoverKind::Agreed,
                };
                if kind != FailoverKind::Agreed {
                    self.next();
                }
                Action::Failover(kind, self.on()?.unwrap_or(On::Primary))
            }
            "move" => self.moved()?,
            "add" => {
                self.word("node")?;
                Action::AddNode
            }
            "remove" => {
                self.word("node")?;
                match self.next() {
                    None => Action::RemoveNode(On::Primary),
                    Some(address) => Action::RemoveNode(On::Node(self.address(address)?)),
                }
            }
            _ => Action::RollingRestart,
        })
    }

    fn moved(&mut self) -> Result<Action, String> {
        let number = self.next().unwrap_or_default();
        let slots = number.parse().ok().filter(|slots| (1..=SLOT_COUNT).contains(slots));
        let slots = slots.ok_or_else(|| format!("{number:?} is no number of slots from 1 to {SLOT_COUNT}"))?;
        if self.rest.first() == Some(&"slot") {
            self.next();
        } else {
            self.word("slots")?;
        }
        let by = match self.rest.first() {
            None | Some(&"by=migrate") => MoveBy::Migrate,
            Some(&"by=atomic") => MoveBy::Atomic,
            Some(word) => return Err(format!("{word:?} is not by=migrate or by=atomic")),
        };
        self.next();
        Ok(Action::Move(slots, by))
    }

    /// The node or shard, if one is named.
    fn on(&mut self) -> Result<Option<On>, String> {
        Ok(Some(match self.rest.first() {
            Some(&"primary") => {
                self.next();
                On::Primary
            }
            Some(&"replica") => {
                self.next();
                On::Replica
            }
            Some(&"node") => {
                self.next();
                let address = self.next().unwrap_or_default();
                On::Node(self.address(address)?)
            }
            Some(&"shard") => {
                self.next();
                let number = self.next().unwrap_or_default();
                let shard = number.parse().ok().filter(|&shard: &usize| shard > 0);
                On::Shard(shard.ok_or_else(|| format!("{number:?} is no number of a shard; shards count from 1"))?)
            }
            Some(word) if time(word).is_none() => return Err(format!("{word:?} is no node or shard")),
            Some(_) | None => return Ok(None),
        }))
    }

    /// The instant, which stands at the end.
    fn when(&mut self) -> Result<Duration, String> {
        let last = self.rest.pop().unwrap_or_default();
        let at = last.strip_prefix('@').ok_or_else(|| "an event ends with its instant, such as @10s".to_owned())?;
        time(at).ok_or_else(|| format!("{last:?} is no instant such as @500ms, @10s or @2m"))
    }

    fn time(&mut self) -> Result<Option<Duration>, String> {
        let Some(word) = self.next() else { return Ok(None) };
        let span = time(word).filter(|span| !span.is_zero());
        span.map(Some).ok_or_else(|| format!("{word:?} is no time such as 500ms or 3s"))
    }

    fn needed_time(&mut self) -> Result<Duration, String> {
        self.time()?.ok_or_else(|| "it needs a time after which rct undoes it".to_owned())
    }

    fn address(&self, text: &str) -> Result<Address, String> {
        text.parse().map_err(|_| format!("{text:?} is no HOST:PORT"))
    }

    fn word(&mut self, wanted: &str) -> Result<(), String> {
        match self.next() {
            Some(word) if word == wanted => Ok(()),
            Some(word) => Err(format!("{word:?} stands where {wanted:?} must stand")),
            None => Err(format!("the word {wanted:?} is missing")),
        }
    }

    fn next(&mut self) -> Option<&'a str> {
        (!self.rest.is_empty()).then(|| self.rest.remove(0))
    }
}

fn names() -> String {
    ACTIONS.map(|(name, _)| name).join(", ")
}

/// Reads a time: a number followed by ms, s, m or h.
fn time(text: &str) -> Option<Duration> {
    let at = text.find(|character: char| character.is_ascii_alphabetic())?;
    let unit_s = match &text[at..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return None,
    };
    let number: f64 = text[..at].parse().ok()?;
    Duration::try_from_secs_f64(number * unit_s).ok().filter(|time| *time <= TIME_MOST)
}

/// The longest time.
const TIME_MOST: Duration = Duration::from_secs(1_000 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        text.parse::<Fault>().unwrap_err().to_string()
    }

    #[test]
    fn every_action_is_read_and_written() {
        for text in [
            "kill primary @10s",
            "kill replica 2s @10s",
            "kill shard 2 @1500ms",
            "pause primary 3s @10s",
            "restart node 127.0.0.1:7001 @20s",
            "isolate replica 5s @8s",
            "stop shard 2 @5s",
            "stop shard 2 500ms @5s",
            "failover @10s",
            "failover force @10s",
            "failover takeover shard 1 @10s",
            "move 500 slots @10s",
            "move 500 slots by=atomic @10s",
            "add node @5s",
            "remove node @15s",
            "remove node 127.0.0.1:7006 @15s",
            "rolling-restart @10s",
        ] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()), Ok(text.to_owned()));
        }
        for (text, full) in [
            ("kill @10s", "kill primary @10s"),
            ("pause 3s @0.5s", "pause primary 3s @500ms"),
            ("move 1 slot by=migrate @1m", "move 1 slots @60s"),
            ("  failover   primary  @10s ", "failover @10s"),
        ] {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()), Ok(full.to_owned()));
        }
    }

    #[test]
    fn a_mistake_is_named_with_the_allowed_words() {
        for (text, wanted) in [
            ("", "an event begins with an action: kill, pause"),
            ("explode @1s", "\"explode\" is no action; actions are kill, pause, restart"),
            ("kill primary", "an event ends with its instant, such as @10s; write 'kill [WHAT] [TIME] @WHEN'"),
            ("kill primary @10", "\"@10\" is no instant such as"),
            (
                "kill master @1s",
                "\"master\" is no node or shard; write 'kill [WHAT] [TIME] @WHEN', where WHAT is primary",
            ),
            ("pause primary @1s", "it needs a time after which rct undoes it"),
            ("pause primary 0s @1s", "\"0s\" is no time"),
            ("kill node nowhere @1s", "\"nowhere\" is no HOST:PORT"),
            ("kill shard 0 @1s", "\"0\" is no number of a shard; shards count from 1"),
            ("stop primary @1s", "stop ends all nodes of one shard; write 'stop shard N [TIME] @WHEN'"),
            ("move many slots @1s", "\"many\" is no number of slots from 1 to 16384"),
            ("move 5 keys @1s", "\"keys\" stands where \"slots\" must stand"),
            ("move 5 slots by=magic @1s", "\"by=magic\" is not by=migrate or by=atomic"),
            ("add @1s", "the word \"node\" is missing; write 'add node @WHEN'"),
            ("failover hard @1s", "\"hard\" is no node or shard; write 'failover [force|takeover] [WHAT] @WHEN'"),
            ("restart primary 3s @1s", "\"3s\" does not belong there"),
        ] {
            let message = mistake(text);
            assert!(message.contains(wanted), "{text:?}: {message}");
        }
    }
}
