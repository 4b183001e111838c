//! The suite `tls`: clusters of servers that speak TLS, with and without ports for other clients besides.
//!
//! `client` is a client of such a cluster, with the ports that it must get.

use crate::code_check::CodeCheck;

mod alone;
mod client;
mod ports;
mod traffic;

pub(super) const CHECKS: [&[CodeCheck]; 3] = [ports::CHECKS, alone::CHECKS, traffic::CHECKS];
