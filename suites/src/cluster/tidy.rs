//! After a check: settings as before, keys gone, and every node that answered an error still works.

use wire::{Node, Reply, Slot, command};

use super::Cluster;
use super::setting::Setting;
use crate::expect::Expect;
use crate::outcome::{Outcome, Stop};

/// The keys that one DEL names.
const DELETE_KEYS: usize = 500;
/// The setting with the password of the default user.
const PASSWORD: &str = "requirepass";

impl Cluster {
    /// Changes a setting of a node (CONFIG SET) until the end of the check.
    ///
    /// # Errors
    /// Skip, where the server refuses CONFIG or does not know the setting.
    pub async fn set_config(&self, node: &Node, name: &str, value: &str) -> Outcome {
        let before = self.config(node, name).await?;
        self.change_config(node, name, value, before).await
    }

    /// Changes a setting of which the earlier value is known.
    pub(super) async fn change_config(&self, node: &Node, name: &str, value: &str, before: String) -> Outcome {
        let reply = self.call(node, command!["CONFIG", "SET", name, value]).await?;
        if let Some(error) = reply.error() {
            return Err(Stop::skip(format!("the server refuses CONFIG SET {name}: {}", error.text)));
        }
        self.changed.borrow_mut().push(Setting { node: node.id, name: name.to_owned(), before });
        Ok(())
    }

    /// The value of a setting of a node (CONFIG GET).
    ///
    /// # Errors
    /// Skip, where the server refuses CONFIG or does not know the setting.
    pub async fn config(&self, node: &Node, name: &str) -> Outcome<String> {
        value_of(&self.call(node, command!["CONFIG", "GET", name]).await?, name)
    }

    /// Requires a password of every new connection of the default user to a node, until the end of the check.
    ///
    /// [`Cluster::call`] still works, because its connection is older than the password.
    ///
    /// # Errors
    /// As [`Cluster::set_config`].
    pub(crate) async fn set_password(&self, node: &Node, password: &str) -> Outcome {
        let before = self.secret_config(node, PASSWORD).await?;
        self.change_config(node, PASSWORD, password, before).await
    }

    /// Takes the password of [`Cluster::set_password`] away again.
    ///
    /// # Errors
    /// As [`Cluster::put_back_now`].
    pub(crate) async fn take_password(&self, node: &Node) -> Outcome {
        self.put_back_now(node, PASSWORD).await
    }

    /// Remembers a user that the check creates on a node, so that it is deleted at the end, also after Ctrl-C.
    pub(crate) fn adopt_user(&self, node: &Node, name: &str) {
        self.users.borrow_mut().push((node.id, name.to_owned()));
    }

    async fn delete_users(&self) -> Outcome {
        for (id, name) in self.users.take() {
            let Some(node) = self.running().into_iter().find(|node| node.id == id) else { continue };
            // The check itself may have deleted the user, which makes the reply 0.
            self.call(&node, command!["ACL", "DELUSER", name]).await?;
        }
        Ok(())
    }

    /// The value of a setting that no transcript may show.
    pub(super) async fn secret_config(&self, node: &Node, name: &str) -> Outcome<String> {
        value_of(&self.live.ask(node, &command!["CONFIG", "GET", name]).await?, name)
    }

    /// Puts a setting back that the check changed, before its end.
    ///
    /// # Errors
    /// A mismatch, where the server refuses.
    pub(super) async fn put_back_now(&self, node: &Node, name: &str) -> Outcome {
        let changed: Vec<Setting> = self
            .changed
            .borrow_mut()
            .extract_if(.., |setting| setting.node == node.id && setting.name == name)
            .collect();
        // The first of several holds what the check found.
        for setting in changed.iter().take(1) {
            self.put_back(setting).await?;
        }
        Ok(())
    }

    /// Proves the poison rule: on every node that answered an error to this check, the connections of the check, a
    /// new one, and a script still work. Asks only for what worked when the cluster was entered.
    ///
    /// # Errors
    /// A mismatch, where one does not.
    pub async fn prove_unpoisoned(&self) -> Outcome {
        let provoked = self.notes.provoked.take();
        for node in self.running().iter().filter(|node| provoked.contains(&node.address)) {
            self.prove_node_works(node).await.map_err(|stop| {
                stop.with_note("after an error that the check provoked, the node must work as before")
            })?;
        }
        Ok(())
    }

