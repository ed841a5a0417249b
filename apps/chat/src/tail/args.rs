//! The arguments of `sockeye tail`.

use std::time::Duration;

use clap::Args;
use http::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, HeaderValue,
    IF_NONE_MATCH, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use url::Url;

use super::road::{LAST_EVENT_ID, OWN_PARAMETERS, Place, Road};
use crate::cli::credentials::{EXIT_STATUSES, KeyArgs};

/// What to follow, and how.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXIT_STATUSES)]
pub struct TailArgs {
    /// Address of a feed, such as http://localhost:3000/socket.io/feeds/news/sport, or of a durable stream
    ///
    /// A feed has the namespace and, if it is that of a room, the room, one percent-encoded segment each;
    /// `~` is the main namespace.
    #[arg(value_parser = address)]
    pub url: Url,

    /// How the events come
    #[arg(long, value_enum, default_value_t = Road::Auto)]
    pub road: Road,

    /// Where to begin: `beginning`, `now`, or behind the event with this `id`
    /// [default: now, with --once the beginning]
    #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
    pub since: Option<Place>,

    /// Print what is there and end
    #[arg(long)]
    pub once: bool,

    /// End after so many events; gaps are not counted
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_events: Option<u64>,

    /// End after so many seconds
    ///
    /// With status 1 if --max-events has not been reached or --once is not through, with 4 if there was
    /// no answer, else with 0.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Seconds between the requests of --road poll
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    pub interval: Duration,

    /// End with status 5 when events were lost, behind the line that says so
    #[arg(long)]
    pub fail_on_gap: bool,

    /// The key or token.
    #[command(flatten)]
    pub key: KeyArgs,

    /// Header of each request, such as `Origin: https://chat.example`; can be repeated
    ///
    /// None with a secret: other users of this machine could read it.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub headers: Vec<(HeaderName, HeaderValue)>,

    /// Say nothing on standard error but why it failed
    #[arg(short, long, conflicts_with = "verbose")]
    pub silent: bool,

    /// Show the heads of requests and answers on standard error
    #[arg(short, long)]
    pub verbose: bool,
}

impl TailArgs {
    /// Where it begins.
    pub fn place(&self) -> Place {
        match (&self.since, self.once) {
            (Some(place), _) => place.clone(),
            (None, true) => Place::Beginning,
            (None, false) => Place::Now,
        }
    }

    /// What is wrong with the arguments together.
    pub fn contradiction(&self) -> Option<&'static str> {
        (self.once && self.road.is_endless()).then_some(
            "--once needs a road that says when it has given everything: auto, poll, long-poll, \
             durable-sse or durable-long-poll",
        )
    }
}

/// A time in seconds, which may have a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds >= 0.001);
    let time = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // Three years are enough, and in the range of every clock.
    time.filter(|time| time.as_secs() < 100_000_000)
        .ok_or_else(|| "it takes seconds, such as 30 or 0.5".to_owned())
}

/// A header that is not set here, and has no secret.
fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a header is `NAME: VALUE`")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "this is no name of a header")?;
    let value: HeaderValue = value.trim().parse().map_err(|_| "this is no value of a header")?;
    if matches!(name, AUTHORIZATION | COOKIE | PROXY_AUTHORIZATION) {
        return Err(
            "others can see what stands in the arguments: a key comes from SOCKEYE_KEY or --key-file"
                .to_owned(),
        );
    }
    let is_own = matches!(
        name,
        ACCEPT
            | CONNECTION
            | CONTENT_LENGTH
            | HOST
            | IF_NONE_MATCH
            | TE
            | TRANSFER_ENCODING
            | UPGRADE
            | USER_AGENT
    );
    if is_own || name == LAST_EVENT_ID {
        return Err(format!("the header `{name}` is set by this program"));
    }
    Ok((name, value))
}

