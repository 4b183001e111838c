//! How the report fits the screen: width, colours, and how much is shown.

use std::io::IsTerminal;
use std::ops::RangeInclusive;

use terminal_size::terminal_size_of;

/// The columns of an output that is not a terminal: no line of a log is cut that a person would still read.
pub const COLUMNS_WITHOUT_TERMINAL: usize = 400;

/// The narrowest and the widest column of check ids; a longer id moves the rest of its line to the right.
pub(super) const ID_COLUMNS: RangeInclusive<usize> = 37..=48;

/// The style of a report.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// How wide a line may be, in columns.
    pub columns: usize,
    /// Whether the report uses colours.
    pub colour: bool,
    /// Whether checks that passed have their line too.
    pub every_check: bool,
    /// Whether only problems and the verdict are shown.
    pub is_brief: bool,
}

impl Style {
    /// Returns the style that fits standard output: a terminal has its width and colours, unless `NO_COLOR` is set.
    pub fn of_stdout(verbose: bool) -> Self {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = terminal_size_of(&stdout).filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
        Self {
            columns: width.unwrap_or(COLUMNS_WITHOUT_TERMINAL),
            colour: anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never,
            every_check: verbose || !is_terminal,
            is_brief: false,
        }
    }
}
