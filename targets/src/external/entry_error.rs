//! Why a cluster given by address cannot be entered.

use suites::{LeftOut, Server};
use wire::{Address, NodeId, WireError};

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
        source: Box<WireError>,
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
    /// A node takes no more clients.
    #[error(
        "{0} takes no more clients: max number of clients reached\nraise its maxclients, or close other connections"
    )]
    TooManyClients(Address),
    /// Another node answers than the one that the cluster names.
    #[error(
        "{at} is another node than the cluster says: its id is {found} instead of {wanted}\n--map says where rct reaches each node"
    )]
    OtherNode {
        /// The address that rct connects to.
        at: Address,
        /// The id that the other nodes know.
        wanted: NodeId,
        /// The id of the node that answers.
        found: NodeId,
    },
    /// A server runs without cluster support.
    #[error(
        "{0} is not a node of a cluster: it runs without cluster support\n\
         start it with cluster-enabled yes, or name another address; only rct load takes such a server"
    )]
    NoCluster(Address),
    /// Several addresses, of which one is a server without cluster support.
    #[error("{0} runs without cluster support, so its address must be the only one; name one address")]
    OneStandalone(Address),
    /// A node gives no map of the slots.
    #[error(
        "{at} does not say which node serves which slot: its reply to CLUSTER NODES is {nodes}, \
         to CLUSTER SLOTS {slots}, and to CLUSTER SHARDS {shards}\n\
         name a node of a cluster, or a user that may run one of the three commands"
    )]
    NoMap {
        /// The node.
        at: Address,
        /// What is wrong with its CLUSTER NODES.
        nodes: String,
        /// What is wrong with its CLUSTER SLOTS.
        slots: String,
        /// What is wrong with its CLUSTER SHARDS.
        shards: String,
    },
    /// The user may run none of the commands that give a map of the slots.
    #[error(
        "the user {user} may not ask {at} which node serves which slot: {said}\n\
         run this on every node: ACL SETUSER {user} +{command}"
    )]
    NoRight {
        /// The node.
        at: Address,
        /// The user.
        user: String,
        /// What the node answers.
        said: String,
        /// The command that is enough, as the rules of users name it.
        command: String,
    },
    /// No node has a slot.
    #[error("the cluster at {0} serves no slot\ncreate it first, for example with redis-cli --cluster create")]
    NoSlots(Address),
    /// The cluster serves nothing, since some slots have no owner.
    #[error(
        "the cluster is down: no node serves {unserved} of the 16384 slots{left_out}\n\
         bring the lost nodes back, or set cluster-require-full-coverage no",
        left_out = named(left_out)
    )]
    Down {
        /// How many slots no node serves.
        unserved: usize,
        /// The nodes that rct leaves out.
        left_out: Vec<LeftOut>,
    },
    /// The servers are older than the rules.
    #[error("rct judges servers from {from} on; this is {server}, so upgrade it or name another cluster")]
    TooOld {
        /// The oldest version that rct judges.
        from: &'static str,
        /// The server.
        server: Server,
    },
    /// No address of the command line leads to a cluster.
    #[error("{}", reasons(.0))]
    NoneAnswers(Vec<EntryError>),
    /// No node is fit for use.
    #[error(
        "every node of the cluster is marked as failed or has no address\nrestart the nodes, or name the address of a node that works"
    )]
    NoUsableNode,
    /// The cluster has more nodes than a shape can hold.
    #[error("the cluster has more nodes than rct can count; name a smaller cluster")]
    TooLarge,
    /// Two nodes announce one address.
    #[error("two nodes of the cluster announce the same address; set cluster-announce-ip and cluster-announce-port")]
    SameAddress,
}

impl EntryError {
    /// Whether the command line asks for something that rct does not do.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::TooOld { .. } | Self::OneStandalone(_))
    }

    /// The server without cluster support that is among the reasons.
    pub(crate) fn standalone_server(&self) -> Option<&Address> {
        match self {
            Self::NoCluster(at) => Some(at),
            Self::NoneAnswers(reasons) => reasons.iter().find_map(Self::standalone_server),
            _ => None,
        }
    }

    /// Whether the name of a node has no address.
    fn is_unresolved(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if matches!(**source, WireError::Unresolved { .. }))
    }

    /// Why a node is left out, without what the user can try.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Unreachable { source, .. } => format!("it does not answer: {source}"),
            Self::Announced { announced, source } if source.is_unresolved() => {
                format!("{}; --map {announced}=ADDRESS says where rct reaches it", source.brief())
            }
            Self::Announced { source, .. } => source.brief(),
            other => other.to_string().lines().next().unwrap_or_default().to_owned(),
        }
    }
}

/// The nodes that are left out, as the continuation of a sentence.
fn named(left_out: &[LeftOut]) -> String {
    let named: Vec<String> =
        left_out.iter().map(|left_out| format!("; {}: {}", left_out.node, left_out.reason)).collect();
    named.concat()
}

/// Returns what the user can try, on a line of its own.
fn hint(error: &WireError, by_tls: bool) -> &'static str {
    match error {
        WireError::Refused { .. } => {
            "\ncheck the password: give it as redis://USER:PASSWORD@HOST:PORT, or in RCT_PASSWORD and RCT_USERNAME"
        }
        WireError::Tls { .. } => {
            "\nname the authority to trust with --tls-ca, and the name in the certificate with --tls-server-name; \
             use redis:// for a server without TLS"
        }
        WireError::Unresolved { .. } => "\ncorrect the name, or give the node's IP address",
        WireError::Connect { .. } => "\nstart a server there, or correct the address",
        WireError::Closed { .. } | WireError::TimedOut { .. } | WireError::Protocol(_) if by_tls => {
            "\nname a Redis or Valkey server that speaks TLS, or use redis:// for a server without TLS"
        }
        WireError::Closed { .. } | WireError::TimedOut { .. } | WireError::Protocol(_) => {
            "\nname a Redis or Valkey server, or use rediss:// for a server with TLS"
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
