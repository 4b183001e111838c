//! A command: parsing the line that a person writes, packing it for a server, and printing it without secrets.

use std::fmt;
use std::iter::Peekable;
use std::ops::Range;
use std::slice::Iter;

use crate::access::MASK;
use crate::escape;

/// How many bytes of an argument `Display` prints.
pub const ARGUMENT_BYTES_SHOWN: usize = 200;
/// How many arguments `Display` prints.
pub const ARGUMENTS_SHOWN: usize = 40;

/// A command for a server: a name and its arguments, all of them bytes.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Command {
    args: Vec<Vec<u8>>,
}

impl Command {
    /// Makes a command from its name and arguments.
    pub fn new<A: AsRef<[u8]>>(args: impl IntoIterator<Item = A>) -> Self {
        Self { args: args.into_iter().map(|arg| arg.as_ref().to_vec()).collect() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.args.push(arg.as_ref().to_vec());
        self
    }

    /// Reads a line as redis-cli does: words, `"..."` with `\n \r \t \b \a \xNN \" \\`, and `'...'` with `\'`.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if the line is empty, a quote is not closed, or no space follows a closing quote.
    pub fn parse(line: impl AsRef<[u8]>) -> Result<Self, CommandError> {
        let mut rest = line.as_ref().iter().peekable();
        let mut args = Vec::new();
        loop {
            while rest.next_if(|byte| byte.is_ascii_whitespace()).is_some() {}
            if rest.peek().is_none() {
                break;
            }
            args.push(word(&mut rest)?);
        }
        if args.is_empty() { Err(CommandError::Empty) } else { Ok(Self { args }) }
    }

    /// The name and the arguments.
    #[must_use]
    pub fn args(&self) -> &[Vec<u8>] {
        &self.args
    }

    /// The name in upper case; empty if the command has no name.
    #[must_use]
    pub fn name(&self) -> String {
        self.word(0)
    }

    /// The bytes to send: an array of bulk strings. No bytes if the command has no name.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        let mut packed = redis::Cmd::new();
        for arg in &self.args {
            packed.arg(arg.as_slice());
        }
        packed.get_packed_command()
    }

    /// A copy of the command with `***` in place of each secret argument; `None` if it has no secret.
    ///
    /// The secrets are the passwords in AUTH, HELLO, MIGRATE, CONFIG SET and ACL SETUSER.
    #[must_use]
    pub fn redacted(&self) -> Option<Self> {
        let secrets: Vec<usize> = self.secrets();
        if secrets.is_empty() {
            return None;
        }
        let mut redacted = self.clone();
        for position in secrets {
            redacted.args[position] = MASK.into();
        }
        Some(redacted)
    }

    fn word(&self, position: usize) -> String {
        self.args.get(position).map(|arg| String::from_utf8_lossy(arg).to_uppercase()).unwrap_or_default()
    }

    /// The positions of the arguments that must not be printed.
    fn secrets(&self) -> Vec<usize> {
        let count = self.args.len();
        let known = |range: Range<usize>| -> Vec<usize> { range.filter(|&position| position < count).collect() };
        match self.name().as_str() {
            // AUTH password, or AUTH user password. In any other form, every argument may be a secret.
            "AUTH" => known(if count == 3 { 2..3 } else { 1..count }),
            "HELLO" => self.find("AUTH", 2..count).map_or_else(Vec::new, |at| known(at + 2..at + 3)),
            "MIGRATE" => {
                let options = self.find("KEYS", 6..count).map_or(6..count, |keys| 6..keys);
                let one = self.find("AUTH", options.clone()).map(|at| at + 1);
                let two = self.find("AUTH2", options).map(|at| at + 2);
                one.into_iter().chain(two).flat_map(|at| known(at..at + 1)).collect()
            }
            "CONFIG" if self.word(1) == "SET" => {
                let names = (2..count).step_by(2).filter(|&at| is_secret_setting(&self.word(at)));
                names.flat_map(|at| known(at + 1..at + 2)).collect()
            }
            "ACL" if self.word(1) == "SETUSER" => {
                (3..count).filter(|&at| matches!(self.args[at].first(), Some(b'>' | b'<' | b'#' | b'!'))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn find(&self, word: &str, mut range: Range<usize>) -> Option<usize> {
        range.find(|&position| self.word(position) == word)
    }
}

fn is_secret_setting(name: &str) -> bool {
    matches!(name, "REQUIREPASS" | "MASTERAUTH" | "PRIMARYAUTH" | "TLS-KEY-FILE-PASS" | "TLS-CLIENT-KEY-FILE-PASS")
}

impl fmt::Display for Command {
    /// Prints the command as a line for redis-cli, without secrets and with long arguments cut.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = self.redacted();
        let args = &redacted.as_ref().unwrap_or(self).args;
        for (position, arg) in args.iter().take(ARGUMENTS_SHOWN).enumerate() {
            if position > 0 {
                formatter.write_str(" ")?;
            }
            if is_plain(arg) {
                formatter.write_str(&String::from_utf8_lossy(arg))?;
            } else {
                escape::write_quoted(formatter, arg, ARGUMENT_BYTES_SHOWN)?;
            }
        }
        match args.len().saturating_sub(ARGUMENTS_SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " ... ({more} more arguments)"),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Command({self})")
    }
}

/// Why a line is not a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The line has no word.
    #[error("the command is empty; write a name and its arguments")]
    Empty,
    /// A quote is not closed.
    #[error("the command has a {0} that is not closed; add the closing {0}")]
    Unclosed(char),
    /// Something other than a space follows a closing quote.
    #[error("the command has no space after a closing {0}; add one")]
    Glued(char),
}

/// Makes a [`Command`] from a name and arguments, each of any type that is `AsRef<[u8]>`.
///
/// ```
/// let key = String::from("{rct}k");
/// assert_eq!(wire::command!["SET", &key, "v"].to_string(), "SET {rct}k v");
/// ```
#[macro_export]
macro_rules! command {
    ($name:expr $(, $arg:expr)* $(,)?) => {
        $crate::Command::new([$name])$(.arg($arg))*
    };
}

fn is_plain(arg: &[u8]) -> bool {
    !arg.is_empty()
        && arg.len() <= ARGUMENT_BYTES_SHOWN
        && arg.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\''))
}

