//! Connections to servers that follow the protocol, and to servers that break it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::{Access, Address, Command, ConnectOptions, Connection, FrameLimits, Protocol, Tap, WireError, command};

/// A limit that is long enough for everything that must happen.
const AMPLE: Duration = Duration::from_secs(20);
/// A short limit, for waits that must time out.
const BRIEF: Duration = Duration::from_millis(50);

/// Starts a server for one client, and returns the options to connect to it.
async fn serve<S: Future<Output = ()> + Send + 'static>(
    behave: impl FnOnce(TcpStream) -> S + Send + 'static,
) -> ConnectOptions {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { behave(listener.accept().await.unwrap().0).await });
    ConnectOptions { reply_timeout: AMPLE, ..ConnectOptions::new(Address::new("127.0.0.1", port)) }
}

/// Starts a server that expects and answers the given bytes in turn, and then waits until the client closes.
async fn scripted(turns: &'static [(&'static str, &'static str)]) -> ConnectOptions {
    serve(move |mut stream| async move {
        for (expected, answer) in turns {
            let mut received = vec![0; expected.len()];
            stream.read_exact(&mut received).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&received), *expected);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        let _end = stream.read(&mut [0]).await;
    })
    .await
}

const PING: &str = "*1\r\n$4\r\nPING\r\n";

fn ping() -> Command {
    command!["PING"]
}

#[derive(Default)]
struct Log(RefCell<Vec<String>>);

impl Log {
    fn add(&self, what: &str, bytes: &[u8]) {
        self.0.borrow_mut().push(format!("{what} {}", String::from_utf8_lossy(bytes)));
    }
}

impl Tap for Log {
    fn opened(&self, _: u64, _: &Address) {
        self.add("opened", b"");
    }
    fn sent(&self, _: u64, _: &Address, bytes: &[u8]) {
        self.add("sent", bytes);
    }
    fn received(&self, _: u64, _: &Address, bytes: &[u8]) {
        self.add("received", bytes);
    }
    fn closed(&self, _: u64, _: &Address) {
        self.add("closed", b"");
    }
}

#[tokio::test]
async fn calls_and_pipelines_get_their_replies_in_order() {
    let options = scripted(&[
        (PING, "+PONG\r\n"),
        ("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n", "$1\r\n1\r\n-MOVED 1 :7\r\n"),
    ])
    .await;
    let mut connection = Connection::open(&options).await.unwrap();
    assert_eq!(connection.call(&ping()).await.unwrap().to_string(), "PONG");
    let replies = connection.pipeline(&[command!["GET", "a"], command!["GET", "b"]]).await.unwrap();
    assert_eq!(replies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["\"1\"", "error MOVED 1 :7"]);
    assert!(connection.pipeline(&[]).await.unwrap().is_empty());
    assert!(matches!(connection.call(&Command::new([""; 0])).await, Err(WireError::EmptyCommand)));
    assert!(!connection.is_closed());
}

