//! The messages that subscribers get.

use wire::bytes_of;

use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::outcome::Outcome;
use crate::session::Session;

/// A published message: its kind, such as `smessage`, the channel and the payload.
pub(super) fn message(kind: &str, channel: &str, payload: &str) -> Expect {
    Expect::Message(vec![Expect::text(kind), Expect::text(channel), Expect::text(payload)])
}

/// The start or end of a subscription: its kind, such as `sunsubscribe`, the channel and the number of subscriptions.
pub(super) fn confirmation(kind: &str, channel: &str, count: i64) -> Expect {
    Expect::Message(vec![Expect::text(kind), Expect::text(channel), Expect::Integer(count)])
}

/// Payloads with every kind of byte, and an empty one.
pub(super) fn odd_payloads() -> Vec<Vec<u8>> {
    let fixed: [&[u8]; 5] = [b"", b"\r\n", b"\0", b"*3\r\n$7\r\nmessage\r\n", "ключ".as_bytes()];
    fixed.iter().map(|payload| payload.to_vec()).chain([(0..=255).collect()]).collect()
}

/// Requires that the next message of a subscriber has this kind, channel and payload, byte for byte.
///
/// # Errors
/// As [`Session::expect_push`].
pub(super) async fn arrives(session: &mut Session, kind: &str, channel: &[u8], payload: &[u8]) -> Outcome {
    let expected = Expect::Message(vec![Expect::text(kind), Expect::Kind(Kind::Text), Expect::Kind(Kind::Text)]);
    let push = session.expect_push(expected).await?;
    let items = push.items().unwrap_or_default();
    let last = |count: usize| items.len().checked_sub(count).and_then(|at| items.get(at)).and_then(bytes_of);
    ensure!(
        last(2) == Some(channel) && last(1) == Some(payload),
        format!("a message of {} bytes that begins with {}", payload.len(), shown(payload)),
        "a message of {} bytes that begins with {}",
        last(1).map_or(0, <[u8]>::len),
        shown(last(1).unwrap_or_default())
    );
    Ok(())
}

/// The first bytes of a payload.
fn shown(payload: &[u8]) -> String {
    let first = &payload[..payload.len().min(32)];
    format!("\"{}\"", first.escape_ascii())
}
