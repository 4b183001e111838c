//! The messages that subscribers get, as expectations.

use crate::expect::Expect;

/// A published message: its kind, such as `smessage`, the channel and the payload.
pub(super) fn message(kind: &str, channel: &str, payload: &str) -> Expect {
    Expect::Message(vec![Expect::text(kind), Expect::text(channel), Expect::text(payload)])
}

/// The start or end of a subscription: its kind, such as `sunsubscribe`, the channel and the number of subscriptions.
pub(super) fn confirmation(kind: &str, channel: &str, count: i64) -> Expect {
    Expect::Message(vec![Expect::text(kind), Expect::text(channel), Expect::Integer(count)])
}