    async fn prove_node_works(&self, node: &Node) -> Outcome {
        let names: Vec<String> = {
            let sessions = self.sessions.borrow();
            sessions.keys().filter(|(id, _)| *id == node.id).map(|(_, name)| name.clone()).collect()
        };
        let able = self.live.abilities().await.of(&node.id);
        for name in names.iter().filter(|_| able.ping) {
            let mut session = self.take_session(node, name).await?;
            session.expect(command!["PING"], Expect::NoError).await?;
        }
        let mut fresh = self.session(node).await?;
        if able.ping {
            fresh.expect(command!["PING"], Expect::text("PONG")).await?;
        }
        if let Some(script) = able.script.filter(|_| !self.live.is_damaged(node)) {
            fresh.expect(command!["EVAL", script, "0"], Expect::text("PONG")).await?;
        }
        Ok(())
    }

    /// Puts settings back, and deletes the users, libraries and keys of the check; ends with the first problem, after
    /// trying all.
    ///
    /// # Errors
    /// Broken, where something could not be put back.
    pub async fn tidy(&self) -> Outcome {
        self.give_spares_back().await;
        let mut problem = None;
        for setting in self.changed.take().into_iter().rev() {
            problem = self.put_back(&setting).await.err().or(problem);
        }
        problem = self.delete_libraries().await.err().or(problem);
        problem = self.delete_users().await.err().or(problem);
        problem = self.delete_moved_keys(None).await.err().or(problem);
        problem = self.delete_keys().await.err().or(problem);
        self.sessions.borrow_mut().clear();
        match problem {
            None => Ok(()),
            Some(stop) => Err(Stop::broken(format!("cannot restore settings or delete keys after the check: {stop}"))),
        }
    }

    async fn put_back(&self, setting: &Setting) -> Outcome {
        let Some(node) = self.running().into_iter().find(|node| node.id == setting.node) else { return Ok(()) };
        let command = command!["CONFIG", "SET", &setting.name, &setting.before];
        // A new connection would need the password.
        if setting.name == PASSWORD {
            return self.expect(&node, command, Expect::Ok).await.map(drop);
        }
        self.session(&node).await?.expect(command, Expect::Ok).await.map(drop)
    }

    /// Remembers a library of functions, so that it is deleted at the end of the check.
    pub(crate) fn adopt_library(&self, name: &str) {
        self.libraries.borrow_mut().insert(name.to_owned());
    }

    async fn delete_libraries(&self) -> Outcome {
        let deletes: Vec<wire::Command> =
            self.libraries.take().iter().map(|name| command!["FUNCTION", "DELETE", name]).collect();
        if deletes.is_empty() {
            return Ok(());
        }
        for node in self.running() {
            // A replica answers READONLY, and a primary without the library ERR.
            self.session(&node).await?.exchange(&deletes).await?;
        }
        Ok(())
    }

    async fn delete_keys(&self) -> Outcome {
        let mut keys = self.keys.take();
        keys.sort_by_key(|key| Slot::of(key));
        for node in self.primaries().into_iter().filter(|node| self.runs(node)) {
            let owned = self.all_slots_of(&node);
            let commands: Vec<wire::Command> = keys
                .chunk_by(|one, other| Slot::of(one) == Slot::of(other))
                .filter(|chunk| owned.binary_search(&Slot::of(&chunk[0])).is_ok())
                .flat_map(|chunk| chunk.chunks(DELETE_KEYS))
                .map(|chunk| wire::Command::new([&b"DEL"[..]].into_iter().chain(chunk.iter().map(Vec::as_slice))))
                .collect();
            if !commands.is_empty() {
                // A key that our user may not delete was never written.
                self.session(&node).await?.exchange(&commands).await?;
            }
        }
        Ok(())
    }
}

fn value_of(reply: &Reply, name: &str) -> Outcome<String> {
    let value = crate::expect::field_of(reply.value(), name).and_then(crate::expect::text_of);
    value.ok_or_else(|| Stop::skip(format!("the server does not show its setting {name}")))
}
