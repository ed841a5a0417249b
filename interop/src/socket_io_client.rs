//! The server that the tests of socket.io-client are written for: several namespaces, events that
//! answer in every way there is, and a short delay before each handshake.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use http::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};
use sockeye::{
    Ack, AckError, Args, Binary, Config, EmitError, EventError, Handshake, Local, Namespace,
    RawArgs, RecoveryConfig, Refuse, Server, Socket,
};
use tower_service::Service;

use crate::serving::Listen;

/// What each handshake waits; tests of the connect timeout rely on it.
const HANDSHAKE_DELAY: Duration = Duration::from_millis(10);

pub(crate) async fn serve(listen: &Listen<3210>) -> Result<()> {
    let mut config = Config::default();
    listen.configure(&mut config.engine, 2_000, 20_000);
    config.engine.polling_close_timeout = Duration::from_secs(1);
    // Clients get a private id with CONNECT, and an offset as the last argument of events.
    config.recovery = Some(RecoveryConfig::default());
    let mut builder = Server::builder().config(config).namespace(main_namespace());
    for path in ["/timeout_socket", "/valid", "/asd"] {
        builder = builder.namespace(Namespace::new(path));
    }
    let server = builder
        .namespace(Namespace::new("/foo").on("getId", get_id))
        .namespace(Namespace::new("/abc").on_connect(keep_auth).on_connected(tell_handshake))
        .namespace(Namespace::new("/no").on_connect(async || -> Result<(), Refuse> {
            Err(Refuse::new("Auth failed (custom namespace)"))
        }))
        .build()?;
    let service = server.clone().into_service();
    let answer = move |request: Request<Incoming>| {
        let mut service = service.clone();
        async move {
            if !request.uri().query().unwrap_or_default().contains("sid=") {
                tokio::time::sleep(HANDSHAKE_DELAY).await;
            }
            let Ok(response) = service.call(request).await;
            response
        }
    };
    listen.serve_fn(answer, async move { server.shutdown().await }).await
}

fn main_namespace() -> Namespace {
    Namespace::new("/")
        .on_connect(admit)
        .on("hi", async |socket: Socket| socket.emit("hi", &()))
        .on("echo", async |args: RawArgs| Ack(args))
        .on("ack", ask)
        .on("getAckDate", async || Ack(now()))
        .on("getDate", async |socket: Socket| socket.emit("takeDate", &now()))
        .on("getDateObj", async |socket: Socket| {
            socket.emit("takeDateObj", &json!({ "date": now() }))
        })
        .on("getUtf8", utf8)
        .on("false", async |socket: Socket| socket.emit("false", &false))
        .on("doge", async |socket: Socket| socket.emit("doge", &bytes()))
        .on("getbin", async |socket: Socket| socket.emit("takebin", &bytes()))
        .on("buffa", async |socket: Socket, args: RawArgs| if_binary(&socket, &args, "buffack"))
        .on("jsonbuff", async |socket: Socket, args: RawArgs| {
            if_binary(&socket, &args, "jsonbuff-ack")
        })
        .on("abuff1", async |socket: Socket| socket.set(Step("abuff1")))
        .on("abuff2", async |socket: Socket, step: Local<Step>| {
            after(&socket, &step, "abuff1", "abuff2-ack")
        })
        .on("blob", async |socket: Socket, args: RawArgs| socket.emit("back", &args))
        .on("jsonblob", async |socket: Socket, args: RawArgs| {
            if_binary(&socket, &args, "jsonblob-ack")
        })
        .on("blob1", async |socket: Socket| socket.set(Step("blob1")))
        .on("blob2", async |socket: Socket, step: Local<Step>| {
            if step.0.0 == "blob1" {
                socket.set(Step("blob2"));
            }
        })
        .on("blob3", async |socket: Socket, step: Local<Step>| {
            after(&socket, &step, "blob2", "blob3-ack")
        })
        .on("getHandshake", async |socket: Socket, auth: Local<Auth>| {
            Ack(describe(socket.handshake(), &auth))
        })
        .on("getId", get_id)
}

/// What came last of a sequence of events.
struct Step(&'static str);

/// What the client sent with CONNECT.
struct Auth(Value);

async fn admit(socket: Socket, auth: Value) -> Result<(), Refuse> {
    socket.set(Auth(auth));
    match socket.handshake().query("fail") {
        Some(_) => Err(Refuse::new("Auth failed (main namespace)")),
        None => Ok(()),
    }
}

async fn keep_auth(socket: Socket, auth: Value) {
    socket.set(Auth(auth));
}

async fn tell_handshake(socket: Socket, auth: Local<Auth>) {
    let told = socket.emit("handshake", &describe(socket.handshake(), &auth));
    if let Err(error) = told {
        tracing::warn!(%error, "the handshake cannot be told");
    }
}

async fn get_id(socket: Socket) -> Ack<String> {
    Ack(socket.id().to_string())
}

async fn ask(socket: Socket) -> Result<(), EventError> {
    let answer: Result<Args<(i64, Value)>, AckError> = socket.emit_with_ack("ack", &()).await;
    let Args((number, object)) = answer?;
    if number == 5 && object.get("test").is_some_and(|test| test != &Value::Bool(false)) {
        socket.emit("got it", &())?;
    }
    Ok(())
}

async fn utf8(socket: Socket) -> Result<(), EmitError> {
    for text in ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"]
    {
        socket.emit("takeUtf8", text)?;
    }
    Ok(())
}

fn bytes() -> Binary {
    Binary::from(b"asdfasdf".to_vec())
}

fn if_binary(socket: &Socket, args: &RawArgs, event: &str) -> Result<(), EmitError> {
    if args.attachments().is_empty() { Ok(()) } else { socket.emit(event, &()) }
}

fn after(socket: &Socket, step: &Local<Step>, wanted: &str, event: &str) -> Result<(), EmitError> {
    if step.0.0 == wanted { socket.emit(event, &()) } else { Ok(()) }
}

/// The handshake as the official server shows it to applications.
fn describe(handshake: &Handshake, auth: &Local<Auth>) -> Value {
    let headers: serde_json::Map<String, Value> = handshake
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let query: serde_json::Map<String, Value> =
        handshake.queries().map(|(name, value)| (name.into_owned(), value.into())).collect();
    let issued = handshake.issued().duration_since(UNIX_EPOCH).unwrap_or_default();
    json!({
        "headers": headers,
        "time": iso(handshake.issued()),
        "address": handshake.address().map(|address| address.ip().to_string()),
        "xdomain": handshake.header("origin").is_some(),
        "secure": handshake.is_secure(),
        "issued": u64::try_from(issued.as_millis()).unwrap_or(u64::MAX),
        "url": handshake.uri().to_string(),
        "query": query,
        "auth": auth.0.0,
    })
}

fn now() -> String {
    iso(SystemTime::now())
}

/// `2026-01-31T12:00:00.000Z`, as `Date.prototype.toJSON` writes it.
fn iso(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // The calendar repeats every 400 years; years begin in March here, so that a leap day is last.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let millisecond = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(iso(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }
}
