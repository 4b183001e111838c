//! What all pages share: the frame with its style and script, texts in which nothing is markup, and signs of verdicts.
//!
//! A page is one file. It loads nothing, and its policy allows no script except the one below, so no text of a server can
//! become one. Everything is there without scripts too; the script adds search, filters and links into folded parts.

pub mod how;

use std::cell::Cell;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::record::{Level, Verdict};
use crate::text::{clip_bytes, printable, printable_lines};

/// The style of all pages.
const STYLE: &str = concat!(include_str!("page/page.css"), include_str!("page/chart.css"));

/// The only script of a page.
const SCRIPT: &str = include_str!("page/page.js");

/// The SHA-256 of [`SCRIPT`], by which the policy of the page names it.
const SCRIPT_HASH: &str = "sha256-rTov1qca6eTWubEHrxLzJROJWOnY0CDTw8EvMn0npDU=";

/// The most lines of one text.
const LINES_LIMIT: usize = 200;

/// The most bytes of one text, while the page has room.
const TEXT_LIMIT_BYTES: usize = 8 * 1024;

/// The most bytes of one text of a page that is nearly full.
const BRIEF_LIMIT_BYTES: usize = 100;

/// The most bytes of all texts of a page above [`BRIEF_LIMIT_BYTES`], so that a page stays below a megabyte.
const PAGE_LIMIT_BYTES: usize = 200 * 1024;

/// Returns a whole page with this title, the class of its body, and its content.
pub fn document(title: &str, class: &str, content: &Markup) -> String {
    let policy = format!("default-src 'none'; style-src 'unsafe-inline'; script-src '{SCRIPT_HASH}'");
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(policy);
                title { (printable(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body class=(class) {
                (content)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// Cuts texts so that the whole page stays small, however much servers said.
pub struct Room(Cell<usize>);

impl Default for Room {
    fn default() -> Self {
        Self(Cell::new(PAGE_LIMIT_BYTES))
    }
}

impl Room {
    /// Returns a text of several lines, cut to the room that is left.
    pub fn lines(&self, text: &str) -> Markup {
        let limit = TEXT_LIMIT_BYTES.min(self.0.get()).max(BRIEF_LIMIT_BYTES);
        let lines = printable_lines(&clip_bytes(text, limit), LINES_LIMIT).join("\n");
        self.0.set(self.0.get().saturating_sub(lines.len()));
        html! { (lines) }
    }

    /// Returns a text in one line, cut to the room that is left.
    pub fn line(&self, text: &str) -> Markup {
        let limit = TEXT_LIMIT_BYTES.min(self.0.get()).max(BRIEF_LIMIT_BYTES);
        let line = printable(&clip_bytes(text, limit)).into_owned();
        self.0.set(self.0.get().saturating_sub(line.len()));
        html! { (line) }
    }
}

/// Returns the sign of a verdict, which a reader can tell apart without colours.
pub fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Skip => "–",
        Verdict::Broken => "!",
        Verdict::Known => "K",
        Verdict::Stale => "S",
        Verdict::Flaky => "~",
    }
}

/// Returns what a verdict means, in a few words.
pub fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "the server kept the rule",
        Verdict::Fail => "the server broke the rule",
        Verdict::Skip => "rct could not judge the rule here",
        Verdict::Broken => "rct or its environment failed",
        Verdict::Known => "fails, as the list of known deviations says",
        Verdict::Stale => "passes, but the list of known deviations says that it fails",
        Verdict::Flaky => "failed, and the list of known deviations says that it sometimes does",
    }
}

/// Returns the sign and the word of a verdict as a badge.
pub fn badge(verdict: Verdict) -> Markup {
    html! { span class={ "badge " (verdict.name()) } { (sign(verdict)) " " (verdict.word()) } }
}

/// Returns the signs that occur, each with its verdict and meaning.
pub fn legend(verdicts: &[Verdict]) -> Markup {
    html! {
        p.legend {
            @for verdict in verdicts {
                span {
                    span class={ "cell " (verdict.name()) } { (sign(*verdict)) } " " (verdict.word()) ": " (meaning(*verdict))
                }
                " "
            }
        }
    }
}

/// Returns links to the parts of a page, each with its id and name; empty parts have no name.
pub fn contents(parts: &[(&str, String)]) -> Markup {
    html! {
        nav.contents aria-label="Contents" {
            @for (id, name) in parts.iter().filter(|(_, name)| !name.is_empty()) { a href={ "#" (id) } { (name) } " " }
        }
    }
}

/// Returns a link that leads to a part itself, to be copied and sent.
pub fn link_to(id: &str) -> Markup {
    html! { a.self href={ "#" (printable(id)) } { "#" } }
}

/// Returns named facts in one paragraph; those without a value are left out.
pub fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (printable(value)) } }
            }
        }
    }
}

/// Returns the form that searches and filters rows: a box for each verdict with its label, one for each level, and what
/// else the page has.
pub fn tools<'a>(
    suites: impl Iterator<Item = &'a str>,
    verdicts: impl Iterator<Item = (Verdict, Markup)>,
    more: &Markup,
) -> Markup {
    html! {
        form.tools {
            div.words {
                input #search type="search" placeholder="Search checks" aria-label="Search checks" autocomplete="off";
                select #suite aria-label="Suite" {
                    option value="" { "all suites" }
                    @for suite in suites { option value=(printable(suite)) { (printable(suite)) } }
                }
                button type="button" data-fold="open" { "Unfold all" }
                button type="button" data-fold="close" { "Fold all" }
                output #shown {}
            }
            fieldset {
                legend { "Verdict" }
                @for (verdict, label) in verdicts { (filter("verdict", verdict.name(), &label)) }
            }
            fieldset {
                legend { "Level" }
                @for level in [Level::Must, Level::Should, Level::May] {
                    (filter("level", level.name(), &html! { (level.name()) }))
                }
            }
            (more)
        }
    }
}

/// A checkbox of a filter: its name, the value that it shows, and its label.
fn filter(name: &str, value: &str, label: &Markup) -> Markup {
    html! {
        label { input type="checkbox" id={ "show-" (value) } name=(name) value=(value) checked; " " (label) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_the_script_and_no_other() {
        let digest = ring::digest::digest(&ring::digest::SHA256, SCRIPT.as_bytes());
        let right = format!("sha256-{}", base64(digest.as_ref()));
        assert_eq!(SCRIPT_HASH, right, "page.js changed: write its new hash into SCRIPT_HASH");
    }

    /// Encodes bytes as base64.
    fn base64(bytes: &[u8]) -> String {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |group: &[u8]| {
            let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
            let letter = |at: usize| match at <= group.len() {
                true => char::from(LETTERS[(bits >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            };
            (0..4).map(letter).collect::<String>()
        };
        bytes.chunks(3).map(group).collect()
    }

    #[test]
    fn a_page_never_runs_out_of_bounds() {
        let room = Room::default();
        let text = "é".repeat(10_000);
        let all: usize = (0..1000).map(|_| room.lines(&text).into_string().len()).sum();
        assert!(all < PAGE_LIMIT_BYTES + TEXT_LIMIT_BYTES + 1000 * (BRIEF_LIMIT_BYTES + 40), "{all}");
        assert!(room.line("a\nb").into_string().contains("a\\nb"));
    }
}
