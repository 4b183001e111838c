//! Free loopback ports for servers: each with its bus port, and none that another run of rct is about to use.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

use crate::bootstrap::error::BringUpError;
use crate::bootstrap::plan::BUS_OFFSET;

/// Below what systems hand out to outgoing connections (from 32768 on Linux, from 49152 elsewhere), as are the bus
/// ports of this range, which do not meet it.
const RANGE: Range<u16> = 11_000..21_000;
const _: () = assert!(RANGE.end + BUS_OFFSET <= 32_768, "a bus port may lie where Linux hands out ports");

/// A port that is kept for one server, with its bus port, until this is dropped.
///
/// What keeps it is a UDP socket on the same number. Servers use TCP only, so it is in nobody's way, all runs of rct on
/// the machine see it, and it goes away with the process however that ends.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _claim: UdpSocket,
}

impl Port {
    /// The port's number.
    #[must_use]
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// Why no ports could be found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PortsError {
    /// Every port of the range is taken.
    #[error("find {wanted} free ports between {start} and {end}: there are {found}", start = RANGE.start, end = RANGE.end - 1)]
    TooFew {
        /// How many were asked for.
        wanted: usize,
        /// How many were found.
        found: usize,
    },
    /// The loopback interface is not usable, or there are too many open files.
    #[error("claim a port of 127.0.0.1: {0}")]
    System(#[from] io::Error),
}

impl From<PortsError> for BringUpError {
    fn from(error: PortsError) -> Self {
        Self::Machine(format!("failed to {error}"))
    }
}

/// Claims so many ports, from a random place in the range on.
///
/// # Errors
///
/// [`PortsError`]; what was claimed by then is free again.
pub(crate) fn claim(count: usize) -> Result<Vec<Port>, PortsError> {
    let start = rand::random_range(RANGE);
    let mut ports = Vec::with_capacity(count);
    for number in (start..RANGE.end).chain(RANGE.start..start) {
        if ports.len() == count {
            break;
        }
        ports.extend(claim_one(number)?);
    }
    match ports.len() {
        found if found < count => Err(PortsError::TooFew { wanted: count, found }),
        _ => Ok(ports),
    }
}

/// Claims one port.
///
/// # Errors
///
/// [`PortsError`].
pub(crate) fn claim_any() -> Result<Port, PortsError> {
    claim(1)?.pop().ok_or(PortsError::TooFew { wanted: 1, found: 0 })
}

fn claim_one(number: u16) -> Result<Option<Port>, PortsError> {
    let claim = match UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) {
        Ok(socket) => socket,
        Err(error) => return is_taken(error).map(|()| None),
    };
    for wanted in [number, number + BUS_OFFSET] {
        // On all interfaces: a server that listens on any of them would be met under 127.0.0.1, too.
        if let Err(error) = TcpListener::bind((Ipv4Addr::UNSPECIFIED, wanted)) {
            return is_taken(error).map(|()| None);
        }
    }
    Ok(Some(Port { number, _claim: claim }))
}

fn is_taken(error: io::Error) -> Result<(), PortsError> {
    match error.kind() {
        io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Ok(()),
        _ => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_port_is_claimed_twice() {
        let claimed: Vec<Port> = (0..4).flat_map(|_| claim(50).unwrap()).collect();
        let numbers: HashSet<u16> = claimed.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), 200);
        assert!(numbers.iter().all(|number| RANGE.contains(number)));
    }

    #[test]
    fn a_port_in_use_is_left_alone() {
        let port = claim(1).unwrap().remove(0);
        let number = port.number();
        assert!(claim_one(number).unwrap().is_none(), "claimed by another");
        drop(port);
        let bus = TcpListener::bind((Ipv4Addr::LOCALHOST, number + BUS_OFFSET)).unwrap();
        assert!(claim_one(number).unwrap().is_none(), "its bus port is in use");
        drop(bus);
        assert!(claim_one(number).unwrap().is_some());
    }

    #[test]
    fn asking_for_more_than_there_are_is_an_error() {
        let wanted = RANGE.len() + 1;
        // Either the range or the limit on open files ends first.
        assert!(claim(wanted).is_err());
    }
}