#[tokio::test]
async fn ids_differ() {
    let (one, other) = (scripted(&[]).await, scripted(&[]).await);
    let ids = [Connection::open(&one).await.unwrap().id(), Connection::open(&other).await.unwrap().id()];
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn a_pipeline_larger_than_all_buffers_does_not_get_stuck() {
    const COMMANDS: usize = 400;
    const VALUE_BYTES: usize = 64 * 1024;
    let command = command!["ECHO", vec![b'v'; VALUE_BYTES]];
    let packed_bytes = command.pack().len();
    // This server reads no command before it has written the reply to the last one.
    let options = serve(move |mut stream| async move {
        let answer = [format!("${VALUE_BYTES}\r\n").as_bytes(), &[b'v'; VALUE_BYTES], b"\r\n"].concat();
        let mut received = vec![0; packed_bytes];
        while stream.read_exact(&mut received).await.is_ok() {
            stream.write_all(&answer).await.unwrap();
        }
    })
    .await;
    let mut connection = Connection::open(&options).await.unwrap();
    let replies = connection.pipeline(&vec![command; COMMANDS]).await.unwrap();
    assert_eq!(replies.len(), COMMANDS);
    assert!(replies.iter().all(|reply| reply.bytes_value().is_some_and(|value| value.len() == VALUE_BYTES)));
}

#[tokio::test]
async fn a_connection_introduces_itself_without_showing_its_secret() {
    let mut options = scripted(&[
        ("*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$7\r\nhunter2\r\n", "+OK\r\n"),
        ("*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n", "%1\r\n+proto\r\n:3\r\n"),
        (PING, "+hunter2\r\n"),
    ])
    .await;
    let log = Rc::new(Log::default());
    options.access = Access { username: Some("ann".into()), password: Some("hunter2".into()), tls: None };
    options.protocol = Protocol::Resp3;
    options.tap = Some(log.clone());
    let mut connection = Connection::open(&options).await.unwrap();
    assert_eq!(connection.call(&ping()).await.unwrap().text().as_deref(), Some("hunter2"));
    drop(connection);
    let expected = [
        "opened ",
        "sent *3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$3\r\n***\r\n",
        "received +OK\r\n",
        "sent *2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n",
        "received %1\r\n+proto\r\n:3\r\n",
        "sent *1\r\n$4\r\nPING\r\n",
        "received +***\r\n",
        "closed ",
    ];
    assert_eq!(*log.0.borrow(), expected);
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_refused_password_is_an_error_that_does_not_repeat_it() {
    let mut options = scripted(&[(
        "*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n",
        "-ERR unknown command 'AUTH', with args beginning with: 'hunter2'\r\n",
    )])
    .await;
    let log = Rc::new(Log::default());
    options.access.password = Some("hunter2".into());
    options.tap = Some(log.clone());
    let error = Connection::open(&options).await.err().unwrap();
    let WireError::Refused { command: "AUTH", error: reply, .. } = &error else { panic!("{error:?}") };
    assert_eq!(reply.code, "ERR");
    assert!(!error.is_lost());
    assert!(!format!("{error} {error:?} {:?}", log.0.borrow()).contains("hunter2"), "{error:?} {:?}", log.0.borrow());
}

#[tokio::test]
async fn no_command_gets_the_late_reply_of_another() {
    let mut options = scripted(&[(PING, "")]).await;
    options.reply_timeout = BRIEF;
    let mut connection = Connection::open(&options).await.unwrap();
    let error = connection.call(&ping()).await.unwrap_err();
    assert!(error.is_timeout() && error.is_lost(), "{error:?}");
    let address = &options.address;
    assert_eq!(error.to_string(), format!("{address} did not reply to PING within 50ms"));
    assert!(connection.is_closed());
    for error in [connection.call(&ping()).await.unwrap_err(), connection.receive().await.unwrap_err()] {
        assert!(matches!(error, WireError::Closed { .. }) && error.is_lost(), "{error:?}");
    }
}

#[tokio::test]
async fn a_dropped_call_closes_the_connection() {
    let options = scripted(&[(PING, ""), (PING, "+late\r\n+PONG\r\n")]).await;
    let mut connection = Connection::open(&options).await.unwrap();
    assert!(tokio::time::timeout(BRIEF, connection.call(&ping())).await.is_err());
    assert!(matches!(connection.call(&ping()).await, Err(WireError::Closed { .. })));
}

#[tokio::test]
async fn a_torn_reply_is_a_closed_connection_and_visible_to_the_tap() {
    let mut options = serve(|mut stream| async move {
        stream.read_exact(&mut [0; PING.len()]).await.unwrap();
        stream.write_all(b"$10\r\nhalf").await.unwrap();
    })
    .await;
    let log = Rc::new(Log::default());
    options.tap = Some(log.clone());
    let mut connection = Connection::open(&options).await.unwrap();
    let error = connection.call(&ping()).await.unwrap_err();
    assert!(matches!(error, WireError::Closed { .. }), "{error:?}");
    drop(connection);
    assert_eq!(log.0.borrow()[2..], ["received $10\r\nhalf", "closed "]);
}

#[tokio::test]
async fn malformed_bytes_close_the_connection() {
    for (answer, limits) in [
        ("HTTP/1.1 400 Bad Request\r\n", FrameLimits::default()),
        (":99999999999999999999\r\n", FrameLimits::default()),
        ("$99999999999\r\n", FrameLimits::default()),
        ("*3\r\n", FrameLimits { elements: 2, ..FrameLimits::default() }),
    ] {
        let mut options = serve(move |mut stream| async move {
            stream.read_exact(&mut [0; PING.len()]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            let _end = stream.read(&mut [0]).await;
        })
        .await;
        options.frame_limits = limits;
        let mut connection = Connection::open(&options).await.unwrap();
        let error = connection.call(&ping()).await.unwrap_err();
        assert!(matches!(error, WireError::Protocol(_)) && !error.is_lost(), "{answer:?}: {error:?}");
        assert!(matches!(connection.call(&ping()).await, Err(WireError::Closed { .. })));
    }
}

#[tokio::test]
async fn pushes_are_kept_and_read_later() {
    const SUBSCRIBE: &str = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n";
    for (protocol, kind) in [(Protocol::Resp2, '*'), (Protocol::Resp3, '>')] {
        let mut options = serve(move |mut stream| async move {
            let message = format!("{kind}3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
            if kind == '>' {
                stream.read_exact(&mut [0; 22]).await.unwrap();
                stream.write_all(b"%0\r\n").await.unwrap();
            }
            stream.read_exact(&mut [0; SUBSCRIBE.len()]).await.unwrap();
            let confirmation = format!("{message}{kind}3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
            stream.write_all(confirmation.as_bytes()).await.unwrap();
            stream.read_exact(&mut [0; PING.len()]).await.unwrap();
            stream.write_all(format!("{message}+PONG\r\n").as_bytes()).await.unwrap();
            stream.read_exact(&mut [0; PING.len()]).await.unwrap();
            stream.write_all(format!("+PONG\r\n{message}").as_bytes()).await.unwrap();
            let _end = stream.read(&mut [0]).await;
        })
        .await;
        options.protocol = protocol;
        let mut connection = Connection::open(&options).await.unwrap();
        let confirmed = connection.call(&command!["SUBSCRIBE", "c"]).await.unwrap();
        assert!(confirmed.to_string().contains("subscribe"), "{confirmed}");
        assert_eq!(connection.call(&ping()).await.unwrap().to_string(), "PONG");
        for _ in 0..2 {
            let message = connection.next_push(AMPLE).await.unwrap().unwrap();
            assert!(message.to_string().contains("message"), "{message}");
        }
        assert_eq!(connection.next_push(BRIEF).await.unwrap(), None);
        assert_eq!(connection.call(&ping()).await.unwrap().to_string(), "PONG");
        let message = connection.next_push(AMPLE).await.unwrap().unwrap();
        assert_eq!(wire::items_of(message.value()).and_then(<[_]>::last).and_then(wire::bytes_of), Some(&b"m"[..]));
        assert_eq!(connection.pushes_dropped(), 0);
    }
}

#[tokio::test]
async fn a_push_in_two_parts_is_read_when_the_second_part_arrives() {
    let (more, go) = tokio::sync::oneshot::channel();
    let options = serve(|mut stream| async move {
        stream.write_all(b">1\r\n$4\r\nab").await.unwrap();
        go.await.unwrap();
        stream.write_all(b"cd\r\n").await.unwrap();
        let _end = stream.read(&mut [0]).await;
    })
    .await;
    let mut connection = Connection::open(&options).await.unwrap();
    assert_eq!(connection.next_push(BRIEF).await.unwrap(), None);
    more.send(()).unwrap();
    assert_eq!(connection.next_push(AMPLE).await.unwrap().unwrap().push_kind().as_deref(), Some("abcd"));
}

#[tokio::test]
async fn raw_bytes_are_sent_unchanged() {
    let options = scripted(&[("PING\r\n", "+PONG\r\n:1\r\n")]).await;
    let mut connection = Connection::open(&options).await.unwrap();
    connection.send_raw(b"PING\r\n").await.unwrap();
    assert_eq!(connection.receive().await.unwrap().to_string(), "PONG");
    assert_eq!(connection.receive_within(AMPLE).await.unwrap().integer(), Some(1));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_a_failed_connect() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
    drop(listener);
    let error = Connection::open(&ConnectOptions::new(address.clone())).await.err().unwrap();
    assert!(matches!(&error, WireError::Connect { address: dialled, .. } if *dialled == address), "{error:?}");
    assert!(error.is_lost() && error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
}

#[test]
fn errors_may_cross_threads() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<WireError>();
}
