//! Draws the live panel.

use loadgen::timeline::Progress;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Sparkline, Widget};

use super::state::{Doing, History, Node, State};
use crate::report::load::progress::{shown, waiting};
use crate::report::load::rows::{grouped, share, time};
use crate::text::printable;

/// The columns before a sparkline: the name of a row, and its value.
const NAME_COLUMNS: u16 = 11;
const VALUE_COLUMNS: u16 = 24;
/// The columns of a node, and the rows that nodes may take.
const NODE_COLUMNS: u16 = 40;
const NODE_ROWS: u16 = 3;

/// Draws what the run shows now.
pub(super) fn panel(state: &State, area: Rect, buffer: &mut Buffer) {
    let mut rows = Rows { area, next: area.top() };
    rows.line(heading(state), buffer);
    match (&state.doing, &state.last) {
        (Doing::Keys { done, space, keys, wanted }, _) => {
            let line = format!("{done} {} of {} keys of {space:?}", grouped(*keys), grouped(*wanted));
            rows.bar(*keys as f64 / (*wanted).max(1) as f64, buffer);
            rows.line(Line::from(line), buffer);
        }
        (Doing::Other, None) => rows.line(Line::from("getting ready"), buffer),
        (_, None) => rows.line(Line::from("connected; the first second runs"), buffer),
        (_, Some(last)) => load(state, last, &mut rows, buffer),
    }
}

fn load(state: &State, last: &Progress, rows: &mut Rows, buffer: &mut Buffer) {
    if let Some(end_s) = state.end_s {
        rows.bar(state.at_s() / end_s, buffer);
    }
    if let Some(planned) = last.planned {
        rows.series("planned", &format!("{}/s", grouped(planned)), &state.planned, buffer);
    }
    let answered = grouped(super::state::per_second(last.answered, last));
    let share = last.planned.map(|planned| share(last.answered, planned)).unwrap_or_default();
    rows.series("answered", &format!("{answered}/s{share}"), &state.answered, buffer);
    rows.series("p50", &shown(last.p50), &state.p50, buffer);
    rows.series("p99", &shown(last.p99), &state.p99, buffer);
    rows.series("max", &shown(last.max), &state.max, buffer);
    nodes(state, rows, buffer);
    rows.line(problems(state, last), buffer);
    for event in &state.events {
        rows.line(Line::from(event.as_str()), buffer);
    }
}

fn heading(state: &State) -> Line<'_> {
    let at_s = state.at_s();
    let at = match state.end_s {
        Some(end_s) if state.last.is_some() => {
            format!("{at_s:.0} s of {end_s:.0} s, {:.0} s left  ", (end_s - at_s).max(0.0))
        }
        None if state.last.is_some() => format!("{at_s:.0} s, {} answered  ", grouped(state.answered_sum)),
        _ => String::new(),
    };
    Line::from(vec![Span::styled(format!("rct load  {at}"), Modifier::BOLD), Span::raw(state.heading.as_str())])
}

/// Each node with its rate, and since when it is silent.
fn nodes(state: &State, rows: &mut Rows, buffer: &mut Buffer) {
    let per_row = usize::from((rows.area.width / NODE_COLUMNS).max(1));
    let fit = per_row * usize::from(NODE_ROWS);
    let all: Vec<(&String, &Node)> = state.nodes.iter().collect();
    let (shown, hidden) = all.split_at(if all.len() > fit { fit - 1 } else { all.len() });
    let mut cells: Vec<Span<'_>> = shown.iter().map(|(address, node)| cell(state, address, node)).collect();
    if !hidden.is_empty() {
        let silent = hidden.iter().filter(|(_, node)| node.silent_from_s.is_some()).count();
        cells.push(Span::raw(format!("and {} more nodes, {silent} of them silent", hidden.len())));
    }
    for row in cells.chunks(per_row) {
        rows.line(Line::from(row.to_vec()), buffer);
    }
}

fn cell<'a>(state: &State, address: &str, node: &Node) -> Span<'a> {
    let columns = usize::from(NODE_COLUMNS);
    let (text, style) = match node.silent_from_s {
        None => (format!("{}/s", grouped(node.rate)), Style::new()),
        Some(from_s) => {
            let silent = time((state.at_s() - from_s) * 1e6);
            let style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
            (format!("SILENT for {}", silent.trim()), if node.is_asked { style } else { Style::new() })
        }
    };
    let text = format!("{:<21} {text}", printable(address));
    Span::styled(format!("{text:<columns$.columns$}"), style)
}

fn problems<'a>(state: &State, last: &Progress) -> Line<'a> {
    let classes: Vec<String> =
        state.problems.iter().map(|(class, count)| format!("{} {}", printable(class), grouped(*count))).collect();
    let classes = if classes.is_empty() { "no errors, no redirects".to_owned() } else { classes.join("  ") };
    let waiting = if last.planned.is_some() { format!("{}   ", waiting(last)) } else { String::new() };
    Line::from(format!("{waiting}{classes}"))
}

/// The rows of the panel, from top to bottom. Rows that do not fit are left out.
struct Rows {
    area: Rect,
    next: u16,
}

impl Rows {
    fn take(&mut self) -> Option<Rect> {
        let area = Rect { y: self.next, height: 1, ..self.area };
        self.next += 1;
        (self.next <= self.area.bottom()).then_some(area)
    }

    fn line(&mut self, line: Line<'_>, buffer: &mut Buffer) {
        if let Some(area) = self.take() {
            line.render(area, buffer);
        }
    }

    /// How much of the work is done, as a bar over the whole width.
    fn bar(&mut self, done: f64, buffer: &mut Buffer) {
        let columns = usize::from(self.area.width);
        let full = ((done.clamp(0.0, 1.0) * columns as f64) as usize).min(columns);
        let bar = vec![
            Span::styled("━".repeat(full), Style::new().fg(Color::Cyan)),
            Span::styled("─".repeat(columns - full), Modifier::DIM),
        ];
        self.line(Line::from(bar), buffer);
    }

    /// A name, its newest value, and the values of the last minute.
    fn series(&mut self, name: &str, value: &str, history: &History, buffer: &mut Buffer) {
        let Some(area) = self.take() else { return };
        let (before, value_columns) = (usize::from(NAME_COLUMNS), usize::from(VALUE_COLUMNS));
        Line::from(format!("{name:<before$}{value:>value_columns$}")).render(area, buffer);
        let from = NAME_COLUMNS + VALUE_COLUMNS + 2;
        let width = area.width.saturating_sub(from);
        let values = history.newest(usize::from(width));
        let sparkline = Sparkline::default().data(&values).style(Style::new().fg(Color::Cyan));
        sparkline.render(Rect { x: area.x + from.min(area.width), width, ..area }, buffer);
    }
}
