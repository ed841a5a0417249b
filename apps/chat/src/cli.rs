//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use sockeye_websocket::{AllowedHosts, ForwardedHeaders, TrustedProxies};

use crate::address::PublicUrl;
use crate::admin::command::AdminCommand;
use crate::emit::EmitArgs;
use crate::keeping::backup::BackupArgs;
use crate::keeping::export::ExportArgs;
use crate::keeping::import::ImportArgs;
use crate::keeping::restore::RestoreArgs;
use crate::keeping::retention::RetentionArgs;
use crate::keys::KeyCommand;
use crate::metrics::MetricsKey;
use crate::pictures::worker::{self, ConvertArgs};
use crate::tail::TailArgs;

pub use limits::LimitArgs;

pub mod credentials;
pub mod file;
pub mod http;
mod limits;

/// A team chat in one program.
///
/// Without a command it serves, as `sockeye serve` does.
#[derive(Clone, Debug, Parser)]
#[command(name = "sockeye", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; nothing means to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// How to serve when there is no command.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Serve the chat
    ///
    /// Prints `listening on http://HOST:PORT`, or https://, when it is ready. On SIGTERM or Ctrl-C it
    /// disconnects everybody, stores what is under way and ends with status 0; a second signal
    /// ends it at once.
    ///
    /// Options are read from the file sockeye.toml in the data folder too, where they have the same names without dashes
    /// in front: port = 3000. `sockeye config` prints those in force.
    Serve(ServeArgs),
    /// Print the options that `sockeye serve` would go by, and where each is from; the server may run
    ///
    /// Flags win over the environment, that over the file sockeye.toml in the data folder, that over the defaults. What
    /// is printed is such a file. Secrets are not printed.
    Config(ServeArgs),
    /// Serve the lab: one live feed on eight roads, side by side, and what each costs on the wire
    ///
    /// Prints `listening on http://HOST:PORT` when it is ready; the page is at /lab. Each visit listens on
    /// eight ports more, which the system chooses.
    Lab(LabArgs),
    /// Make, list and revoke the keys of the publishing API
    ///
    /// They are in the data folder. A server that runs on it is asked to do it, and does it at once; without
    /// one the file is changed. The API is served while there is a key.
    Key(KeyCommand),
    /// Administer: people, invitations, rooms, guests, and who did what
    ///
    /// A server that runs on the data folder is asked to do it, and does it at once, for those who are connected
    /// too; without one the data are changed directly. Whoever may write to the folder may do all of it.
    Admin(AdminCommand),
    /// Back up everything into one file; the server may run
    ///
    /// What is in it is all of one moment, that of the beginning. It is whole or not there: until it is on disk it has
    /// another name.
    Backup(BackupArgs),
    /// Put a backup in place, or check one; the server must not run
    Restore(RestoreArgs),
    /// Write people, rooms and messages as lines of JSON, for other programs; the server may run
    Export(ExportArgs),
    /// Read such lines into the chat; the server must not run
    Import(ImportArgs),
    /// Delete messages that are kept no longer, or say which would be; a server does it by itself
    Retention(RetentionArgs),
    /// Send an event to the sockets of a server, through its publishing API, or to those of a cluster
    ///
    /// The key is in the variable SOCKEYE_KEY, or in the file of --key-file.
    Emit(EmitArgs),
    /// Follow a feed or a durable stream: its events on standard output, a line of JSON each
    ///
    /// A line is {"id":"…","event":"…","data":…}. `id` is the cursor behind the event, for --since. Lost events
    /// are a line with the event `gap`, whose data say why. A connection that is lost is opened again where
    /// it was, so that no event is missing or comes twice; news of it is on standard error. SIGINT and
    /// SIGTERM end it with status 0, as does whoever closes its standard output.
    Tail(TailArgs),
    /// Convert a picture, as the server asks for it
    #[command(name = worker::COMMAND, hide = true)]
    ConvertPicture(ConvertArgs),
}

