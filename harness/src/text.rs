//! Text from servers, users and files, made safe and short enough to show.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The narrowest that text is broken to; narrower screens have to do with it.
const COLUMNS_LEAST: usize = 20;

/// Returns text with every character that could change how the rest is shown written as an escape.
///
/// Control characters, and the marks that turn the direction of text, come from servers and files as easily as letters;
/// a terminal or page that obeyed them would show what never happened. Line ends and tabs are escaped too.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            '\0'..='\x7f' if is_treacherous(character) => push(&mut safe, format_args!("\\x{:02x}", character as u32)),
            _ if is_treacherous(character) => push(&mut safe, format_args!("\\u{{{:x}}}", character as u32)),
            _ => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// Returns the lines of a text, each made [`printable`]; at most `limit`, with a last line that counts the rest.
pub fn printable_lines(text: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().take(limit).map(|line| printable(line).into_owned()).collect();
    let rest = text.lines().skip(limit).count();
    if rest > 0 {
        lines.push(format!("... {rest} more lines"));
    }
    lines
}

/// Returns text cut to at most `columns` of a terminal, with an ellipsis in the last one if anything was cut.
pub fn clip_columns(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let ellipsis = if columns == 0 { "" } else { "…" };
    Cow::Owned(format!("{}{ellipsis}", &text[..fitting(text, columns.saturating_sub(1))]))
}

/// Returns text broken into lines of at most `columns`, between words where there are any; at most `limit` lines.
///
/// What does not fit is replaced by an ellipsis.
pub fn wrap_columns(text: &str, columns: usize, limit: usize) -> Vec<String> {
    let columns = columns.max(COLUMNS_LEAST);
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > columns && lines.len() + 1 < limit {
        let (line, further) = split_line(rest, columns);
        lines.push(line.to_owned());
        rest = further;
    }
    lines.push(clip_columns(rest, columns).into_owned());
    lines
}

/// Returns text whose lines fit `columns` of a terminal: longer ones are broken between words.
///
/// What follows of a line begins under its last column, or where that is far to the right, four columns after its own
/// beginning.
pub fn fit(text: &str, columns: usize) -> String {
    let columns = columns.max(COLUMNS_LEAST);
    let mut fitted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches('\n');
        if textwrap::core::display_width(content) <= columns {
            fitted.push_str(line);
            continue;
        }
        let indent = " ".repeat(hanging(content, columns));
        // A word may be a path or an option, which is there to be copied.
        let options = textwrap::Options::new(columns)
            .subsequent_indent(&indent)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        fitted.push_str(&textwrap::wrap(content, options).join("\n"));
        fitted.push_str(&line[content.len()..]);
    }
    fitted
}

/// Where the second line of a broken line begins, in columns.
fn hanging(line: &str, columns: usize) -> usize {
    let begins = line.len() - line.trim_start().len();
    let last_column = line.trim_end().rfind("  ").map_or(0, |place| line[..place + 2].width());
    if last_column > begins && last_column <= columns * 3 / 5 { last_column } else { (begins + 4).min(columns / 2) }
}

/// Returns a word as a POSIX shell has to be given it.
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-:,=@%+".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', "'\\''")))
}

/// Returns text cut to about `limit` bytes, between characters, with the number of bytes that were cut.
pub fn clip_bytes(text: &str, limit: usize) -> Cow<'_, str> {
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let end = (0..=limit).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0);
    Cow::Owned(format!("{}... {} more bytes", &text[..end], text.len() - end))
}

/// Returns text padded with spaces to `columns` of a terminal.
pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// Returns a count with its noun, in the plural unless it is one: `1 check`, `2 checks`.
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// Returns a duration in milliseconds for people: `12 ms`, `2.31 s`.
pub fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms > 0.0 && ms < 0.5 => "< 1 ms".to_owned(),
        ms if ms < 999.5 => format!("{ms:.0} ms"),
        ms => format!("{:.2} s", ms / 1000.0),
    }
}

/// Appends formatted text; writing to a `String` cannot fail.
pub fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _never_fails = out.write_fmt(arguments);
}

