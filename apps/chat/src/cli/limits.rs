//! The options that bound what people may do.

use clap::Args;

use crate::pictures::contract::PICTURE_BYTES_MAX;
use crate::quota::Quotas;
use crate::rooms::contract::KEEP_DAYS_MAX;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// How much people may do.
///
/// Behind a proxy that `--trusted-proxies` does not name everybody has the proxy's address, and one
/// share of all.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits (of an address, or a network of 64 bits; 0 is no limit)")]
pub struct LimitArgs {
    /// Messages a second; ten seconds' worth at once
    #[arg(long, value_name = "N", default_value_t = Quotas::default().messages_per_second)]
    #[arg(env = "SOCKEYE_MESSAGES_PER_SECOND")]
    pub messages_per_second: u32,

    /// KiB of messages a second; sixteen seconds' worth at once
    #[arg(long, value_name = "KIB", default_value_t = kib(Quotas::default().bytes_per_second))]
    #[arg(env = "SOCKEYE_KIB_PER_SECOND")]
    pub kib_per_second: u32,

    /// MiB of messages a day
    #[arg(long, value_name = "MIB", default_value_t = mib(Quotas::default().bytes_per_day))]
    #[arg(env = "SOCKEYE_MIB_PER_DAY")]
    pub mib_per_day: u32,

    /// MiB of a picture that is sent
    #[arg(long, value_name = "MIB", default_value_t = mib(PICTURE_BYTES_MAX))]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_024))]
    #[arg(env = "SOCKEYE_PICTURE_MIB", help_heading = "Pictures")]
    pub picture_mib: u32,

    /// Pictures a minute; half a minute's worth at once
    #[arg(long, value_name = "N", default_value_t = Quotas::default().pictures_per_minute)]
    #[arg(env = "SOCKEYE_PICTURES_PER_MINUTE", help_heading = "Pictures")]
    pub pictures_per_minute: u32,

    /// MiB of pictures a day
    #[arg(long, value_name = "MIB", default_value_t = mib(Quotas::default().picture_bytes_per_day))]
    #[arg(env = "SOCKEYE_PICTURE_MIB_PER_DAY", help_heading = "Pictures")]
    pub picture_mib_per_day: u32,

    /// New rooms an hour; twenty minutes' worth at once
    #[arg(long, value_name = "N", default_value_t = Quotas::default().rooms_per_hour)]
    #[arg(env = "SOCKEYE_ROOMS_PER_HOUR")]
    pub rooms_per_hour: u32,

    /// Entries into rooms a second; twenty seconds' worth at once
    #[arg(long, value_name = "N", default_value_t = Quotas::default().joins_per_second)]
    #[arg(env = "SOCKEYE_JOINS_PER_SECOND")]
    pub joins_per_second: u32,

    /// Connections at the same time
    #[arg(long, value_name = "N", default_value_t = Quotas::default().connections_max)]
    #[arg(env = "SOCKEYE_CONNECTIONS_MAX")]
    pub connections_max: u32,

    /// Disk space to leave free, in MiB [default: 64, or a twentieth of a smaller disk]
    ///
    /// With less, new messages are refused and /readyz answers 503; what was said can be read.
    #[arg(long, value_name = "MIB", env = "SOCKEYE_FREE_SPACE_MIN", help_heading = "Disk")]
    pub free_space_min: Option<u32>,

    /// Days for which messages are kept, of all rooms; 0: for ever
    ///
    /// What is older is deleted within the hour, with its pictures, for good. A room may keep its own for a shorter time.
    /// `sockeye retention --dry-run` says what would be deleted.
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 0,
        env = "SOCKEYE_KEEP_DAYS",
        help_heading = "Disk"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(..=i64::from(KEEP_DAYS_MAX)))]
    pub keep_days: u32,
}

impl LimitArgs {
    /// What each address may do.
    pub fn quotas(&self) -> Quotas {
        Quotas {
            messages_per_second: self.messages_per_second,
            bytes_per_second: u64::from(self.kib_per_second) * KIB,
            bytes_per_day: u64::from(self.mib_per_day) * MIB,
            pictures_per_minute: self.pictures_per_minute,
            picture_bytes_per_day: u64::from(self.picture_mib_per_day) * MIB,
            rooms_per_hour: self.rooms_per_hour,
            joins_per_second: self.joins_per_second,
            connections_max: self.connections_max,
        }
    }

    /// For how many days messages are kept, if not for ever.
    pub fn keep_days(&self) -> Option<u32> {
        (self.keep_days > 0).then_some(self.keep_days)
    }

    /// The most bytes of a picture that is sent.
    pub fn picture_bytes_max(&self) -> u64 {
        u64::from(self.picture_mib) * MIB
    }

    /// How much of the file system has to be free, if it was told.
    pub fn free_bytes_min(&self) -> Option<u64> {
        self.free_space_min.map(|mib| u64::from(mib) * MIB)
    }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes / KIB).unwrap_or(u32::MAX)
}

fn mib(bytes: u64) -> u32 {
    u32::try_from(bytes / MIB).unwrap_or(u32::MAX)
}
