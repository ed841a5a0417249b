//! `cargo xtask deb`: the chat as a Debian package, put together by `dpkg-deb`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::serve::build_ui;
use crate::workspace::Workspace;

/// How to make the package.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The program, if it is built already; otherwise it is built in release mode, with the page.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Folder to put the package into.
    #[arg(long, value_name = "FOLDER", default_value = "target/deb")]
    to: PathBuf,
}

/// What goes where, with its permissions: the folder of the sources, and of the installation.
const FILES: [(&str, &str, u32); 5] = [
    ("packaging/sockeye.service", "usr/lib/systemd/system/sockeye.service", 0o644),
    ("packaging/sockeye.toml", "etc/sockeye/sockeye.toml", 0o640),
    ("packaging/sockeye.toml", "usr/share/doc/sockeye/examples/sockeye.toml", 0o644),
    ("packaging/sockeye.1", "usr/share/man/man1/sockeye.1", 0o644),
    ("LICENSE-MIT", "usr/share/doc/sockeye/copyright", 0o644),
];
const SCRIPTS: [&str; 3] = ["postinst", "postrm", "prerm"];

pub(crate) fn deb(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let program = match &arguments.binary {
        Some(program) => program.clone(),
        None => build(workspace)?,
    };
    let version = env!("CARGO_PKG_VERSION");
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let root = workspace.target_dir().join("xtask/deb");
    let _ = fs::remove_dir_all(&root);
    copy(&program, &root.join("usr/bin/sockeye"), 0o755)?;
    for (from, to, mode) in FILES {
        copy(&workspace.path(from), &root.join(to), mode)?;
    }
    for script in SCRIPTS {
        let from = workspace.path("packaging/debian").join(script);
        copy(&from, &root.join("DEBIAN").join(script), 0o755)?;
    }
    let man = root.join("usr/share/man/man1/sockeye.1");
    output(Command::new("gzip").arg("-9n").arg(&man))?;
    fs::write(root.join("DEBIAN/conffiles"), "/etc/sockeye/sockeye.toml\n")?;
    let bytes = fs::metadata(&program)?.len();
    let control = format!(
        "Package: sockeye\nVersion: {version}\nArchitecture: {architecture}\nMaintainer: The Sockeye authors <none@example.invalid>\n\
         Installed-Size: {}\nDepends: libc6 (>= {}), libgcc-s1, adduser\nSection: net\nPriority: optional\n\
         Homepage: https://github.com/sockeye-rs/sockeye\n\
         Description: team chat in one program\n \
         Rooms, direct messages, accounts and guests, served from one folder of data.\n",
        bytes.div_ceil(1_024),
        libc_of(&fs::read(&program)?).context("the program does not say which libc it needs")?,
    );
    fs::write(root.join("DEBIAN/control"), control)?;
    let folder = workspace.path(&arguments.to.to_string_lossy());
    fs::create_dir_all(&folder)?;
    let package = folder.join(format!("sockeye_{version}_{architecture}.deb"));
    let mut command = Command::new("dpkg-deb");
    command.args(["--build", "--root-owner-group"]).args([&root, &package]);
    println!("{}", output(&mut command)?);
    Ok(())
}

fn build(workspace: &Workspace) -> Result<PathBuf> {
    build_ui(workspace)?;
    let mut command = workspace.cargo();
    command.args([
        "build",
        "--release",
        "--locked",
        "--package",
        "sockeye-chat",
        "--bin",
        "sockeye",
    ]);
    ensure!(command.status()?.success(), "the program could not be built");
    let built = workspace.target_dir().join("release/sockeye");
    let stripped = workspace.target_dir().join("xtask/sockeye");
    fs::create_dir_all(workspace.target_dir().join("xtask"))?;
    output(Command::new("strip").arg("-o").args([&stripped, &built]))?;
    Ok(stripped)
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let folder = to.parent().context("a file without a folder")?;
    fs::create_dir_all(folder)?;
    fs::copy(from, to).with_context(|| format!("copy {}", from.display()))?;
    set_mode(to, mode)?;
    // Whatever the mask of whoever builds.
    folder
        .ancestors()
        .take_while(|folder| !folder.ends_with("xtask"))
        .try_for_each(|folder| set_mode(folder, 0o755))
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    anyhow::bail!("Debian packages are made on Debian")
}

/// What a program prints; it must not fail.
fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("run {name}"))?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The newest version of glibc whose symbols a program names.
fn libc_of(program: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"GLIBC_2.";
    let found = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME);
    let minors: BTreeSet<u32> = found
        .filter_map(|(at, _)| {
            let rest = &program[at + NAME.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
        })
        .collect();
    minors.last().map(|minor| format!("2.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libc_is_that_of_the_newest_symbol() {
        assert_eq!(libc_of(b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.2.5\0").unwrap(), "2.34");
        assert_eq!(libc_of(b"GLIBC_PRIVATE"), None);
    }

    #[test]
    fn what_is_packed_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for (from, ..) in FILES {
            assert!(root.join(from).is_file(), "{from}");
        }
        for script in SCRIPTS {
            let text = fs::read_to_string(root.join("packaging/debian").join(script)).unwrap();
            assert!(text.starts_with("#!/bin/sh\nset -e\n"), "{script}");
        }
    }
}
