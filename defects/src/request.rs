//! Reads requests: where they end in the bytes, and their words.

use bytes::{Buf, Bytes, BytesMut};

/// The longest line of a request, in bytes; servers refuse longer ones.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// The most words, and the most bytes of a word, that are read; larger requests pass through unread.
const WORDS_MAX: usize = 1_000_000;
const WORD_BYTES_MAX: usize = 512 << 20;

/// A request: its exact bytes and its words.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Bytes,
    words: Vec<Bytes>,
    name: String,
}

/// What the bytes start with.
#[derive(Debug)]
pub(crate) enum Found {
    /// Not a whole request yet.
    Part,
    /// A request; an empty line is one without words.
    Whole(Request),
    /// Bytes that are not a request; nothing after them can be read.
    Garbage,
}

impl Request {
    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The name and the arguments.
    #[must_use]
    pub fn words(&self) -> &[Bytes] {
        &self.words
    }

    /// The name in upper case; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the first words are these, in any case, such as `CLUSTER KEYSLOT`.
    #[must_use]
    pub fn is(&self, words: &str) -> bool {
        let mut own = self.words.iter();
        words.split(' ').all(|word| own.next().is_some_and(|own| own.eq_ignore_ascii_case(word.as_bytes())))
    }

    /// Whether the first words are those of any of these.
    #[must_use]
    pub fn is_any(&self, commands: &[&str]) -> bool {
        commands.iter().any(|command| self.is(command))
    }

    /// A word, counted from 0, the name; empty where there are fewer.
    #[must_use]
    pub fn word(&self, position: usize) -> &[u8] {
        self.words.get(position).map_or(&[], |word| word)
    }

