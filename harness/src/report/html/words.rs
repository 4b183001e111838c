//! What the words of the page mean, for somebody who sees it for the first time.

use maud::{Markup, html};

use crate::record::Verdict;
use crate::report::page::{badge, meaning};

/// The words beside the verdicts.
const WORDS: [(&str, &str); 7] = [
    ("must", "Clients rely on the rule. A server that breaks it fails the run."),
    ("should", "Good servers keep the rule. It fails the run with --level should."),
    ("may", "Servers may differ. It fails the run with --level may."),
    ("rule", "The section of the cluster specification, or the page of the command, that has the rule."),
    ("again", "The command that repeats the check with the same keys."),
    ("transcript", "All commands and replies of the check."),
    ("seed", "It decides keys, slots and nodes. The same seed repeats them."),
];

/// Returns the section.
pub(super) fn section() -> Markup {
    html! {
        section #words {
            h2 { "What the words mean" }
            dl.rows {
                @for verdict in Verdict::ALL { dt { (badge(verdict)) } dd { (sentence(meaning(verdict))) } }
                @for (word, meaning) in WORDS { dt { (word) } dd { (meaning) } }
            }
        }
    }
}

/// A few words as a sentence.
fn sentence(words: &str) -> String {
    let (first, rest) = words.split_at(words.chars().next().map_or(0, char::len_utf8));
    format!("{}{rest}.", first.to_uppercase())
}
