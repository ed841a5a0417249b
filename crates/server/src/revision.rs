//! What is different for clients of Socket.IO 2 (packet protocol 4 on Engine.IO 3). Events, acks
//! and attachments are the same; only joining a namespace is not:
//!
//! | | since version 3 | version 2 |
//! |---|---|---|
//! | `/` | the client asks with `0` | the server says `0` when the session opens |
//! | `auth` | the packet's payload | the query behind the namespace's name, `0/chat?token=abc,` |
//! | the reply | `0/chat,{"sid":".."}` | `0/chat,`; the id is made by both sides from the session's |
//! | a refusal | `4/chat,{"message":..,"data":..}` | `4/chat,` and the data, or else the message |
//!
//! Source: the official server with `allowEIO3`.

use std::borrow::Cow;

use serde_json::{Map, Value};
use sockeye_engine::{Revision, Session, query_pairs};

use crate::Refuse;

/// Whether the client is one of Socket.IO 2.
pub(crate) fn is_old(session: &Session) -> bool {
    session.revision() == Revision::V3
}

/// The namespace that an old client means, and its `auth` as JSON: what stands behind the name, as
/// an object of texts. A name that is repeated has all its values in an array.
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

/// The payload of a refusal: the data if there is something in it, else the message.
pub(crate) fn refusal(refusal: &Refuse) -> String {
    match refusal.data() {
        "" | "null" | "false" | "0" | "\"\"" => Value::from(refusal.message()).to_string(),
        data => data.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
