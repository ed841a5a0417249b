//! How much the tests do that can go on for ever: seeds, histories, clients, seconds. A normal run
//! has a fixed share of each, `--long` the count that the work was done for.

use std::env;
use std::fmt;

use anyhow::{Context, Result};

/// One count, which the tests read from a variable.
#[derive(Clone, Copy, Debug)]
struct Count {
    what: &'static str,
    variable: &'static str,
    short: u64,
    long: u64,
}

const COUNTS: [Count; 19] = [
    Count {
        what: "worlds of the engine's driver",
        variable: "SOCKEYE_WORLDS",
        short: 5_000,
        long: 100_000,
    },
    Count {
        what: "worlds of two Engine.IO sessions",
        variable: "SOCKEYE_SESSION_WORLDS",
        short: 3_000,
        long: 1_000_000,
    },
    Count {
        what: "clients that give up",
        variable: "SOCKEYE_SOAK_CLIENTS",
        short: 1_500,
        long: 50_000,
    },
    Count {
        what: "histories of rooms",
        variable: "SOCKEYE_ROOM_HISTORIES",
        short: 48,
        long: 5_000,
    },
    Count {
        what: "histories of several servers",
        variable: "SOCKEYE_CLUSTER_HISTORIES",
        short: 40,
        long: 5_000,
    },
    Count {
        what: "worlds of servers over a bus that fails",
        variable: "SOCKEYE_CLUSTER_WORLDS",
        short: 800,
        long: 100_000,
    },
    Count {
        what: "connections to Redis that are cut at any byte",
        variable: "SOCKEYE_REDIS_CUTS",
        short: 3,
        long: 100,
    },
    Count {
        what: "worlds of recovery",
        variable: "SOCKEYE_RECOVERY_WORLDS",
        short: 200,
        long: 20_000,
    },
    Count {
        what: "returns of one client while others are away",
        variable: "SOCKEYE_RECOVERY_RETURNS",
        short: 2_000,
        long: 20_000,
    },
    Count {
        what: "worlds of feeds and their readers",
        variable: "SOCKEYE_FEED_WORLDS",
        short: 150,
        long: 20_000,
    },
    Count {
        what: "histories of one feed and its readers",
        variable: "SOCKEYE_READER_HISTORIES",
        short: 128,
        long: 20_000,
    },
    Count {
        what: "recoveries of each client behind a proxy that cuts",
        variable: "SOCKEYE_RECOVERIES",
        short: 20,
        long: 1_000,
    },
    Count {
        what: "seeds of an outbox whose page is reloaded",
        variable: "SOCKEYE_OUTBOX_SEEDS",
        short: 40,
        long: 2_000,
    },
    Count {
        what: "worlds of SockJS clients that are cut off",
        variable: "SOCKEYE_SOCKJS_WORLDS",
        short: 1_000,
        long: 20_000,
    },
    Count {
        what: "hostile files as pictures of the chat",
        variable: "SOCKEYE_HOSTILE_PICTURES",
        short: 100,
        long: 2_000,
    },
    Count {
        what: "histories of reading",
        variable: "SOCKEYE_READING_HISTORIES",
        short: 50,
        long: 10_000,
    },
    Count {
        what: "deaths of the chat while fifty people talk",
        variable: "SOCKEYE_CHAT_DEATHS",
        short: 3,
        long: 20,
    },
    Count {
        what: "deaths of a server of a cluster whose clients go on elsewhere",
        variable: "SOCKEYE_KILLED_SERVERS",
        short: 2,
        long: 50,
    },
    Count { what: "seconds of each fuzz target", variable: FUZZ_SECONDS, short: 6, long: 300 },
];

/// For how long each fuzz target runs.
const FUZZ_SECONDS: &str = "SOCKEYE_FUZZ_SECONDS";

/// The counts of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    is_long: bool,
    /// In the order of the table.
    values: Vec<u64>,
}

impl Counts {
    /// Those of a normal or of a long run. What the caller's environment says goes first.
    pub(crate) fn new(is_long: bool) -> Result<Self> {
        let value = |count: &Count| match env::var(count.variable) {
            Ok(text) => text.parse().with_context(|| format!("{}={text}", count.variable)),
            Err(_) => Ok(if is_long { count.long } else { count.short }),
        };
        Ok(Self { is_long, values: COUNTS.iter().map(value).collect::<Result<_>>()? })
    }

    /// Whether it takes as long as it takes.
    pub(crate) const fn is_long(&self) -> bool {
        self.is_long
    }

    /// For how long each fuzz target runs.
    pub(crate) fn fuzz_seconds(&self) -> u64 {
        self.environment().find(|(name, _)| *name == FUZZ_SECONDS).map_or(0, |(_, value)| value)
    }

    /// Variables that the tests read, with their values.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, u64)> {
        COUNTS.iter().map(|count| count.variable).zip(self.values.iter().copied())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "counts of this run, and what --long has:")?;
        for (Count { what, variable, long, .. }, value) in COUNTS.iter().zip(&self.values) {
            writeln!(f, "{value:>9}  {long:>9}  {what} ({variable})")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn a_normal_run_does_less() {
        for Count { what, short, long, .. } in COUNTS {
            assert!(short > 0 && short < long, "{what}");
        }
        let [short, long] = [false, true].map(|is_long| Counts::new(is_long).unwrap());
        // `cargo xtask test` sets these for its tests, this one included.
        if env::var(FUZZ_SECONDS).is_err() {
            assert_eq!((short.fuzz_seconds(), long.fuzz_seconds()), (6, 300));
        }
        assert!(long.to_string().contains("seconds of each fuzz target"));
    }

    /// A variable that no test reads would make a long run short without a word.
    #[test]
    fn each_variable_is_read_by_a_test() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut sources = String::new();
        let folders =
            ["sim", "crates", "apps/chat/src", "apps/chat/tests", "interop", "clients/js/test"];
        for folder in folders.map(|folder| root.join(folder)) {
            read(&folder, &mut sources);
        }
        // That one is read by this program.
        for Count { variable, .. } in COUNTS.iter().filter(|count| count.variable != FUZZ_SECONDS) {
            let forms = [format!("\"{variable}\""), format!("process.env.{variable}")];
            assert!(forms.iter().any(|form| sources.contains(form)), "nobody reads {variable}");
        }
    }

    fn read(folder: &Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "node_modules" && name != "dist" {
                read(&path, into);
            } else if name.ends_with(".rs") || name.ends_with(".mjs") {
                *into += &fs::read_to_string(path).unwrap();
            }
        }
    }
}
