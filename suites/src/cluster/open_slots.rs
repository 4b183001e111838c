//! Slots that a check has opened: single steps of a migration, and what is left of the check's keys at either end.

use wire::{Address, Command, Node, Slot, command};

use super::Cluster;
use super::opened::Opened;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// The slots of which rct asks whether they have keys, before it gives up.
const SLOTS_ASKED: usize = 200;

impl Cluster {
    /// A random slot of a primary in which nobody has keys, for checks that delete all keys of a slot.
    ///
    /// # Errors
    /// Skip, if rct finds no such slot.
    pub async fn empty_slot_of(&self, primary: &Node) -> Outcome<Slot> {
        for _ in 0..SLOTS_ASKED {
            let slot = self.slot_of(primary)?;
            let count = command!["CLUSTER", "COUNTKEYSINSLOT", slot.to_string()];
            if self.call(primary, count).await?.integer() == Some(0) {
                return Ok(slot);
            }
        }
        Err(Stop::skip(format!("rct found no slot without keys on {}", primary.address)))
    }

    /// Two different random slots of a primary in which nobody has keys, for checks that give slots away without keys.
    ///
    /// # Errors
    /// As [`Cluster::empty_slot_of`].
    pub async fn two_empty_slots_of(&self, primary: &Node) -> Outcome<(Slot, Slot)> {
        let first = self.empty_slot_of(primary).await?;
        for _ in 0..SLOTS_ASKED {
            let second = self.empty_slot_of(primary).await?;
            if second != first {
                return Ok((first, second));
            }
        }
        Err(Stop::skip(format!("rct found no second slot without keys on {}", primary.address)))
    }

    /// Opens a slot at its new owner only (SETSLOT IMPORTING), as soon as all nodes know each other's config epochs.
    ///
    /// # Errors
    /// A mismatch, if the server refuses the step.
    pub async fn open_importing(&self, slot: Slot, source: &Node, target: &Node) -> Outcome {
        self.epochs_spread().await;
        self.opened.borrow_mut().push(Opened { slot, source: source.clone(), target: target.clone() });
        let importing = command!["CLUSTER", "SETSLOT", slot.to_string(), "IMPORTING", source.id];
        self.expect(target, importing, Expect::Ok).await.map(drop)
    }

    /// Closes an open slot, which stays with its owner (SETSLOT STABLE at both ends). Keys of the check that have moved
    /// are deleted.
    ///
    /// # Errors
    /// A mismatch, if the server refuses a step.
    pub async fn close_slot(&self, slot: Slot, source: &Node, target: &Node) -> Outcome {
        self.delete_moved_keys(Some(slot)).await?;
        let stable = command!["CLUSTER", "SETSLOT", slot.to_string(), "STABLE"];
        for node in [source, target] {
            self.expect(node, &stable, Expect::Ok).await?;
        }
        Ok(())
    }

    /// The command that moves keys to another node, or the one key if there is just one. `options` stand before KEYS.
    #[must_use]
    pub fn migrate_command(&self, target: &Node, keys: &[Vec<u8>], options: &[&str]) -> Command {
        let Address { host, port } = &target.address;
        let timeout = self.limits().reply.as_millis().to_string();
        let single = if let [key] = keys { key.as_slice() } else { b"" };
        let mut migrate = command!["MIGRATE", host, port.to_string(), single, "0", timeout];
        for word in self.migrate_access().iter().map(String::as_str).chain(options.iter().copied()) {
            migrate = migrate.arg(word);
        }
        if keys.len() != 1 {
            migrate = keys.iter().fold(migrate.arg("KEYS"), |migrate, key| migrate.arg(key));
        }
        migrate
    }

    /// The words by which MIGRATE logs in to another node as the user of the run; none, where there is no password.
    #[must_use]
    pub fn migrate_access(&self) -> Vec<String> {
        let access = &self.live.access;
        match (&access.username, &access.password) {
            (_, None) => Vec::new(),
            (None, Some(password)) => vec!["AUTH".to_owned(), password.expose().to_owned()],
            (Some(user), Some(password)) => vec!["AUTH2".to_owned(), user.clone(), password.expose().to_owned()],
        }
    }

    /// Deletes the check's keys at both ends of a slot that it opened, or of all of them, because DEL may be redirected.
    ///
    /// # Errors
    /// Broken, where a node is lost.
    pub(super) async fn delete_moved_keys(&self, only: Option<Slot>) -> Outcome {
        let is_wanted = |opened: &mut Opened| only.is_none_or(|slot| slot == opened.slot);
        let opened: Vec<Opened> = self.opened.borrow_mut().extract_if(.., is_wanted).collect();
        for Opened { slot, source, target } in &opened {
            let keys: Vec<Vec<u8>> = self.keys.made().into_iter().filter(|key| Slot::of(key) == *slot).collect();
            let here: Vec<Command> = keys.iter().map(|key| command!["DEL", key]).collect();
            let there: Vec<Command> = here.iter().flat_map(|delete| [command!["ASKING"], delete.clone()]).collect();
            for (node, commands) in [(source, here), (target, there)] {
                if self.runs(node) && !commands.is_empty() {
                    // A node that does not serve the slot any more answers MOVED.
                    self.session(node).await?.exchange(&commands).await?;
                }
            }
        }
        Ok(())
    }
}
