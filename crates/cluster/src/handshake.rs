//! The request of a socket as JSON, as Node's `socket.handshake`, and back.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sockeye::RemoteHandshake;

/// Text, or several where a name was there more than once.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Several(Vec<String>),
}

impl Texts {
    fn push(&mut self, text: String) {
        match self {
            Texts::One(first) => *self = Texts::Several(vec![std::mem::take(first), text]),
            Texts::Several(texts) => texts.push(text),
        }
    }
}

#[derive(Serialize)]
struct Written<'a> {
    headers: BTreeMap<&'a str, Texts>,
    time: String,
    address: String,
    xdomain: bool,
    secure: bool,
    issued: u64,
    url: String,
    query: BTreeMap<String, Texts>,
    auth: Option<&'a RawValue>,
}

/// What is read of it: Node's may have more.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(default)]
    headers: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    secure: bool,
    #[serde(default)]
    issued: u64,
    #[serde(default)]
    url: Option<String>,
    #[serde(borrow, default)]
    auth: Option<&'a RawValue>,
}

/// A socket's request as JSON, as Node's `socket.handshake` is written: `headers`, `time`, `address`, `xdomain`, `secure`,
/// `issued`, `url`, `query` and `auth`.
pub fn to_json(handshake: &RemoteHandshake) -> String {
    let mut headers = BTreeMap::new();
    for name in handshake.headers.keys() {
        let values = handshake.headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        let texts = match name.as_str() {
            "set-cookie" => Texts::Several(values),
            "cookie" => Texts::One(values.join("; ")),
            _ => Texts::One(values.join(", ")),
        };
        headers.insert(name.as_str(), texts);
    }
    let mut query: BTreeMap<String, Texts> = BTreeMap::new();
    let pairs = url::form_urlencoded::parse(handshake.uri.query().unwrap_or_default().as_bytes());
    for (name, value) in pairs {
        match query.get_mut(&*name) {
            Some(texts) => texts.push(value.into_owned()),
            None => drop(query.insert(name.into_owned(), Texts::One(value.into_owned()))),
        }
    }
    let since_1970 = handshake.issued.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let written = Written {
        xdomain: headers.contains_key("origin"),
        headers,
        time: date(handshake.issued),
        address: handshake.address.map(|address| address.ip().to_string()).unwrap_or_default(),
        secure: handshake.is_secure,
        issued: u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX),
        url: handshake.uri.to_string(),
        query,
        auth: serde_json::from_str(&handshake.auth).ok(),
    };
    serde_json::to_string(&written).unwrap_or_else(|_| "{}".into())
}

/// What another server says of it; what cannot be read is left out.
pub(crate) fn from_json(json: &str) -> RemoteHandshake {
    let mut handshake = RemoteHandshake::default();
    let Ok(read) = serde_json::from_str::<Read<'_>>(json) else { return handshake };
    let mut headers = HeaderMap::new();
    for (name, value) in read.headers {
        let Ok(name) = name.parse::<HeaderName>() else { continue };
        let values = match value {
            serde_json::Value::String(text) => vec![text],
            serde_json::Value::Array(values) => {
                values.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
            }
            _ => continue,
        };
        for value in values.iter().filter_map(|value| HeaderValue::from_str(value).ok()) {
            headers.append(&name, value);
        }
    }
    handshake.headers = headers;
    let address = read.address.and_then(|address| address.parse::<IpAddr>().ok());
    handshake.address = address.map(|address| SocketAddr::new(address, 0));
    handshake.is_secure = read.secure;
    let issued = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(read.issued));
    handshake.issued = issued.unwrap_or(SystemTime::UNIX_EPOCH);
    handshake.uri = read.url.and_then(|url| url.parse().ok()).unwrap_or(handshake.uri);
    handshake.auth = read.auth.map_or(handshake.auth, |auth| auth.get().into());
    handshake
}

/// A time as JavaScript writes a date as text: `Tue Dec 01 2026 03:57:03 GMT+0000 (Coordinated Universal Time)`.
fn date(time: SystemTime) -> String {
    // `Tue, 01 Dec 2026 03:57:03 GMT`
    let text = httpdate::fmt_http_date(time.max(SystemTime::UNIX_EPOCH));
    let mut parts = text.split([',', ' ']).filter(|part| !part.is_empty());
    let mut next = || parts.next().unwrap_or_default();
    let (weekday, day, month, year, clock) = (next(), next(), next(), next(), next());
    format!("{weekday} {month} {day} {year} {clock} GMT+0000 (Coordinated Universal Time)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> RemoteHandshake {
        let mut handshake = RemoteHandshake::default();
        handshake.uri = "/socket.io/?EIO=4&a=b&a=c%20d&transport=websocket".parse().unwrap();
        for (name, value) in [("host", "localhost"), ("x-a", "1"), ("x-a", "2"), ("origin", "null")]
        {
            let name = name.parse::<HeaderName>().unwrap();
            handshake.headers.append(name, HeaderValue::from_static(value));
        }
        handshake.address = Some("127.0.0.1:80".parse().unwrap());
        handshake.issued = SystemTime::UNIX_EPOCH + Duration::from_millis(1_796_097_423_007);
        handshake.auth = r#"{"token":"t"}"#.into();
        handshake
    }

    #[test]
    fn it_is_written_as_node_writes_it() {
        assert_eq!(
            to_json(&example()),
            concat!(
                r#"{"headers":{"host":"localhost","origin":"null","x-a":"1, 2"},"#,
                r#""time":"Tue Dec 01 2026 03:57:03 GMT+0000 (Coordinated Universal Time)","#,
                r#""address":"127.0.0.1","xdomain":true,"secure":false,"issued":1796097423007,"#,
                r#""url":"/socket.io/?EIO=4&a=b&a=c%20d&transport=websocket","#,
                r#""query":{"EIO":"4","a":["b","c d"],"transport":"websocket"},"auth":{"token":"t"}}"#
            )
        );
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let (written, read) = (example(), from_json(&to_json(&example())));
        assert_eq!((read.uri, read.issued, read.auth), (written.uri, written.issued, written.auth));
        assert_eq!(read.address.unwrap().ip(), written.address.unwrap().ip());
        assert_eq!(read.headers["x-a"], "1, 2");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        for json in ["", "7", "{}", r#"{"headers":7}"#] {
            assert_eq!(from_json(json).uri, "/", "{json}");
        }
        let json =
            r#"{"headers":{"a":1,"b\n":"c","d":"e"},"address":"nowhere","url":"a b","issued":1}"#;
        let read = from_json(json);
        assert_eq!((read.headers.len(), read.address), (1, None));
        assert_eq!((read.uri.path(), &*read.auth), ("/", "{}"));
    }
}
