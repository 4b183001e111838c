//! What the servers answer properly before any check has provoked an error, and what our user may do.
//!
//! Operators rename commands and restrict users. Neither is the server's fault, so what is missing here is not asked
//! for later, and a refusal skips the check that needs more.

use std::collections::BTreeMap;

use wire::{Command, Node, NodeId, Reply, Value, command, items_of};

use super::LiveCluster;
use crate::control::NodeState;
use crate::expect::text_of;
use crate::outcome::Stop;

/// Scripts that answer PONG; the second is for servers that have no PING.
const SCRIPTS: [&str; 2] = ["return redis.call('PING')", "return 'PONG'"];

/// What was learned of a cluster when it was entered.
#[derive(Debug, Clone)]
pub struct Abilities {
    rights: Rights,
    commands: Result<(), String>,
    nodes: BTreeMap<NodeId, NodeAbilities>,
}

/// What our user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rights {
    /// All commands on all keys and channels, by ACL GETUSER or because the server knows no users.
    all: bool,
    /// Keys that do not begin as those of a run do.
    any_key: bool,
}

/// What a node answered properly.
#[derive(Debug, Clone, Copy, Default)]
pub struct NodeAbilities {
    /// PING was answered with PONG.
    pub ping: bool,
    /// A script that was answered with PONG, if one was.
    pub script: Option<&'static str>,
}

impl Abilities {
    /// Asks every node that runs; a node that does not answer is left out.
    pub(super) async fn learn(live: &LiveCluster) -> Self {
        let mut nodes = BTreeMap::new();
        let topology = live.topology();
        let runs = |node: &&Node| matches!(live.control.state(&node.address), NodeState::Running | NodeState::Unknown);
        let running: Vec<&Node> = topology.nodes.iter().filter(|node| node.is_usable()).filter(runs).collect();
        for node in &running {
            nodes.insert(node.id, node_abilities(live, node).await);
        }
        let rights = match running.first() {
            Some(node) => rights(live, node).await,
            None => Rights { all: true, any_key: true },
        };
        let commands = match live.commands().await {
            Err(Stop::Skip(reason)) => Err(reason),
            _ => Ok(()),
        };
        Self { rights, commands, nodes }
    }

    /// Whether our user is known to have all rights, so that NOPERM would be the server's fault.
    #[must_use]
    pub fn has_all_rights(&self) -> bool {
        self.rights.all
    }

    /// Whether our user may use keys that do not begin as those of a run do.
    #[must_use]
    pub fn may_use_any_key(&self) -> bool {
        self.rights.any_key
    }

    /// What a node answered properly; a node that came later is taken to be as the others.
    #[must_use]
    pub fn of(&self, node: &NodeId) -> NodeAbilities {
        self.nodes.get(node).or_else(|| self.nodes.values().next()).copied().unwrap_or_default()
    }

    /// What the user should be told once.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let reason = self.commands.as_ref().err()?;
        Some(format!("{reason}; rct skips the checks that need the server's table of commands"))
    }
}

async fn node_abilities(live: &LiveCluster, node: &Node) -> NodeAbilities {
    let ping = is_pong(ask(live, node, &command!["PING"]).await);
    let mut script = None;
    for text in SCRIPTS {
        if is_pong(ask(live, node, &command!["EVAL", text, "0"]).await) {
            script = Some(text);
            break;
        }
    }
    NodeAbilities { ping, script }
}

fn is_pong(reply: Option<Reply>) -> bool {
    reply.is_some_and(|reply| reply.text().as_deref() == Some("PONG"))
}

async fn rights(live: &LiveCluster, node: &Node) -> Rights {
    let whoami = ask(live, node, &command!["ACL", "WHOAMI"]).await;
    let user = whoami.as_ref().and_then(Reply::text);
    let described = match &user {
        Some(user) => ask(live, node, &command!["ACL", "GETUSER", user.as_bytes()]).await,
        None => None,
    };
    let all = described.is_some_and(|reply| grants_all(reply.value()));
    let trial = ask(live, node, &command!["EXISTS", "{rct}"]).await;
    let any_key = trial.is_some_and(|reply| reply.error().is_none_or(|error| error.code != "NOPERM"));
    Rights { all, any_key }
}

/// Asks without turning a refusal into the end of a check.
async fn ask(live: &LiveCluster, node: &Node, command: &Command) -> Option<Reply> {
    live.questions.ask(&live.options(&node.address), command).await.ok()
}

/// Whether the reply of ACL GETUSER says `+@all ~* &*`. Redis 6 gives the patterns as arrays without their sign, and
/// knows no channels before 6.2.
fn grants_all(user: &Value) -> bool {
    let Some(fields) = items_of(user) else { return false };
    let field = |name: &str| {
        let at = fields.iter().step_by(2).position(|field| text_of(field).as_deref() == Some(name));
        at.and_then(|at| fields.get(2 * at + 1))
    };
    let all_patterns = |value: &Value, sign: &str| match items_of(value) {
        Some(items) => items.iter().filter_map(text_of).any(|pattern| pattern.trim_start_matches(sign) == "*"),
        None => text_of(value).is_some_and(|text| text.split(' ').any(|pattern| pattern == format!("{sign}*"))),
    };
    field("commands").and_then(text_of).is_some_and(|commands| commands == "+@all")
        && field("keys").is_some_and(|keys| all_patterns(keys, "~"))
        && field("channels").is_none_or(|channels| all_patterns(channels, "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(commands: &str, keys: Value, channels: Option<Value>) -> Value {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let mut fields = vec![text("commands"), text(commands), text("keys"), keys];
        fields.extend(channels.into_iter().flat_map(|channels| [text("channels"), channels]));
        Value::Array(fields)
    }

    #[test]
    fn all_rights_are_known_in_the_form_of_each_release() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let list = |pattern: &str| Value::Array(vec![text(pattern)]);
        assert!(grants_all(&user("+@all", text("~*"), Some(text("&*")))));
        assert!(grants_all(&user("+@all", list("*"), Some(list("*")))));
        assert!(grants_all(&user("+@all", list("*"), None)));
        assert!(!grants_all(&user("+@all -ping", text("~*"), Some(text("&*")))));
        assert!(!grants_all(&user("+@all", text("~rct:*"), Some(text("&*")))));
        assert!(!grants_all(&user("+@all", text("~*"), Some(text("&rct:*")))));
        assert!(!grants_all(&user("+@all", text("~*"), Some(text("")))));
        assert!(!grants_all(&Value::Nil));
    }
}
