//! `cargo xtask test`: which steps there are, in which order, and why.
//!
//! One cargo profile builds everything once: `cargo build --all-targets` makes the libraries, the
//! test programs, the examples and the binaries that the JavaScript tests start, with the same
//! features, and `cargo test` afterwards only adds the doc tests.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::autobahn;
use crate::book;
use crate::debian::{self, Available, Program};
use crate::deny;
use crate::flaky::{self, literal};
use crate::fuzz;
use crate::lint;
use crate::long::Counts;
use crate::node;
use crate::plan::{Plan, Step, Task};
use crate::rounds::Rounds;
use crate::workspace::Workspace;

/// What to test.
#[derive(Debug, Default, Args)]
pub(crate) struct Arguments {
    /// Also what takes minutes: lints, all of Autobahn, the fuzz targets.
    #[arg(long)]
    all: bool,
    /// Seeds, histories, clients and seconds as many as the work was done for, and not the share that
    /// fits into a few minutes; said at the beginning, with the variables that say otherwise.
    #[arg(long)]
    long: bool,
    /// Run only these steps: lint, rust, js, ui, interop, abuse, browser, autobahn, fuzz (comma
    /// separated).
    #[arg(long, value_name = "STEPS", value_delimiter = ',', value_enum)]
    only: Vec<Part>,
    #[command(flatten)]
    rounds: Rounds,
    /// Run only tests whose name contains this text, in every runner.
    filter: Option<String>,
}

/// A group of tests that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Formatting, the rules of the workspace, clippy, each feature alone, packages, docs; only with `--all`, or
    /// asked for by its name.
    Lint,
    /// `cargo test` of the workspace: unit, integration and doc tests, examples built.
    Rust,
    /// The JavaScript client's own tests.
    Js,
    /// The chat UI: types, unit tests, build.
    Ui,
    /// Official and own JavaScript clients against our servers, in Node.
    Interop,
    /// Attacks on our servers, with the memory that they cost and the delay of honest clients.
    Abuse,
    /// The chat in Chromium.
    Browser,
    /// The WebSocket conformance suite; with a filter it is left out.
    Autobahn,
    /// Each fuzz target for some seconds; only with `--all`, or asked for by its name.
    Fuzz,
}

/// Runs the tests, as often as is wanted.
pub(crate) fn test(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    arguments.rounds.run(|| plan(workspace, arguments)?.run())
}

fn plan(workspace: &Workspace, arguments: &Arguments) -> Result<Plan> {
    let counts = Counts::new(arguments.long)?;
    print!("{counts}");
    let mut plan = Plan::with_environment(counts.environment());
    let parts = Parts::new(arguments, counts)?;
    // The quick rules come first; the UI comes before everything that compiles, since the chat
    // carries it.
    parts.add_lints(arguments, &mut plan, || lint::quick_steps(workspace));
    if parts.has(&[Part::Lint]) && arguments.filter.is_none() {
        deny::add(workspace, &mut plan);
        book::add(workspace, &mut plan);
    }
    parts.prepare(workspace, arguments, &mut plan)?;
    parts.add_lints(arguments, &mut plan, || lint::steps(workspace));
    parts.add_tests(workspace, arguments, &mut plan)?;
    Ok(plan)
}

/// Which tests are wanted and can run on this machine.
struct Parts {
    only: Vec<Part>,
    browser: Available,
    python: Available,
    curl: Available,
    nginx: Available,
    haproxy: Available,
    caddy: Available,
    apache: Available,
    redis: Available,
    cxx: Available,
    /// Also what takes minutes.
    all: bool,
    /// How much the tests do that can go on for ever.
    counts: Counts,
}

impl Parts {
    fn new(arguments: &Arguments, counts: Counts) -> Result<Self> {
        let parts = Self {
            only: arguments.only.clone(),
            browser: Program::Browser.find(),
            python: Program::Python.find(),
            curl: Program::Curl.find(),
            nginx: Program::Nginx.find(),
            haproxy: Program::Haproxy.find(),
            caddy: Program::Caddy.find(),
            apache: Program::Apache.find(),
            redis: Program::Redis.find(),
            cxx: Program::Cxx.find(),
            all: arguments.all,
            counts,
        };
        node::require()?;
        for (program, available) in parts.programs() {
            if *available == Available::Missing && in_ci() {
                bail!("{}", program.advice());
            }
        }
        Ok(parts)
    }