/// The address of a feed or a stream.
fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| url.has_host()).ok_or_else(|| {
        format!("an address begins with http:// or https:// and has a host: http://{text} ?")
    })?;
    let scheme = match url.scheme() {
        "http" | "https" => None,
        "ws" => Some("http"),
        "wss" => Some("https"),
        _ => return Err("an address begins with http:// or https://".to_owned()),
    };
    if let Some(scheme) = scheme {
        return Err(format!("feeds are read over HTTP: the address begins with {scheme}://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(
            "others can see what stands in the arguments: a key comes from SOCKEYE_KEY or --key-file"
                .to_owned(),
        );
    }
    let path = url.path().trim_end_matches('/');
    if path.is_empty() || path == "/socket.io" || path.ends_with("/feeds") {
        let server = url.origin().ascii_serialization();
        let feeds = match path {
            path if path.ends_with("/feeds") => path.to_owned(),
            _ => "/socket.io/feeds".to_owned(),
        };
        return Err(format!(
            "which feed? {server}{feeds}/~ is that of the main namespace, \
             {server}{feeds}/news/sport that of the room `sport` of the namespace `/news`"
        ));
    }
    for (name, _) in url.query_pairs() {
        if OWN_PARAMETERS.contains(&&*name) {
            return Err(format!(
                "the parameter `{name}` is set by --since and --road: leave it out of the address"
            ));
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn parse(line: &str) -> Result<TailArgs, String> {
        let words = "sockeye tail ".to_owned() + line;
        match Cli::try_parse_from(words.split(' ')) {
            Ok(Cli { command: Some(Command::Tail(args)), .. }) => Ok(args),
            Ok(_) => panic!("another command"),
            Err(error) => Err(error.to_string()),
        }
    }

    const FEED: &str = "http://localhost:3000/socket.io/feeds/news/sport";

    #[test]
    fn it_begins_now_and_once_at_the_beginning() {
        let args = parse(FEED).unwrap();
        assert_eq!((args.url.as_str(), args.road, args.place()), (FEED, Road::Auto, Place::Now));
        assert_eq!(args.interval, Duration::from_secs(2));
        assert_eq!(parse(&format!("{FEED} --once")).unwrap().place(), Place::Beginning);
        let args = parse(&format!("{FEED} --once --since 0a")).unwrap();
        assert_eq!(args.place(), Place::At("0a".to_owned()));
        assert_eq!(parse(&format!("{FEED} --since -1")).unwrap().place(), Place::Beginning);
    }

    #[test]
    fn addresses_that_are_none_are_told_what_to_be() {
        for (address, words) in [
            (
                "http://localhost:3000",
                "http://localhost:3000/socket.io/feeds/~ is that of the main",
            ),
            ("http://h/", "http://h/socket.io/feeds/news/sport that of the room"),
            ("http://h/socket.io/", "http://h/socket.io/feeds/~"),
            ("https://h/rt/feeds/", "https://h/rt/feeds/~"),
            ("localhost:3000/x", "http://localhost:3000/x ?"),
            ("example.com", "http://example.com ?"),
            ("ws://h/x", "begins with http://"),
            ("wss://h/x", "begins with https://"),
            ("ftp://h/x", "begins with http:// or https://"),
            ("http://me:secret@h/x", "SOCKEYE_KEY or --key-file"),
            ("http://h/x?a=b&offset=3", "the parameter `offset` is set by --since"),
            ("http://h/x?live=sse", "the parameter `live`"),
        ] {
            let error = parse(address).unwrap_err();
            assert!(error.contains(words), "{address}: {error}");
        }
        for address in
            ["http://h/x", "https://h:1/v1/stream/a", "http://h/feeds/a?ticket=t", "http://[::1]/f"]
        {
            assert_eq!(parse(address).unwrap().url.as_str(), address);
        }
    }

    #[test]
    fn headers_are_added_but_for_secrets_and_those_of_its_own() {
        let with = |headers: &[&str]| {
            let headers = headers.iter().flat_map(|header| ["-H", header]);
            let words = ["sockeye", "tail", FEED].into_iter().chain(headers);
            match Cli::try_parse_from(words).map(Cli::into_command) {
                Ok(Command::Tail(args)) => Ok(args.headers),
                Ok(command) => panic!("{command:?}"),
                Err(error) => Err(error.to_string()),
            }
        };
        let headers = with(&["Origin: https://a.example", "x-a:b:c"]).unwrap();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("origin", &b"https://a.example"[..]), ("x-a", &b"b:c"[..])]);
        for (header, words) in [
            ("Authorization: Bearer x", "SOCKEYE_KEY or --key-file"),
            ("cookie: a=b", "SOCKEYE_KEY or --key-file"),
            ("Accept: text/html", "the header `accept` is set by this program"),
            ("Last-Event-ID: 1", "the header `last-event-id` is set"),
            ("host: a", "the header `host` is set"),
            ("a", "a header is `NAME: VALUE`"),
            (": a", "this is no name"),
            ("a b: c", "this is no name"),
            ("a: b\r\nc: d", "this is no value"),
        ] {
            let error = with(&[header]).unwrap_err();
            assert!(error.contains(words), "{header}: {error}");
        }
    }

    #[test]
    fn arguments_have_bounds() {
        for line in [
            "--max-events 1 --timeout 0.001 --interval 60",
            "--road durable-sse --once",
            "-s",
            "-v",
        ] {
            assert!(parse(&format!("{FEED} {line}")).is_ok(), "{line}");
        }
        for line in [
            "--max-events 0",
            "--timeout 0",
            "--timeout -1",
            "--timeout nan",
            "--timeout 1e300",
            "--interval 0.0001",
            "--road pigeon",
            "--since \u{7}",
            "-s -v",
        ] {
            assert!(parse(&format!("{FEED} {line}")).is_err(), "{line}");
        }
        for (road, contradicts) in
            [("sse", true), ("ndjson", true), ("auto", false), ("poll", false)]
        {
            let args = parse(&format!("{FEED} --once --road {road}")).unwrap();
            assert_eq!(args.contradiction().is_some(), contradicts, "{road}");
        }
    }
}
