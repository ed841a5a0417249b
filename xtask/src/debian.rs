//! Programs that tests need and that a package manager provides: today the browser.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The packages of a Debian machine on which the browser tests run: the browser, and a font with
/// Korean letters so that screenshots show what a person would see.
const PACKAGES: [&str; 2] = ["chromium", "fonts-nanum"];

/// What can be done about the browser on this machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Browser {
    /// It is there.
    Found(PathBuf),
    /// `apt-get` can bring it.
    Installable,
    /// Only the person at the machine can.
    Missing,
}

impl Browser {
    /// Looks for it.
    pub(crate) fn find() -> Self {
        let named = env::var_os("CHROMIUM").map(PathBuf::from);
        let found =
            named.into_iter().chain(BROWSERS.iter().map(PathBuf::from)).find(|path| path.exists());
        match found {
            Some(path) => Self::Found(path),
            None if is_root_on_debian() => Self::Installable,
            None => Self::Missing,
        }
    }

    /// Where it is, or will be after [`install`](Self::install).
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::Found(path) => path.clone(),
            Self::Installable | Self::Missing => BROWSERS[0].into(),
        }
    }

    /// Adds a step that installs it, if that is possible and needed.
    pub(crate) fn install(&self, plan: &mut Plan) {
        if *self != Self::Installable {
            return;
        }
        plan.push(
            Step::new(INSTALL)
                .task(Task::preparation(
                    "apt-get update",
                    apt(&["update", "--quiet"]),
                ))
                .task(Task::preparation(
                    format!("apt-get install {}", PACKAGES.join(" ")),
                    apt(&[
                        &["install", "--yes", "--no-install-recommends"],
                        &PACKAGES[..],
                    ]
                    .concat()),
                )),
        );
    }
}

/// Name of the step that [`Browser::install`] adds.
pub(crate) const INSTALL: &str = "Debian packages";

/// What to tell somebody whose machine has no browser.
pub(crate) const BROWSER_ADVICE: &str = "no browser found: install Chromium or Chrome \
     (Debian and Ubuntu: `sudo apt-get install chromium fonts-nanum`; macOS: \
     `brew install --cask chromium`), or set CHROMIUM to its path";

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