/// Returns how many bytes of a text fit into `columns`.
fn fitting(text: &str, columns: usize) -> usize {
    let mut room = columns;
    let too_wide = |character: char| {
        let width = character.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        !fits
    };
    let mut end = text.find(too_wide).unwrap_or(text.len());
    // Some sequences are wider than their characters are one by one.
    while text[..end].width() > columns {
        end = text[..end].char_indices().next_back().map_or(0, |(place, _)| place);
    }
    end
}

/// Splits a text that is wider than `columns`: at the last space of the second half, or else in the middle of a word.
fn split_line(text: &str, columns: usize) -> (&str, &str) {
    let end = fitting(text, columns);
    let is_space = |place: &usize| text[*place..].starts_with(' ');
    match (end / 2..=end).rev().filter(|place| text.is_char_boundary(*place)).find(is_space) {
        Some(space) => (&text[..space], &text[space + 1..]),
        None => text.split_at(end),
    }
}

fn is_treacherous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_change_the_screen_is_escaped() {
        assert_eq!(printable("ключ 鍵 é"), "ключ 鍵 é");
        assert_eq!(printable("\u{1b}[2J\r\n\t\0\u{9b}\u{202e}"), "\\x1b[2J\\r\\n\\t\\x00\\u{9b}\\u{202e}");
    }

    #[test]
    fn lines_beyond_the_limit_are_counted() {
        assert_eq!(printable_lines("a\nb\nc", 3), ["a", "b", "c"]);
        assert_eq!(printable_lines("a\nb\nc\nd", 2), ["a", "b", "... 2 more lines"]);
        assert!(printable_lines("", 2).is_empty());
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(clip_columns("鍵鍵鍵", 5), "鍵鍵…");
        assert_eq!(clip_columns("鍵鍵鍵", 4), "鍵…");
        assert_eq!(clip_columns("abc", 0), "");
        assert_eq!(clip_bytes("ééé", 3), "é... 4 more bytes");
        assert_eq!(clip_bytes("ééé", 6), "ééé");
    }

    #[test]
    fn text_is_broken_between_words() {
        let text = "the first words here and a-word-that-is-longer-than-a-line";
        let lines = ["the first words here", "and a-word-that-is-l", "onger-than-a-line"];
        assert_eq!(wrap_columns(text, 20, 9), lines);
        assert_eq!(wrap_columns(text, 20, 2), [lines[0], "and a-word-that-is-…"]);
        assert_eq!(wrap_columns("⌨\u{fe0f}".repeat(11).as_str(), 20, 9)[0].width(), 20);
    }

    #[test]
    fn long_lines_are_broken_under_their_last_column() {
        let text = "short\n  name  what is said about the name\n  a long line without any columns\n";
        assert_eq!(
            fit(text, 24),
            "short\n  name  what is said\n        about the name\n  a long line without\n      any columns\n"
        );
        assert_eq!(fit(text, 80), text);
        assert_eq!(fit("\u{1b}[1mbold words\u{1b}[0m here", 20), "\u{1b}[1mbold words\u{1b}[0m here");
    }

    #[test]
    fn a_shell_reads_a_word_as_it_is() {
        assert_eq!(shell_word("redirect/moved"), "redirect/moved");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("it's $HOME"), "'it'\\''s $HOME'");
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        assert_eq!(
            [0.0, 0.4, 12.3, 999.4, 999.6, 2310.0].map(milliseconds),
            ["0 ms", "< 1 ms", "12 ms", "999 ms", "1.00 s", "2.31 s"]
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_asked(text in "\\PC{0,200}", columns in 20_usize..80, limit in 1_usize..8) {
            prop_assert!(clip_columns(&text, columns).width() <= columns);
            let lines = wrap_columns(&text, columns, limit);
            prop_assert!(lines.len() <= limit);
            prop_assert!(lines.iter().all(|line| line.width() <= columns), "{lines:?}");
            let fitted = fit(&text, columns);
            prop_assert!(fitted.lines().all(|line| textwrap::core::display_width(line) <= columns), "{fitted:?}");
        }

        #[test]
        fn what_is_printable_stays_so(text in any::<String>()) {
            let once = printable(&text);
            prop_assert!(!once.contains(char::is_control));
            prop_assert_eq!(printable(&once), once.clone());
        }
    }
}
