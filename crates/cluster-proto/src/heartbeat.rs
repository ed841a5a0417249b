//! What servers of this project tell each other of themselves, on a channel that no other server listens on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::received::ReadError;

/// What a server says of itself, regularly and at once when it changes.
///
/// It is JSON, and what a reader does not know in it is skipped, so that servers of several versions live in one
/// cluster.
///
/// ```
/// use sockeye_cluster_proto::Heartbeat;
///
/// let said = Heartbeat {
///     uid: "0123456789abcdef".into(),
///     name: "red".into(),
///     generation: 1_795_564_799_123,
///     namespaces: Some(vec!["/".into()]),
///     presence: [("/".into(), 7)].into(),
///     is_leaving: false,
///     wants_answer: true,
/// };
/// let json = said.encode();
/// assert_eq!(Heartbeat::read(json.as_bytes())?, said);
/// # Ok::<(), sockeye_cluster_proto::ReadError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat<'a> {
    /// The server's id, drawn anew at each start.
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    /// The name that people know it by; of a server that was started again it is the same.
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// Which of the starts under this name it is: a later one has a greater number.
    pub generation: u64,
    /// Its namespaces; `None`: they are too many to list.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<Vec<Cow<'a, str>>>,
    /// By namespace, how many changes of presence it has told. If there are many namespaces, not all are here.
    #[serde(borrow, default, skip_serializing_if = "BTreeMap::is_empty")]
    pub presence: BTreeMap<Cow<'a, str>, u64>,
    /// It leaves now.
    #[serde(rename = "leaving", default, skip_serializing_if = "is_false")]
    pub is_leaving: bool,
    /// It is new here, and the others tell of themselves at once.
    #[serde(rename = "new", default, skip_serializing_if = "is_false")]
    pub wants_answer: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

impl Heartbeat<'_> {
    /// As JSON.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<'a> Heartbeat<'a> {
    /// Reads what came.
    ///
    /// # Errors
    /// It is no heartbeat.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ReadError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}
