//! Why a cluster given by address cannot be entered.

use suites::Stop;
use wire::{Address, WireError};

/// The most reasons that one message shows.
const REASONS_MAX: usize = 3;

/// Why rct cannot enter a cluster given by address.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// A node cannot be reached, or breaks the connection.
    #[error("rct cannot enter the cluster at {at}: {source}{hint}", hint = hint(source, *by_tls))]
    Unreachable {
        /// The address that rct connects to.
        at: Address,
        /// Whether rct connects with TLS.
        by_tls: bool,
        /// What is wrong with the connection.
        source: WireError,
    },
    /// A node cannot be reached where it announces itself.
    #[error("{source}\nthe cluster announces this address; --map {announced}=ADDRESS says where rct reaches it")]
    Announced {
        /// The address that the node announces.
        announced: Address,
        /// What is wrong with the connection.
        source: Box<EntryError>,
    },
    /// A node asks for a password.
    #[error(
        "{0} asks for a password\n\
         give it as redis://USER:PASSWORD@{0}, or in RCT_PASSWORD (and the user in RCT_USERNAME)"
    )]
    NoPassword(Address),
    /// A server is not a node of a cluster.
    #[error("{at} is not a node of a cluster: {said}\nstart it with cluster-enabled yes, or name another address")]
    NotANode {
        /// The server.
        at: Address,
        /// Its error reply.
        said: String,
    },
    /// A node's CLUSTER NODES reply has no usable form.
    #[error("{at} is not a node of a cluster: its reply to CLUSTER NODES is {said}")]
    NoView {
        /// The node.
        at: Address,
        /// The reply, or what is wrong with it.
        said: String,
    },
    /// No node has a slot.
    #[error("the cluster at {0} serves no slot\ncreate it first, for example with redis-cli --cluster create")]
    NoSlots(Address),
    /// A node does not say which server it runs.
    #[error("{at} does not say what server it is: its reply to INFO is {said}")]
    UnknownServer {
        /// The node.
        at: Address,
        /// Its reply.
        said: String,
    },
    /// No address of the command line leads to a cluster.
    #[error("{}", reasons(.0))]
    NoneAnswers(Vec<EntryError>),
    /// No node is fit for use.
    #[error("every node of the cluster is marked as failed or has no address")]
    NoUsableNode,
    /// The cluster has more nodes than a shape can hold.
    #[error("the cluster has more nodes than rct can count")]
    TooLarge,
    /// The nodes' views of the cluster differ.
    #[error("the nodes of the cluster do not agree: {0}")]
    Disagreement(Stop),
    /// Two nodes announce one address.
    #[error("two nodes of the cluster announce the same address; set cluster-announce-ip and cluster-announce-port")]
    SameAddress,
}

/// Returns what the user can try, on a line of its own.
fn hint(error: &WireError, by_tls: bool) -> &'static str {
    match error {
        WireError::Refused { .. } => {
            "\nis the password right? give it as redis://USER:PASSWORD@HOST:PORT, or in RCT_PASSWORD and RCT_USERNAME"
        }
        WireError::Tls { .. } => {
            "\ndoes it speak TLS? --tls-ca names the authority to trust, --tls-server-name the name in its certificate"
        }
        WireError::Connect { .. } => "\ndoes a server run there?",
        WireError::Closed { .. } | WireError::TimedOut { .. } | WireError::Protocol(_) if by_tls => {
            "\nis it a Redis server, and does it speak TLS? use redis:// for a server without TLS"
        }
        WireError::Closed { .. } | WireError::TimedOut { .. } | WireError::Protocol(_) => {
            "\nis it a Redis server? use rediss:// for a server with TLS"
        }
        _ => "",
    }
}

fn reasons(errors: &[EntryError]) -> String {
    let shown: Vec<String> = errors.iter().take(REASONS_MAX).map(ToString::to_string).collect();
    let more = errors.len().saturating_sub(REASONS_MAX);
    let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
    shown.join("\n") + &more
}
