//! Which of our crates may depend on which: proto ← driver ← server ← cluster ← application.

use cargo_metadata::DependencyKind;

use super::Violation;
use crate::workspace::Workspace;

/// What each crate may name under `[dependencies]`. A crate that is missing here is a violation:
/// whoever adds one decides where it stands.
const ALLOWED: [(&str, &[&str]); 20] = [
    ("sockeye-ws", &[]),
    ("sockeye-engine-proto", &[]),
    ("sockeye-socket-proto", &[]),
    ("sockeye-net", &["sockeye-ws"]),
    ("sockeye-websocket", &["sockeye-net", "sockeye-ws"]),
    ("sockeye-engine", &["sockeye-net", "sockeye-ws", "sockeye-engine-proto"]),
    ("sockeye-sockjs", &["sockeye-engine", "sockeye-engine-proto", "sockeye-net", "sockeye-ws"]),
    ("sockeye-macros", &[]),
    (
        "sockeye",
        &[
            "sockeye-engine",
            "sockeye-macros",
            "sockeye-net",
            "sockeye-socket-proto",
            "sockeye-sockjs",
        ],
    ),
    ("sockeye-feeds", &["sockeye", "sockeye-net"]),
    (
        "sockeye-client",
        &["sockeye-net", "sockeye-ws", "sockeye-engine-proto", "sockeye-socket-proto"],
    ),
    ("sockeye-example-contract", &["sockeye-socket-proto"]),
    ("sockeye-testing", &["sockeye", "sockeye-socket-proto", "sockeye-net", "sockeye-ws"]),
    ("sockeye-cluster-proto", &["sockeye-socket-proto"]),
    ("sockeye-cluster", &["sockeye", "sockeye-cluster-proto"]),
    ("sockeye-redis", &["sockeye", "sockeye-cluster", "sockeye-cluster-proto"]),
    ("sockeye-emitter", &["sockeye-cluster-proto", "sockeye-redis", "sockeye-socket-proto"]),
    ("sockeye-postgres", &["sockeye-cluster"]),
    ("sockeye-nats", &["sockeye-cluster"]),
    (
        "sockeye-chat",
        &[
            "sockeye",
            "sockeye-client",
            "sockeye-feeds",
            "sockeye-net",
            "sockeye-websocket",
            "sockeye-cluster",
            "sockeye-emitter",
            "sockeye-redis",
        ],
    ),
];

/// These may depend on anything, and nothing may depend on them, in tests neither.
const TOOLS: [&str; 6] = [
    "sockeye-examples",
    "sockeye-sim",
    "sockeye-interop",
    "sockeye-bench",
    "sockeye-fuzz",
    "xtask",
];

/// What a test may use although the crate itself may not: both ends of the wire.
const ALLOWED_IN_TESTS: [&str; 12] = [
    "sockeye-net",
    "sockeye-ws",
    "sockeye-engine-proto",
    "sockeye-socket-proto",
    "sockeye-websocket",
    "sockeye-engine",
    "sockeye-sockjs",
    "sockeye",
    "sockeye-client",
    "sockeye-feeds",
    "sockeye-cluster",
    "sockeye-testing",
];

/// One arrow between two crates of the workspace.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    in_tests: bool,
}

pub(super) fn check(workspace: &Workspace) -> Vec<Violation> {
    let packages = &workspace.metadata().packages;
    let names: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let arrows: Vec<Arrow> = packages
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().map(|dependency| Arrow {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                in_tests: dependency.kind == DependencyKind::Development,
            })
        })
        .filter(|arrow| names.contains(&arrow.to))
        .collect();
    violations(&names, &arrows)
}

fn violations(names: &[String], arrows: &[Arrow]) -> Vec<Violation> {
    let unknown = names
        .iter()
        .filter(|name| allowed(name).is_none() && !TOOLS.contains(&name.as_str()))
        .map(|name| Violation::new(name, "is not in the table of xtask/src/check/arrows.rs"));
    let wrong = arrows.iter().filter(|arrow| !arrow.is_allowed()).map(|arrow| {
        let section = if arrow.in_tests { "dev-dependencies" } else { "dependencies" };
        Violation::new(&arrow.from, format!("may not have {} in its {section}", arrow.to))
    });
    unknown.chain(wrong).collect()
}

impl Arrow {
    fn is_allowed(&self) -> bool {
        if TOOLS.contains(&self.to.as_str()) {
            return false;
        }
        TOOLS.contains(&self.from.as_str())
            || allowed(&self.from).is_some_and(|table| table.contains(&self.to.as_str()))
            || (self.in_tests && ALLOWED_IN_TESTS.contains(&self.to.as_str()))
    }
}

fn allowed(name: &str) -> Option<&'static [&'static str]> {
    ALLOWED.iter().find(|(from, _)| *from == name).map(|(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(from: &str, to: &str, in_tests: bool) -> Vec<Violation> {
        let arrow = Arrow { from: from.into(), to: to.into(), in_tests };
        violations(&[from.to_owned()], &[arrow])
    }

    #[test]
    fn arrows_with_the_stream_are_fine() {
        assert_eq!(of("sockeye", "sockeye-engine", false), []);
        assert_eq!(of("sockeye-interop", "sockeye-client", false), []);
        assert_eq!(of("sockeye-client", "sockeye", true), []);
    }

    #[test]
    fn arrows_against_the_stream_are_not() {
        for (from, to, in_tests) in [
            ("sockeye-engine-proto", "sockeye-engine", false),
            ("sockeye-ws", "sockeye-engine-proto", false),
            ("sockeye-client", "sockeye", false),
            ("sockeye", "sockeye-client", false),
            ("sockeye", "sockeye-bench", true),
            ("sockeye-sim", "sockeye-bench", false),
        ] {
            let found = of(from, to, in_tests);
            assert_eq!(found.len(), 1, "{from} -> {to}");
            assert!(found[0].to_string().contains(to));
        }
    }

    #[test]
    fn a_new_crate_needs_a_place_in_the_table() {
        let found = violations(&["sockeye-surprise".to_owned()], &[]);
        assert_eq!(found[0].place, "sockeye-surprise");
    }
}
