//! Mistakes in the arguments of CLUSTERSCAN.

use wire::{Command, Slot, command};

use super::walk::{owner, step};
use crate::cluster::Cluster;
use crate::code_check::{CodeCheck, check};
use crate::control::Spare;
use crate::expect::Expect;
use crate::need::Need;
use crate::outcome::{Outcome, Stop};

pub(super) const CHECKS: &[CodeCheck] = &[
    check("clusterscan/refuses-mistakes")
        .title(
            "CLUSTERSCAN answers an error to malformed cursors and options, and to a slot that its cursor contradicts",
        )
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.errors"])
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(refuses_mistakes(cluster))),
    check("clusterscan/needs-a-cluster")
        .title("A server without cluster support answers an error to CLUSTERSCAN")
        .may("CLUSTERSCAN")
        .covers(&["clusterscan.errors"])
        .needs(&[Need::StandaloneNode])
        .commands(&["CLUSTERSCAN"])
        .body(|cluster| Box::pin(needs_a_cluster(cluster))),
];

async fn refuses_mistakes(cluster: &Cluster) -> Outcome {
    let begun = step(cluster, "0", &[]).await?.cursor;
    let slot = Slot::of(&begun);
    let other = Slot::all().find(|other| *other != slot).ok_or_else(|| Stop::broken("there is only one slot"))?;
    let lines: [(&str, String); 11] = [
        ("no-cursor", String::new()),
        ("1", String::new()),
        ("-1", String::new()),
        (&begun, format!("SLOT {other}")),
        ("0", "SLOT 5 SLOT 6".to_owned()),
        ("0", "SLOT 16384".to_owned()),
        ("0", "SLOT -1".to_owned()),
        ("0", "SLOT".to_owned()),
        ("0", "COUNT 0".to_owned()),
        ("0", "TYPE no-such-type".to_owned()),
        ("0", "NO-SUCH-OPTION 1".to_owned()),
    ];
    for (cursor, options) in lines {
        let command = options.split_whitespace().fold(command!["CLUSTERSCAN", cursor], Command::arg);
        cluster.expect(&owner(cluster, cursor)?, command, Expect::error("ERR")).await?;
    }
    step(cluster, &begun, &[]).await?;
    Ok(())
}

async fn needs_a_cluster(cluster: &Cluster) -> Outcome {
    let node = cluster.start_spare(Spare { standalone: true, ..Spare::default() }).await?;
    let mut session = cluster.session(&node).await?;
    session.expect(command!["CLUSTERSCAN", "0"], Expect::error("ERR")).await?;
    session.expect(command!["SCAN", "0"], Expect::Length(2)).await?;
    Ok(())
}