    /// Whether a word after the name is this one, in any case.
    #[must_use]
    pub fn has(&self, word: &str) -> bool {
        self.words.iter().skip(1).any(|own| own.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The same command, to be sent again.
    #[must_use]
    pub fn command(&self) -> wire::Command {
        wire::Command::new(&self.words)
    }

    /// Whether the bytes are not a request but the rest of what the client sent, which has no words.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.words.is_empty()
    }

    /// Bytes that cannot be read.
    pub(crate) fn malformed(bytes: Bytes) -> Self {
        Self::new(bytes, Vec::new())
    }

    fn new(bytes: Bytes, words: Vec<Bytes>) -> Self {
        let name = words.first().map(|name| String::from_utf8_lossy(name).to_uppercase()).unwrap_or_default();
        Self { bytes, words, name }
    }
}

/// Takes a whole request off the start of a buffer, if there is one.
pub(crate) fn take(buffer: &mut BytesMut) -> Found {
    match measure(buffer) {
        Measured::Part => Found::Part,
        Measured::Garbage => Found::Garbage,
        Measured::Whole { end, words } => {
            let bytes = buffer.split_to(end).freeze();
            let words = words.into_iter().map(|(from, to)| bytes.slice(from..to)).collect();
            Found::Whole(Request::new(bytes, words))
        }
        Measured::Inline { end } => {
            let bytes = buffer.split_to(end).freeze();
            match wire::Command::parse(bytes.trim_ascii()) {
                Ok(command) => {
                    let words = command.args().iter().map(|word| Bytes::copy_from_slice(word)).collect();
                    Found::Whole(Request::new(bytes, words))
                }
                Err(wire::CommandError::Empty) => Found::Whole(Request::new(bytes, Vec::new())),
                Err(_) => {
                    let mut back = BytesMut::from(&bytes[..]);
                    back.extend_from_slice(buffer.chunk());
                    *buffer = back;
                    Found::Garbage
                }
            }
        }
    }
}

enum Measured {
    Part,
    Garbage,
    Whole { end: usize, words: Vec<(usize, usize)> },
    Inline { end: usize },
}

fn measure(buffer: &[u8]) -> Measured {
    match buffer.first() {
        None => return Measured::Part,
        Some(b'*') => {}
        Some(_) => {
            return match buffer.iter().position(|&byte| byte == b'\n') {
                Some(at) => Measured::Inline { end: at + 1 },
                None if buffer.len() > LINE_BYTES_MAX => Measured::Garbage,
                None => Measured::Part,
            };
        }
    }
    let (count, mut at) = match length(buffer, 0, WORDS_MAX) {
        Ok(read) => read,
        Err(end) => return end,
    };
    // The client may send any count, so the list grows only with the words that are there.
    let mut words = Vec::new();
    for _ in 0..count {
        match buffer.get(at) {
            None => return Measured::Part,
            Some(b'$') => {}
            Some(_) => return Measured::Garbage,
        }
        let (bytes, from) = match length(buffer, at, WORD_BYTES_MAX) {
            Ok(read) => read,
            Err(end) => return end,
        };
        match buffer.get(from + bytes..from + bytes + 2) {
            None => return Measured::Part,
            Some(b"\r\n") => words.push((from, from + bytes)),
            Some(_) => return Measured::Garbage,
        }
        at = from + bytes + 2;
    }
    Measured::Whole { end: at, words }
}

/// The number after the byte at `at`, and where its line ends.
fn length(buffer: &[u8], at: usize, most: usize) -> Result<(usize, usize), Measured> {
    let rest = &buffer[at + 1..];
    let Some(end) = rest.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n') else {
        return Err(if rest.len() >= LINE_BYTES_MAX { Measured::Garbage } else { Measured::Part });
    };
    let text = std::str::from_utf8(&rest[..end]).ok().and_then(|line| line.strip_suffix('\r'));
    let number = text.and_then(|text| text.parse::<i64>().ok());
    match number.map(usize::try_from) {
        Some(Ok(number)) if number <= most => Ok((number, at + 1 + end + 1)),
        // A request of no words has no answer.
        Some(Err(_)) if at == 0 => Ok((0, at + 1 + end + 1)),
        _ => Err(Measured::Garbage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &[u8]) -> Option<Vec<Vec<u8>>> {
        let mut buffer = BytesMut::from(text);
        match take(&mut buffer) {
            Found::Whole(request) => Some(request.words.iter().map(|word| word.to_vec()).collect()),
            Found::Part | Found::Garbage => None,
        }
    }

    #[test]
    fn requests_are_taken_apart_and_keep_their_bytes() {
        let bytes = b"*2\r\n$3\r\nget\r\n$4\r\na\r\nb\r\nPING\r\n*0\r\n\r\n";
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut seen = Vec::new();
        while let Found::Whole(request) = take(&mut buffer) {
            seen.push((request.name().to_owned(), request.words().len(), request.bytes().len()));
        }
        assert_eq!(
            seen,
            [("GET".to_owned(), 2, 23), ("PING".to_owned(), 1, 6), (String::new(), 0, 4), (String::new(), 0, 2)]
        );
        assert!(buffer.is_empty());
    }

    #[test]
    fn every_cut_is_a_part_and_garbage_is_left_as_it_is() {
        let whole = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        for cut in 0..whole.len() {
            assert!(matches!(take(&mut BytesMut::from(&whole[..cut])), Found::Part), "cut at {cut}");
        }
        for garbage in
            [&b"*x\r\n"[..], b"*1\r\n:1\r\n", b"*1\r\n$1\r\nabc", b"*9999999\r\n", b"*1\r\n$-1\r\n", b"a \"b\r\nc"]
        {
            let mut buffer = BytesMut::from(garbage);
            assert!(matches!(take(&mut buffer), Found::Garbage), "{garbage:?}");
            assert_eq!(&buffer[..], garbage);
        }
        assert_eq!(words(b"set k 'a b'\r\n").unwrap()[2], b"a b");
    }

    #[test]
    fn words_are_compared_in_any_case() {
        let Found::Whole(request) = take(&mut BytesMut::from(&b"cluster keySlot foo\r\n"[..])) else {
            panic!("a request")
        };
        assert!(request.is("CLUSTER KEYSLOT") && request.is("CLUSTER") && !request.is("CLUSTER NODES"));
        assert!(request.has("FOO") && !request.has("cluster") && request.word(9).is_empty());
    }
}