/// How to serve. Each option is a key of sockeye.toml in the data folder as well, without its dashes.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 3000, env = "SOCKEYE_PORT")]
    pub port: u16,

    /// Address or name to listen on [default: this machine only, 127.0.0.1 and ::1]
    ///
    /// `0.0.0.0` makes the chat reachable from the network, for phones in the same Wi-Fi too.
    #[arg(long, env = "SOCKEYE_HOST")]
    pub host: Option<String>,

    /// Certificate in PEM, with those it was issued by; serves https:// instead of http://
    ///
    /// It is read again when the file changes.
    #[arg(long, value_name = "FILE", requires = "tls_key", env = "SOCKEYE_TLS_CERT")]
    pub tls_cert: Option<PathBuf>,

    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", env = "SOCKEYE_TLS_KEY")]
    pub tls_key: Option<PathBuf>,

    /// Serve https:// with a certificate made for this run
    ///
    /// For a phone in the same Wi-Fi, with `--host 0.0.0.0`: prints the addresses to open. The
    /// browser warns, once for each run, that it does not know who issued the certificate.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"], env = "SOCKEYE_TLS_SELF_SIGNED")]
    pub tls_self_signed: bool,

    /// Name under which people reach the chat: chat.example, *.chat.example; can be repeated
    ///
    /// Addresses such as 192.168.0.7 and `localhost` need none. Requests for other names are answered
    /// 421: a page anywhere can have its own name lead to this machine (DNS rebinding). `*` answers
    /// for every name.
    #[arg(long, value_name = "NAME", value_delimiter = ',', env = "SOCKEYE_ALLOWED_HOSTS")]
    pub allowed_host: Vec<AllowedHosts>,

    /// Address at which people reach the chat, such as `https://chat.example`; can be repeated
    ///
    /// Its host is allowed, and its pages connect whatever a proxy makes of the host.
    #[arg(long, value_name = "URL", value_delimiter = ',', env = "SOCKEYE_PUBLIC_URL")]
    pub public_url: Vec<PublicUrl>,

    /// Proxies in front, as addresses and networks: 127.0.0.1,10.0.0.0/8
    ///
    /// What they say of a client's address, scheme and host is believed, nobody else's word is.
    #[arg(long, value_name = "NETWORKS", default_value = "", env = "SOCKEYE_TRUSTED_PROXIES")]
    pub trusted_proxies: TrustedProxies,

    /// Headers in which the proxies say it: `x-forwarded` (X-Forwarded-For, -Proto, -Host) or
    /// `forwarded` (RFC 7239)
    ///
    /// The other ones are ignored, since they may be the client's own.
    #[arg(
        long,
        value_name = "FAMILY",
        default_value = "x-forwarded",
        env = "SOCKEYE_FORWARDED_HEADERS"
    )]
    pub forwarded_headers: ForwardedHeaders,

    /// Seconds that a connection is kept for the next request
    ///
    /// More than the idle time-out of a balancer in front, so that nothing it sends at the last
    /// moment is lost.
    #[arg(
        long,
        default_value_t = 10,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u32).range(1..),
        env = "SOCKEYE_KEEP_ALIVE"
    )]
    pub keep_alive: u32,

    /// Seconds to go on after SIGTERM while /readyz says that it stops, before clients are disconnected
    ///
    /// For a balancer that asks /readyz every few seconds, and sends nobody here any more.
    #[arg(long, default_value_t = 0, value_name = "SECONDS", env = "SOCKEYE_DRAIN_DELAY")]
    pub drain_delay: u32,

    /// Key with which other machines get /metrics: `Authorization: Bearer KEY`; 16 characters at least
    ///
    /// This machine needs none. Others can read arguments: give it by the environment or in the file.
    #[arg(long, value_name = "KEY", env = "SOCKEYE_METRICS_KEY", hide_env_values = true)]
    pub metrics_key: Option<MetricsKey>,

    /// Folder of the database; made when it is missing
    #[arg(long, default_value = "./data", value_name = "FOLDER", env = "SOCKEYE_DATA")]
    pub data: PathBuf,

    /// Folder of the built page, to serve instead of the one inside of the program
    #[arg(long, value_name = "FOLDER", env = "SOCKEYE_UI_DIR")]
    pub ui: Option<PathBuf>,

    /// Serve the lab at /lab too, which is done anyway while only this machine is listened for
    ///
    /// Each of its visits listens on eight ports more, which the system chooses. Without TLS alone.
    #[arg(
        long,
        conflicts_with_all = ["tls_cert", "tls_key", "tls_self_signed"],
        env = "SOCKEYE_LAB"
    )]
    pub lab: bool,

    /// What to log to standard error, such as `debug` or `info,sockeye_chat=debug`
    #[arg(long, default_value = "info", value_name = "FILTER", env = "RUST_LOG")]
    pub log: String,

    /// How much people may do.
    #[command(flatten)]
    pub limits: LimitArgs,
}

