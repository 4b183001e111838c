//! The command that runs the checks of a run again, as reports show it.

use suites::Shape;

use super::args::{Conform, LevelName};
use super::target_spec::{TargetSpec, Words};
use crate::text::shell_word;

/// The shape that a command has without `--shape`.
const SHAPE: Shape = Shape { primaries: 3, replicas: 1 };

/// Returns the command that runs the same checks in the same way, without `--run`.
///
/// It repeats what decides about a verdict or the exit status, leaves out what has its default value, and holds no
/// secret. The seed is always there. `variable` reads the environment: what RCT_TARGET or RCT_IMAGE decided becomes an
/// option, so that the command does the same in another environment.
pub(super) fn command(
    arguments: &Conform,
    spec: &TargetSpec,
    seed: u64,
    variable: impl Fn(&str) -> Option<String>,
) -> String {
    let mut words = Words(["rct", "conform"].map(str::to_owned).into());
    if matches!(spec, TargetSpec::Local { .. }) && variable("RCT_TARGET").is_some() {
        words.option("--target", Some("local"));
    }
    words.0.extend(spec.with_image(variable("RCT_IMAGE")).words());
    let shape = arguments.target.shape;
    words.option("--shape", (shape != SHAPE).then(|| shape.to_string()).as_deref());
    words.option("--node-timeout", arguments.target.node_timeout.map(|ms| ms.to_string()).as_deref());
    if arguments.allow_disruption {
        words.0.push("--allow-disruption".to_owned());
    }
    arguments.suite.iter().for_each(|suite| words.path("--suite", Some(suite)));
    words.option("--level", level(arguments.level));
    arguments.known.iter().for_each(|known| words.path("--known", Some(known)));
    words.option("--resp", (arguments.resp != 2).then_some("3"));
    words.option("--seed", Some(&seed.to_string()));
    let words: Vec<_> = words.0.iter().map(|word| shell_word(word)).collect();
    words.join(" ")
}

fn level(level: LevelName) -> Option<&'static str> {
    match level {
        LevelName::Must => None,
        LevelName::Should => Some("should"),
        LevelName::May => Some("may"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Arguments, Command};
    use super::*;

    fn again_in(options: &[&str], environment: impl Fn(&str) -> Option<String>) -> String {
        let line = ["rct", "conform"].iter().chain(options);
        let Command::Conform(conform) = Arguments::try_parse_from(line).unwrap().command else { unreachable!() };
        let spec = TargetSpec::parse(&conform.target, conform.fault_hook.as_deref()).unwrap();
        command(&conform, &spec, conform.seed.unwrap_or(42), environment)
    }

    /// The line `again` of a run with these options.
    fn again(options: &[&str]) -> String {
        again_in(options, |_| None)
    }

    #[test]
    fn what_the_environment_decided_becomes_an_option() {
        let environment = |name: &str| match name {
            "RCT_TARGET" => Some("compose".to_owned()),
            "RCT_IMAGE" => Some("redis:7".to_owned()),
            _ => None,
        };
        for (options, expected) in [
            (&["--target", "local"][..], "rct conform --target local --seed 42"),
            (&["--target", "compose"], "rct conform --target compose --image redis:7 --seed 42"),
            (&["--target", "compose", "--image", "redis:8"], "rct conform --target compose --image redis:8 --seed 42"),
            (&["--target", "a:1"], "rct conform --target a:1 --seed 42"),
        ] {
            assert_eq!(again_in(options, environment), expected);
        }
    }

    #[test]
    fn every_target_is_repeated_with_what_decides_about_a_verdict() {
        let lines = [
            again(&[]),
            again(&["--target", "local", "--shape", "3+1", "--level", "must", "--jobs", "4", "--verbose"]),
            again(&["--server", "/opt/my server", "--defect", "none", "--shape", "5+2", "--seed", "7"]),
            again(&["--node-timeout", "2000", "--level", "should", "--known", "a.toml", "--known", "b.toml"]),
            again(&["--target", "compose", "--compose-file", "nodes.yml", "--image", "redis:8", "--suite", "mine"]),
            again(&["--target", "127.0.0.1:7000,[::1]:7001", "--map", "10.0.0.5:6379=127.0.0.1:7000"]),
            again(&["--target", "redis://me:hush@host:7000", "--allow-disruption", "--fault-hook", "./hook"]),
            again(&[
                "--target",
                "rediss://:hush@host:7000",
                "--tls-ca",
                "ca.pem",
                "--tls-cert",
                "c.pem",
                "--tls-key",
                "k.pem",
                "--tls-server-name",
                "right.example",
                "--tls-insecure",
            ]),
            #[cfg(feature = "containers")]
            again(&["--target", "containers", "--image", "redis:8"]),
        ];
        let expected = [
            "rct conform --seed 42",
            "rct conform --seed 42",
            "rct conform --server '/opt/my server' --defect none --shape 5+2 --seed 7",
            "rct conform --node-timeout 2000 --level should --known a.toml --known b.toml --seed 42",
            "rct conform --target compose --image redis:8 --compose-file nodes.yml --suite mine --seed 42",
            "rct conform --target '127.0.0.1:7000,[::1]:7001' --map 10.0.0.5:6379=127.0.0.1:7000 --seed 42",
            "rct conform --target redis://me@host:7000 --fault-hook ./hook --allow-disruption --seed 42",
            "rct conform --target rediss://host:7000 --tls-ca ca.pem --tls-cert c.pem --tls-key k.pem \
             --tls-server-name right.example --tls-insecure --seed 42",
            #[cfg(feature = "containers")]
            "rct conform --target containers --image redis:8 --seed 42",
        ];
        assert_eq!(lines, expected);
    }
}
