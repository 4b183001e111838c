//! Wrong usage of `rct load --part`.

use crate::support::refuses;

#[test]
fn parts_that_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let met = ["load", "--target", "127.0.0.1:1", "--seed", "1", "--rendezvous", "test"];
    for (arguments, message) in [
        (&["--part", "9/8"][..], "there is no part 9 of 8; parts count from 1 to 8"),
        (&["--part", "3"], "the number of this generator and the number of all, such as 3/8 or 2+1/8"),
        (&["--part", "1/20000"], "a run has at most 10000 parts"),
        (&["--part", "1/8", "--clients", "5"], "cannot share 5 clients among 8 parts; use --clients 8 or more"),
        (&["--part", "1/8", "--keys", "5"], "cannot share 5 keys of \"key\" among 8 parts; use --keys 8 or more"),
        (
            &["--part", "1/8", "--rate", "7.9"],
            "cannot share 7 operations per second among 8 parts; use --rate 8 or more",
        ),
        (&["--part", "1/8", "-n", "7"], "cannot share 7 operations among 8 parts; use --requests 8 or more"),
        (&["--part", "1/2", "--clients", "300000"], "one generator cannot run 150000 clients"),
    ] {
        refuses(folder.path(), &[&met[..], arguments].concat(), 2, &[message]);
    }
    let alone = ["load", "--target", "127.0.0.1:1", "--seed", "1", "--part", "1/2"];
    for (arguments, message) in [
        (&[][..], "--part needs a common start; add --rendezvous NAME, or --start-at TIME"),
        (&["--start-at", "1700000000", "-n", "10"], "--requests with several parts needs --rendezvous"),
        (&["--rendezvous", "a b"], "expected 1 to 60 letters, digits, dots, dashes and underscores"),
        (&["--start-at", "soon"], "expected an instant such as"),
    ] {
        refuses(folder.path(), &[&alone[..], arguments].concat(), 2, &[message]);
    }
    let own = ["load", "--seed", "1", "--part", "1/2"];
    refuses(folder.path(), &own, 2, &["--part needs a cluster that all generators share; give its address"]);
    refuses(folder.path(), &["load", "--target", "127.0.0.1:1", "--part", "1/2"], 2, &["--seed"]);
}