/// How to serve the lab.
#[derive(Clone, Debug, Args)]
pub struct LabArgs {
    /// Port to listen on; 0 lets the system choose one
    #[arg(long, default_value_t = 3200)]
    pub port: u16,

    /// Address or name to listen on, for the roads too [default: this machine only, 127.0.0.1 and ::1]
    #[arg(long)]
    pub host: Option<String>,

    /// Folder of the built page, to serve instead of the one inside of the program
    #[arg(long, value_name = "FOLDER", env = "SOCKEYE_UI_DIR")]
    pub ui: Option<PathBuf>,

    /// What to log to standard error, such as `debug` or `info,sockeye_chat=debug`
    #[arg(long, default_value = "info", value_name = "FILTER", env = "RUST_LOG")]
    pub log: String,
}

impl Cli {
    /// What to do, whether or not a command was named.
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(line: &str) -> ServeArgs {
        match Cli::try_parse_from(line.split(' ')).unwrap().into_command() {
            Command::Serve(args) => args,
            command => panic!("{command:?}"),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        assert_eq!(parse("sockeye").trusted_proxies, TrustedProxies::none());
        assert_eq!(parse("sockeye").forwarded_headers, ForwardedHeaders::XForwarded);
        let line = "sockeye serve --trusted-proxies 127.0.0.1,::1 --forwarded-headers forwarded";
        let args = parse(line);
        assert_eq!(args.trusted_proxies, "127.0.0.1, ::1".parse().unwrap());
        assert_eq!(args.forwarded_headers, ForwardedHeaders::Forwarded);
        for line in ["--trusted-proxies localhost", "--forwarded-headers x-real-ip"] {
            let line = format!("sockeye {line}");
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }

    #[test]
    fn the_lab_has_a_command_and_no_tls() {
        let cli = Cli::try_parse_from(["sockeye", "lab"]).unwrap();
        let Command::Lab(args) = cli.into_command() else { panic!("it is the lab's command") };
        assert_eq!((args.port, args.host), (3200, None));
        assert!(parse("sockeye --lab").lab && !parse("sockeye").lab);
        for line in ["sockeye --lab --tls-self-signed", "sockeye lab --tls-self-signed"] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err().to_string();
            assert!(error.contains("--tls-self-signed"), "{error}");
        }
    }

    #[test]
    fn names_can_be_repeated() {
        for line in [
            "sockeye --allowed-host a.example,*.b.example --public-url https://c.example",
            "sockeye serve --allowed-host a.example --allowed-host *.b.example \
             --public-url https://c.example",
        ] {
            let args = parse(line);
            let hosts = crate::address::allowed_hosts(&args);
            for (host, allowed) in [
                ("a.example", true),
                ("x.b.example:80", true),
                ("c.example", true),
                ("d.example", false),
                ("localhost", true),
            ] {
                assert_eq!(hosts.allow(host), allowed, "{line}: {host}");
            }
        }
        // The ready line shows it, so it has to work.
        let hosts = crate::address::allowed_hosts(&parse("sockeye --host chat.internal"));
        assert!(hosts.allow("chat.internal:3000") && !hosts.allow("other.internal"));
        for line in ["--allowed-host https://a.example", "--public-url a.example"] {
            let error = Cli::try_parse_from(format!("sockeye {line}").split(' ')).unwrap_err();
            assert!(error.to_string().contains("a.example"), "{error}");
        }
    }

    #[test]
    fn serving_is_the_default() {
        for line in ["sockeye", "sockeye serve"] {
            let args = parse(line);
            assert_eq!((args.port, args.host.as_deref()), (3000, None), "{line}");
            assert_eq!(args.data, Path::new("./data"), "{line}");
            assert_eq!((args.log.as_str(), args.keep_alive), ("info", 10), "{line}");
        }
        for line in ["sockeye --port 0 --host ::1", "sockeye serve --port 0 --host ::1"] {
            let args = parse(line);
            assert_eq!((args.port, args.host.as_deref()), (0, Some("::1")), "{line}");
        }
        assert!(Cli::try_parse_from(["sockeye", "--port", "1", "serve"]).is_err());
        for line in [
            "sockeye --tls-cert c",
            "sockeye --tls-key k",
            "sockeye --tls-cert c --tls-key k --tls-self-signed",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
        assert!(Cli::try_parse_from(["sockeye", "serve", "--port", "65536"]).is_err());
    }
}