fn word(rest: &mut Peekable<Iter<'_, u8>>) -> Result<Vec<u8>, CommandError> {
    let mut word = Vec::new();
    while let Some(&byte) = rest.next_if(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'"' | b'\'' => {
                if byte == b'"' {
                    double_quoted(rest, &mut word)?
                } else {
                    single_quoted(rest, &mut word)?
                }
                if rest.peek().is_some_and(|next| !next.is_ascii_whitespace()) {
                    return Err(CommandError::Glued(char::from(byte)));
                }
            }
            _ => word.push(byte),
        }
    }
    Ok(word)
}

fn double_quoted(rest: &mut Peekable<Iter<'_, u8>>, word: &mut Vec<u8>) -> Result<(), CommandError> {
    loop {
        match rest.next() {
            None => return Err(CommandError::Unclosed('"')),
            Some(b'"') => return Ok(()),
            Some(b'\\') => word.push(escaped(rest).ok_or(CommandError::Unclosed('"'))?),
            Some(&byte) => word.push(byte),
        }
    }
}

fn single_quoted(rest: &mut Peekable<Iter<'_, u8>>, word: &mut Vec<u8>) -> Result<(), CommandError> {
    loop {
        match rest.next() {
            None => return Err(CommandError::Unclosed('\'')),
            Some(b'\'') => return Ok(()),
            Some(b'\\') if rest.peek() == Some(&&b'\'') => {
                rest.next();
                word.push(b'\'');
            }
            Some(&byte) => word.push(byte),
        }
    }
}

