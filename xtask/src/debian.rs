//! Programs that tests need and that a package manager provides: the browser, Python and others.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::plan::{Plan, Step, Task};

/// Where a Chromium or Chrome is usually found; the variable `CHROMIUM` goes first.
const BROWSERS: [&str; 6] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/usr/bin/google-chrome-stable",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Where nginx is usually found: not always on the path of a user.
const NGINX: [&str; 3] = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx"];

/// The same for the other proxies of docs/operations.md.
const HAPROXY: [&str; 2] = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"];
const CADDY: [&str; 2] = ["/usr/bin/caddy", "/usr/local/bin/caddy"];
/// Where Debian has it, with its modules where the test looks for them.
const APACHE: [&str; 1] = ["/usr/sbin/apache2"];
const REDIS: [&str; 2] = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"];

/// Succeeds where Python can make the environment that the conformance suite is installed in.
const PYTHON_PROBE: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";

/// A program that is not fetched by cargo or npm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// Chromium or Chrome.
    Browser,
    /// Python 3.10 or newer, with venv and pip.
    Python,
    /// curl, for requests as somebody at a terminal makes them.
    Curl,
    /// nginx, for Engine.IO behind a proxy, as the others are.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Caddy.
    Caddy,
    /// Apache's HTTP server.
    Apache,
    /// Redis 7.
    Redis,
    /// A compiler of C++, which libFuzzer is written in.
    Cxx,
}

/// What can be done about a program on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Available {
    /// It is there.
    Found(PathBuf),
    /// `apt-get` can bring it, to this path.
    Installable(PathBuf),
    /// Only the person at the machine can.
    Missing,
}

impl Program {
    /// Looks for it.
    pub(crate) fn find(self) -> Available {
        match self.path() {
            Some(path) => Available::Found(path),
            None if is_root_on_debian() => Available::Installable(match self {
                Self::Browser => BROWSERS[0].into(),
                Self::Python => "/usr/bin/python3".into(),
                Self::Curl => "/usr/bin/curl".into(),
                Self::Nginx => NGINX[0].into(),
                Self::Haproxy => HAPROXY[0].into(),
                Self::Caddy => CADDY[0].into(),
                Self::Apache => APACHE[0].into(),
                Self::Redis => REDIS[0].into(),
                Self::Cxx => "/usr/bin/c++".into(),
            }),
            None => Available::Missing,
        }
    }

    fn path(self) -> Option<PathBuf> {
        match self {
            Self::Browser => {
                let named = env::var_os("CHROMIUM").map(PathBuf::from);
                let known = BROWSERS.iter().map(PathBuf::from);
                named.into_iter().chain(known).find(|path| path.exists())
            }
            Self::Python => {
                let mut probe = Command::new("python3");
                probe.args(["-c", PYTHON_PROBE]);
                succeeds(probe).then(|| "python3".into())
            }
            Self::Curl => has_version("curl").then(|| "curl".into()),
            Self::Nginx => first_of(&NGINX),
            Self::Haproxy => first_of(&HAPROXY),
            Self::Caddy => first_of(&CADDY),
            Self::Apache => first_of(&APACHE),
            Self::Redis => first_of(&REDIS),
            Self::Cxx => has_version("c++").then(|| "c++".into()),
        }
    }

    /// Its packages on Debian. The font has Korean letters, so that screenshots show what a person
    /// would see.
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Browser => &["chromium", "fonts-nanum"],
            Self::Python => &["python3", "python3-venv"],
            Self::Curl => &["curl"],
            Self::Nginx => &["nginx-light"],
            Self::Haproxy => &["haproxy"],
            Self::Caddy => &["caddy"],
            // The program alone, without a service that takes port 80.
            Self::Apache => &["apache2-bin"],
            Self::Redis => &["redis-server"],
            Self::Cxx => &["g++"],
        }
    }

    /// What to tell somebody whose machine has none.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::Browser => {
                "no browser found: install Chromium or Chrome \
                 (Debian and Ubuntu: `sudo apt-get install chromium fonts-nanum`; macOS: \
                 `brew install --cask chromium`), or set CHROMIUM to its path"
            }
            Self::Python => {
                "no Python 3.10 or newer with venv found: install it \
                 (Debian and Ubuntu: `sudo apt-get install python3-venv`; macOS: \
                 `brew install python`)"
            }
            Self::Curl => "no curl found: install it",
            Self::Nginx => {
                "no nginx found: install it (Debian and Ubuntu: `sudo apt-get install nginx-light`)"
            }
            Self::Haproxy => {
                "no HAProxy found: install it (Debian and Ubuntu: `sudo apt-get install haproxy`)"
            }
            Self::Caddy => {
                "no Caddy found: install it (Debian and Ubuntu: `sudo apt-get install caddy`)"
            }
            Self::Apache => {
                "no Apache of Debian found: install it (`sudo apt-get install apache2-bin`)"
            }
            Self::Redis => {
                "no Redis 7 found: install it (Debian and Ubuntu: `sudo apt-get install redis-server`; \
                 macOS: `brew install redis`)"
            }
            Self::Cxx => {
                "no C++ compiler found: install one (Debian and Ubuntu: `sudo apt-get install g++`)"
            }
        }
    }
}

/// Adds a step that installs those of the programs that are not there and can be.
pub(crate) fn install(programs: &[(Program, &Available)], plan: &mut Plan) {
    let packages: Vec<&str> = programs
        .iter()
        .filter(|(_, available)| matches!(available, Available::Installable(_)))
        .flat_map(|(program, _)| program.packages())
        .copied()
        .collect();
    if packages.is_empty() {
        return;
    }
    let label = format!("apt-get install {}", packages.join(" "));
    let arguments = ["install", "--yes", "--no-install-recommends"];
    plan.push(
        Step::new("Debian packages")
            .task(Task::preparation("apt-get update", apt(&["update", "--quiet"])))
            .task(Task::preparation(label, apt(&[&arguments, &packages[..]].concat()))),
    );
}

fn first_of(paths: &[&str]) -> Option<PathBuf> {
    paths.iter().map(PathBuf::from).find(|path| path.exists())
}

fn has_version(program: &str) -> bool {
    let mut probe = Command::new(program);
    probe.arg("--version");
    succeeds(probe)
}

fn succeeds(mut probe: Command) -> bool {
    probe.stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root_on_debian() -> bool {
    Path::new("/etc/debian_version").exists() && is_root().unwrap_or(false)
}

fn is_root() -> Result<bool> {
    Ok(Command::new("id").arg("-u").output()?.stdout == b"0\n")
}