    /// The programs that the wanted tests need.
    fn programs(&self) -> Vec<(Program, &Available)> {
        const INTEROP: &[Part] = &[Part::Interop];
        let browser = (&[Part::Browser][..], Program::Browser, &self.browser);
        let python = (&[Part::Autobahn][..], Program::Python, &self.python);
        let curl = (INTEROP, Program::Curl, &self.curl);
        let nginx = (INTEROP, Program::Nginx, &self.nginx);
        let haproxy = (INTEROP, Program::Haproxy, &self.haproxy);
        let caddy = (INTEROP, Program::Caddy, &self.caddy);
        let apache = (INTEROP, Program::Apache, &self.apache);
        let redis = (&[Part::Rust, Part::Interop][..], Program::Redis, &self.redis);
        let cxx = (&[Part::Fuzz][..], Program::Cxx, &self.cxx);
        let all = [browser, python, curl, nginx, haproxy, caddy, apache, redis, cxx];
        let wanted = all.into_iter().filter(|(parts, ..)| self.has(parts));
        wanted.map(|(_, program, available)| (program, available)).collect()
    }

    /// Whether any of these was asked for.
    fn has(&self, parts: &[Part]) -> bool {
        parts.iter().any(|part| match part {
            Part::Lint | Part::Fuzz if self.only.is_empty() => self.all,
            _ => self.only.is_empty() || self.only.contains(part),
        })
    }

    /// What has to be there before anything is compiled: packages, and the UI.
    fn prepare(&self, workspace: &Workspace, arguments: &Arguments, plan: &mut Plan) -> Result<()> {
        debian::install(&self.programs(), plan);
        if self.has(&[Part::Lint, Part::Ui, Part::Browser]) {
            plan.push(chat_ui(workspace, arguments, self.has(&[Part::Ui]))?);
        }
        Ok(())
    }

    /// A filter names tests, and these have no names.
    fn add_lints(&self, arguments: &Arguments, plan: &mut Plan, steps: impl FnOnce() -> Vec<Step>) {
        if self.has(&[Part::Lint]) && arguments.filter.is_none() {
            steps().into_iter().for_each(|step| plan.push(step));
        }
    }

    fn add_tests(
        &self,
        workspace: &Workspace,
        arguments: &Arguments,
        plan: &mut Plan,
    ) -> Result<()> {
        let parts = [Part::Rust, Part::Interop, Part::Abuse, Part::Browser, Part::Autobahn];
        if self.has(&parts) {
            plan.push(build(workspace, self.has(&[Part::Rust])));
        }
        if self.has(&[Part::Rust]) {
            let has_redis = self.redis != Available::Missing;
            if !has_redis {
                plan.leave_out("the crates over Redis", Program::Redis.advice());
            }
            plan.push(rust(workspace, arguments, has_redis)?);
        }
        if self.has(&[Part::Js]) {
            plan.push(js_client(workspace, arguments)?);
        }
        if self.has(&[Part::Interop]) {
            let needs = [
                (CURL_TESTS, "refused handshakes with curl", Program::Curl, &self.curl),
                (NGINX_TESTS, "what stands behind nginx", Program::Nginx, &self.nginx),
                (HAPROXY_TESTS, "what stands behind HAProxy", Program::Haproxy, &self.haproxy),
                (CADDY_TESTS, "what stands behind Caddy", Program::Caddy, &self.caddy),
                (APACHE_TESTS, "what stands behind Apache", Program::Apache, &self.apache),
                (REDIS_TESTS, "clusters with Node's servers", Program::Redis, &self.redis),
            ];
            let missing = needs.iter().filter(|(.., found)| **found == Available::Missing);
            let mut left_out = Vec::new();
            for (tests, name, program, _) in missing {
                left_out.push(*tests);
                plan.leave_out(name, program.advice());
            }
            plan.push(interop(workspace, arguments, &left_out)?);
        }
        if self.has(&[Part::Abuse]) {
            if cfg!(target_os = "linux") {
                plan.push(abuse(workspace, arguments));
            } else {
                plan.leave_out("abuse", "a server's memory is read as Linux tells it");
            }
        }
        if self.has(&[Part::Browser]) {
            match &self.browser {
                Available::Missing => plan.leave_out("browser tests", Program::Browser.advice()),
                Available::Found(browser) | Available::Installable(browser) => {
                    plan.push(in_browser(workspace, arguments, browser)?);
                }
            }
        }
        // Its cases have numbers, so a filter for names selects none.
        if self.has(&[Part::Autobahn]) && arguments.filter.is_none() {
            match &self.python {
                Available::Missing => plan.leave_out("Autobahn", Program::Python.advice()),
                Available::Found(python) | Available::Installable(python) => {
                    plan.push(autobahn::step(workspace, python, !arguments.all)?.after(BUILD));
                }
            }
            if !arguments.all {
                plan.not_asked_for("Autobahn 9, 12 and 13", "they take longer; `--all` runs them");
            }
        }
        if self.has(&[Part::Fuzz]) && arguments.filter.is_none() {
            match &self.cxx {
                Available::Missing => plan.leave_out("fuzz targets", Program::Cxx.advice()),
                Available::Found(_) | Available::Installable(_) => {
                    plan.push(fuzz::step(workspace, &self.counts)?)
                }
            }
        }
        Ok(())
    }
}

