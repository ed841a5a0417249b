//! `sockeye emit --bus`: an event for all servers of a cluster, through their Redis.

use std::fs;
use std::io::{self, BufRead, Read as _, Write as _};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use serde::Deserialize;
use sockeye_emitter::{ConnectError, Emitter, EmitterConfig, Heard, PublishError, RawArgs};

use super::{EmitArgs, Failure, INPUT_BYTES_MAX, argument};
use crate::cli::credentials::ExitStatus;

/// The Redis of a cluster, and how its servers write there.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "For a cluster over Redis")]
pub struct BusArgs {
    /// Redis of a cluster, in place of a server: `redis://host:6379`, `rediss://`, `redis-cluster://`, `redis-sentinel://`
    ///
    /// Every server of the cluster takes the event, Node's too. No key is needed, but the right to publish in Redis. An
    /// argument `-` then stands for lines of JSON on standard input: an event is sent for each.
    #[arg(long, value_name = "REDIS", conflicts_with_all = ["key_file", "idempotency_key"])]
    pub bus: Option<String>,

    /// File with the address of --bus, where others cannot read its password
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bus", "key_file", "idempotency_key"])]
    pub bus_file: Option<PathBuf>,

    /// Form in which the servers of the cluster write
    #[arg(long, value_enum, default_value_t = Kind::Classic)]
    pub kind: Kind,

    /// How the channels of the cluster begin, or the name of its stream: `key`, `channelPrefix` or `streamName` in Node
    #[arg(long, value_name = "TEXT", default_value = "socket.io")]
    pub prefix: String,
}

/// The form in which the servers of a cluster write.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Kind {
    /// `ClassicBus`; `createAdapter` in Node
    Classic,
    /// `ShardedBus`; `createShardedAdapter` in Node
    Sharded,
    /// `StreamsBus`; `@socket.io/redis-streams-adapter` in Node
    Streams,
}

impl BusArgs {
    /// Whether it is for a cluster.
    pub(super) fn is_given(&self) -> bool {
        self.bus.is_some() || self.bus_file.is_some()
    }

    fn address(&self) -> Result<String, Failure> {
        match (&self.bus, &self.bus_file) {
            (Some(address), _) => Ok(address.clone()),
            (None, Some(file)) => {
                let read = fs::read_to_string(file).map_err(|error| {
                    Failure::usage(format!("cannot read {}: {error}", file.display()))
                });
                Ok(read?.trim().to_owned())
            }
            (None, None) => Err(Failure::usage("there is neither --bus nor --bus-file")),
        }
    }
}

/// Publishes what the arguments say, and says who heard it.
pub(super) async fn emit(args: &EmitArgs) -> Result<(), Failure> {
    // Without a server's address, what stands in its place is the event.
    let event = &args.url;
    let data: Vec<&str> = args.event.iter().chain(&args.data).map(String::as_str).collect();
    let emitter = connect(args).await?;
    let Some(place) = data.iter().position(|data| *data == "-") else {
        let parts: Vec<_> = data.iter().map(|data| part(data, args)).collect::<Result<_, _>>()?;
        let heard = publish(&emitter, event, parts).await?;
        tell(&answer(heard));
        if heard.servers() == Some(0) {
            let hint = "warning: no server listens there: look at --kind, --prefix and --namespace";
            let _ = writeln!(io::stderr(), "{hint}");
        }
        return Ok(());
    };
    if data.iter().filter(|data| **data == "-").count() > 1 {
        return Err(Failure::usage("only one argument can be `-`, the standard input"));
    }
    let mut input = io::stdin().lock();
    let mut count = 0_u64;
    while let Some(line) = line(&mut input, count + 1)? {
        let with_line = data.iter().enumerate().map(|(at, data)| match at == place {
            true => part(&line, args),
            false => part(data, args),
        });
        let parts =
            with_line.collect::<Result<_, _>>().map_err(|failure| failure.in_line(count + 1))?;
        let heard = publish(&emitter, event, parts).await;
        let heard = heard.map_err(|failure| failure.in_line(count + 1))?;
        tell(&answer(heard));
        count += 1;
    }
    Ok(())
}

