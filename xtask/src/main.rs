//! Automation for this workspace: `cargo xtask serve`, `test`, `check`, `book`, `bench`
//! and `fuzz`.
//!
//! Everything a newcomer has to do is one of these commands, and CI runs the same ones, so that a
//! green run here means a green run there.
#![forbid(unsafe_code)]
// A command line tool talks to its user on the two standard streams.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod account;
mod autobahn;
mod bench;
mod book;
mod check;
mod deb;
mod debian;
mod deny;
mod failures;
mod flaky;
mod fuzz;
mod lint;
mod long;
mod node;
mod plan;
mod rounds;
mod run;
mod serve;
mod tally;
mod test;
mod weight;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Automation for the Sockeye workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build the chat with its UI and serve it (http://localhost:3000, data in ./data).
    ///
    /// The first build takes about ten minutes on two cores, with `--quick` about three (the program
    /// is slower then), and needs a C compiler. Everything else after `serve` goes to the server:
    /// `cargo xtask serve --port 0 --data /tmp/chat`. Its own help is `cargo xtask serve --help`.
    #[command(disable_help_flag = true)]
    Serve(serve::Arguments),
    /// Run the tests: Rust, the JavaScript client, the chat UI, interop, Chromium, Autobahn.
    ///
    /// Fetches what the tests need: npm packages everywhere, Debian packages when run as root on
    /// Debian. Elsewhere it names what to install and which tests it left out; with CI=true it
    /// fails instead. With `--all` it is what CI runs. At the end there is an account of all steps,
    /// with their minutes, and each failure is told again in its own words; the last line is
    /// `N passed, N failed, N skipped`.
    Test(test::Arguments),
    /// Check the rules of the workspace that the compiler cannot see.
    ///
    /// Dependencies point one way, sans-IO crates touch no clock, thread, socket, runtime or
    /// random source, unsafe code is forbidden everywhere, versions are only in the root manifest,
    /// what is published has its facts and licences, and the tables of features are right.
    Check,
    /// Build the book from docs/ into target/book with mdBook, and check every link of its pages.
    Book,
    /// The part of `test --only autobahn` that comes after building and installing.
    #[command(hide = true)]
    Autobahn(autobahn::Arguments),
    /// Uses a core until its input ends: `test --hogs`.
    #[command(hide = true)]
    Hog,
    /// Count the crates that `sockeye` brings; too many are an error.
    Crates,
    /// Measure: `bench_report` of the bench crate, in release mode, with these arguments.
    ///
    /// `cargo xtask bench weight` measures what it takes to compile a program that depends on `sockeye`,
    /// beside the same with socketioxide.
    #[command(disable_help_flag = true)]
    Bench(bench::BenchArguments),
    /// Make a Debian package of the chat, by `dpkg-deb`.
    Deb(deb::Arguments),
    /// Run one fuzz target, or list them.
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = Workspace::load().and_then(|workspace| match cli.command {
        Task::Serve(arguments) => serve::serve(&workspace, &arguments),
        Task::Test(arguments) => test::test(&workspace, &arguments),
        Task::Check => check::check(&workspace),
        Task::Book => book::book(&workspace),
        Task::Autobahn(arguments) => autobahn::run(&workspace, &arguments),
        Task::Crates => weight::count_crates(&workspace),
        Task::Hog => rounds::hog(),
        Task::Bench(arguments) => bench::bench(&workspace, &arguments),
        Task::Deb(arguments) => deb::deb(&workspace, &arguments),
        Task::Fuzz(arguments) => fuzz::fuzz(&workspace, &arguments),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ci_runs_the_command_of_the_readme() {
        let read = |name: &str| {
            let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(path).unwrap()
        };
        let command = read(".ci/run").lines().last().unwrap().replace("exec ", "");
        let named = command.strip_suffix(" --all").unwrap();
        let readme = read("README.md");
        let line = readme.lines().find(|line| line.starts_with(named)).unwrap();
        assert!(line.contains("--all"), "{line}");
        Cli::try_parse_from(command.split(' ').skip(1)).unwrap();
    }

    #[test]
    fn serve_passes_everything_on() {
        let cli = Cli::try_parse_from(["xtask", "serve", "--port", "0", "--help"]).unwrap();
        let Task::Serve(arguments) = cli.command else { panic!("not serve") };
        assert_eq!(arguments.arguments, ["--port", "0", "--help"]);
    }
}
