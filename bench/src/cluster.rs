//! What a cluster costs: the same load on one server and on two, ours and Node's, over a Redis of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::load::Outcome;
use crate::report::child::{Cores, ServerProcess, output_on, spawn_on};
use crate::report::{Spread, peers};

/// What to measure and how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where `bench_server` and `bench_load` lie.
    pub programs: PathBuf,
    /// The folder of the other servers (`bench/peers`).
    pub peers: PathBuf,
    /// How often everything is measured.
    pub rounds: usize,
    /// Short windows and fewer clients: to see that it works.
    pub quick: bool,
}

/// The buses, by their names in `bench_server --bus`.
const BUSES: [&str; 3] = ["classic", "sharded", "streams"];

/// Measures and returns the figures as a table in Markdown, telling progress on standard error.
///
/// # Errors
/// When a program is missing or fails, or a single message was wrong or lost.
pub fn run(options: &Options) -> anyhow::Result<String> {
    peers::install(&options.peers)?;
    let cores = Cores::choose()?;
    let redis = Redis::start(cores)?;
    let bench = Bench { options, cores, redis };
    let mut rows = String::from("| bus | what | figure | budget |\n|---|---|---|---|\n");
    for bus in BUSES {
        let mut rounds = Vec::new();
        for number in 1..=options.rounds {
            let round = bench.round(bus).with_context(|| format!("{bus}, round {number}"))?;
            writeln!(io::stderr(), "[{number}/{}] {bus}: {round:?}", options.rounds)?;
            rounds.push(round);
        }
        rows += &table(bus, &rounds);
    }
    Ok(rows)
}

/// The figures of one round.
#[derive(Debug)]
struct Round {
    /// Microseconds of CPU for each delivery, to all clients on one server and on two.
    alone: f64,
    divided: f64,
    /// The same for each event that goes through the bus, ours and Node's.
    ours: Crossing,
    node: Crossing,
}

/// What an event costs that one client of each of two servers gets.
#[derive(Debug)]
struct Crossing {
    cpu_us: f64,
    /// To Redis and from it.
    bytes: f64,
}

struct Bench<'a> {
    options: &'a Options,
    cores: Cores,
    redis: Redis,
}

impl Bench<'_> {
    fn round(&self, bus: &str) -> anyhow::Result<Round> {
        let clients = if self.options.quick { 1_000 } else { 10_000 };
        let alone = self.load(&[self.ours(None)?], clients, 8)?;
        let divided = self.load(&[self.ours(Some(bus))?, self.ours(Some(bus))?], clients, 8)?;
        let cost = |outcome: Outcome| outcome.server_cpu_us().context("nothing was measured");
        Ok(Round {
            alone: cost(alone)?,
            divided: cost(divided)?,
            ours: self.crossing(&[self.ours(Some(bus))?, self.ours(Some(bus))?])?,
            node: self.crossing(&[self.node(bus)?, self.node(bus)?])?,
        })
    }

    fn crossing(&self, servers: &[ServerProcess; 2]) -> anyhow::Result<Crossing> {
        let before = self.redis.traffic()?;
        let outcome = self.load(servers, 2, 16)?;
        let after = self.redis.traffic()?;
        let published = after.published - before.published;
        // Both clients get it, and that is one event.
        let cpu_us = 2.0 * outcome.server_cpu_us().context("nothing was measured")?;
        Ok(Crossing { cpu_us, bytes: (after.bytes - before.bytes) as f64 / published as f64 })
    }

    /// Sends to all clients, of which every second is on the second server if there is one.
    fn load(
        &self,
        servers: &[ServerProcess],
        clients: usize,
        pipeline: usize,
    ) -> anyhow::Result<Outcome> {
        let [first, rest @ ..] = servers else { anyhow::bail!("there is no server") };
        let (warm_up, seconds) = if self.options.quick { ("0.2", "0.5") } else { ("1", "3") };
        let mut load = Command::new(self.options.programs.join("bench_load"));
        load.args(["broadcast", "--protocol", "socket-io", "--size", "64", "--json"])
            .args(["--server", &first.address().to_string()])
            .args(["--server-pid", &first.id().to_string()])
            .args(["--connections", &clients.to_string()])
            .args(["--pipeline", &pipeline.to_string()])
            .args(["--warm-up", warm_up, "--seconds", seconds]);
        if let [second] = rest {
            load.args(["--second", &second.address().to_string()])
                .args(["--second-pid", &second.id().to_string()]);
        }
        let output = output_on(self.cores.load, &mut load)?;
        serde_json::from_str(&output).context("read the load generator's outcome")
    }

    fn ours(&self, bus: Option<&str>) -> anyhow::Result<ServerProcess> {
        let mut command = Command::new(self.options.programs.join("bench_server"));
        if let Some(bus) = bus {
            command.args(["--bus", bus, "--redis", &self.redis.url()]);
        }
        ServerProcess::start(command, self.cores.server)
    }

    fn node(&self, bus: &str) -> anyhow::Result<ServerProcess> {
        let mut command = Command::new("node");
        command.arg(self.options.peers.join("socket-io-cluster.mjs"));
        command.args(["0", bus, &self.redis.url()]).env("NODE_ENV", "production");
        ServerProcess::start(command, self.cores.server)
    }
}