/// Everything that later steps run, built once.
fn build(workspace: &Workspace, tests_too: bool) -> Step {
    let mut command = coloured(workspace);
    command.args(["build", "--workspace"]);
    // Tests in JavaScript start examples too.
    let targets = if tests_too { &["--all-targets"][..] } else { &["--bins", "--examples"] };
    command.args(targets);
    Step::new(BUILD).task(Task::preparation("cargo build", command))
}

fn rust(workspace: &Workspace, arguments: &Arguments, has_redis: bool) -> Result<Step> {
    let mut command = coloured(workspace);
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if !has_redis {
        REDIS_CRATES.iter().for_each(|name| _ = command.args(["--exclude", name]));
    }
    command.args(&arguments.filter);
    if !has_redis {
        // Those of crates whose other tests need none.
        command.args(["--", "--skip", "over_redis"]);
    }
    // Tests of the Rust client against the official server run where this says so.
    command.env("SOCKEYE_TEST_NODE", "1");
    Ok(Step::new("Rust")
        .after(BUILD)
        .task(node::install(&workspace.path("crates/client/tests/node"))?)
        .task(Task::runner("cargo test", command)))
}

fn js_client(workspace: &Workspace, arguments: &Arguments) -> Result<Step> {
    let folder = workspace.path("clients/js");
    let step = Step::new("JavaScript client").task(node::install(&folder)?);
    if arguments.filter.is_none() {
        return Ok(step
            .task(Task::runner("npm test", node::npm(&folder, &["test"])))
            .task(Task::check("npm run check-dist", node::script(&folder, "check-dist"))));
    }
    // `npm test` there calls several programs; a filter means something to the test runner only.
    let tests = node_tests(&folder, "test", arguments, |_| true)?;
    Ok(step
        .task(Task::preparation("npm run build-test", node::script(&folder, "build-test")))
        .task(Task::runner("node --test", tests)))
}

fn chat_ui(workspace: &Workspace, arguments: &Arguments, tests_too: bool) -> Result<Step> {
    let folder = workspace.path("apps/chat/web");
    let mut step = Step::new("chat UI").task(node::install(&folder)?);
    if tests_too {
        let mut test = node::npm(&folder, &["test"]);
        if let Some(filter) = &arguments.filter {
            // The runner there is Vitest.
            test.args(["--", "--passWithNoTests", "-t"]).arg(literal(filter));
        } else {
            let check = node::script(&folder, "check");
            step = step.task(Task::check("npm run check", check));
        }
        step = step.task(Task::runner("npm test", test));
    }
    let build = node::script(&folder, "build");
    Ok(step.task(Task::preparation("npm run build", build)))
}

