//! AUTH comes before everything else, on each connection and each node.

use wire::{Command, command};

use crate::cluster::Cluster;
use crate::code::users::{as_user, without_authentication};
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("security/authentication-comes-first")
        .title("A client that is not authenticated gets NOAUTH to every command, and learns no slots, keys or nodes")
        .must("AUTH")
        .covers(&["security.noauth-first"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(authentication_comes_first(cluster))),
    check("security/replica-asks-for-authentication")
        .title("A replica that requires a password answers NOAUTH to a client that is not authenticated")
        .must("AUTH")
        .covers(&["security.noauth-first"])
        .shape(1, 1)
        .needs(&[Need::SetConfig])
        .body(|cluster| Box::pin(replica_asks_for_authentication(cluster))),
    check("security/users-are-local")
        .title("A user exists only on the node where it was created, and AUTH concerns one connection")
        .must("ACL")
        .covers(&["security.auth-per-node"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .commands(&["ACL"])
        .body(|cluster| Box::pin(users_are_local(cluster))),
    check("security/wrong-credentials-are-refused")
        .title("AUTH and HELLO answer WRONGPASS to wrong credentials, and the connection keeps its user and protocol")
        .must("AUTH")
        .covers(&["security.wrongpass"])
        .needs(&[Need::SetConfig])
        .commands(&["ACL"])
        .in_resp2()
        .body(|cluster| Box::pin(wrong_credentials_are_refused(cluster))),
];

/// Commands without keys that a client may not run before AUTH.
const KEYLESS: [&str; 16] = [
    "PING",
    "ASKING",
    "READONLY",
    "READWRITE",
    "MULTI",
    "DBSIZE",
    "SCAN 0",
    "COMMAND COUNT",
    "INFO",
    "CLUSTER INFO",
    "CLUSTER NODES",
    "CLUSTER SLOTS",
    "CLUSTER MYID",
    "CLUSTER KEYSLOT foo",
    "EVAL 'return 1' 0",
    "HELLO 3",
];

async fn authentication_comes_first(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (own, second) = cluster.two_slots_of(&node)?;
    let remote = cluster.slot_of(&cluster.non_owner(own)?)?;
    let [own, second, remote] = [own, second, remote].map(|slot| cluster.keys().fresh(slot));
    let keyed: [Command; 6] = [
        command!["GET", &own],
        command!["GET", &remote],
        command!["SET", &remote, "v"],
        command!["MGET", &own, &second],
        command!["MGET", &own, &remote],
        command!["EVAL", "return 1", "1", &remote],
    ];
    without_authentication(cluster, &node, async |client| {
        let keyless = KEYLESS.iter().filter_map(|line| Command::parse(line).ok());
        for command in keyed.into_iter().chain(keyless) {
            client.expect(command, Expect::error("NOAUTH")).await?;
        }
        client
            .expect(
                command!["AUTH", "no-such-password"],
                Expect::AnyOf(vec![Expect::error("WRONGPASS"), Expect::error("ERR")]),
            )
            .await?;
        client.expect(command!["GET", &own], Expect::error("NOAUTH")).await.map(drop)
    })
    .await
}

async fn replica_asks_for_authentication(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let replica = cluster.replica_of(&primary)?;
    let key = cluster.keys().fresh(cluster.slot_of(&primary)?);
    without_authentication(cluster, &replica, async |client| {
        for command in [command!["READONLY"], command!["GET", &key], command!["CLUSTER", "SLOTS"], command!["ROLE"]] {
            client.expect(command, Expect::error("NOAUTH")).await?;
        }
        Ok(())
    })
    .await
}

async fn users_are_local(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let name = cluster.keys().plain();
    let others: Vec<_> = cluster.visited().into_iter().filter(|other| other.id != node.id).collect();
    as_user(cluster, &node, &["~*", "+@all"], async |user| {
        user.expect(command!["ACL", "WHOAMI"], Expect::text(&name)).await?;
        // Another connection is not concerned.
        let before = cluster.call(&node, command!["ACL", "WHOAMI"]).await?.text().unwrap_or_default().into_owned();
        crate::ensure!(before != name, format!("another user than {name} on an earlier connection"), "{before}");
        for other in &others {
            let mut session = cluster.session(other).await?;
            session.expect(command!["AUTH", &name, "any"], Expect::error("WRONGPASS")).await?;
            session.expect(command!["ACL", "GETUSER", &name], Expect::Null).await?;
        }
        user.expect(command!["ACL", "WHOAMI"], Expect::text(&name)).await.map(drop)
    })
    .await
}

async fn wrong_credentials_are_refused(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let name = cluster.keys().plain();
    let refused = || Expect::error("WRONGPASS");
    as_user(cluster, &node, &["+@all"], async |user| {
        user.expect(command!["AUTH", format!("{name}-unknown"), "any"], refused()).await?;
        user.expect(command!["ACL", "WHOAMI"], Expect::text(&name)).await?;
        let hello = command!["HELLO", "3", "AUTH", format!("{name}-unknown"), "any"];
        user.expect(hello, refused()).await?;
        // The form of a map shows that the connection still speaks RESP2.
        let reply = user.call(command!["CONFIG", "GET", "port"]).await?;
        crate::ensure!(
            reply.kind() == wire::Kind::Array,
            format!("an array, as in RESP2, in reply to CONFIG GET from {} after a refused HELLO 3", node.address),
            "{reply}"
        );
        for (rules, password) in [(["resetpass", ">right", "on"], "wrong"), (["resetpass", ">right", "off"], "right")] {
            let change = rules.iter().fold(command!["ACL", "SETUSER", &name], Command::arg);
            cluster.expect(&node, change, Expect::Ok).await?;
            let mut session = cluster.session(&node).await?;
            session.expect(command!["AUTH", &name, password], refused()).await?;
            session.expect(command!["GET", cluster.keys().unwritten(cluster.slot_of(&node)?)], Expect::Null).await?;
        }
        Ok(())
    })
    .await
}
