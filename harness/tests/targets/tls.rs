//! The target `local` with TLS: which ports its servers have, whom they serve, and what is left of their files.

use std::net::TcpListener;

use defects::Mode;
use suites::{Shape, TlsPorts};
use targets::{BringUp, Lease, LocalOptions, LocalTarget, Target, TargetError};
use wire::{Address, ConnectOptions, Connection, TlsSettings, WireError, command};

use crate::common::{RCT, local, run};
use crate::servers::server;

/// No system gives a port below this one to an outgoing connection.
const PORTS_END: u16 = 32_768;

async fn try_open(release: &str, tls: Option<TlsPorts>, proxy: Option<Mode>) -> Result<LocalTarget, TargetError> {
    let (server, rct) = (Some(server(release)), Some(RCT.into()));
    LocalTarget::open(LocalOptions { server, rct, tls, proxy, ..LocalOptions::default() }).await
}

async fn opened(release: &str, tls: Option<TlsPorts>, proxy: Option<Mode>) -> LocalTarget {
    try_open(release, tls, proxy).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn up(target: &LocalTarget, tls: Option<TlsPorts>) -> Lease {
    let request = BringUp { shape: Shape::new(3, 1), tls, ..BringUp::default() };
    target.bring_up(&request).await.unwrap_or_else(|error| panic!("{error}"))
}

/// The reply to PING at a port of this machine.
async fn ping(port: u16, tls: Option<&TlsSettings>) -> Result<String, WireError> {
    let mut options = ConnectOptions::new(Address::new("127.0.0.1", port));
    options.access.tls = tls.map(TlsSettings::load).transpose()?;
    Ok(Connection::open(&options).await?.call(&command!["PING"]).await?.to_string())
}

async fn setting(lease: &Lease, node: &wire::Node, name: &str) -> String {
    let mut connection = Connection::open(&lease.live.options(&node.address)).await.unwrap();
    let reply = connection.call(&command!["CONFIG", "GET", name]).await.unwrap();
    let value = reply.items().and_then(|items| items.get(1)).and_then(wire::bytes_of).unwrap();
    String::from_utf8(value.to_vec()).unwrap()
}

/// Requires of a node what the choice of ports says, and that it serves nobody without a certificate.
async fn node_is_as_asked(lease: &Lease, node: &wire::Node, ports: TlsPorts) {
    let (live, port) = (&lease.live, node.address.port);
    let ours = live.access.tls.as_ref().unwrap().settings().clone();
    assert_eq!(ping(port, Some(&ours)).await.unwrap(), "PONG");
    let nameless = TlsSettings { certificate_file: None, key_file: None, ..ours.clone() };
    let refused = ping(port, Some(&nameless)).await.unwrap_err();
    assert!(matches!(refused, WireError::Tls { .. }), "{refused}");
    assert!(ping(port, None).await.is_err(), "it speaks without TLS at its TLS port");
    let plain = live.control.plain_port(&node.address);
    assert_eq!(plain.is_some(), ports == TlsPorts::Both);
    if let Some(plain) = plain {
        assert!(plain < PORTS_END && ping(plain, None).await.unwrap() == "PONG");
    }
    for yes in ["tls-cluster", "tls-replication", "tls-auth-clients"] {
        assert_eq!(setting(lease, node, yes).await, "yes", "{yes}");
    }
    let bus = node.bus_port.unwrap();
    assert!(port < PORTS_END && bus < PORTS_END && TcpListener::bind(("127.0.0.1", bus)).is_err(), "{bus} is free");
}

#[test]
fn clusters_with_tls_have_the_ports_that_were_asked_for() {
    run(async {
        let target = opened("redis-7.0", None, None).await;
        for ports in [TlsPorts::Both, TlsPorts::Only] {
            let lease = up(&target, Some(ports)).await;
            assert_eq!(lease.live.control.tls_ports(), Some(ports));
            let agreed = lease.live.agreed_view().await.unwrap();
            assert_eq!(agreed.signature(), lease.live.topology().signature());
            for node in &lease.live.topology().nodes {
                node_is_as_asked(&lease, node, ports).await;
            }
            lease.shut_down().await;
        }
        let without = up(&target, None).await;
        assert_eq!(without.live.control.tls_ports(), None);
        assert!(without.live.access.tls.is_none());
        let files = target.folder().join("tls");
        assert!(files.join("client.key").exists());
        drop((without, target));
        assert!(!files.exists());
    });
}

#[test]
fn a_proxy_before_servers_with_tls_serves_the_same_clients() {
    run(async {
        let target = opened("redis-7.0", Some(TlsPorts::Both), Some(Mode::PassThrough)).await;
        let lease = up(&target, None).await;
        for node in &lease.live.topology().nodes {
            node_is_as_asked(&lease, node, TlsPorts::Both).await;
        }
        lease.shut_down().await;
    });
}

#[test]
fn a_server_without_tls_is_named_as_such() {
    run(async {
        let error = try_open("redis-6.2", Some(TlsPorts::Only), None).await.err().unwrap();
        assert!(!error.is_usage() && error.to_string().contains("was built without TLS"), "{error}");
        assert_eq!(local(server("redis-6.2")).await.without_tls().await, Some("this server was built without TLS"));
        assert_eq!(local(server("redis-7.0")).await.without_tls().await, None);
    });
}
