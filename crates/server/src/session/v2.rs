//! The differences for clients of Socket.IO 2 (packet protocol 4 on Engine.IO 3). Events, acks and
//! attachments are the same; only connecting to a namespace differs:
//!
//! | | since version 3 | version 2 |
//! |---|---|---|
//! | `/` | the client asks with `0` | the server sends `0` when the session opens |
//! | `auth` | the packet's payload | the query behind the namespace's name, `0/chat?token=abc,` |
//! | the reply | `0/chat,{"sid":".."}` | `0/chat,`; the id is made by both sides from the session's |
//! | a refusal | `4/chat,{"message":..,"data":..}` | `4/chat,` and the data, or else the message |
//!
//! Source: the official server with `allowEIO3`.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sockeye_engine::{Revision, Session, query_pairs};

use crate::error::Refuse;

/// Whether the client is one of Socket.IO 2.
pub(crate) fn is_v2(session: &Session) -> bool {
    session.revision() == Revision::V3
}

/// The namespace that a v2 client asks for, and its `auth` as JSON: the query after the name, as an
/// object of texts. A parameter that is repeated has all its values in an array.
pub(crate) fn split_query(namespace: &str) -> (&str, Cow<'static, str>) {
    let Some((path, query)) = namespace.split_once('?') else {
        return (namespace, Cow::Borrowed("{}"));
    };
    let mut auth = Map::new();
    for (name, value) in query_pairs(query) {
        let value = Value::String(value.into_owned());
        match auth.get_mut(&*name) {
            None => drop(auth.insert(name.into_owned(), value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let path = if path.is_empty() { "/" } else { path };
    (path, Cow::Owned(Value::Object(auth).to_string()))
}

/// The payload of a refusal: the data if there is any, else the message.
pub(crate) fn refusal(refusal: &Refuse) -> String {
    match refusal.data() {
        "" | "null" | "false" | "0" | "\"\"" => Value::from(refusal.message()).to_string(),
        data => data.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever the query after the name is: an object of texts and lists of texts.
        #[test]
        fn any_query_is_an_object(path in "/[a-z]{0,5}", query in ".{0,40}") {
            let name = format!("{path}?{query}");
            let (found, auth) = split_query(&name);
            prop_assert_eq!(found, path.as_str());
            let auth: Map<String, Value> = serde_json::from_str(&auth).unwrap();
            let is_text = |value: &Value| value.is_string();
            let is_list = |value: &Value| value.as_array().is_some_and(|all| all.iter().all(is_text));
            let is_right = auth.values().all(|value| is_text(value) || is_list(value));
            prop_assert!(is_right, "{auth:?}");
        }

        /// Packets from and to a v2 client are decoded to what was encoded.
        #[test]
        fn packets_of_old_clients_round_trip(
            path in "/[a-z]{1,5}",
            token in any::<String>(),
            message in any::<String>(),
        ) {
            use sockeye_socket_proto::{Decoder, Incoming, encode_connect, encode_error};
            let escaped: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
            let mut text = String::new();
            encode_connect(&mut text, &format!("{path}?token={escaped}"), "");
            let mut decoder = Decoder::default();
            match decoder.handle_text(&text) {
                Ok(Some(Incoming::Connect { namespace, auth: "" })) => {
                    let (found, auth) = split_query(namespace);
                    prop_assert_eq!(found, path.as_str());
                    let auth: Value = serde_json::from_str(&auth).unwrap();
                    prop_assert_eq!(auth["token"].as_str(), Some(token.as_str()));
                }
                other => prop_assert!(false, "{:?}", other),
            }
            text.clear();
            encode_error(&mut text, &path, &refusal(&Refuse::new(message.clone())));
            match decoder.handle_text(&text) {
                Ok(Some(Incoming::ConnectError { namespace, data })) => {
                    prop_assert_eq!(namespace, path.as_str());
                    prop_assert_eq!(serde_json::from_str::<String>(data).unwrap(), message);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn the_query_of_a_namespace_is_its_auth() {
        for (name, path, auth) in [
            ("/foo", "/foo", "{}"),
            ("/foo?", "/foo", "{}"),
            ("/foo?token=abc", "/foo", r#"{"token":"abc"}"#),
            ("/?a=1", "/", r#"{"a":"1"}"#),
            ("?a=1", "/", r#"{"a":"1"}"#),
            ("/foo?a=b%20c+d&e", "/foo", r#"{"a":"b c d","e":""}"#),
            ("/foo?a=1&a=2&a=3", "/foo", r#"{"a":["1","2","3"]}"#),
            ("/foo?a=1?b", "/foo", r#"{"a":"1?b"}"#),
        ] {
            assert_eq!(split_query(name), (path, auth.into()), "{name}");
        }
    }

    #[test]
    fn a_refusal_is_its_data_or_its_message() {
        assert_eq!(refusal(&Refuse::new("say \"no\"")), r#""say \"no\"""#);
        assert_eq!(refusal(&Refuse::new("no").with_data(&[1])), "[1]");
        assert_eq!(refusal(&Refuse::new("no").with_data(&())), r#""no""#);
    }
}
