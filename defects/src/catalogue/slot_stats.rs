//! CLUSTER SLOT-STATS lists wrong slots, wrong numbers, or a wrong order.

use wire::Reply;

use super::common::code;
use crate::defect::{Defect, Replacement, on_calm_reply, on_reply, on_request};
use crate::edit::{self, Tree};
use crate::request::Request;

/// The defects of this family.
pub(super) const DEFECTS: &[Defect] = &[
    on_calm_reply(
        "slot-stats-omits-the-last-slot",
        "CLUSTER SLOT-STATS omits the last slot of a range of more than a hundred slots",
        &["slot-stats/range-lists-own-slots"],
        |_, request, reply| {
            entries(request, reply, "SLOTSRANGE", |entries| {
                (entries.len() > 100).then(|| entries.truncate(entries.len() - 1))
            })
        },
    ),
    on_calm_reply(
        "slot-stats-of-replicas-is-empty",
        "CLUSTER SLOT-STATS on a replica lists no slots",
        &["slot-stats/replica-lists-slots-of-its-shard"],
        |scene, request, reply| {
            scene.is_replica().then_some(())?;
            entries(request, reply, "SLOTSRANGE", |entries| {
                entries.clear();
                Some(())
            })
        },
    ),
    on_calm_reply(
        "slot-stats-of-replicas-counts-no-keys",
        "CLUSTER SLOT-STATS on a replica says that every slot is empty",
        &["slot-stats/replica-lists-slots-of-its-shard"],
        |scene, request, reply| {
            scene.is_replica().then_some(())?;
            entries(request, reply, "SLOTSRANGE", |entries| {
                for entry in entries {
                    *metric(entry, "key-count")? = Tree::Line(b':', b"0".to_vec());
                }
                Some(())
            })
        },
    ),
    on_reply(
        "slot-stats-forgets-the-last-delete",
        "CLUSTER SLOT-STATS counts one key in a slot whose last key has been deleted",
        &["slot-stats/key-count-is-countkeysinslot"],
        |scene, request, reply| {
            entries(request, reply, "SLOTSRANGE", |entries| {
                let [entry] = entries.as_mut_slice() else { return None };
                let count = metric(entry, "key-count")?;
                if count.text()? != b"0" {
                    *scene.note("keys") = 1;
                    return None;
                }
                (*scene.note("keys") > 0).then(|| *count = Tree::Line(b':', b"1".to_vec()))
            })
        },
    ),
    on_reply(
        "slot-stats-breaks-ties-backwards",
        "CLUSTER SLOT-STATS ORDERBY lists slots with equal counts in descending order of slot",
        &["slot-stats/orderby-sorts-and-limits"],
        |_, request, reply| {
            entries(request, reply, "ORDERBY", |entries| {
                let at = (1..entries.len()).rev().find(|at| {
                    let [one, other] = [at - 1, *at].map(|at| metric(&mut entries[at].clone(), "key-count").cloned());
                    one.is_some() && one == other
                })?;
                entries.swap(at - 1, at);
                Some(())
            })
        },
    ),
    on_request(
        "slot-stats-ignores-asc",
        "CLUSTER SLOT-STATS ORDERBY sorts in descending order, though the command says ASC",
        &["slot-stats/orderby-sorts-and-limits"],
        |_, request| {
            let words = request.words();
            let ascending = request.is("CLUSTER SLOT-STATS ORDERBY") && words.last()?.eq_ignore_ascii_case(b"ASC");
            ascending
                .then(|| Replacement::Send { commands: vec![wire::Command::new(&words[..words.len() - 1])], shown: 0 })
        },
    ),
    on_reply(
        "slot-stats-counts-no-bytes-out",
        "CLUSTER SLOT-STATS counts the bytes of requests and not those of replies",
        &["slot-stats/usage-is-counted-by-slot"],
        |_, request, reply| {
            entries(request, reply, "SLOTSRANGE", |entries| {
                for entry in entries {
                    *metric(entry, "network-bytes-out")? = Tree::Line(b':', b"0".to_vec());
                }
                Some(())
            })
        },
    ),
    on_reply(
        "slot-stats-orders-by-a-metric-that-is-off",
        "CLUSTER SLOT-STATS orders by network-bytes-in while the server does not count usage",
        &["slot-stats/usage-is-counted-by-slot"],
        |_, request, reply| {
            code(reply)?;
            let bytes = request.is("CLUSTER SLOT-STATS ORDERBY network-bytes-in");
            bytes.then(|| Replacement::Answer(edit::array(&[])))
        },
    ),
    on_reply(
        "slot-stats-survive-a-new-owner",
        "The counters of a slot keep their values when its owner changes",
        &["slot-stats/usage-restarts-with-a-new-owner"],
        |scene, request, reply| {
            if request.is("CLUSTER SETSLOT") && request.word(3).eq_ignore_ascii_case(b"NODE") {
                scene.share("moved", 1);
            }
            (scene.shared("moved") > 0).then_some(())?;
            entries(request, reply, "SLOTSRANGE", |entries| {
                for entry in entries {
                    *metric(entry, "cpu-usec")? = Tree::Line(b':', b"17".to_vec());
                }
                Some(())
            })
        },
    ),
    on_reply(
        "slot-stats-takes-an-unknown-metric-for-keys",
        "CLUSTER SLOT-STATS orders by key-count if it does not know the metric",
        &["slot-stats/refuses-an-unknown-metric"],
        |_, request, reply| mistaken(request, reply, "ORDERBY no-such-metric"),
    ),
    on_reply(
        "slot-stats-takes-a-limit-of-0",
        "CLUSTER SLOT-STATS accepts a limit of 0",
        &["slot-stats/refuses-a-limit-of-zero"],
        |_, request, reply| mistaken(request, reply, "ORDERBY key-count LIMIT 0"),
    ),
    on_reply(
        "slot-stats-takes-a-limit-above-the-slots",
        "CLUSTER SLOT-STATS accepts a limit above the number of slots",
        &["slot-stats/refuses-a-limit-of-16385"],
        |_, request, reply| mistaken(request, reply, "ORDERBY key-count LIMIT 16385"),
    ),
    on_reply(
        "slot-stats-takes-a-range-backwards",
        "CLUSTER SLOT-STATS finds nothing in a range whose end is before its start",
        &["slot-stats/refuses-a-range-that-runs-backwards"],
        |_, request, reply| mistaken(request, reply, "SLOTSRANGE 5 4"),
    ),
    on_reply(
        "slot-stats-takes-slot-16384",
        "CLUSTER SLOT-STATS accepts slot 16384 as the end of a range",
        &["slot-stats/refuses-slot-16384"],
        |_, request, reply| mistaken(request, reply, "SLOTSRANGE 0 16384"),
    ),
    on_reply(
        "slot-stats-takes-a-negative-slot",
        "CLUSTER SLOT-STATS accepts a negative slot as the start of a range",
        &["slot-stats/refuses-a-negative-slot"],
        |_, request, reply| mistaken(request, reply, "SLOTSRANGE -1 5"),
    ),
    on_reply(
        "slot-stats-reads-a-word-as-slot-0",
        "CLUSTER SLOT-STATS reads a slot that is no number as 0",
        &["slot-stats/refuses-a-word-as-slot"],
        |_, request, reply| mistaken(request, reply, "SLOTSRANGE one 5"),
    ),
    on_reply(
        "slot-stats-completes-half-a-range",
        "CLUSTER SLOT-STATS takes a range without an end for an empty range",
        &["slot-stats/refuses-half-a-range"],
        |_, request, reply| (request.words().len() == 4).then(|| mistaken(request, reply, "SLOTSRANGE 0")).flatten(),
    ),
    on_reply(
        "slot-stats-ignores-a-second-range",
        "CLUSTER SLOT-STATS ignores a second range",
        &["slot-stats/refuses-two-ranges"],
        |_, request, reply| mistaken(request, reply, "SLOTSRANGE 0 1 SLOTSRANGE"),
    ),
    on_reply(
        "slot-stats-takes-the-last-direction",
        "CLUSTER SLOT-STATS takes the last one of two directions",
        &["slot-stats/refuses-two-directions"],
        |_, request, reply| mistaken(request, reply, "ORDERBY key-count ASC DESC"),
    ),
    on_reply(
        "slot-stats-takes-the-last-limit",
        "CLUSTER SLOT-STATS takes the last one of two limits",
        &["slot-stats/refuses-two-limits"],
        |_, request, reply| mistaken(request, reply, "ORDERBY key-count LIMIT 1 LIMIT"),
    ),
    on_reply(
        "slot-stats-skips-unknown-words",
        "CLUSTER SLOT-STATS ignores a filter that it does not know",
        &["slot-stats/refuses-an-unknown-word"],
        |_, request, reply| mistaken(request, reply, "NO-SUCH-FILTER"),
    ),
];

/// Answers an empty list to a command with these words, where the server answers an error.
fn mistaken(request: &Request, reply: &Reply, words: &str) -> Option<Replacement> {
    code(reply)?;
    request.is(&format!("CLUSTER SLOT-STATS {words}")).then(|| Replacement::Answer(edit::array(&[])))
}

/// Changes the entries of a reply to CLUSTER SLOT-STATS with this filter.
fn entries(
    request: &Request,
    reply: &Reply,
    filter: &str,
    change: impl FnOnce(&mut Vec<Tree>) -> Option<()>,
) -> Option<Replacement> {
    request.is(&format!("CLUSTER SLOT-STATS {filter}")).then_some(())?;
    edit::tree(reply.bytes(), |tree| change(tree.items_mut()?)).map(Replacement::Answer)
}

fn metric<'a>(entry: &'a mut Tree, name: &str) -> Option<&'a mut Tree> {
    entry.items_mut()?.get_mut(1)?.value_mut(name)
}
