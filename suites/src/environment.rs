//! Limits of the environment that a server runs in, recognised by what servers answer when they reach one.

/// A limit of the environment.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// What begins or is in the answer at the limit.
    answer: &'static str,
    /// The settings that a check may change to reach the limit on purpose.
    pub settings: &'static [&'static str],
    /// Which limit it is, and what the user can do.
    pub advice: &'static str,
}

/// What servers answer at a limit, and what the user can do about it.
const LIMITS: [Limit; 5] = [
    Limit {
        answer: "OOM command not allowed",
        settings: &["maxmemory", "maxmemory-policy"],
        advice: "the server has reached its maxmemory; raise it, or free memory",
    },
    Limit {
        answer: "max number of clients reached",
        settings: &["maxclients"],
        advice: "the server has reached its maxclients; raise it, or close other connections",
    },
    Limit {
        answer: "MISCONF",
        settings: &["stop-writes-on-bgsave-error", "dir", "dbfilename", "save"],
        advice: "the server cannot save its data, perhaps because the disk is full, and stops writes for that \
                 (stop-writes-on-bgsave-error); its log says why",
    },
    Limit { answer: "LOADING", settings: &[], advice: "the server is loading its data; wait until it has" },
    Limit {
        answer: "NOREPLICAS",
        settings: &["min-replicas-to-write", "min-replicas-max-lag", "min-slaves-to-write"],
        advice: "too few replicas are in sync for min-replicas-to-write; bring them back, or lower it",
    },
];

/// Which limit of the environment a reply shows, unless it is what was expected.
///
/// ```
/// use suites::environment::limit_shown;
/// let limit = limit_shown("OK", "error OOM command not allowed when used memory > 'maxmemory'.").unwrap();
/// assert!(limit.settings.contains(&"maxmemory"));
/// assert_eq!(limit_shown("error OOM command not allowed", "error OOM command not allowed"), None);
/// assert_eq!(limit_shown("OK", "error MOVED 1 127.0.0.1:7000"), None);
/// ```
#[must_use]
pub fn limit_shown(expected: &str, received: &str) -> Option<&'static Limit> {
    let word = |answer: &'static str| answer.split(' ').next().unwrap_or(answer);
    LIMITS.iter().find(|limit| received.contains(limit.answer) && !expected.contains(word(limit.answer)))
}