/// The byte that an escape after a backslash stands for. `\x` without two hex digits is an `x`.
fn escaped(rest: &mut Peekable<Iter<'_, u8>>) -> Option<u8> {
    let byte = *rest.next()?;
    if byte == b'x' {
        let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
        let mut ahead = rest.clone();
        if let (Some(high), Some(low)) = (digit(ahead.next()), digit(ahead.next())) {
            *rest = ahead;
            return u8::try_from(high * 16 + low).ok();
        }
    }
    Some(match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_read_as_redis_cli_does() {
        for (line, args) in [
            ("GET foo", vec![&b"GET"[..], b"foo"]),
            ("  GET\t foo \n", vec![b"GET", b"foo"]),
            (r#"SET k """#, vec![b"SET", b"k", b""]),
            ("SET k ''", vec![b"SET", b"k", b""]),
            (r#"SET k "a b\n\r\t\x00\xfF\"\\\q""#, vec![b"SET", b"k", b"a b\n\r\t\x00\xff\"\\q"]),
            (r#"SET k "\xg1\x1""#, vec![b"SET", b"k", b"xg1x1"]),
            (r#"SET k '\x00 it\'s "so"'"#, vec![b"SET", b"k", br#"\x00 it's "so""#]),
            (r"SET k a\nb", vec![b"SET", b"k", br"a\nb"]),
            (r#"SET k=" v""#, vec![b"SET", b"k= v"]),
        ] {
            assert_eq!(Command::parse(line).unwrap().args(), args, "{line:?}");
        }
    }

    #[test]
    fn a_line_with_bad_quotes_is_refused() {
        for (line, error) in [
            ("", CommandError::Empty),
            (" \t", CommandError::Empty),
            (r#"GET "a"#, CommandError::Unclosed('"')),
            (r#"GET "a\"#, CommandError::Unclosed('"')),
            (r#"GET "a\""#, CommandError::Unclosed('"')),
            ("GET 'a", CommandError::Unclosed('\'')),
            (r"GET 'a\'", CommandError::Unclosed('\'')),
            (r#"GET "a"b"#, CommandError::Glued('"')),
            ("GET 'a''b'", CommandError::Glued('\'')),
        ] {
            assert_eq!(Command::parse(line), Err(error), "{line:?}");
        }
    }

    #[test]
    fn a_command_prints_as_the_line_to_paste() {
        assert_eq!(
            command!["set", "{a}k", "a b", "", b"\x00\xff\"\\\n"].to_string(),
            r#"set {a}k "a b" "" "\x00\xff\"\\\n""#
        );
        assert_eq!(command!["get"].name(), "GET");
        let long = command!["SET", "k", "v".repeat(201)].to_string();
        assert_eq!(long, format!("SET k \"{}\"... (201 bytes)", "v".repeat(200)));
        let many = Command::new(vec!["a"; 50]).to_string();
        assert!(many.ends_with("a a ... (10 more arguments)"), "{many}");
        assert_eq!(Command::new([""; 0]).to_string(), "");
    }

    #[test]
    fn packing_gives_an_array_of_bulk_strings() {
        assert_eq!(command!["GET", b"\r\n", ""].pack(), b"*3\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n$0\r\n\r\n");
        assert_eq!(Command::new([""; 0]).pack(), b"");
    }

    #[test]
    fn secrets_do_not_print() {
        for (line, printed) in [
            ("AUTH pw", "AUTH ***"),
            ("auth ann pw", "auth ann ***"),
            ("AUTH ann pw more", "AUTH *** *** ***"),
            ("AUTH", "AUTH"),
            ("HELLO 3 AUTH ann pw SETNAME n", "HELLO 3 AUTH ann *** SETNAME n"),
            ("hello 3 setname n auth ann pw", "hello 3 setname n auth ann ***"),
            ("HELLO 3 AUTH ann", "HELLO 3 AUTH ann"),
            ("MIGRATE h 1 \"\" 0 1 COPY AUTH pw KEYS a b", "MIGRATE h 1 \"\" 0 1 COPY AUTH *** KEYS a b"),
            ("MIGRATE h 1 k 0 1 AUTH2 ann pw", "MIGRATE h 1 k 0 1 AUTH2 ann ***"),
            ("MIGRATE h 1 \"\" 0 1 KEYS AUTH pw", "MIGRATE h 1 \"\" 0 1 KEYS AUTH pw"),
            ("MIGRATE h 1 k 0 1 AUTH", "MIGRATE h 1 k 0 1 AUTH"),
            ("CONFIG SET requirepass pw", "CONFIG SET requirepass ***"),
            ("config set maxmemory 1 MasterAuth pw", "config set maxmemory 1 MasterAuth ***"),
            ("CONFIG SET primaryauth pw port 1", "CONFIG SET primaryauth *** port 1"),
            ("CONFIG SET requirepass", "CONFIG SET requirepass"),
            ("CONFIG GET requirepass", "CONFIG GET requirepass"),
            ("ACL SETUSER ann on >pw ~* +@all", "ACL SETUSER ann on *** ~* +@all"),
            ("acl setuser ann <pw #aa !bb", "acl setuser ann *** *** ***"),
            ("ACL GETUSER >ann", "ACL GETUSER >ann"),
            ("SET AUTH pw", "SET AUTH pw"),
        ] {
            let command = Command::parse(line).unwrap();
            assert_eq!(command.to_string(), printed, "{line:?}");
            assert_eq!(command.redacted().is_some(), line != printed, "{line:?}");
            assert!(!format!("{command:?}").contains(" >pw"), "{command:?}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_command_reads_back(args in vec(vec(any::<u8>(), 0..20), 1..8)) {
            let command = Command::new(&args);
            prop_assume!(command.redacted().is_none());
            prop_assert_eq!(Command::parse(command.to_string()), Ok(command));
        }

        #[test]
        fn a_packed_command_reads_back_as_a_reply(args in vec(vec(any::<u8>(), 0..20), 1..8)) {
            let reply = crate::Reply::parse(Command::new(&args).pack()).unwrap();
            let read: Vec<Vec<u8>> = reply.items().unwrap().iter().filter_map(crate::bytes_of).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(read, args);
        }

        #[test]
        fn random_lines_never_panic(line in "[a-z\"'\\\\ x0\\PC]{0,30}") {
            if let Ok(command) = Command::parse(&line) {
                prop_assert!(!command.args().is_empty());
            }
        }
    }
}
