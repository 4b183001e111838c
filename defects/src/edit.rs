//! Builds and changes replies, as trees that encode to the exact bytes from which they were read.

use std::fmt::Write as _;

/// A RESP frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A line: simple strings, errors, numbers, booleans and nulls, with their first byte and what follows it.
    Line(u8, Vec<u8>),
    /// A string with a length: `$`, `=` and `!`.
    Bulk(u8, Vec<u8>),
    /// An aggregate: `*`, `~`, `>`, `%` and `|`; maps have two items a pair.
    Items(u8, Vec<Tree>),
}

/// The deepest nesting of aggregates that is read.
const DEPTH_MAX: usize = 32;

impl Tree {
    /// Reads the frame that the bytes are; `None` if they are anything else.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let tree = read(&mut rest, DEPTH_MAX)?;
        rest.is_empty().then_some(tree)
    }

    /// The frame's bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// The items of an aggregate.
    #[must_use]
    pub fn items(&self) -> Option<&[Tree]> {
        if let Self::Items(_, items) = self { Some(items) } else { None }
    }

    /// The items of an aggregate, to be changed.
    pub fn items_mut(&mut self) -> Option<&mut Vec<Tree>> {
        if let Self::Items(_, items) = self { Some(items) } else { None }
    }

    /// The text of a line or a string; that of a verbatim string without its format.
    #[must_use]
    pub fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Line(_, text) => Some(text),
            Self::Bulk(b'=', text) => text.get(4..),
            Self::Bulk(_, text) => Some(text),
            Self::Items(..) => None,
        }
    }

    /// The value that follows a name among an aggregate's items, as in maps and their RESP2 form.
    pub fn value_mut(&mut self, name: &str) -> Option<&mut Tree> {
        let items = self.items_mut()?;
        let at = items.iter().position(|item| item.text() == Some(name.as_bytes()))?;
        items.get_mut(at + 1)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Line(kind, text) => {
                bytes.push(*kind);
                bytes.extend_from_slice(text);
                bytes.extend_from_slice(b"\r\n");
            }
            Self::Bulk(kind, text) => {
                head(bytes, *kind, text.len());
                bytes.extend_from_slice(text);
                bytes.extend_from_slice(b"\r\n");
            }
            Self::Items(kind, items) => {
                let pairs = matches!(kind, b'%' | b'|');
                head(bytes, *kind, if pairs { items.len() / 2 } else { items.len() });
                items.iter().for_each(|item| item.write(bytes));
            }
        }
    }
}

fn head(bytes: &mut Vec<u8>, kind: u8, length: usize) {
    bytes.push(kind);
    bytes.extend_from_slice(length.to_string().as_bytes());
    bytes.extend_from_slice(b"\r\n");
}

fn read(rest: &mut &[u8], depth: usize) -> Option<Tree> {
    let (&kind, after) = rest.split_first()?;
    let end = after.windows(2).position(|two| two == b"\r\n")?;
    let line = &after[..end];
    *rest = &after[end + 2..];
    match kind {
        b'$' | b'=' | b'!' if line != b"-1" => {
            let length = number(line)?;
            let text = rest.get(..length)?.to_vec();
            *rest = rest.get(length..)?.strip_prefix(b"\r\n")?;
            Some(Tree::Bulk(kind, text))
        }
        b'*' | b'~' | b'>' | b'%' | b'|' if line != b"-1" => {
            let depth = depth.checked_sub(1)?;
            let count = number(line)?.checked_mul(if matches!(kind, b'%' | b'|') { 2 } else { 1 })?;
            (0..count).map(|_| read(rest, depth)).collect::<Option<_>>().map(|items| Tree::Items(kind, items))
        }
        _ => Some(Tree::Line(kind, line.to_vec())),
    }
}

fn number(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line).ok()?.parse().ok()
}

/// `+text`.
#[must_use]
pub fn simple(text: &str) -> Vec<u8> {
    format!("+{text}\r\n").into_bytes()
}

/// `-text`.
#[must_use]
pub fn error(text: &str) -> Vec<u8> {
    format!("-{text}\r\n").into_bytes()
}

/// `:number`.
#[must_use]
pub fn integer(number: i64) -> Vec<u8> {
    format!(":{number}\r\n").into_bytes()
}

/// The null of RESP2 for a string, or that of RESP3.
#[must_use]
pub fn null(resp3: bool) -> Vec<u8> {
    if resp3 { b"_\r\n".to_vec() } else { b"$-1\r\n".to_vec() }
}