/// Redis, which keeps nothing, on the core of the load.
struct Redis {
    child: Child,
    address: SocketAddr,
}

/// What has gone through it.
struct Traffic {
    bytes: u64,
    published: u64,
}

impl Redis {
    fn start(cores: Cores) -> anyhow::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = spawn_on(cores.load, &mut command)
            .context("start redis-server, which a cluster needs (Debian: redis-server)")?;
        let redis = Self { child, address };
        let begun = Instant::now();
        while redis.traffic().is_err() {
            anyhow::ensure!(begun.elapsed() < Duration::from_secs(10), "Redis did not get ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(redis)
    }

    fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    fn traffic(&self) -> anyhow::Result<Traffic> {
        let stats = self.info("stats")?;
        let field = |text: &str, name: &str| -> Option<u64> {
            text.lines().find_map(|line| line.strip_prefix(name))?.trim().parse().ok()
        };
        let (input, output) = (
            field(&stats, "total_net_input_bytes:").context("Redis does not tell its bytes")?,
            field(&stats, "total_net_output_bytes:").context("Redis does not tell its bytes")?,
        );
        let commands = self.info("commandstats")?;
        let calls = |name: &str| {
            let rest = commands.lines().find_map(|line| {
                line.strip_prefix("cmdstat_")?.strip_prefix(name)?.strip_prefix(":calls=")
            });
            rest.and_then(|rest| rest.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        let published = calls("publish") + calls("spublish") + calls("xadd");
        Ok(Traffic { bytes: input + output, published })
    }

    fn info(&self, section: &str) -> anyhow::Result<String> {
        let stream = TcpStream::connect(self.address)?;
        (&stream).write_all(format!("INFO {section}\r\n").as_bytes())?;
        let mut reader = BufReader::new(&stream);
        let mut head = String::new();
        reader.read_line(&mut head)?;
        let length = head.trim().strip_prefix('$').context("INFO was refused")?.parse()?;
        let mut text = vec![0; length];
        reader.read_exact(&mut text)?;
        Ok(String::from_utf8(text)?)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // An error means that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn table(bus: &str, rounds: &[Round]) -> String {
    let spread = |figure: &dyn Fn(&Round) -> f64| {
        let figures: Vec<f64> = rounds.iter().map(figure).collect();
        Spread::of(&figures).map_or(String::new(), |Spread { median, min, max }| {
            format!("{median:.3} ({min:.3}..{max:.3})")
        })
    };
    let rows = [
        ("a delivery on one server, us", spread(&|it| it.alone), ""),
        ("a delivery on two servers, us", spread(&|it| it.divided), ""),
        ("two servers to one", spread(&|it| it.divided / it.alone), "1.05"),
        ("an event through the bus, us", spread(&|it| it.ours.cpu_us), ""),
        ("the same between Node's, us", spread(&|it| it.node.cpu_us), ""),
        ("ours to Node's", spread(&|it| it.ours.cpu_us / it.node.cpu_us), "0.2"),
        ("bytes on the bus for an event", spread(&|it| it.ours.bytes), ""),
        ("the same between Node's", spread(&|it| it.node.bytes), ""),
        ("ours to Node's", spread(&|it| it.ours.bytes / it.node.bytes), "1"),
    ];
    let row = |(what, figure, budget): &(&str, String, &str)| {
        format!("| {bus} | {what} | {figure} | {budget} |\n")
    };
    rows.iter().map(row).collect()
}
