//! The suite `multi-db`: several databases in cluster mode, on servers of the checks' own. The suite `connection` has
//! the checks for clusters with one database.

use wire::{Command, Node, command};

use crate::cluster::Cluster;
use crate::code::motion::pair::{alone, pair};
use crate::code_check::{CodeCheck, check};
use crate::ensure;
use crate::expect::{Expect, field_of};
use crate::need::Need;
use crate::outcome::Outcome;
use crate::session::Session;

pub(super) const CHECKS: [&[CodeCheck]; 1] = [&[
    check("multi-db/databases-are-separate")
        .title("With cluster-databases 4, a node has the databases 0 to 3, and each has its own keys")
        .may("numbered-databases")
        .covers(&["multi-db.cluster-databases"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(databases_are_separate(cluster))),
    check("multi-db/redirects-ignore-the-database")
        .title("Redirects and CLUSTER SLOTS are the same in every database")
        .may("numbered-databases")
        .covers(&["multi-db.redirect-before-db", "multi-db.cluster-databases"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(redirects_ignore_the_database(cluster))),
    check("multi-db/slots-are-listed-by-database")
        .title("COUNTKEYSINSLOT and GETKEYSINSLOT are about the selected database, and SLOT-STATS about all")
        .may("numbered-databases")
        .covers(&["multi-db.counts-per-db", "slot-stats.key-count"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(slots_are_listed_by_database(cluster))),
    check("multi-db/move-and-copy-cross-databases")
        .title("MOVE and COPY with DB take a key to another database in the same slot, and refuse a missing database")
        .may("numbered-databases")
        .covers(&["multi-db.move-copy-across"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(move_and_copy_cross_databases(cluster))),
    check("multi-db/replicas-have-every-database")
        .title("A replica has the keys of every database, and READONLY reads follow SELECT")
        .may("numbered-databases")
        .covers(&["multi-db.replication"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(replicas_have_every_database(cluster))),
    check("multi-db/slot-commands-see-every-database")
        .title("FLUSHSLOT empties a slot in every database; RESET and FLUSHSLOTS refuse while any database has keys")
        .may("numbered-databases")
        .covers(&["multi-db.flushslot-reset"])
        .needs(&[Need::FreshNode])
        .commands(&["CLUSTER FLUSHSLOT"])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(slot_commands_see_every_database(cluster))),
    check("multi-db/migrate-moves-one-database")
        .title("MIGRATE moves a key of the selected database into the named one, and the slot keeps its other keys")
        .may("numbered-databases")
        .covers(&["multi-db.migrate-per-db"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.0"])
        .body(|cluster| Box::pin(migrate_moves_one_database(cluster))),
]];

/// The setting of the servers that these checks start, and its value.
const SETTINGS: &[(&str, &str)] = &[("cluster-databases", "4")];
/// The slot of the keys `foo`, `{foo}2` and so on.
const SLOT: &str = "12182";
/// The setting and the number of the first database that does not exist.
const DATABASES: i64 = 4;

fn select(database: i64) -> (Command, Expect) {
    (command!["SELECT", database.to_string()], Expect::Ok)
}

/// Writes the key `foo` into every database; its value is the number of the database.
async fn fill(session: &mut Session) -> Outcome {
    let mut sent = Vec::new();
    for database in 0..DATABASES {
        sent.extend([select(database), (command!["SET", "foo", database.to_string()], Expect::Ok)]);
    }
    session.expect_all(&sent).await.map(drop)
}

async fn databases_are_separate(cluster: &Cluster) -> Outcome {
    let node = alone(cluster, SETTINGS).await?;
    let mut session = cluster.session(&node).await?;
    fill(&mut session).await?;
    let mut sent = Vec::new();
    for database in 0..DATABASES {
        let value = Expect::text(database.to_string());
        sent.extend([select(database), (command!["GET", "foo"], value), (command!["DBSIZE"], Expect::Integer(1))]);
    }
    sent.extend([
        (command!["SELECT", DATABASES.to_string()], Expect::error("ERR")),
        (command!["GET", "foo"], Expect::text("3")),
        select(2),
        (command!["FLUSHDB"], Expect::Ok),
        (command!["GET", "foo"], Expect::Null),
        select(3),
        (command!["GET", "foo"], Expect::text("3")),
        (command!["MULTI"], Expect::Ok),
        (command!["SELECT", "1"], Expect::Queued),
        (command!["GET", "foo"], Expect::Queued),
        (command!["EXEC"], Expect::Items(vec![Expect::Ok, Expect::text("1")])),
        (command!["GET", "foo"], Expect::text("1")),
    ]);
    session.expect_all(&sent).await?;
    // Another connection begins in database 0.
    cluster.session(&node).await?.expect(command!["GET", "foo"], Expect::text("0")).await?;
    Ok(())
}

async fn redirects_ignore_the_database(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, SETTINGS).await?;
    let mut session = cluster.session(&pair.target).await?;
    let slots = command!["CLUSTER", "SLOTS"];
    let first = session.call(&slots).await?;
    let moved = Expect::error(format!("MOVED {SLOT} {}", pair.source.address));
    for database in 0..DATABASES {
        session.expect_all(&[select(database)]).await?;
        session.expect(command!["GET", "foo"], moved.clone()).await?;
        session.expect(command!["SET", "foo", "v"], moved.clone()).await?;
        session.expect(command!["COPY", "foo", "foo", "DB", "1"], moved.clone()).await?;
        session.expect(command!["MOVE", "foo", "1"], moved.clone()).await?;
        let reply = session.call(&slots).await?;
        ensure!(
            reply.bytes() == first.bytes(),
            format!("the reply to CLUSTER SLOTS in database {database} as in database 0, from {}", pair.target.address),
            "{reply}"
        );
    }
    Ok(())
}

async fn slots_are_listed_by_database(cluster: &Cluster) -> Outcome {
    let node = alone(cluster, SETTINGS).await?;
    let mut session = cluster.session(&node).await?;
    session.expect_all(&[select(1), (command!["SET", "foo", "v"], Expect::Ok)]).await?;
    session.expect_all(&[select(2), (command!["MSET", "foo", "v", "{foo}2", "v"], Expect::Ok)]).await?;
    let keys: [&[&str]; 4] = [&[], &["foo"], &["foo", "{foo}2"], &[]];
    for (database, keys) in (0..).zip(keys) {
        let count = i64::try_from(keys.len()).unwrap_or(i64::MAX);
        let mut orders = vec![keys.to_vec(), keys.to_vec()];
        orders[1].reverse();
        let list = |keys: Vec<&str>| Expect::Items(keys.into_iter().map(Expect::text).collect());
        session
            .expect_all(&[
                select(database),
                (command!["CLUSTER", "COUNTKEYSINSLOT", SLOT], Expect::Integer(count)),
                (
                    command!["CLUSTER", "GETKEYSINSLOT", SLOT, "10"],
                    Expect::AnyOf(orders.into_iter().map(list).collect()),
                ),
            ])
            .await?;
    }
    let reply = session.call(command!["CLUSTER", "SLOT-STATS", "SLOTSRANGE", SLOT, SLOT]).await?;
    let metrics = reply.items().and_then(|slots| wire::items_of(slots.first()?)?.get(1));
    let count = metrics.and_then(|metrics| field_of(metrics, "key-count"));
    ensure!(
        matches!(count, Some(wire::Value::Int(3))),
        format!("key-count 3 for slot {SLOT} in CLUSTER SLOT-STATS of {}, over all databases", node.address),
        "{reply}"
    );
    Ok(())
}

async fn move_and_copy_cross_databases(cluster: &Cluster) -> Outcome {
    let node = alone(cluster, SETTINGS).await?;
    let mut session = cluster.session(&node).await?;
    let refused = || Expect::error("ERR");
    let sent = [
        (command!["SET", "foo", "v"], Expect::Ok),
        (command!["COPY", "foo", "foo", "DB", "2"], Expect::Integer(1)),
        (command!["COPY", "foo", "foo", "DB", "2"], Expect::Integer(0)),
        (command!["COPY", "foo", "foo", "DB", "2", "REPLACE"], Expect::Integer(1)),
        (command!["COPY", "foo", "bar", "DB", "2"], Expect::error("CROSSSLOT")),
        (command!["COPY", "foo", "foo", "DB", DATABASES.to_string()], refused()),
        (command!["COPY", "foo", "foo", "DB", "-1"], refused()),
        (command!["MOVE", "foo", "2"], Expect::Integer(0)),
        (command!["MOVE", "foo", DATABASES.to_string()], refused()),
        (command!["MOVE", "foo", "0"], refused()),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["MOVE", "foo", "3"], Expect::Integer(1)),
        (command!["EXISTS", "foo"], Expect::Integer(0)),
        select(3),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["CLUSTER", "COUNTKEYSINSLOT", SLOT], Expect::Integer(1)),
        select(2),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["SWAPDB", "0", "2"], refused()),
        (command!["GET", "foo"], Expect::text("v")),
    ];
    session.expect_all(&sent).await.map(drop)
}

async fn replicas_have_every_database(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, SETTINGS).await?;
    let mut writer = cluster.session(&pair.source).await?;
    fill(&mut writer).await?;
    let replicate = command!["CLUSTER", "REPLICATE", pair.source.id];
    cluster.expect(&pair.target, replicate, Expect::Ok).await?;
    let mut reader = cluster.session(&pair.target).await?;
    reader.expect(command!["READONLY"], Expect::Ok).await?;
    let synchronized =
        cluster.until(cluster.limits().restart, "the replica has the keys of every database", async || {
            has_every_database(&mut reader).await
        });
    synchronized.await?;
    // Writes after the synchronization arrive in their databases too.
    for database in (0..DATABASES).rev() {
        writer.expect_all(&[select(database), (command!["SET", "{foo}2", database.to_string()], Expect::Ok)]).await?;
    }
    let arrived =
        cluster.until(cluster.limits().replicate, "the replica has the later keys in their databases", async || {
            for database in 0..DATABASES {
                let value = Expect::text(database.to_string());
                reader.expect_all(&[select(database), (command!["GET", "{foo}2"], value)]).await?;
            }
            Ok(())
        });
    arrived.await
}

async fn has_every_database(reader: &mut Session) -> Outcome {
    for database in 0..DATABASES {
        let value = Expect::text(database.to_string());
        reader
            .expect_all(&[select(database), (command!["GET", "foo"], value), (command!["DBSIZE"], Expect::Integer(1))])
            .await?;
    }
    Ok(())
}

async fn slot_commands_see_every_database(cluster: &Cluster) -> Outcome {
    let node = alone(cluster, SETTINGS).await?;
    let mut session = cluster.session(&node).await?;
    fill(&mut session).await?;
    let refused = || Expect::error("ERR");
    // The selected database does not matter.
    session.expect_all(&[select(1), (command!["CLUSTER", "FLUSHSLOT", SLOT], Expect::Ok)]).await?;
    are_empty(cluster, &node).await?;
    session.expect_all(&[select(2), (command!["SET", "foo", "v"], Expect::Ok), select(0)]).await?;
    session.expect(command!["CLUSTER", "RESET"], refused()).await?;
    session.expect(command!["CLUSTER", "FLUSHSLOTS"], refused()).await?;
    session.expect_all(&[select(2), (command!["GET", "foo"], Expect::text("v"))]).await?;
    session.expect_all(&[(command!["FLUSHDB"], Expect::Ok), select(0)]).await?;
    session.expect(command!["CLUSTER", "FLUSHSLOTS"], Expect::Ok).await?;
    session.expect(command!["CLUSTER", "RESET"], Expect::Ok).await?;
    Ok(())
}

/// Waits until no database has a key.
async fn are_empty(cluster: &Cluster, node: &Node) -> Outcome {
    let mut session = cluster.session(node).await?;
    let emptied = cluster.until(cluster.limits().reply, "no database has a key", async || {
        for database in 0..DATABASES {
            session.expect_all(&[select(database), (command!["DBSIZE"], Expect::Integer(0))]).await?;
        }
        Ok(())
    });
    emptied.await
}

async fn migrate_moves_one_database(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, SETTINGS).await?;
    cluster
        .session(&pair.target)
        .await?
        .expect(command!["CLUSTER", "SETSLOT", SLOT, "IMPORTING", pair.source.id], Expect::Ok)
        .await?;
    let mut source = cluster.session(&pair.source).await?;
    fill(&mut source).await?;
    let migrating = command!["CLUSTER", "SETSLOT", SLOT, "MIGRATING", pair.target.id];
    let assign = command!["CLUSTER", "SETSLOT", SLOT, "NODE", pair.target.id];
    source.expect(migrating, Expect::Ok).await?;
    let count = || command!["CLUSTER", "COUNTKEYSINSLOT", SLOT];
    for database in 0..DATABASES {
        // The slot is empty only when all databases are.
        source.expect(&assign, Expect::error("ERR")).await?;
        let address = &pair.target.address;
        let migrate = command!["MIGRATE", &address.host, address.port.to_string(), "foo", database.to_string(), "5000"];
        source
            .expect_all(&[
                select(database),
                (count(), Expect::Integer(1)),
                (migrate, Expect::Ok),
                (count(), Expect::Integer(0)),
            ])
            .await?;
    }
    let mut target = cluster.session(&pair.target).await?;
    target.expect(&assign, Expect::Ok).await?;
    source.expect(&assign, Expect::Ok).await?;
    for database in 0..DATABASES {
        let value = Expect::text(database.to_string());
        target.expect_all(&[select(database), (command!["GET", "foo"], value)]).await?;
    }
    Ok(())
}
