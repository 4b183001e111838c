//! Limits of the environment that a server runs in, recognised by what servers answer when they reach one.

/// What servers answer at a limit, and what the user can do about it.
const LIMITS: [(&str, &str); 5] = [
    ("OOM command not allowed", "the server has reached its maxmemory; raise it, or free memory"),
    ("max number of clients reached", "the server has reached its maxclients; raise it, or close other connections"),
    ("MISCONF", "the server cannot save its data, and stop-writes-on-bgsave-error is yes; its log says why"),
    ("LOADING", "the server is loading its data; wait until it has"),
    ("NOREPLICAS", "too few replicas are in sync for min-replicas-to-write; bring them back, or lower it"),
];

/// Which limit of the environment a reply shows, in words for the user, unless it is what was expected.
///
/// ```
/// use suites::environment::limit_shown;
/// assert!(limit_shown("OK", "error OOM command not allowed when used memory > 'maxmemory'.").is_some());
/// assert_eq!(limit_shown("error OOM command not allowed", "error OOM command not allowed"), None);
/// assert_eq!(limit_shown("OK", "error MOVED 1 127.0.0.1:7000"), None);
/// ```
#[must_use]
pub fn limit_shown(expected: &str, received: &str) -> Option<&'static str> {
    let word = |answer: &'static str| answer.split(' ').next().unwrap_or(answer);
    let shown = LIMITS.iter().find(|(answer, _)| received.contains(answer) && !expected.contains(word(answer)));
    shown.map(|(_, limit)| *limit)
}
