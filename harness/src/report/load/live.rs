//! The live view of a load run on a terminal: a panel of a dozen lines that changes every second.
//!
//! What happens once, such as an event or a warning, scrolls by above the panel. The panel disappears at the end.
//! [`state`] collects what it shows, and [`draw`] puts that on the screen.

mod draw;
mod state;

use std::io::{self, IsTerminal, Stderr};
use std::time::Duration;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::layout::Position;
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::widgets::{Paragraph, Widget, Wrap};
use ratatui::{Terminal, TerminalOptions, Viewport};

use self::state::State;
use super::progress::{LoadProgress, news};
use crate::record::load_event::{LoadEvent, LoadReporter};
use crate::record::{LoadRecord, ReportError};

/// The lines of the panel.
const LINES: u16 = 12;

/// Shows the panel, or lines if the terminal cannot show it.
pub struct LivePanel {
    state: State,
    screen: Screen,
}

enum Screen {
    /// Nothing is shown before the cluster is ready.
    NotYet,
    Panel(Terminal<CrosstermBackend<Stderr>>),
    /// The terminal does not say where its cursor is.
    Lines(LoadProgress<Stderr>),
    Closed,
}

impl LivePanel {
    /// Returns a panel for a run that ends after `end`, if it ends at an instant.
    pub fn new(end: Option<Duration>) -> Self {
        Self { state: State::new(end), screen: Screen::NotYet }
    }

    /// Whether a person can see it: standard input, output and error are a terminal that can move its cursor.
    pub fn fits() -> bool {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal() && io::stderr().is_terminal();
        is_terminal && std::env::var_os("TERM").is_some_and(|name| name != "dumb")
    }

    fn open(&mut self) {
        let options = TerminalOptions { viewport: Viewport::Inline(LINES) };
        self.screen = match Terminal::with_options(CrosstermBackend::new(io::stderr()), options) {
            Ok(terminal) => Screen::Panel(terminal),
            Err(_) => Screen::Lines(LoadProgress::new(io::stderr())),
        };
    }
}

impl LoadReporter for LivePanel {
    fn event(&mut self, event: &LoadEvent<'_>, record: &LoadRecord) -> Result<(), ReportError> {
        if let LoadEvent::TargetReady = event {
            self.open();
        }
        self.state.learn(event, record);
        match &mut self.screen {
            Screen::Lines(lines) => return lines.event(event, record),
            // The run does not depend on whether somebody sees this.
            Screen::Panel(terminal) => {
                let _ignored = show(terminal, &self.state, event);
            }
            Screen::NotYet | Screen::Closed => {}
        }
        if let LoadEvent::RunFinished = event {
            self.screen = Screen::Closed;
        }
        Ok(())
    }
}

/// Prints the news of an event above the panel, and draws the panel again; removes it at the end.
fn show<B: Backend>(terminal: &mut Terminal<B>, state: &State, event: &LoadEvent<'_>) -> Result<(), B::Error> {
    if let LoadEvent::RunFinished = event {
        return terminal.clear();
    }
    if let Some(line) = news(event) {
        print_above(terminal, &line)?;
    }
    terminal.draw(|frame| {
        let area = frame.area();
        draw::panel(state, area, frame.buffer_mut());
        // A cursor that has a place is never hidden, so that no end of rct leaves it hidden.
        frame.set_cursor_position(Position::new(0, area.bottom().saturating_sub(1)));
    })?;
    Ok(())
}

fn print_above<B: Backend>(terminal: &mut Terminal<B>, line: &str) -> Result<(), B::Error> {
    let columns = terminal.size()?.width.max(1);
    let paragraph = Paragraph::new(Text::styled(line, Style::new())).wrap(Wrap { trim: false });
    // Words may leave the end of each line empty, so one line more than the text fills.
    let lines = unicode_width::UnicodeWidthStr::width(line).div_ceil(usize::from(columns));
    let lines = if lines > 1 { lines + 1 } else { 1 };
    terminal.insert_before(u16::try_from(lines).unwrap_or(LINES), |buffer| paragraph.render(buffer.area, buffer))
}

#[cfg(test)]
mod tests;
