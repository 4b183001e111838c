//! Free loopback ports for servers, each with its bus port, that no other run of rct is about to use.

use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::ops::Range;

use crate::bootstrap::plan::BUS_OFFSET;

/// The ports of servers. They and their bus ports lie below the ports that systems give to outgoing connections (from
/// 32768 on Linux, from 49152 elsewhere), and no bus port lies in this range.
const RANGE: Range<u16> = 11_000..21_000;
const _: () =
    assert!(RANGE.end + BUS_OFFSET <= 32_768, "a bus port would be one that Linux gives to outgoing connections");

/// A port that rct keeps for one server, with its bus port, until this is dropped.
///
/// A UDP socket on the same number keeps it. All runs of rct on the machine see that socket, servers do not need it
/// because they use TCP only, and the system closes it however rct ends.
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

/// Why rct could not find free ports.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// The range does not have enough free ports.
    #[error(
        "rct needs {wanted} free ports from {start} to {end}, but found {found}\n\
         end some servers, or ask for fewer nodes",
        start = RANGE.start,
        end = RANGE.end - 1
    )]
    TooFew {
        /// How many ports rct needs.
        wanted: usize,
        /// How many it found.
        found: usize,
    },
    /// The loopback interface cannot be used, or rct has too many open files.
    #[error("cannot open a port of 127.0.0.1: {0}")]
    System(#[from] io::Error),
}

/// Claims free ports, starting at a random place in the range.
///
/// # Errors
///
/// There are not enough free ports, or the system opens none; no port stays claimed.
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

/// Claims one free port.
///
/// # Errors
///
/// There is no free port, or the system opens none.
pub(crate) fn claim_any() -> Result<Port, PortsError> {
    claim(1)?.pop().ok_or(PortsError::TooFew { wanted: 1, found: 0 })
}

fn claim_one(number: u16) -> Result<Option<Port>, PortsError> {
    let claim = match UdpSocket::bind((Ipv4Addr::LOCALHOST, number)) {
        Ok(socket) => socket,
        Err(error) => return is_taken(error).map(|()| None),
    };
    for wanted in [number, number + BUS_OFFSET] {
        // All interfaces, because 127.0.0.1 also reaches a server that listens on all of them.
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