fn interop(workspace: &Workspace, arguments: &Arguments, left_out: &[&str]) -> Result<Step> {
    let folder = workspace.path("interop");
    let wanted =
        |name: &str| !is_in_browser(name) && !left_out.iter().any(|tests| name.ends_with(tests));
    let mut command = node_tests(&folder, "tests", arguments, wanted)?;
    command.env(BINARIES, workspace.target_dir().join("debug"));
    Ok(Step::new("interop")
        .after(BUILD)
        .task(node::install(&folder)?)
        // The behaviour suite is the one of the JavaScript client.
        .task(node::install(&workspace.path("clients/js"))?)
        .task(Task::runner("node --test", command)))
}

/// Ends with counts of its own; an attack is chosen by the filter as a test is.
fn abuse(workspace: &Workspace, arguments: &Arguments) -> Step {
    let binaries = workspace.target_dir().join("debug");
    let mut command = Command::new(binaries.join("abuse"));
    command.args(&arguments.filter).env(BINARIES, binaries);
    Step::new("abuse").after(BUILD).task(Task::runner("abuse", command))
}

fn in_browser(workspace: &Workspace, arguments: &Arguments, browser: &Path) -> Result<Step> {
    let folder = workspace.path("interop");
    let mut command = node_tests(&folder, "tests", arguments, is_in_browser)?;
    command.env(BINARIES, workspace.target_dir().join("debug"));
    command.env("CHROMIUM", browser);
    Ok(Step::new("browser")
        .after(BUILD)
        .task(node::install(&folder)?)
        // Its bundlers build pages of the JavaScript client.
        .task(node::install(&workspace.path("clients/js"))?)
        .task(Task::runner("node --test", command).rerunning()))
}

fn is_in_browser(name: &str) -> bool {
    name.ends_with(".e2e.test.mjs")
}

/// `node --test` over those files of `folder/below` that are tests and wanted. (Whether it takes
/// the name of a folder depends on the version of Node.)
fn node_tests(
    folder: &Path,
    below: &str,
    arguments: &Arguments,
    wanted: impl Fn(&str) -> bool,
) -> Result<Command> {
    let mut files = Vec::new();
    let tests = folder.join(below);
    for entry in fs::read_dir(&tests).with_context(|| format!("list {}", tests.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(flaky::TESTS) && wanted(&name) {
            files.push(Path::new(below).join(name));
        }
    }
    files.sort();
    let mut command = Command::new("node");
    // Each file is a process that mostly waits for timers of the protocol, so more of them than
    // there are cores.
    command.current_dir(folder).args(["--test", "--test-reporter=spec", "--test-concurrency=4"]);
    if !arguments.long {
        // A file that does not end is ended, and fails by its name.
        command.arg(format!("--test-timeout={}", FILE_MAX.as_millis()));
    }
    if let Some(filter) = &arguments.filter {
        command.arg(format!("{}{}", flaky::PATTERN, literal(filter)));
    }
    command.args(files);
    Ok(command)
}

/// Cargo with colours when a person watches, although its output goes through a pipe.
pub(crate) fn coloured(workspace: &Workspace) -> Command {
    let mut command = workspace.cargo();
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        command.env("CARGO_TERM_COLOR", "always");
    }
    command
}

fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// Time for one file of Node tests. The longest needs about a fifth of it on two cores.
const FILE_MAX: Duration = Duration::from_secs(8 * 60);

/// Tests that need curl.
const CURL_TESTS: &str = "-curl.test.mjs";
/// Tests that need nginx.
const NGINX_TESTS: &str = "-nginx.test.mjs";
/// Tests that need HAProxy.
const HAPROXY_TESTS: &str = "-haproxy.test.mjs";
/// Tests that need Caddy.
const CADDY_TESTS: &str = "-caddy.test.mjs";
/// Tests that need Apache.
const APACHE_TESTS: &str = "-apache.test.mjs";
/// Tests that need Redis.
const REDIS_TESTS: &str = "-redis.test.mjs";
/// Crates whose tests do.
const REDIS_CRATES: [&str; 2] = ["sockeye-redis", "sockeye-emitter"];

/// Name of the step that the others wait for.
const BUILD: &str = "build";

/// Tells the JavaScript tests where the programs are that they start.
const BINARIES: &str = "SOCKEYE_BIN_DIR";
