//! Passwords between nodes: replication, failover and MIGRATE, on servers of the checks' own.

use std::time::Instant;

use wire::{Access, ConnectOptions, Node, Secret, command};

use crate::cluster::{Cluster, FAILOVER_ATTEMPT};
use crate::code::motion::pair::pair;
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::{Outcome, Stop};
use crate::session::Session;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("security/replicas-log-in")
        .title("With a password on all nodes, replication and a failover work, and a wrong password of the replica stops replication")
        .should("replication")
        .covers(&["security.replica-auth"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(replicas_log_in(cluster))),
    check("security/migrate-logs-in")
        .title("MIGRATE to a node with a password fails and keeps the key, unless it has the right credentials")
        .should("MIGRATE")
        .covers(&["security.migrate-auth"])
        .needs(&[Need::FreshNode])
        .body(|cluster| Box::pin(migrate_logs_in(cluster))),
];

/// The password of the nodes.
const PASSWORD: &str = "rct-password";
/// The slot of the key `foo`.
const SLOT: &str = "12182";

/// A new connection that logs in with the password.
async fn log_in(cluster: &Cluster, node: &Node) -> Outcome<Session> {
    let options = cluster.options(node);
    let access = Access { username: None, password: Some(Secret::new(PASSWORD)), ..options.access.clone() };
    let options = ConnectOptions { access, ..options };
    match cluster.open(node, &options).await {
        Ok(session) => Ok(session),
        Err(error) => {
            Err(Stop::mismatch(format!("a connection with the password to {}", node.address), error.to_string()))
        }
    }
}

/// Sets the password that a node requires, and the one with which it logs in to its primary.
async fn set_passwords(session: &mut Session, required: &str, own: &str) -> Outcome {
    session.expect(command!["CONFIG", "SET", "masterauth", own], Expect::Ok).await?;
    session.expect(command!["CONFIG", "SET", "requirepass", required], Expect::Ok).await.map(drop)
}

async fn replicas_log_in(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    // These connections are older than the passwords.
    let mut primary = cluster.session(&pair.source).await?;
    let mut replica = cluster.session(&pair.target).await?;
    set_passwords(&mut primary, PASSWORD, PASSWORD).await?;
    set_passwords(&mut replica, PASSWORD, "wrong").await?;
    replica.expect(command!["CLUSTER", "REPLICATE", pair.source.id], Expect::Ok).await?;
    primary.expect(command!["SET", "foo", "v"], Expect::Ok).await?;
    // A replica tries once a second.
    let refused =
        cluster.throughout(cluster.limits().node_timeout, "a replica with a wrong password gets no data", async || {
            let info = replica.expect(command!["INFO", "replication"], Expect::Kind(Kind::Text)).await?;
            let fields = wire::parse_info(&info.text().unwrap_or_default());
            let status = fields.get("master_link_status").map_or("none", String::as_str);
            ensure!(status != "up", "no master_link_status:up of a replica with a wrong password", "{status}");
            Ok(())
        });
    refused.await?;
    set_passwords(&mut replica, PASSWORD, PASSWORD).await?;
    let mut reader = log_in(cluster, &pair.target).await?;
    reader.expect(command!["READONLY"], Expect::Ok).await?;
    let copied = cluster.until(cluster.limits().restart, "the replica logs in and gets the data", async || {
        reader.expect(command!["GET", "foo"], Expect::text("v")).await
    });
    copied.await?;
    // At the replication offset 0, a manual failover hangs on old servers (redis#8651).
    primary.expect(command!["SET", "foo", "v"], Expect::Ok).await?;
    promote(cluster, &pair.target, &mut replica).await?;
    // The old primary is a replica of the new one, and logs in there.
    let mut writer = log_in(cluster, &pair.target).await?;
    writer.expect(command!["SET", "foo", "w"], Expect::Ok).await?;
    primary.expect(command!["READONLY"], Expect::Ok).await?;
    let followed =
        cluster.until(cluster.limits().restart, "the old primary gets the data of the new one", async || {
            primary.expect(command!["GET", "foo"], Expect::text("w")).await.map(drop)
        });
    followed.await
}

/// Sends CLUSTER FAILOVER to a replica until it is a primary. Each attempt gets the time that servers give it.
async fn promote(cluster: &Cluster, node: &Node, replica: &mut Session) -> Outcome {
    let mut sent: Option<Instant> = None;
    let promoted = cluster.until(cluster.limits().failover, "the replica takes over", async || {
        let role = replica.expect(command!["ROLE"], Expect::Kind(Kind::Array)).await?;
        let role = role.items().and_then(|items| crate::expect::text_of(items.first()?)).unwrap_or_default();
        if role != "master" && sent.is_none_or(|sent| sent.elapsed() >= FAILOVER_ATTEMPT) {
            sent = Some(Instant::now());
            replica.call(command!["CLUSTER", "FAILOVER"]).await?;
        }
        ensure!(role == "master", format!("the role master of {}", node.address), "{role}");
        Ok(())
    });
    promoted.await
}

async fn migrate_logs_in(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[]).await?;
    let (mut source, mut target) = (cluster.session(&pair.source).await?, cluster.session(&pair.target).await?);
    source.expect(command!["SET", "foo", "v"], Expect::Ok).await?;
    target.expect(command!["CLUSTER", "SETSLOT", SLOT, "IMPORTING", pair.source.id], Expect::Ok).await?;
    source.expect(command!["CLUSTER", "SETSLOT", SLOT, "MIGRATING", pair.target.id], Expect::Ok).await?;
    target.expect(command!["CONFIG", "SET", "requirepass", PASSWORD], Expect::Ok).await?;
    let address = &pair.target.address;
    let migrate = || command!["MIGRATE", &address.host, address.port.to_string(), "", "0", "5000"];
    let keys = |command: wire::Command| command.arg("KEYS").arg("foo");
    let wrong = [
        keys(migrate()),
        keys(migrate().arg("AUTH").arg("wrong")),
        keys(migrate().arg("AUTH2").arg("nobody").arg(PASSWORD)),
    ];
    for command in wrong {
        source.expect(command, Expect::error("ERR")).await?;
        source.expect(command!["GET", "foo"], Expect::text("v")).await?;
        target.expect(command!["CLUSTER", "COUNTKEYSINSLOT", SLOT], Expect::Integer(0)).await?;
    }
    source.expect(keys(migrate().arg("AUTH2").arg("default").arg(PASSWORD)), Expect::Ok).await?;
    target.expect(command!["CLUSTER", "COUNTKEYSINSLOT", SLOT], Expect::Integer(1)).await?;
    target.expect_all(&[(command!["ASKING"], Expect::Ok), (command!["GET", "foo"], Expect::text("v"))]).await.map(drop)
}
