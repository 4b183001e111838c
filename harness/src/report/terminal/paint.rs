//! Colours, which only ever repeat what the words say.

use anstyle::AnsiColor;

use crate::record::Verdict;

/// Puts colours on text, or leaves it alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether colours are wanted.
    pub(super) enabled: bool,
}

impl Paint {
    /// Paints text in a verdict's colour.
    pub(super) fn verdict(self, verdict: Verdict, text: &str) -> String {
        let colour = match verdict {
            Verdict::Pass => AnsiColor::Green,
            Verdict::Fail | Verdict::Stale => AnsiColor::Red,
            Verdict::Skip => AnsiColor::Cyan,
            Verdict::Broken => AnsiColor::Magenta,
            Verdict::Known | Verdict::Flaky => AnsiColor::Yellow,
        };
        self.apply(colour.on_default().bold(), text)
    }

    /// Makes text stand out.
    pub(super) fn strong(self, text: &str) -> String {
        self.apply(anstyle::Style::new().bold(), text)
    }

    /// Makes text step back.
    pub(super) fn faint(self, text: &str) -> String {
        self.apply(anstyle::Style::new().dimmed(), text)
    }

    fn apply(self, style: anstyle::Style, text: &str) -> String {
        if self.enabled { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
