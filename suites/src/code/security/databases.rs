//! Access rules for databases, on servers of the checks' own.

use wire::{Command, command};

use crate::cluster::Cluster;
use crate::code::motion::pair::alone;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

pub(super) const CHECKS: &[CodeCheck] = &[
    check("security/databases-have-rules")
        .title("A user with rights to some databases gets NOPERM to SELECT, MOVE and FLUSHALL that concern another one")
        .may("ACL")
        .covers(&["security.acl-dbs"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(databases_have_rules(cluster))),
    check("security/copy-needs-every-database")
        .title("COPY needs the right to each database that it names, whichever DB comes first or last")
        .may("COPY")
        .covers(&["security.acl-dbs-copy"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(copy_needs_every_database(cluster))),
    check("security/flushslot-needs-every-database")
        .title(
            "CLUSTER FLUSHSLOT and MIGRATESLOTS need the right to all databases, because they change the slot in all",
        )
        .may("CLUSTER FLUSHSLOT")
        .covers(&["security.acl-dbs-flushslot", "security.acl-dbs"])
        .needs(&[Need::FreshNode])
        .servers(&["valkey >=9.1"])
        .body(|cluster| Box::pin(flushslot_needs_every_database(cluster))),
];

/// Talks to a server with four databases as a user with rights to the databases 0 and 1.
async fn as_limited_user(cluster: &Cluster, talk: &[(Command, Expect)]) -> Outcome {
    let node = alone(cluster, &[("cluster-databases", "4")]).await?;
    let mut admin = cluster.session(&node).await?;
    let make = command!["ACL", "SETUSER", "limited", "on", "nopass", "~*", "+@all", "resetdbs", "db=0,1"];
    admin.expect(make, Expect::Ok).await?;
    admin.expect(command!["SET", "foo", "v"], Expect::Ok).await?;
    let mut user = cluster.session(&node).await?;
    user.expect(command!["AUTH", "limited", "any"], Expect::Ok).await?;
    user.expect_all(talk).await?;
    // What was refused had no effect.
    for database in ["2", "3"] {
        admin.expect(command!["SELECT", database], Expect::Ok).await?;
        admin.expect(command!["DBSIZE"], Expect::Integer(0)).await?;
    }
    admin.expect(command!["SELECT", "0"], Expect::Ok).await?;
    admin.expect(command!["GET", "foo"], Expect::text("v")).await.map(drop)
}

fn refused() -> Expect {
    Expect::error("NOPERM")
}

async fn databases_have_rules(cluster: &Cluster) -> Outcome {
    let talk = [
        (command!["GET", "foo"], Expect::text("v")),
        (command!["SELECT", "2"], refused()),
        (command!["MOVE", "foo", "3"], refused()),
        (command!["FLUSHALL"], refused()),
        (command!["SELECT", "1"], Expect::Ok),
        (command!["SET", "foo", "one"], Expect::Ok),
        (command!["MULTI"], Expect::Ok),
        (command!["SELECT", "2"], refused()),
        (command!["EXEC"], Expect::error("EXECABORT")),
        (command!["GET", "foo"], Expect::text("one")),
        (command!["FLUSHDB"], Expect::Ok),
    ];
    as_limited_user(cluster, &talk).await
}

async fn copy_needs_every_database(cluster: &Cluster) -> Outcome {
    let copy = |words: &[&str]| words.iter().fold(command!["COPY", "foo", "{foo}2"], Command::arg);
    let talk = [
        (copy(&["DB", "1"]), Expect::Integer(1)),
        (copy(&["DB", "2"]), refused()),
        (copy(&["REPLACE", "DB", "2"]), refused()),
        (copy(&["DB", "1", "DB", "2"]), refused()),
        (copy(&["DB", "1", "REPLACE", "DB", "3"]), refused()),
        (copy(&["DB", "3", "DB", "1"]), refused()),
        (copy(&["REPLACE"]), Expect::Integer(1)),
    ];
    as_limited_user(cluster, &talk).await
}

async fn flushslot_needs_every_database(cluster: &Cluster) -> Outcome {
    let unknown = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca";
    let talk = [
        (command!["CLUSTER", "FLUSHSLOT", "12182"], refused()),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["CLUSTER", "FLUSHSLOT", "12182", "SYNC"], refused()),
        (command!["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "1", "1", "NODE", unknown], refused()),
        (command!["CLUSTER", "COUNTKEYSINSLOT", "12182"], Expect::Integer(1)),
    ];
    as_limited_user(cluster, &talk).await
}
