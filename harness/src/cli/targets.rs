//! From what was typed to a target.

use super::Failure;
use super::args::TargetArguments;
use crate::target::Target;
use crate::target::local::{LocalOptions, LocalTarget};

/// The target that the command line names.
pub(super) async fn of(arguments: &TargetArguments) -> Result<Box<dyn Target>, Failure> {
    if arguments.target == "local" {
        let options = LocalOptions { server: arguments.server.clone(), ..LocalOptions::default() };
        return Ok(Box::new(LocalTarget::open(options).await?));
    }
    Err(Failure::usage(format!("read {:?} as a target: expected local", arguments.target)))
}

/// What was typed, without the password of an address in it.
pub(super) fn without_secret(word: &str) -> String {
    match (word.find("://"), word.rfind('@')) {
        (Some(scheme), Some(at)) if scheme + 3 <= at => format!("{}***{}", &word[..scheme + 3], &word[at..]),
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_left_out() {
        assert_eq!(without_secret("redis://me:hush@host:7000"), "redis://***@host:7000");
        assert_eq!(without_secret("redis://me:h@sh@host:7000"), "redis://***@host:7000");
        assert_eq!(without_secret("127.0.0.1:7000"), "127.0.0.1:7000");
        assert_eq!(without_secret("--target=redis://:hush@h"), "--target=redis://***@h");
    }
}