/// A line of the standard input; `None` at its end. `number`: that of the line, for errors.
fn line(input: &mut impl BufRead, number: u64) -> Result<Option<String>, Failure> {
    let mut line = String::new();
    let read = input.take(INPUT_BYTES_MAX + 1).read_line(&mut line);
    let read = read.map_err(|error| {
        Failure::usage(format!("cannot read the standard input as text: {error}")).in_line(number)
    })?;
    if line.len() as u64 > INPUT_BYTES_MAX {
        return Err(Failure::usage("it is too long: 64 KiB at most").in_line(number));
    }
    let line = line.strip_suffix('\n').unwrap_or(&line);
    Ok((read > 0).then(|| line.strip_suffix('\r').unwrap_or(line).to_owned()))
}

async fn connect(args: &EmitArgs) -> Result<Emitter, Failure> {
    let config = match args.bus.kind {
        Kind::Classic => EmitterConfig::classic(),
        Kind::Sharded => EmitterConfig::sharded(),
        Kind::Streams => EmitterConfig::streams(),
    };
    let address = args.bus.address()?;
    let emitter = Emitter::connect(&address, config.prefix(&args.bus.prefix)).await;
    let emitter = emitter.map_err(|error| match error {
        ConnectError::Redis(error) => Failure::from(error),
        error => Failure::usage(error.to_string()),
    })?;
    let rooms = args.room.iter().chain(&args.socket).map(String::as_str);
    let emitter = emitter.of(&args.namespace).to_all(rooms);
    let emitter = emitter.except_all(args.except.iter().map(String::as_str));
    Ok(if args.volatile { emitter.volatile() } else { emitter })
}

/// One argument as JSON, and the bytes that it may stand for.
fn part(data: &str, args: &EmitArgs) -> Result<(String, Option<Bytes>), Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Encoded {
        base64: String,
    }

    let json = argument(data, args.text)?;
    let Ok(Encoded { base64 }) = serde_json::from_str(json.get()) else {
        return Ok((json.get().to_owned(), None));
    };
    let bytes = STANDARD.decode(base64);
    let bytes = bytes.map_err(|error| Failure::usage(format!("it is no base64: {error}")))?;
    Ok((String::new(), Some(bytes.into())))
}

async fn publish(
    emitter: &Emitter,
    event: &str,
    parts: Vec<(String, Option<Bytes>)>,
) -> Result<Heard, Failure> {
    let mut attachments = Vec::new();
    let texts = parts.into_iter().map(|(json, bytes)| match bytes {
        Some(bytes) => {
            attachments.push(bytes);
            format!(r#"{{"_placeholder":true,"num":{}}}"#, attachments.len() - 1)
        }
        None => json,
    });
    let json = texts.collect::<Vec<_>>().join(",");
    Ok(emitter.emit(event, &RawArgs::new(&json, &attachments)).await?)
}

fn answer(heard: Heard) -> String {
    match heard.servers() {
        Some(1) => "1 server heard it".to_owned(),
        Some(count) => format!("{count} servers heard it"),
        None => "published".to_owned(),
    }
}

fn tell(text: &str) {
    // Nobody may be listening.
    let _ = writeln!(io::stdout(), "{text}");
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        let status = match &error {
            PublishError::Refused { code, .. } if is_forbidden(code) => ExitStatus::Refused,
            PublishError::Refused { .. } => ExitStatus::Failed,
            PublishError::Connection { .. } => ExitStatus::Unreachable,
            _ => ExitStatus::Usage,
        };
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self { status, message }
    }
}

fn is_forbidden(code: &str) -> bool {
    matches!(code, "NOAUTH" | "WRONGPASS" | "NOPERM")
}
