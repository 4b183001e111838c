//! Access rules for commands, keys and channels, and what they hide in a cluster.

use wire::{Command, command};

use crate::cluster::Cluster;
use crate::code::users::as_user;
use crate::code_check::{CodeCheck, check};
use crate::expect::{Expect, Kind};
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("security/subcommands-have-rules")
        .title("A rule about one subcommand of CLUSTER is enforced with NOPERM, and does not concern the others")
        .must("ACL")
        .covers(&["security.acl-subcommands"])
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(subcommands_have_rules(cluster))),
    check("security/few-rights-suffice-for-clients")
        .title("A user with data commands, CLUSTER SLOTS, CLUSTER MYID, ASKING, READONLY and READWRITE can use the cluster")
        .should("ACL")
        .covers(&["security.acl-client-minimum", "security.acl-keys-before-moved"])
        .shape(2, 1)
        .needs(&[Need::SetConfig])
        .commands(&["ACL"])
        .body(|cluster| Box::pin(few_rights_suffice_for_clients(cluster))),
    check("security/changes-are-for-administrators")
        .title("A user without @admin may read the topology, and may not run a CLUSTER command that changes it")
        .should("ACL")
        .covers(&["security.acl-admin-category"])
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .commands(&["ACL DRYRUN"])
        .body(|cluster| Box::pin(changes_are_for_administrators(cluster))),
    check("security/channels-have-patterns")
        .title("A user may subscribe and publish only to channels of the user's patterns, shard channels included")
        .should("ACL")
        .covers(&["security.acl-channels"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .commands(&["SPUBLISH"])
        .in_resp2()
        .body(|cluster| Box::pin(channels_have_patterns(cluster))),
    check("security/read-and-write-patterns")
        .title("A key that a user may only read, or only write, gets NOPERM to the other, before MOVED and CROSSSLOT")
        .must("ACL")
        .covers(&["security.acl-keys-before-moved"])
        .shape(2, 0)
        .needs(&[Need::SetConfig])
        .servers(&["redis >=7.0", "valkey"])
        .body(|cluster| Box::pin(read_and_write_patterns(cluster))),
];

fn refused() -> Expect {
    Expect::error("NOPERM")
}

async fn subcommands_have_rules(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    as_user(cluster, &node, &["+@all", "-cluster", "+cluster|slots", "+cluster|keyslot"], async |user| {
        user.expect(command!["CLUSTER", "SLOTS"], Expect::Kind(Kind::Array)).await?;
        user.expect(command!["CLUSTER", "KEYSLOT", "foo"], Expect::Integer(12_182)).await?;
        user.expect(command!["cluster", "keySlot", "foo"], Expect::Integer(12_182)).await?;
        for name in ["NODES", "INFO", "MYID", "SHARDS", "BUMPEPOCH"] {
            user.expect(command!["CLUSTER", name], refused()).await?;
        }
        user.expect(command!["cluster", "nodes"], refused()).await.map(drop)
    })
    .await?;
    as_user(cluster, &node, &["+@all", "-cluster|nodes"], async |user| {
        user.expect(command!["CLUSTER", "NODES"], refused()).await?;
        user.expect(command!["CLUSTER", "INFO"], Expect::Kind(Kind::Text)).await?;
        user.expect(command!["CLUSTER", "MYID"], Expect::Kind(Kind::Text)).await?;
        user.expect(command!["MULTI"], Expect::Ok).await?;
        user.expect(command!["CLUSTER", "NODES"], refused()).await?;
        user.expect(command!["EXEC"], Expect::error("EXECABORT")).await.map(drop)
    })
    .await
}

async fn few_rights_suffice_for_clients(cluster: &Cluster) -> Outcome {
    let primary = cluster.some_primary()?;
    let slot = cluster.slot_of(&primary)?;
    let (replica, other) = (cluster.replica_of(&primary)?, cluster.non_owner(slot)?);
    let key = cluster.keys().fresh(slot);
    let pattern = format!("~{}*", cluster.keys().run_prefix());
    let rules = [
        &pattern,
        "-@all",
        "+get",
        "+set",
        "+del",
        "+ping",
        "+hello",
        "+auth",
        "+asking",
        "+readonly",
        "+readwrite",
        "+cluster|slots",
        "+cluster|myid",
    ];
    let moved = || Expect::moved(slot, &primary);
    as_user(cluster, &primary, &rules, async |user| {
        for (command, expect) in [
            (command!["CLUSTER", "SLOTS"], Expect::Kind(Kind::Array)),
            (command!["CLUSTER", "MYID"], Expect::text(primary.id.to_string())),
            (command!["HELLO", "3"], Expect::NoError),
            (command!["HELLO", "2"], Expect::NoError),
            (command!["SET", &key, "v"], Expect::Ok),
            (command!["ASKING"], Expect::Ok),
            (command!["GET", &key], Expect::text("v")),
            (command!["DEL", &key], Expect::Integer(1)),
            (command!["CLUSTER", "NODES"], refused()),
            (command!["KEYS", "*"], refused()),
        ] {
            user.expect(command, expect).await?;
        }
        Ok(())
    })
    .await?;
    as_user(cluster, &other, &rules, async |user| {
        user.expect(command!["SET", &key, "v"], moved()).await?;
        user.expect(command!["GET", "outside"], refused()).await.map(drop)
    })
    .await?;
    as_user(cluster, &replica, &rules, async |user| {
        user.expect(command!["GET", &key], moved()).await?;
        user.expect(command!["READONLY"], Expect::Ok).await?;
        user.expect(command!["GET", &key], Expect::Null).await?;
        user.expect(command!["GET", "outside"], refused()).await?;
        user.expect(command!["READWRITE"], Expect::Ok).await?;
        user.expect(command!["GET", &key], moved()).await.map(drop)
    })
    .await
}

/// CLUSTER commands that only read.
const READS: [&str; 7] = ["INFO", "NODES", "SLOTS", "SHARDS", "MYID", "KEYSLOT foo", "COUNTKEYSINSLOT 1"];
/// CLUSTER commands that change the node or the cluster.
const CHANGES: [&str; 13] = [
    "RESET",
    "FAILOVER",
    "FLUSHSLOTS",
    "SAVECONFIG",
    "BUMPEPOCH",
    "ADDSLOTS 1",
    "ADDSLOTSRANGE 1 2",
    "DELSLOTS 1",
    "SETSLOT 1 STABLE",
    "SET-CONFIG-EPOCH 1",
    "MEET 127.0.0.1 1",
    "FORGET e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca",
    "REPLICATE e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca",
];

/// ACL DRYRUN says what a user may do, and does nothing.
async fn changes_are_for_administrators(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let name = cluster.keys().plain();
    as_user(cluster, &node, &["~*", "+@all", "-@admin"], async |user| {
        for line in READS {
            let command =
                Command::parse(format!("CLUSTER {line}")).map_err(|error| crate::Stop::broken(error.to_string()))?;
            user.expect(command, Expect::NoError).await?;
        }
        for line in CHANGES {
            let dry = Command::parse(format!("ACL DRYRUN {name} CLUSTER {line}"));
            let reply = cluster.call(&node, dry.map_err(|error| crate::Stop::broken(error.to_string()))?).await?;
            // The reply is OK, or a text or an error that says what the user may not do.
            crate::ensure!(!reply.is_ok(), format!("no right to CLUSTER {line} on {}", node.address), "{reply}");
        }
        Ok(())
    })
    .await
}

async fn channels_have_patterns(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let slot = cluster.slot_of(&node)?;
    let foreign = cluster.slot_of(&cluster.non_owner(slot)?)?;
    let [own, hidden, remote] =
        [("own", slot), ("hidden", slot), ("hidden", foreign)].map(|(name, slot)| cluster.keys().named(slot, name));
    let pattern = format!("&{own}*");
    as_user(cluster, &node, &["~*", "resetchannels", &pattern, "+@all"], async |user| {
        for (command, expect) in [
            (command!["PUBLISH", &own, "m"], Expect::Kind(Kind::Integer)),
            (command!["PUBLISH", &hidden, "m"], refused()),
            (command!["SPUBLISH", &own, "m"], Expect::Kind(Kind::Integer)),
            (command!["SPUBLISH", &hidden, "m"], refused()),
            (command!["SPUBLISH", &remote, "m"], refused()),
            (command!["SSUBSCRIBE", &hidden], refused()),
            (command!["SSUBSCRIBE", &own, &hidden], refused()),
            (command!["SUBSCRIBE", &hidden], refused()),
            // A pattern must be one of the user's, not only match one.
            (command!["PSUBSCRIBE", format!("{own}1*")], refused()),
            (command!["PSUBSCRIBE", format!("{own}*")], Expect::Length(3)),
        ] {
            user.expect(command, expect).await?;
        }
        Ok(())
    })
    .await
}

async fn read_and_write_patterns(cluster: &Cluster) -> Outcome {
    let node = cluster.some_primary()?;
    let (slot, second) = cluster.two_slots_of(&node)?;
    let owner = cluster.non_owner(slot)?;
    let foreign = cluster.slot_of(&owner)?;
    let name = |name: &str, slot| cluster.keys().named(slot, name);
    let (read, write) = (name("read", slot), name("write", slot));
    let (remote_read, remote_write) = (name("read", foreign), name("write", foreign));
    let far = name("neither", second);
    let rules = [
        "+@all",
        &format!("%R~{read}*"),
        &format!("%W~{write}*"),
        &format!("%R~{remote_read}*"),
        &format!("%W~{remote_write}*"),
    ];
    let moved = || Expect::moved(foreign, &owner);
    as_user(cluster, &node, &rules, async |user| {
        for (command, expect) in [
            (command!["GET", &read], Expect::Null),
            (command!["SET", &read, "v"], refused()),
            (command!["SET", &write, "v"], Expect::Ok),
            (command!["GET", &write], refused()),
            (command!["APPEND", &write, "x"], Expect::Integer(2)),
            (command!["SET", &write, "v", "GET"], refused()),
            (command!["GETSET", &write, "v"], refused()),
            (command!["GET", &remote_read], moved()),
            (command!["SET", &remote_read, "v"], refused()),
            (command!["SET", &remote_write, "v"], moved()),
            (command!["GET", &remote_write], refused()),
            (command!["COPY", &read, &write], Expect::Integer(0)),
            (command!["COPY", &write, &read], refused()),
            // NOPERM also hides that two keys are in two slots.
            (command!["MGET", &read, &far], refused()),
            (command!["MGET", &read, &remote_write], refused()),
        ] {
            user.expect(command, expect).await?;
        }
        Ok(())
    })
    .await
}
