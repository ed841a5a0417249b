//! What the kernel knows of a process: where it may run, the files it may open, the CPU time it
//! has used and the memory it holds. The last two are read from outside the measured process.

use std::fs;
use std::io;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// CPU time used by all threads of a process since its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuTime {
    /// Time in user space; the kernel rounds it to clock ticks (10 ms).
    pub user: Duration,
    /// Time in the kernel on the process's behalf; rounded like [`user`](Self::user).
    pub system: Duration,
    /// Both together, from the process's own CPU clock, in nanoseconds.
    pub total: Duration,
}

impl CpuTime {
    /// Reads the clocks of process `pid`.
    ///
    /// # Errors
    /// When there is no such process, or the platform does not tell.
    pub fn of(pid: u32) -> io::Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let (user, system) = stat_ticks(&stat)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable stat file"))?;
        let ticks_per_second = sysconf(SysconfVar::CLK_TCK)?.unwrap_or(100).max(1) as f64;
        let from_ticks = |ticks: u64| Duration::from_secs_f64(ticks as f64 / ticks_per_second);
        Ok(Self { user: from_ticks(user), system: from_ticks(system), total: cpu_clock(pid)? })
    }

    /// What two processes have used.
    pub fn plus(self, other: Self) -> Self {
        Self {
            user: self.user + other.user,
            system: self.system + other.system,
            total: self.total + other.total,
        }
    }

    /// What was used between `earlier` and `self`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
            total: self.total.saturating_sub(earlier.total),
        }
    }
}

/// Memory that a process holds, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// `VmRSS`: all resident pages, program code included.
    pub resident: u64,
    /// `Anonymous` of `smaps_rollup`: heap, stacks and the like, without pages of files.
    pub anonymous: u64,
}

impl Memory {
    /// Reads the memory of process `pid`.
    ///
    /// # Errors
    /// When there is no such process, or the platform does not tell.
    pub fn of(pid: u32) -> io::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let field = |text: &str, name| {
            kibibytes(text, name).ok_or_else(|| {
                io::Error::new(io::ErrorKind::InvalidData, format!("no field {name}"))
            })
        };
        Ok(Self { resident: field(&status, "VmRSS:")?, anonymous: field(&rollup, "Anonymous:")? })
    }
}

/// Binds the calling thread, and the threads and processes it starts from now on, to one core.
///
/// # Errors
/// When this machine has no such core, or the platform has no such call.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) -> io::Result<()> {
    pin_to(&[core])
}

/// Binds the calling thread, and the threads and processes it starts from now on, to `cores`.
///
/// # Errors
/// When this machine has none of these cores, or the platform has no such call.
#[cfg(target_os = "linux")]
pub fn pin_to(cores: &[usize]) -> io::Result<()> {
    let mut set = nix::sched::CpuSet::new();
    for &core in cores {
        set.set(core)?;
    }
    Ok(nix::sched::sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// The cores on which the calling thread may run now.
///
/// # Errors
/// When the platform has no such call.
#[cfg(target_os = "linux")]
pub fn allowed_cores() -> io::Result<Vec<usize>> {
    let set = nix::sched::sched_getaffinity(Pid::from_raw(0))?;
    Ok((0..nix::sched::CpuSet::count()).filter(|&core| set.is_set(core).unwrap_or(false)).collect())
}

/// Raises the limit of open files to the highest this process may have, and returns it.
///
/// # Errors
/// When the limit cannot be read or set.
pub fn raise_open_files() -> io::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Ok(hard)
}

/// Asks process `pid` to end (SIGTERM).
///
/// # Errors
/// When there is no such process.
pub fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(kill(Pid::from_raw(pid), Signal::SIGTERM)?)
}

#[cfg(target_os = "linux")]
fn cpu_clock(pid: u32) -> io::Result<Duration> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    let clock = nix::time::clock_getcpuclockid(Pid::from_raw(pid))?;
    Ok(Duration::from(nix::time::clock_gettime(clock)?))
}

/// `utime` and `stime` of a `/proc/PID/stat` line (fields 14 and 15). The name in parentheses may
/// itself hold spaces and parentheses, so counting starts behind the last one.
fn stat_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.split_ascii_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_fields_are_found_behind_a_strange_name() {
        let stat = "7 (a) b( c)) S 1 7 7 0 -1 4194560 9 0 0 0 123 45 0 0 20 0 1 0 100 0 0";
        assert_eq!(stat_ticks(stat), Some((123, 45)));
        assert_eq!(stat_ticks("7 (a"), None);
    }

    #[test]
    fn memory_fields_are_in_bytes() {
        let status = "Name:\tx\nVmRSS:\t    1204 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(1204 * 1024));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn this_process_is_readable() {
        let pid = std::process::id();
        let before = CpuTime::of(pid).unwrap();
        let mut sum = 0u64;
        while CpuTime::of(pid).unwrap().since(before).total < Duration::from_millis(1) {
            sum = std::hint::black_box(sum + 1);
        }
        let memory = Memory::of(pid).unwrap();
        assert!(memory.resident >= memory.anonymous && memory.anonymous > 0);
    }
}
