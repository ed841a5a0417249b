//! `sockeye emit`: an event to the sockets of a server, through its publishing API, or to those of a cluster.

/// The cluster in place of the server.
mod bus;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::{self, Read as _, Write as _};

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use tokio::runtime::Builder;
use url::Url;

use self::bus::BusArgs;
use crate::cli::credentials::{EXIT_STATUSES, ExitStatus, KeyArgs, Secret};
use crate::cli::http::{HttpClient, HttpError, is_readable_on_the_way};

/// The most bytes that an argument from standard input may have; a request may have that many.
const INPUT_BYTES_MAX: u64 = 64 * 1024;
/// Examples, of which there is one for each way.
const EXAMPLES: &str = concat!(
    "Examples:\n",
    "  sockeye emit https://chat.example goal 1:0 '{\"by\":\"Kim\"}' --room sport\n",
    "  sockeye emit --bus redis://localhost:6379 goal 1:0 --room sport\n",
    "  sockeye emit --bus-file bus.txt --kind streams --prefix shop paid 17\n",
    "  tail -f prices.jsonl | sockeye emit --bus redis://localhost:6379 price -\n\n",
);

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// An event, and whom it is for.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = EXIT_STATUSES,
    after_long_help = format!("{EXAMPLES}{EXIT_STATUSES}"),
    override_usage = "sockeye emit [OPTIONS] <URL> <EVENT> [DATA]...\n       sockeye emit [OPTIONS] --bus <REDIS> <EVENT> [DATA]..."
)]
pub struct EmitArgs {
    /// Address of the server, such as `https://chat.example`; of its API where that is not at /api/v1. With --bus there is none
    #[arg(value_name = "URL")]
    pub url: String,

    /// Name of the event
    #[arg(
        value_name = "EVENT",
        required_unless_present_any = ["bus", "bus_file"],
        allow_negative_numbers = true
    )]
    pub event: Option<String>,

    /// Arguments of the event: JSON, or else a text; `-` is what comes on standard input
    ///
    /// What begins with { [ or " has to be JSON. `{"base64":"..."}` arrives as bytes.
    #[arg(value_name = "DATA", allow_negative_numbers = true)]
    pub data: Vec<String>,

    /// All arguments are texts, whatever they look like
    #[arg(long)]
    pub text: bool,

    /// Room to send to, can be repeated; without it everybody in the namespace
    #[arg(long, value_name = "ROOM")]
    pub room: Vec<String>,

    /// The one socket to send to
    #[arg(long, value_name = "ID", conflicts_with = "room")]
    pub socket: Option<String>,

    /// Room whose sockets are left out; can be repeated
    #[arg(long, value_name = "ROOM")]
    pub except: Vec<String>,

    /// Namespace, with its slash
    #[arg(long, value_name = "NAME", default_value = "/")]
    pub namespace: String,

    /// Only to sockets with nothing queued
    #[arg(long)]
    pub volatile: bool,

    /// Text by which the server knows a repeat, and does not send it again
    #[arg(long, value_name = "TEXT")]
    pub idempotency_key: Option<String>,

    /// Where the key comes from.
    #[command(flatten)]
    pub key: KeyArgs,

    /// The cluster in place of the server.
    #[command(flatten)]
    pub bus: BusArgs,
}

/// Sends it. What is wrong is said on standard error.
///
/// # Errors
/// When there is no runtime to do it with.
pub fn run(args: &EmitArgs) -> anyhow::Result<ExitStatus> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the runtime")?;
    Ok(match runtime.block_on(to_server_or_cluster(args)) {
        Ok(()) => ExitStatus::Done,
        Err(failure) => {
            // Nobody may be listening.
            let _ = writeln!(io::stderr(), "error: {failure}");
            failure.status
        }
    })
}

/// Why an event was not sent.
#[derive(Debug)]
struct Failure {
    status: ExitStatus,
    message: String,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { status: ExitStatus::Usage, message: message.into() }
    }

    /// The same, of a line of the standard input.
    fn in_line(self, number: u64) -> Self {
        Self { message: format!("line {number}: {}", self.message), ..self }
    }
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self { status: error.exit_status(), message: error.line() }
    }
}

impl fmt::Display for Failure {
    /// In one line: a server's text may have anything in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message.chars().try_for_each(|c| f.write_char(if c.is_control() { ' ' } else { c }))
    }
}

async fn to_server_or_cluster(args: &EmitArgs) -> Result<(), Failure> {
    if args.bus.is_given() { bus::emit(args).await } else { emit(args).await }
}

