//! Events before their payload is decoded: borrowed while they are passed on, owned where they are kept.

use std::borrow::Cow;

use bytes::Bytes;

use crate::json;
use crate::payload::{FromArgs, PayloadError, RawArgs};

/// A borrowed event: its name, and its arguments as they stand in the packet. [`RawEvent`] is the
/// owned form.
///
/// ```
/// use bytes::Bytes;
/// use sockeye_socket_proto::{Args, Binary, EventRef};
///
/// let attachments = [Bytes::from_static(b"\x89PNG")];
/// let event = EventRef {
///     name: "picture",
///     args: r#""a cat",{"_placeholder":true,"num":0}"#,
///     attachments: &attachments,
/// };
/// let Args((title, picture)) = event.decode::<Args<(String, Binary)>>()?;
/// assert_eq!((title.as_str(), picture.0.len()), ("a cat", 4));
/// assert_eq!(event.to_raw_event().event_ref(), event);
/// # Ok::<(), sockeye_socket_proto::PayloadError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// The name, without quotes and escapes.
    pub name: &'a str,
    /// The arguments: the elements of a JSON array without its brackets, comma-separated, after the
    /// name. Empty where there are none.
    pub args: &'a str,
    /// What the placeholders in `args` stand for, in the order of their numbers.
    pub attachments: &'a [Bytes],
}

impl EventRef<'_> {
    /// Decodes the arguments into a payload type.
    ///
    /// # Errors
    /// [`PayloadError`] when they are not a `P`.
    pub fn decode<P: FromArgs>(self) -> Result<P, PayloadError> {
        P::from_args(self.args, self.attachments)
    }

    /// Copies the event. Attachments are shared, not copied.
    pub fn to_raw_event(self) -> RawEvent {
        RawEvent::new(self.name, self.args, self.attachments)
    }

    /// Bytes of the name, of the arguments and of the attachments: what a copy takes.
    pub fn bytes(self) -> usize {
        let attachments = self.attachments.iter().map(Bytes::len).sum::<usize>();
        self.name.len() + self.args.len() + attachments
    }
}

/// Splits the JSON array of an event into its name and its arguments, which stay as they are. The name
/// may be a number, as in packets. `None`: it is no array, or has no name, or is not valid JSON.
///
/// ```
/// use sockeye_socket_proto::split_event;
///
/// assert_eq!(split_event(r#"["say","hello",7]"#), Some(("say".into(), r#""hello",7"#)));
/// assert_eq!(split_event("[]"), None);
/// ```
pub fn split_event(array: &str) -> Option<(Cow<'_, str>, &str)> {
    let (name, args) = json::split_event(json::trim(array)).ok()?;
    let name = match name.as_bytes().first()? {
        b'"' => json::unquote(name)?,
        b'-' | b'0'..=b'9' => Cow::Borrowed(name),
        _ => return None,
    };
    Some((name, args))
}

/// An owned event, with its arguments as they came: for handlers of events without a declaration, and
/// for those that see every event.
///
/// ```
/// use sockeye_socket_proto::RawEvent;
///
/// let event = RawEvent::new("sum", "1,2", &[]);
/// assert_eq!(event.name, "sum");
/// assert_eq!(event.args.json(), "1,2");
/// assert_eq!(event.bytes(), 6);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEvent {
    /// The name.
    pub name: String,
    /// The arguments.
    pub args: RawArgs,
}

impl RawEvent {
    /// Copies an event out of a decoded packet.
    pub fn new(name: &str, args: &str, attachments: &[Bytes]) -> Self {
        Self { name: name.to_owned(), args: RawArgs::new(args, attachments) }
    }

    /// The borrowed form.
    pub fn event_ref(&self) -> EventRef<'_> {
        EventRef { name: &self.name, args: self.args.json(), attachments: self.args.attachments() }
    }

    /// Bytes of the name and of the arguments, attachments included.
    pub fn bytes(&self) -> usize {
        self.name.len() + self.args.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_the_same_event() {
        let attachments = [Bytes::from_static(b"ab"), Bytes::from_static(b"c")];
        let event = EventRef { name: "name", args: "1,[2]", attachments: &attachments };
        let owned = event.to_raw_event();
        assert_eq!(owned, RawEvent::new("name", "1,[2]", &attachments));
        assert_eq!(owned.event_ref(), event);
        assert_eq!((event.bytes(), owned.bytes()), (12, 12));
        assert!(event.decode::<String>().is_err());
    }
}