/// A bulk string.
#[must_use]
pub fn bulk(text: impl AsRef<[u8]>) -> Vec<u8> {
    Tree::Bulk(b'$', text.as_ref().to_vec()).bytes()
}

/// An array of frames.
#[must_use]
pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    head(&mut bytes, b'*', items.len());
    items.iter().for_each(|item| bytes.extend_from_slice(item));
    bytes
}

/// Changes the text of a string, also of a verbatim string; `None` if it is not a string or does not change.
#[must_use]
pub fn text(reply: &[u8], change: impl FnOnce(&str) -> String) -> Option<Vec<u8>> {
    let tree = Tree::read(reply)?;
    let before = String::from_utf8(tree.text()?.to_vec()).ok()?;
    let after = change(&before);
    if after == before {
        return None;
    }
    Some(match tree {
        Tree::Bulk(b'=', format) => Tree::Bulk(b'=', [&format[..4], after.as_bytes()].concat()).bytes(),
        Tree::Bulk(kind, _) => Tree::Bulk(kind, after.into_bytes()).bytes(),
        Tree::Line(kind, _) => Tree::Line(kind, after.into_bytes()).bytes(),
        Tree::Items(..) => return None,
    })
}

/// Changes each line of a text; lines keep their endings, and `None` omits a line.
#[must_use]
pub fn lines(reply: &[u8], mut change: impl FnMut(&str) -> Option<String>) -> Option<Vec<u8>> {
    text(reply, |before| {
        let mut after = String::with_capacity(before.len());
        for line in before.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\r', '\n']);
            if let Some(changed) = change(bare) {
                // Writing to a string does not fail.
                let _written = write!(after, "{changed}{}", &line[bare.len()..]);
            }
        }
        after
    })
}

/// Changes the tree of a frame; `None` if `change` returns `None`, or if nothing changes.
#[must_use]
pub fn tree(reply: &[u8], change: impl FnOnce(&mut Tree) -> Option<()>) -> Option<Vec<u8>> {
    let mut tree = Tree::read(reply)?;
    change(&mut tree)?;
    let after = tree.bytes();
    (after != reply).then_some(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_encodes_to_the_same_bytes() {
        for frame in [
            "+OK\r\n",
            "-ERR no\r\n",
            ":1\r\n",
            "$-1\r\n",
            "$0\r\n\r\n",
            "$3\r\na\r\n\r\n",
            "*-1\r\n",
            "*0\r\n",
            "_\r\n",
            "*2\r\n:1\r\n*1\r\n$1\r\na\r\n",
            "%1\r\n+k\r\n:1\r\n",
            "=5\r\ntxt:a\r\n",
            ">1\r\n+a\r\n",
            ",1.5\r\n",
            "#t\r\n",
            "|1\r\n+k\r\n+v\r\n",
        ] {
            assert_eq!(
                Tree::read(frame.as_bytes()).map(|tree| tree.bytes()),
                Some(frame.as_bytes().to_vec()),
                "{frame:?}"
            );
        }
        for no_frame in ["", "+OK", "$5\r\nab\r\n", "*2\r\n:1\r\n", "+OK\r\n+OK\r\n"] {
            assert_eq!(Tree::read(no_frame.as_bytes()), None, "{no_frame:?}");
        }
        assert_eq!(Tree::read("*1\r\n".repeat(100).as_bytes()), None);
    }

    #[test]
    fn texts_lines_and_trees_are_changed_in_place() {
        assert_eq!(text(b"=5\r\ntxt:a\r\n", |a| a.to_uppercase()), Some(b"=5\r\ntxt:A\r\n".to_vec()));
        assert_eq!(text(b"$1\r\na\r\n", str::to_owned), None);
        let changed =
            lines(b"$10\r\na:1\r\nb:2\r\n\r\n", |line| (!line.starts_with('a')).then(|| line.replace('2', "3")));
        assert_eq!(changed, Some(b"$5\r\nb:3\r\n\r\n".to_vec()));
        let changed = tree(b"*2\r\n$1\r\nk\r\n:1\r\n", |tree| {
            *tree.value_mut("k")? = Tree::Line(b':', b"2".to_vec());
            Some(())
        });
        assert_eq!(changed, Some(b"*2\r\n$1\r\nk\r\n:2\r\n".to_vec()));
        assert_eq!(array(&[integer(1), null(true)]), b"*2\r\n:1\r\n_\r\n");
    }
}
