//! A server under attack: a program of its own, with its address and its memory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Started on a free port of 127.0.0.1; killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The folder of its data, which goes with it.
    pub(crate) data: PathBuf,
}

impl Server {
    /// Starts `program` of this folder and waits for its ready line. `DATA` in an argument stands for
    /// an empty folder.
    pub(crate) fn start(binaries: &Path, program: &str, arguments: &[&str]) -> Result<Self> {
        let data = std::env::temp_dir().join(format!("sockeye-abuse-{}", std::process::id()));
        let _ = fs::remove_dir_all(&data);
        fs::create_dir_all(&data).with_context(|| format!("make {}", data.display()))?;
        let path = binaries.join(program);
        let mut command = Command::new(&path);
        for argument in arguments {
            command.arg(if *argument == "DATA" { data.as_os_str() } else { argument.as_ref() });
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| {
            format!("start {}: `cargo build --workspace --bins` first", path.display())
        })?;
        let stdout = child.stdout.take().context("its output")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = loop {
            let line = lines.next().with_context(|| format!("{program} ended at once"))??;
            if let Some(address) = line.strip_prefix("listening on http://") {
                let port = address.trim_end_matches('/').rsplit(':').next().unwrap_or_default();
                break SocketAddr::from(([127, 0, 0, 1], port.parse().context("its port")?));
            }
        };
        // Whatever else it says is read, so that it never waits.
        thread::spawn(move || lines.for_each(drop));
        Ok(Self { child, address, data })
    }

    /// Its resident memory in bytes (`VmRSS`).
    pub(crate) fn memory(&self) -> Result<u64> {
        resident(self.child.id())
    }

    /// Notes the highest memory until it is dropped.
    pub(crate) fn watch(&self) -> Watch {
        let (stop, peak) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (stopped, highest, id) = (Arc::clone(&stop), Arc::clone(&peak), self.child.id());
        thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                highest.fetch_max(resident(id).unwrap_or(0), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        Watch { stop, peak }
    }

    /// How many files and connections it has open.
    pub(crate) fn open_files(&self) -> Result<u64> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count() as u64)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

/// Looks at the memory of a server again and again.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
}

impl Watch {
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Bytes of the files in a folder.
pub(crate) fn bytes_below(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn resident(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).context("no VmRSS")?;
    Ok(kibibytes.trim().parse::<u64>()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read() {
        assert!(resident(std::process::id()).unwrap() > 100_000);
        assert!(resident(u32::MAX).is_err());
    }
}
