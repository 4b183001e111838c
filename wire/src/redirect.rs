//! The errors by which a cluster sends a client elsewhere or asks it to wait, as a type.

use crate::address::Address;
use crate::reply::ErrorReply;
use crate::slot::Slot;

/// What a cluster's error asks of a client (cluster specification, "Redirection and resharding").
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Redirect {
    /// The slot is served elsewhere from now on.
    Moved {
        /// The slot.
        slot: Slot,
        /// Who serves it.
        address: Endpoint,
    },
    /// This one command is to be sent elsewhere, after ASKING.
    Ask {
        /// The slot.
        slot: Slot,
        /// Who imports it.
        address: Endpoint,
    },
    /// The same command may succeed here later.
    TryAgain,
    /// The keys are of several slots; trying again is of no use.
    CrossSlot,
    /// The cluster does not serve this now.
    ClusterDown,
}

/// Where MOVED or ASK points: a host that may be empty or `?`, which both mean the host that was dialled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The host as sent.
    pub host: String,
    /// The port, 1 to 65535.
    pub port: u16,
}

impl Endpoint {
    /// The address to go to, for a client that dialled the sender as `dialled_host`.
    #[must_use]
    pub fn address(&self, dialled_host: &str) -> Address {
        let host = if matches!(self.host.as_str(), "" | "?") { dialled_host } else { &self.host };
        Address::new(host, self.port)
    }
}

/// A MOVED or ASK that does not have the form `MOVED slot host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a redirect from {text:?}: {fault}")]
pub struct RedirectError {
    /// The error as the server sent it.
    pub text: String,
    /// What is wrong with it.
    pub fault: RedirectFault,
}

/// What is wrong with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectFault {
    /// There are not three fields, one space between each.
    #[error("expected three fields, the code, a slot and host:port")]
    Fields,
    /// The slot is no number from 0 to 16383.
    #[error("expected a slot from 0 to 16383")]
    Slot,
    /// The address is not `host:port` with a port from 1 to 65535.
    #[error("expected host:port with a port from 1 to 65535")]
    Address,
}

impl Redirect {
    /// Reads an error; `None` if it is not one of the cluster's.
    #[must_use]
    pub fn parse(error: &ErrorReply) -> Option<Result<Self, RedirectError>> {
        let fail = |fault| RedirectError { text: error.text.clone(), fault };
        Some(match error.code.as_str() {
            "MOVED" => target(&error.text).map(|(slot, address)| Self::Moved { slot, address }).map_err(fail),
            "ASK" => target(&error.text).map(|(slot, address)| Self::Ask { slot, address }).map_err(fail),
            "TRYAGAIN" => Ok(Self::TryAgain),
            "CROSSSLOT" => Ok(Self::CrossSlot),
            "CLUSTERDOWN" => Ok(Self::ClusterDown),
            _ => return None,
        })
    }
}

fn target(text: &str) -> Result<(Slot, Endpoint), RedirectFault> {
    let fields: Vec<&str> = text.split(' ').collect();
    let [_, slot, address] = fields[..] else { return Err(RedirectFault::Fields) };
    if !slot.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RedirectFault::Slot);
    }
    let slot = slot.parse().map_err(|_| RedirectFault::Slot)?;
    let Address { host, port } = address.parse().map_err(|_| RedirectFault::Address)?;
    if port == 0 {
        return Err(RedirectFault::Address);
    }
    Ok((slot, Endpoint { host, port }))
}
