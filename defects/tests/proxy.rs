//! The proxy before a scripted node: what passes through, in which order, and what a defect changes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use defects::{Defect, Listening, Mode, Proxy, Replacement, Tampering};
use wire::{Access, command};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A node that answers each line that it reads: `PING`, `SUB`-like words and so on, by its first word in upper case.
fn node(answer: fn(&str) -> String) -> u16 {
    let listener = listener();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            std::thread::spawn(move || serve(client.unwrap(), answer));
        }
    });
    port
}

/// Serves inline requests, and those packed as arrays by their words on one line.
fn serve(mut client: TcpStream, answer: fn(&str) -> String) {
    let (mut seen, mut buffer) = (String::new(), [0; 4096]);
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        while let Some(end) = whole(&seen) {
            let request: String = seen.drain(..end).collect();
            let words = request.split("\r\n").filter(|word| !word.is_empty() && !word.starts_with(['*', '$']));
            client.write_all(answer(&words.collect::<Vec<_>>().join(" ")).as_bytes()).unwrap();
        }
    }
}

/// Where the first request ends: a line, or as many as an array of strings has.
fn whole(seen: &str) -> Option<usize> {
    let lines = match seen.strip_prefix('*') {
        Some(rest) => 1 + 2 * rest.split_once("\r\n")?.0.parse::<usize>().unwrap(),
        None => 1,
    };
    seen.match_indices("\r\n").nth(lines - 1).map(|(at, _)| at + 2)
}

fn echo(words: &str) -> String {
    format!("+{words}\r\n")
}

