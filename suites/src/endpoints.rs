//! The kind of endpoint by which nodes name each other to clients (`cluster-preferred-endpoint-type`, since 7.0).

use wire::{Address, Node, SlotsEntry};

/// How redirects and CLUSTER SLOTS name a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Endpoints {
    /// By the IP address that the node announces.
    #[default]
    Ip,
    /// By the host name that the node announces.
    Hostname,
    /// By the port alone; clients keep the host to which they are connected.
    Unknown,
}

impl Endpoints {
    /// The kind with this name in the settings of the server.
    #[must_use]
    pub fn of_setting(value: &str) -> Option<Self> {
        match value {
            "ip" => Some(Self::Ip),
            "hostname" => Some(Self::Hostname),
            "unknown-endpoint" => Some(Self::Unknown),
            _ => None,
        }
    }

    /// The kind that a reply of CLUSTER SLOTS shows, for servers whose setting cannot be read.
    #[must_use]
    pub fn of_slots(entries: &[SlotsEntry], nodes: &[Node]) -> Option<Self> {
        let listed = entries.iter().flat_map(|entry| &entry.nodes);
        listed
            .filter_map(|listed| {
                let node = nodes.iter().find(|node| Some(node.id) == listed.id)?;
                match listed.endpoint.as_deref() {
                    None | Some("") => Some(Self::Unknown),
                    Some(host) if host == node.address.host => Some(Self::Ip),
                    Some(host) if host == NO_HOSTNAME || Some(host) == node.hostname.as_deref() => Some(Self::Hostname),
                    Some(_) => None,
                }
            })
            .next()
    }

    /// The endpoint in a redirect to a node.
    #[must_use]
    pub fn endpoint(self, node: &Node) -> Address {
        let host = match self {
            Self::Ip => &node.address.host,
            Self::Hostname => node.hostname.as_deref().unwrap_or(NO_HOSTNAME),
            Self::Unknown => "",
        };
        Address::new(host, node.address.port)
    }
}

/// What servers send as the host name of a node that announces none.
const NO_HOSTNAME: &str = "?";

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 10.0.0.1:7000@17000,one.example myself,master - 0 0 1 connected 0-16383\n\
                         67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 10.0.0.2:7001@17001 slave e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca 0 0 1 connected\n";

    #[test]
    fn each_kind_names_a_node_in_its_way() {
        let nodes = wire::parse_nodes(NODES).unwrap().nodes;
        for (setting, named) in [
            ("ip", ["10.0.0.1:7000", "10.0.0.2:7001"]),
            ("hostname", ["one.example:7000", "?:7001"]),
            ("unknown-endpoint", [":7000", ":7001"]),
        ] {
            let kind = Endpoints::of_setting(setting).unwrap();
            assert_eq!([0, 1].map(|node| kind.endpoint(&nodes[node]).to_string()), named, "{setting}");
        }
        assert_eq!(Endpoints::of_setting("other"), None);
    }

    #[test]
    fn a_reply_of_cluster_slots_shows_the_kind() {
        let nodes = wire::parse_nodes(NODES).unwrap().nodes;
        for (endpoint, kind) in [
            ("$8\r\n10.0.0.1", Some(Endpoints::Ip)),
            ("$11\r\none.example", Some(Endpoints::Hostname)),
            ("$1\r\n?", Some(Endpoints::Hostname)),
            ("$-1", Some(Endpoints::Unknown)),
            ("$8\r\n10.9.9.9", None),
        ] {
            let reply = format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n{endpoint}\r\n:7000\r\n$40\r\n{}\r\n", nodes[0].id);
            let reply = wire::Reply::parse(reply.into_bytes()).unwrap();
            let entries = wire::parse_slots(reply.value()).unwrap();
            assert_eq!(Endpoints::of_slots(&entries, &nodes), kind, "{endpoint:?}");
        }
    }
}
