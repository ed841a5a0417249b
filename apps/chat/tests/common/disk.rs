//! A disk of a few megabytes for one program. Only root can make one.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::PATIENCE;

/// A file system that only some processes see; gone with this.
pub(crate) struct Disk {
    holder: Child,
    folder: TempDir,
}

impl Disk {
    /// One of so many megabytes; `None` where this is not allowed.
    pub(crate) async fn mount(megabytes: u32) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let script = format!(
            "mount -t tmpfs -o size={megabytes}m,mode=700 tmpfs \"$0\" && echo ready && exec cat"
        );
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", &script, folder.path().to_str().unwrap()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .ok()?;
        let mut ready = [0; 6];
        let mut stdout = holder.stdout.take().unwrap();
        let read = tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut ready);
        timeout(PATIENCE, read).await.unwrap().ok()?;
        Some(Disk { holder, folder })
    }

    /// The folder as this process can reach it.
    pub(crate) fn path(&self) -> PathBuf {
        let folder = self.folder.path().strip_prefix("/").unwrap();
        Path::new("/proc").join(self.holder.id().unwrap().to_string()).join("root").join(folder)
    }

    /// `sockeye serve` with its data there, not yet started: its variables, and what comes behind `--data`.
    pub(crate) fn serve(&self, variables: &[String], arguments: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--mount=/proc/{}/ns/mnt", self.holder.id().unwrap()))
            .arg("env")
            .args(variables)
            .args([env!("CARGO_BIN_EXE_sockeye"), "serve", "--host", "127.0.0.1", "--data"])
            .arg(self.folder.path().join("data"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Takes all that is left.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.path().join("filler")).unwrap();
        for size in [64 * 1024, 1024, 1] {
            let bytes = vec![0xA5; size];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    pub(crate) fn empty(&self) {
        fs::remove_file(self.path().join("filler")).unwrap();
    }
}
