//! Replies that refuse a command for a reason that is not the server's fault: a restricted user, and commands that the
//! operator took away. `cluster/excuses.rs` decides what they mean for a check.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use wire::{Command, ErrorReply};

use crate::outcome::Stop;

/// The commands that a node did not know when the check sent them.
pub(crate) type Unknown = Rc<RefCell<BTreeSet<String>>>;

/// Commands whose second word says what they do.
const CONTAINERS: [&str; 17] = [
    "ACL", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "LATENCY", "MEMORY", "MODULE", "OBJECT",
    "PUBSUB", "SCRIPT", "SLOWLOG", "XGROUP", "XINFO", "SENTINEL",
];

/// What begins the names of commands that no server has; checks send them on purpose.
const INVENTED: &str = "NO-SUCH";

/// The name of a command that a node does not know, by its answer.
pub(crate) fn unknown_command(command: &Command, error: &ErrorReply) -> Option<String> {
    let name = command.name();
    (error.text.starts_with("ERR unknown command") && !name.contains(INVENTED)).then_some(name)
}

/// Why a check ends where a user with less than all rights sent a command and got this error; `None` for other errors.
pub(crate) fn refusal(command: &Command, error: &ErrorReply) -> Option<Stop> {
    let text = error.text.to_lowercase();
    let in_script = ["acl failure in script", "the user executing the script can't"];
    if error.code != "NOPERM" && !in_script.iter().any(|words| text.contains(words)) {
        return None;
    }
    let name = command.name();
    let words = match command.args().get(1) {
        Some(second) if CONTAINERS.contains(&name.as_str()) => {
            format!("{name} {}", String::from_utf8_lossy(second).to_uppercase())
        }
        _ => name,
    };
    Some(Stop::skip(match () {
        () if error.code != "NOPERM" => format!("this user may not run a command that a script of {words} calls"),
        () if text.contains("channel") => format!("this user may not use the channel that {words} names"),
        () if text.contains(" key") => format!("this user may not use a key that {words} names"),
        () => format!("this user may not run {words}"),
    }))
}

#[cfg(test)]
mod tests {
    use wire::{Reply, command};

    use super::*;

    fn skipped(command: &Command, reply: &'static str) -> Option<String> {
        let reply = Reply::parse(reply.as_bytes().to_vec()).unwrap();
        refusal(command, &reply.error().unwrap()).map(|stop| stop.to_string())
    }

    #[test]
    fn a_refusal_names_what_the_user_may_not_do() {
        let get = command!["GET", "k"];
        let run = "-NOPERM this user has no permissions to run the 'client|kill' command\r\n";
        let kill = command!["CLIENT", "kill", "ID", "1"];
        assert_eq!(skipped(&kill, run).unwrap(), "this user may not run CLIENT KILL");
        let key = "-NOPERM this user has no permissions to access one of the keys used as arguments\r\n";
        assert_eq!(skipped(&get, key).unwrap(), "this user may not use a key that GET names");
        let channel = "-NOPERM this user has no permissions to access one of the channels used as arguments\r\n";
        assert_eq!(
            skipped(&command!["PUBLISH", "c", "m"], channel).unwrap(),
            "this user may not use the channel that PUBLISH names"
        );
        assert_eq!(skipped(&get, "-WRONGTYPE Operation against a key\r\n"), None);
    }

    #[test]
    fn an_invented_name_is_no_missing_command() {
        let reply = Reply::parse(&b"-ERR unknown command 'X', with args beginning with: \r\n"[..]).unwrap();
        let error = reply.error().unwrap();
        assert_eq!(unknown_command(&command!["lmove", "k"], &error).as_deref(), Some("LMOVE"));
        assert_eq!(unknown_command(&command!["NO-SUCH-COMMAND"], &error), None);
        assert_eq!(unknown_command(&command!["RCT-NO-SUCH-COMMAND"], &error), None);
    }
}
