//! `cargo xtask check`: rules of the workspace that neither the compiler nor clippy sees.
//!
//! | rule | file |
//! |---|---|
//! | dependencies between our crates point one way | [`arrows`] |
//! | versions and package facts stand once, in the root manifest; lints are the workspace's | [`manifests`] |
//! | sans-IO crates neither depend on nor mention a clock, thread, socket, runtime or random source | [`sans_io`] |
//! | modules of `net` and `engine` that lie side by side use each other one way only | [`modules`] |
//! | a `use` line names the items of one module | [`imports`] |
//! | of the chat, only its stores speak SQL | [`stores`] |
//! | every crate forbids unsafe code | [`unsafe_code`] |
//! | what is published has its facts, a README and both licences | [`packages`] |
//! | the tables of features name those there are | [`features`] |
//! | what is promised to compile is what everything is built with | [`toolchain`] |
//!
//! Each rule is a function from plain facts to violations, so that its tests can show it a
//! workspace that breaks it.

mod arrows;
mod features;
mod imports;
mod manifests;
mod modules;
mod packages;
mod sans_io;
mod source;
mod stores;
mod toolchain;
mod unsafe_code;

use std::fmt;

use anyhow::{Result, bail};

pub(crate) use self::packages::published;
use crate::workspace::Workspace;

/// One broken rule: where, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    place: String,
    what: String,
}

impl Violation {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.what)
    }
}

/// Checks every rule and prints every violation.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut violations = arrows::check(workspace);
    violations.extend(manifests::check(workspace)?);
    violations.extend(sans_io::check(workspace)?);
    violations.extend(modules::check(workspace)?);
    violations.extend(imports::check(workspace)?);
    violations.extend(stores::check(workspace)?);
    violations.extend(unsafe_code::check(workspace)?);
    violations.extend(packages::check(workspace)?);
    violations.extend(features::check(workspace)?);
    violations.extend(toolchain::check(workspace)?);
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        bail!("{} violations of the workspace's rules", violations.len());
    }
    println!("{} crates keep the workspace's rules", workspace.metadata().packages.len());
    Ok(())
}
