//! The fenced blocks of a page, and the commands of a console block.

use crate::checkout::checkout;

/// A fenced block.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    /// The page and the line where it begins, such as `README.md:40`.
    pub(crate) place: String,
    /// The lines between the block before it and this one.
    pub(crate) before: String,
    /// The first word after the fence.
    pub(crate) language: String,
    /// The words `name=value` after the language.
    options: Vec<(String, String)>,
    /// Its lines, without the indentation of the fence.
    pub(crate) lines: Vec<String>,
}

/// A command of a console block, with what it prints.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) command: String,
    /// The lines below it, with wildcards; none when the block does not show them.
    pub(crate) output: Vec<String>,
}

/// The options that a console block may have.
const OPTIONS: [&str; 3] = ["status", "password", "server"];

/// Reads the blocks of a page of the checkout.
pub(crate) fn of_page(page: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(checkout().join(page)).unwrap();
    let (mut blocks, mut before): (Vec<Block>, String) = (Vec::new(), String::new());
    let mut open: Option<(usize, Block)> = None;
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (None, Some(info)) => {
                let place = format!("{page}:{}", index + 1);
                open =
                    Some((line.len() - line.trim_start().len(), Block::new(place, std::mem::take(&mut before), info)));
            }
            (Some(_), Some("")) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some((indent, block)), _) => block.lines.push(line.get(*indent..).unwrap_or_default().to_owned()),
            (None, None) => before += &format!("{line}\n"),
        }
    }
    assert!(open.is_none(), "{page}: the last block does not end");
    blocks
}

impl Block {
    fn new(place: String, before: String, info: &str) -> Self {
        let mut words = info.split_whitespace();
        let language = words.next().unwrap_or_default().to_owned();
        let option = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options: Vec<(String, String)> = words.filter_map(option).collect();
        for (name, _) in options.iter().filter(|_| language == "console") {
            assert!(OPTIONS.contains(&name.as_str()), "{place}: {name} is none of {OPTIONS:?}");
        }
        Self { place, before, language, options, lines: Vec::new() }
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The last path in backticks before the block that begins like this.
    pub(crate) fn path(&self, start: &str) -> &str {
        let path = self.before.split('`').rfind(|part| part.starts_with(start));
        path.unwrap_or_else(|| panic!("{}: the text before the block names no file in {start}", self.place))
    }

    /// Its lines as one text.
    pub(crate) fn text(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The commands of a console block.
    pub(crate) fn examples(&self) -> Vec<Example> {
        let mut examples: Vec<Example> = Vec::new();
        for line in &self.lines {
            let goes_on = examples.last_mut().filter(|example| example.command.ends_with('\\'));
            if let Some(example) = goes_on {
                example.command += &format!("\n{}", line.strip_prefix("> ").unwrap_or(line));
            } else if let Some(command) = line.strip_prefix("$ ") {
                examples.push(Example { command: command.to_owned(), output: Vec::new() });
            } else {
                let example = examples.last_mut();
                let example = example.unwrap_or_else(|| panic!("{}: the block begins without `$ `", self.place));
                example.output.push(line.clone());
            }
        }
        assert!(!examples.is_empty(), "{}: the block has no command", self.place);
        examples
    }
}
