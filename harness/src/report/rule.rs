//! Where the rule of a check is written: from the name of a section or a command to its address.

/// The cluster specification, whose headings are anchors.
const SPECIFICATION: &str = "https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/";
/// The pages of commands.
const COMMANDS: &str = "https://redis.io/docs/latest/commands/";
/// The specification of the protocol.
const PROTOCOL: &str = "https://redis.io/docs/latest/develop/reference/protocol-spec/";
/// Headings that stand on other pages.
const ELSEWHERE: [(&str, &str); 10] = [
    ("how-redis-replication-deals-with-expires-on-keys", "operate/oss_and_stack/management/replication/"),
    ("replica-serve-stale-data", "operate/oss_and_stack/management/config/"),
    ("min-replicas-to-write", "operate/oss_and_stack/management/replication/"),
    ("cluster-allow-reads-when-down", "operate/oss_and_stack/management/scaling/"),
    ("ACL", "operate/oss_and_stack/management/security/acl/"),
    ("eval-intro", "develop/programmability/eval-intro/"),
    ("lua-api", "develop/programmability/lua-api/"),
    ("functions-intro", "develop/programmability/functions-intro/"),
    ("pubsub", "develop/pubsub/"),
    ("keyspace-notifications", "develop/pubsub/keyspace-notifications/"),
];

/// Returns the address of the rule that `spec` names: a heading of the cluster specification, or a command.
///
/// `None` for anything else, such as the words of a suite file of the user's own.
pub fn link(spec: &str) -> Option<String> {
    if let Some((_, page)) = ELSEWHERE.iter().find(|(name, _)| *name == spec) {
        return Some(format!("https://redis.io/docs/latest/{page}"));
    }
    if spec == "RESP" || spec.starts_with("RESP ") {
        let anchor = spec.strip_prefix("RESP ").map_or(String::new(), |heading| format!("#{}", dashed(heading)));
        return Some(format!("{PROTOCOL}{anchor}"));
    }
    let consists_of = |allowed: fn(char) -> bool| !spec.is_empty() && spec.chars().all(allowed);
    if consists_of(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-') {
        return Some(format!("{SPECIFICATION}#{spec}"));
    }
    if consists_of(|character| character.is_ascii_uppercase() || "-_ ".contains(character)) {
        // There is no page about CLUSTER itself, but one about its help, which lists all subcommands.
        let command = if spec == "CLUSTER" { "cluster help" } else { spec };
        return Some(format!("{COMMANDS}{}/", dashed(command)));
    }
    None
}

fn dashed(words: &str) -> String {
    words.to_ascii_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_built_in_checks_has_an_address() {
        let catalogue = suites::Catalogue::built_in().unwrap();
        let without: Vec<_> =
            catalogue.checks().iter().filter(|check| link(&check.spec).is_none()).map(|check| &check.spec).collect();
        assert!(without.is_empty(), "{without:?}");
    }

    #[test]
    fn headings_and_commands_lead_to_their_pages() {
        for (spec, end) in [
            ("moved-redirection", "cluster-spec/#moved-redirection"),
            ("CLUSTER KEYSLOT", "commands/cluster-keyslot/"),
            ("RESP simple errors", "protocol-spec/#simple-errors"),
        ] {
            let address = link(spec).unwrap();
            assert!(address.ends_with(end), "{address}");
        }
        for words in ["", "our own rule", "a/../b", "\"><script>"] {
            assert_eq!(link(words), None, "{words}");
        }
    }
}