fn listener() -> TcpListener {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(to).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

/// A proxy before a node, in a mode, and a client's connection through it.
fn through(mode: Mode, answer: fn(&str) -> String) -> (Proxy, TcpStream) {
    let (proxy, listener) = (Proxy::start(Access::default(), None, 0..0).unwrap(), listener());
    let address = listener.local_addr().unwrap();
    proxy.listen(Listening { listener, port: node(answer) }, None).unwrap();
    proxy.switch(mode);
    (proxy, connect(address))
}

/// Sends bytes, and reads exactly what is expected.
#[track_caller]
fn expect(client: &mut TcpStream, sent: &str, expected: &str) {
    client.write_all(sent.as_bytes()).unwrap();
    let mut read = vec![0; expected.len()];
    client.read_exact(&mut read).unwrap();
    assert_eq!(String::from_utf8_lossy(&read), expected);
}

#[track_caller]
fn expect_end(client: &mut TcpStream) {
    let mut rest = Vec::new();
    // A reset is an end, too.
    let _end = client.read_to_end(&mut rest);
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

#[test]
fn a_proxy_without_a_defect_passes_everything_through() {
    let (_proxy, mut client) = through(Mode::PassThrough, echo);
    expect(&mut client, "PING\r\n", "+PING\r\n");
    expect(&mut client, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\nA\r\nB\r\n", "+GET k\r\n+A\r\n+B\r\n");
    for byte in "*1\r\n$3\r\nGET\r".bytes() {
        client.write_all(&[byte]).unwrap();
    }
    expect(&mut client, "\n", "+GET\r\n");
}

#[test]
fn what_is_no_request_passes_through_too() {
    let (_proxy, mut client) = through(Mode::PassThrough, |_| "what is no reply\r\n".to_owned());
    expect(&mut client, "a \"b\r\n", "what is no reply\r\n");
    expect(&mut client, "c\r\n", "what is no reply\r\n");
}

static SAYS: Defect = Defect {
    name: "says",
    sentence: "B is answered without asking the node",
    caught_by: &[],
    tampering: Tampering::Request(|_, request| request.is("B").then(|| Replacement::Answer(b":2\r\n".to_vec()))),
};

#[test]
fn answers_keep_their_order_whoever_gives_them() {
    let (_proxy, mut client) = through(Mode::Defective(&SAYS), echo);
    expect(&mut client, "A\r\nB\r\nC\r\nB\r\nB\r\n", "+A\r\n:2\r\n+C\r\n:2\r\n:2\r\n");
}

static SENDS: Defect = Defect {
    name: "sends",
    sentence: "Before and after GET the node is sent other commands",
    caught_by: &[],
    tampering: Tampering::Request(|_, request| {
        let commands = vec![command!["READONLY"], request.command(), command!["READWRITE"]];
        request.is("GET").then_some(Replacement::Send { commands, shown: 1 })
    }),
};

#[test]
fn commands_of_the_proxys_own_are_answered_to_nobody() {
    let (_proxy, mut client) = through(Mode::Defective(&SENDS), echo);
    expect(&mut client, "GET a\r\nPING\r\nGET b\r\n", "+GET a\r\n+PING\r\n+GET b\r\n");
}

static REPLACES: Defect = Defect {
    name: "replaces",
    sentence: "The second reply of a connection to GET is null",
    caught_by: &[],
    tampering: Tampering::Reply(|scene, request, _| {
        let count = scene.note("gets");
        *count += i64::from(request.is("GET"));
        (request.is("GET") && *count == 2).then(|| Replacement::Answer(b"$-1\r\n".to_vec()))
    }),
};

#[test]
fn replies_are_matched_to_requests_and_notes_are_the_connections_own() {
    let (proxy, mut client) = through(Mode::Defective(&REPLACES), echo);
    expect(&mut client, "GET\r\nPING\r\nGET\r\nGET\r\n", "+GET\r\n+PING\r\n$-1\r\n+GET\r\n");
    proxy.switch(Mode::PassThrough);
    let mut other = connect(client.peer_addr().unwrap());
    expect(&mut other, "GET\r\nGET\r\n", "+GET\r\n+GET\r\n");
}

static ASKS: Defect = Defect {
    name: "asks",
    sentence: "GET is answered by the other node",
    caught_by: &[],
    tampering: Tampering::Reply(|scene, request, _| {
        let node = scene.next_address().to_owned();
        let commands = vec![command!["ASKING"], request.command()];
        request.is("GET").then_some(Replacement::Ask { node, commands })
    }),
};

#[test]
fn another_node_may_be_asked() {
    let (proxy, mut client) = through(Mode::Defective(&ASKS), echo);
    let port = node(|words| format!("+other {words}\r\n"));
    proxy.listen(Listening { listener: listener(), port }, None).unwrap();
    // The proxy knows of the listener when it has answered this.
    proxy.switch(Mode::Defective(&ASKS));
    let mut later = connect(client.peer_addr().unwrap());
    expect(&mut later, "PING\r\nGET k\r\nPING\r\n", "+PING\r\n+other GET k\r\n+PING\r\n");
    expect(&mut client, "PING\r\n", "+PING\r\n");
}

static ENDS: Defect = Defect {
    name: "ends",
    sentence: "Nothing is answered from SILENCE on, and BYE closes the connection",
    caught_by: &[],
    tampering: Tampering::Request(|_, request| match request.name() {
        "SILENCE" => Some(Replacement::Silence),
        "BYE" => Some(Replacement::HangUp),
        _ => None,
    }),
};

#[test]
fn a_connection_may_be_closed_or_fall_silent() {
    let (_proxy, mut client) = through(Mode::Defective(&ENDS), echo);
    expect(&mut client, "PING\r\nSILENCE\r\nPING\r\n", "+PING\r\n");
    // What comes next is the end, and not the second answer to PING.
    expect(&mut client, "PING\r\nBYE\r\n", "");
    expect_end(&mut client);
}

#[test]
fn confirmations_and_messages_are_told_from_replies() {
    let (_proxy, mut client) = through(Mode::Defective(&REPLACES), |words| match words {
        "SUBSCRIBE a b" => {
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n".to_owned()
        }
        "UNSUBSCRIBE" => {
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n".to_owned()
        }
        // A message comes before the reply.
        "GET" => "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n+GET\r\n".to_owned(),
        words => echo(words),
    });
    let confirmed = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n";
    let message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n";
    expect(&mut client, "SUBSCRIBE a b\r\nGET\r\nGET\r\n", &format!("{confirmed}{message}+GET\r\n{message}$-1\r\n"));
    let ended = "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nb\r\n:0\r\n";
    expect(&mut client, "UNSUBSCRIBE\r\nPING\r\n", &format!("{ended}+PING\r\n"));
}

static DOUBLES: Defect = Defect {
    name: "doubles",
    sentence: "The first message to a subscriber is lost, and the second one comes twice",
    caught_by: &[],
    tampering: Tampering::Push(|scene, push| {
        let seen = scene.note("seen");
        *seen += 1;
        match *seen {
            1 => Some(Vec::new()),
            2 => Some(push.bytes().repeat(2)),
            _ => None,
        }
    }),
};

#[test]
fn messages_to_subscribers_may_be_dropped_or_changed() {
    let message = "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n";
    let (_proxy, mut client) = through(Mode::Defective(&DOUBLES), |words| match words {
        "SUBSCRIBE a" => "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n".to_owned(),
        "GET" => "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n+GET\r\n".to_owned(),
        words => echo(words),
    });
    expect(&mut client, "SUBSCRIBE a\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    expect(&mut client, "GET\r\nGET\r\nGET\r\n", &format!("+GET\r\n{message}{message}+GET\r\n{message}+GET\r\n"));
}

#[test]
fn replication_and_connections_without_replies_pass_through() {
    let (_proxy, mut client) = through(Mode::Defective(&REPLACES), |words| match words {
        "CLIENT REPLY SKIP" | "SKIPPED" => String::new(),
        "PSYNC ? -1" => "+FULLRESYNC x 0\r\n$4\r\nRDB!".to_owned(),
        words => echo(words),
    });
    expect(&mut client, "GET\r\nCLIENT REPLY SKIP\r\nSKIPPED\r\nGET\r\n", "+GET\r\n$-1\r\n");
    expect(&mut client, "PSYNC ? -1\r\n", "+FULLRESYNC x 0\r\n$4\r\nRDB!");
    expect(&mut client, "GET\r\n", "+GET\r\n");
}

#[test]
fn a_node_that_is_gone_is_an_end() {
    let (proxy, listener) = (Proxy::start(Access::default(), None, 0..0).unwrap(), listener());
    let address = listener.local_addr().unwrap();
    // Nobody listens on the port of tcpmux.
    proxy.listen(Listening { listener, port: 1 }, None).unwrap();
    let mut client = connect(address);
    expect_end(&mut client);
}

#[test]
fn watching_changes_nothing_and_notes_what_would_have_changed() {
    let (proxy, mut client) = through(Mode::Watching, |words| match words {
        "CLUSTER KEYSLOT {a}b" => ":15495\r\n".to_owned(),
        words => echo(words),
    });
    expect(&mut client, "PING\r\n", "+PING\r\n");
    assert!(!proxy.noted().contains("keyslot-ignores-hash-tags"));
    expect(&mut client, "*3\r\n$7\r\nCLUSTER\r\n$7\r\nKEYSLOT\r\n$4\r\n{a}b\r\n", ":15495\r\n");
    assert!(proxy.noted().contains("keyslot-ignores-hash-tags"));
}