async fn emit(args: &EmitArgs) -> Result<(), Failure> {
    let usage = |error: &dyn Error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Failure::usage(format!("{error}{cause}"))
    };
    let secret = args.key.secret().map_err(|error| usage(&error))?;
    let secret = secret.ok_or_else(|| {
        Failure::usage("there is no key: set SOCKEYE_KEY, or name a file by --key-file; whoever runs the server makes one by `sockeye key create`")
    })?;
    let url: Url = args
        .url
        .parse()
        .map_err(|error| Failure::usage(format!("{:?} is no address: {error}", args.url)))?;
    let url = publish_url(&url)?;
    let data = arguments(args, &mut io::stdin())?;
    let request = request(args, data, &secret)?;
    if is_readable_on_the_way(&url) {
        let warning = "warning: the key goes to another machine without TLS, where others can read it: use https://";
        let _ = writeln!(io::stderr(), "{warning}");
    }
    let client = HttpClient::default();
    let response = client.send(&url, request).await?;
    answered(&client, response).await
}

/// The address of `publish`: below the API's own path, or below that of a server.
fn publish_url(url: &Url) -> Result<Url, Failure> {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let is_server = matches!(url.path(), "" | "/");
    let mut path = url
        .path_segments_mut()
        .map_err(|()| Failure::usage("the address has to begin with http:// or https://"))?;
    path.pop_if_empty();
    if is_server {
        path.extend(["api", "v1"]);
    }
    path.push("publish");
    drop(path);
    Ok(url)
}

/// The arguments as JSON.
fn arguments(args: &EmitArgs, input: &mut impl io::Read) -> Result<Vec<Box<RawValue>>, Failure> {
    if args.data.iter().filter(|data| *data == "-").count() > 1 {
        return Err(Failure::usage("only one argument can be `-`, the standard input"));
    }
    let mut arguments = Vec::with_capacity(args.data.len());
    for data in &args.data {
        let mut text = String::new();
        let data = if data == "-" {
            let read = input.take(INPUT_BYTES_MAX + 1).read_to_string(&mut text);
            read.map_err(|error| {
                Failure::usage(format!("cannot read the standard input as text: {error}"))
            })?;
            if text.len() as u64 > INPUT_BYTES_MAX {
                let message = "the standard input is too long: an event has 64 KiB at most";
                return Err(Failure::usage(message));
            }
            &text
        } else {
            data
        };
        arguments.push(argument(data, args.text)?);
    }
    Ok(arguments)
}

/// One argument: as it was written where that is JSON, so that no digit of a number is lost.
fn argument(data: &str, is_text: bool) -> Result<Box<RawValue>, Failure> {
    let text = || to_raw_value(data).map_err(|error| Failure::usage(error.to_string()));
    if is_text {
        return text();
    }
    match serde_json::from_str::<Box<RawValue>>(data) {
        Ok(json) => Ok(json),
        Err(error) if data.trim_start().starts_with(['{', '[', '"']) => Err(Failure::usage(
            format!("an argument begins as JSON and is none ({error}): mend it, or say --text"),
        )),
        Err(_) => text(),
    }
}

fn request(
    args: &EmitArgs,
    data: Vec<Box<RawValue>>,
    secret: &Secret,
) -> Result<Request<Bytes>, Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        namespace: &'a str,
        event: Option<&'a str>,
        data: Vec<Box<RawValue>>,
        #[serde(flatten)]
        whom: Value,
    }

    let mut whom = json!({});
    if !args.room.is_empty() {
        whom["rooms"] = json!(args.room);
    }
    if let Some(socket) = &args.socket {
        whom["socket"] = json!(socket);
    }
    if !args.except.is_empty() {
        whom["except"] = json!(args.except);
    }
    if args.volatile {
        whom["volatile"] = true.into();
    }
    let body = Body { namespace: &args.namespace, event: args.event.as_deref(), data, whom };
    let body = serde_json::to_vec(&body).map_err(|error| Failure::usage(error.to_string()))?;
    let mut request = Request::post("/")
        .body(Bytes::from(body))
        .map_err(|error| Failure::usage(error.to_string()))?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, secret.bearer());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = &args.idempotency_key {
        let key = HeaderValue::from_str(key).ok().filter(|key| !key.is_empty());
        let key =
            key.ok_or_else(|| Failure::usage("--idempotency-key takes visible ASCII characters"))?;
        headers.insert("idempotency-key", key);
    }
    Ok(request)
}

/// What an answer says.
async fn answered(client: &HttpClient, response: Response<Incoming>) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Refusal {
        error: Reason,
    }

    #[derive(Deserialize)]
    struct Reason {
        code: String,
        message: String,
    }

    #[derive(Deserialize)]
    struct Published {
        published: bool,
    }

    let status = response.status();
    let wait = response.headers().get(RETRY_AFTER);
    let wait = wait.and_then(|wait| wait.to_str().ok()).and_then(|wait| wait.parse::<u64>().ok());
    let body = client.read(response.into_body(), ANSWER_BYTES_MAX).await?;
    if status.is_success() {
        let published: Option<Published> = serde_json::from_slice(&body).ok();
        return match published {
            Some(Published { published: true }) => Ok(()),
            _ => Err(Failure { status: ExitStatus::Failed, message: NOT_THE_API.to_owned() }),
        };
    }
    let refusal: Option<Refusal> = serde_json::from_slice(&body).ok();
    let mut message = match refusal {
        Some(Refusal { error: Reason { code, message } }) => {
            format!("{message} ({status}, {code})")
        }
        None if status == StatusCode::NOT_FOUND => format!("{NOT_THE_API} ({status})"),
        None => format!("the server answered with {status}"),
    };
    if let Some(wait) = wait {
        message.push_str(&format!("; try again in {wait} s"));
    }
    Err(Failure { status: ExitStatus::of_answer(status), message })
}

