//! An error that the peer answered with.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::payload::{PayloadError, RawArgs};

/// An error that the peer answered with in place of a value:
/// `{ "error": { "code", "message" } }`, and `"data"` if it has any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteError {
    /// A word for programs, such as `decode`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Details for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The one argument of an ack that is an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorAck {
    error: RemoteError,
}

impl RemoteError {
    /// An error without data, for tests and for what answers in a peer's place.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), data: None }
    }

    /// Reads the error out of an answer. `None`: the answer is a value.
    ///
    /// ```
    /// use sockeye_socket_proto::{RawArgs, RemoteError};
    ///
    /// let answer = RawArgs::new(r#"{"error":{"code":"full","message":"no room"}}"#, &[]);
    /// assert_eq!(RemoteError::of(&answer).map(|error| error.code).as_deref(), Some("full"));
    /// assert_eq!(RemoteError::of(&RawArgs::new("7", &[])), None);
    /// ```
    pub fn of(answer: &RawArgs) -> Option<Self> {
        let is_like_one = answer.json().starts_with("{\"error\":");
        is_like_one.then(|| answer.decode::<ErrorAck>().ok())?.map(|answer| answer.error)
    }

    /// Decodes the details. Where there are none, a `T` is made of `null`: an `Option` is `None`.
    ///
    /// ```
    /// use sockeye_socket_proto::{EventError, RemoteError};
    ///
    /// let error = EventError::new("full", "no room").with_data(&("lobby", 20));
    /// let remote = RemoteError::of(&error.to_ack()).ok_or("not an error")?;
    /// assert_eq!(remote.decode_data::<(String, u32)>()?, ("lobby".to_owned(), 20));
    /// assert_eq!(RemoteError::new("full", "no room").decode_data::<Option<u32>>()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PayloadError`] when they are not a `T`.
    pub fn decode_data<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        Ok(T::deserialize(self.data.as_ref().unwrap_or(&Value::Null))?)
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_nothing_else_is_an_error() {
        for json in
            ["", "1", r#"{"error":"no"}"#, r#"{"error":{"code":"a","message":"b"},"more":1}"#]
        {
            assert_eq!(RemoteError::of(&RawArgs::new(json, &[])), None, "{json}");
        }
    }

    #[test]
    fn data_that_is_not_there_is_not_written() {
        let error = RemoteError::new("full", "no room");
        let json = serde_json::to_string(&error).unwrap();
        assert_eq!(json, r#"{"code":"full","message":"no room"}"#);
        let error = RemoteError { data: Some(7.into()), ..error };
        let json = serde_json::to_string(&error).unwrap();
        assert_eq!(json, r#"{"code":"full","message":"no room","data":7}"#);
        assert_eq!(serde_json::from_str::<RemoteError>(&json).unwrap(), error);
    }
}
