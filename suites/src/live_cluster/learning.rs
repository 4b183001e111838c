//! Asks the servers what they answer properly, and what our user may do; see `abilities.rs`.

use std::collections::BTreeMap;

use futures_util::stream::StreamExt;
use wire::{Command, Node, Reply, Value, command, items_of};

use super::LiveCluster;
use super::abilities::{Abilities, NodeAbilities, Rights};
use super::views::few_at_once;
use crate::control::NodeState;
use crate::expect::text_of;
use crate::outcome::Stop;

/// Scripts that answer PONG; the second is for servers that have no PING.
const SCRIPTS: [&str; 2] = ["return redis.call('PING')", "return 'PONG'"];

impl LiveCluster {
    /// Asks every node that runs; a node that does not answer is left out.
    pub(super) async fn learn_abilities(&self) -> Abilities {
        let topology = self.topology();
        let runs = |node: &&Node| matches!(self.control.state(&node.address), NodeState::Running | NodeState::Unknown);
        let running: Vec<&Node> = topology.nodes.iter().filter(|node| node.is_usable()).filter(runs).collect();
        let learned = running.iter().map(async |node| (node.id, node_abilities(self, node).await));
        let nodes: BTreeMap<_, _> = few_at_once(learned).collect().await;
        let rights = match running.first() {
            Some(node) => rights(self, node).await,
            None => Rights { all: true, any_key: true },
        };
        let commands = match self.commands().await {
            Err(Stop::Skip(reason)) => Err(reason),
            _ => Ok(()),
        };
        Abilities { rights, commands, nodes }
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
#[must_use]
pub fn grants_all(user: &Value) -> bool {
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