const NOT_THE_API: &str = "there is no publishing API at this address: sockeye serve has it while there is a key \
                           (`sockeye key create`)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn parse(line: &[&str]) -> EmitArgs {
        let line = ["sockeye", "emit"].iter().chain(line);
        match Cli::try_parse_from(line).unwrap().into_command() {
            Command::Emit(args) => args,
            command => panic!("{command:?}"),
        }
    }

    fn data(line: &[&str], input: &str) -> Result<Vec<String>, String> {
        let args = parse(&[&["http://localhost", "e"], line].concat());
        let found = arguments(&args, &mut input.as_bytes()).map_err(|failure| {
            assert_eq!(failure.status, ExitStatus::Usage);
            failure.to_string()
        })?;
        Ok(found.iter().map(|json| json.get().to_owned()).collect())
    }

    #[test]
    fn arguments_are_json_or_texts() {
        assert_eq!(data(&[], "").unwrap(), [""; 0]);
        let found = data(&["1.0", "-7", "hello", "true", "{\"a\":1}", "\"1\"", "", "2 3"], "");
        let expected = ["1.0", "-7", "\"hello\"", "true", "{\"a\":1}", "\"1\"", "\"\"", "\"2 3\""];
        assert_eq!(found.unwrap(), expected);
        assert_eq!(data(&["--text", "1", "{"], "").unwrap(), ["\"1\"", "\"{\""]);
        assert_eq!(data(&["a", "-"], "{\"b\": [1]}\n").unwrap(), ["\"a\"", "{\"b\": [1]}"]);
        assert_eq!(data(&["--text", "-"], "a\nb").unwrap(), ["\"a\\nb\""]);
        for wrong in ["{\"a\":1", "[1", "\"a", " {"] {
            assert!(data(&[wrong], "").unwrap_err().contains("--text"), "{wrong}");
        }
        assert!(data(&["-", "-"], "").is_err());
        let long = "1".repeat(65_537);
        assert!(data(&["-"], &long).unwrap_err().contains("64 KiB"));
        assert_eq!(data(&["-"], &long[1..]).unwrap()[0].len(), 65_536);
    }

    #[test]
    fn the_api_lies_below_the_server_or_where_it_is_said() {
        for (url, publish) in [
            ("http://h", "http://h/api/v1/publish"),
            ("http://h/", "http://h/api/v1/publish"),
            ("https://h:1/?a#b", "https://h:1/api/v1/publish"),
            ("http://h/api/v1", "http://h/api/v1/publish"),
            ("http://h/shop/", "http://h/shop/publish"),
        ] {
            assert_eq!(publish_url(&url.parse().unwrap()).unwrap().as_str(), publish);
        }
        assert!(publish_url(&"mailto:a@b".parse().unwrap()).is_err());
    }

    #[test]
    fn the_request_says_whom_it_is_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "sk_a_b").unwrap();
        let secret = Secret::from_file(&file).unwrap();
        let body = |line: &[&str]| {
            let args = parse(&[&["http://localhost", "e", "1"], line].concat());
            let data = arguments(&args, &mut io::empty()).unwrap();
            let request = request(&args, data, &secret).unwrap();
            assert_eq!(request.headers()[AUTHORIZATION], "Bearer sk_a_b");
            serde_json::from_slice::<Value>(request.body()).unwrap()
        };
        assert_eq!(body(&[]), json!({"namespace": "/", "event": "e", "data": [1]}));
        let all = body(&[
            "--room",
            "a",
            "--room",
            "b",
            "--except",
            "c",
            "--namespace",
            "/n",
            "--volatile",
        ]);
        let expected = json!({
            "namespace": "/n", "event": "e", "data": [1], "rooms": ["a", "b"], "except": ["c"], "volatile": true,
        });
        assert_eq!(all, expected);
        assert_eq!(body(&["--socket", "x"])["socket"], "x");
        assert!(
            Cli::try_parse_from([
                "sockeye", "emit", "http://h", "e", "--socket", "x", "--room", "a"
            ])
            .is_err()
        );
        // Nowhere on the command line.
        assert!(
            Cli::try_parse_from(["sockeye", "emit", "http://h", "e", "--key", "sk_a_b"]).is_err()
        );
        let args = parse(&["http://h", "e", "--idempotency-key", "a\nb"]);
        assert!(request(&args, Vec::new(), &secret).is_err());
    }

    #[test]
    fn what_a_server_says_is_one_line() {
        let failure = Failure::usage("a\r\nb\u{1b}[31mc");
        assert_eq!(failure.to_string(), "a  b [31mc");
    }
}
