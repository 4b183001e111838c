//! Commands that move keys between databases, while their slot is open.

use wire::command;

use crate::cluster::Cluster;
use crate::code::motion::pair::pair;
use crate::code_check::{CodeCheck, check};
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::Outcome;

/// The checks of this file.
pub(super) const CHECKS: &[CodeCheck] = &[check("ask/keys-stay-in-their-database")
    .title("MOVE, and COPY to another database, get TRYAGAIN while the slot is open")
    .may("numbered-databases")
    .covers(&["ask.cross-db-move-copy"])
    .needs(&[Need::FreshNode])
    .servers(&["valkey >=9.0"])
    .body(|cluster| Box::pin(keys_stay_in_their_database(cluster)))];

async fn keys_stay_in_their_database(cluster: &Cluster) -> Outcome {
    let pair = pair(cluster, &[("cluster-databases", "4")]).await?;
    let mut session = cluster.session(&pair.source).await?;
    let migrating = command!["CLUSTER", "SETSLOT", "12182", "MIGRATING", pair.target.id];
    session.expect(&migrating, Expect::Ok).await?;
    for (command, expect) in [
        (command!["SET", "foo", "v"], Expect::error("ASK 12182")),
        (command!["CLUSTER", "SETSLOT", "12182", "STABLE"], Expect::Ok),
        (command!["SET", "foo", "v"], Expect::Ok),
        (command!["COPY", "foo", "foo", "DB", "1"], Expect::Integer(1)),
        (migrating, Expect::Ok),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["COPY", "foo", "foo", "DB", "2"], Expect::error("TRYAGAIN")),
        (command!["MOVE", "foo", "3"], Expect::error("TRYAGAIN")),
        (command!["COPY", "foo", "{foo}2", "DB", "2"], Expect::error("TRYAGAIN")),
        (command!["SELECT", "2"], Expect::Ok),
        (command!["EXISTS", "foo"], Expect::error("ASK 12182")),
        (command!["SELECT", "0"], Expect::Ok),
        (command!["GET", "foo"], Expect::text("v")),
        (command!["CLUSTER", "SETSLOT", "12182", "STABLE"], Expect::Ok),
        (command!["COPY", "foo", "foo", "DB", "2"], Expect::Integer(1)),
        (command!["MOVE", "foo", "3"], Expect::Integer(1)),
        (command!["EXISTS", "foo"], Expect::Integer(0)),
    ] {
        session.expect(command, expect).await?;
    }
    Ok(())
}
