//! Binary values inside a payload, and the attachments that they leave as.
//!
//! Serde has no room for a side channel, so [`Binary`] finds its attachments in a thread-local that
//! exists only while one payload is encoded or decoded ([`AttachmentScope`]).

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Deref;

use bytes::Bytes;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes anywhere inside a payload: they are sent as an attachment, not as text.
///
/// Outside of an event or ack (say, in plain `serde_json`) it is a sequence of bytes.
///
/// ```
/// use sockeye_socket_proto::{Binary, RawArgs};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Picture { title: String, data: Binary }
///
/// let picture = Picture { title: "a cat".to_owned(), data: vec![0x89, 0x50].into() };
/// let args = RawArgs::encode(&picture)?;
/// assert_eq!(args.json(), r#"{"title":"a cat","data":{"_placeholder":true,"num":0}}"#);
/// assert_eq!(args.attachments(), [vec![0x89, 0x50]]);
/// assert_eq!(args.decode::<Picture>()?.data, picture.data);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// It reads and compares as bytes, and is made from them:
///
/// ```
/// use sockeye_socket_proto::Binary;
///
/// let gif = Binary::from(b"GIF89a");
/// assert!(gif.len() == 6 && gif.starts_with(b"GIF") && gif == b"GIF89a");
/// let bytes: Vec<u8> = gif.into();
/// assert_eq!(bytes, b"GIF89a");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Binary(pub Bytes);

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl From<&[u8]> for Binary {
    fn from(bytes: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(bytes))
    }
}

impl<const N: usize> From<&[u8; N]> for Binary {
    fn from(bytes: &[u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl<const N: usize> From<[u8; N]> for Binary {
    fn from(bytes: [u8; N]) -> Self {
        Self::from(bytes.as_slice())
    }
}

impl FromIterator<u8> for Binary {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        Self(bytes.into_iter().collect())
    }
}

/// Without a copy where nobody else holds the bytes.
impl From<Binary> for Vec<u8> {
    fn from(binary: Binary) -> Self {
        binary.0.into()
    }
}

impl From<Binary> for Bytes {
    fn from(binary: Binary) -> Self {
        binary.0
    }
}

/// Its bytes: `picture.len()`, `&picture[..4]`, `picture.starts_with(b"GIF")`.
impl Deref for Binary {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<[u8]> for Binary {
    fn eq(&self, other: &[u8]) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&[u8]> for Binary {
    fn eq(&self, other: &&[u8]) -> bool {
        *self.0 == **other
    }
}

impl PartialEq<Vec<u8>> for Binary {
    fn eq(&self, other: &Vec<u8>) -> bool {
        *self.0 == **other
    }
}

impl<const N: usize> PartialEq<[u8; N]> for Binary {
    fn eq(&self, other: &[u8; N]) -> bool {
        *self.0 == *other
    }
}

impl<const N: usize> PartialEq<&[u8; N]> for Binary {
    fn eq(&self, other: &&[u8; N]) -> bool {
        *self.0 == **other
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Binary {
    /// Only the length, because contents do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binary({} bytes)", self.0.len())
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match AttachmentScope::add(&self.0) {
            Some(number) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("_placeholder", &true)?;
                map.serialize_entry("num", &number)?;
                map.end()
            }
            None => serializer.serialize_bytes(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attachment;
        impl<'de> Visitor<'de> for Attachment {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("binary data")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Binary, M::Error> {
                let (mut is_placeholder, mut number) = (false, None);
                while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                    match &*key {
                        "_placeholder" => is_placeholder = map.next_value()?,
                        "num" => number = Some(map.next_value::<usize>()?),
                        _ => {
                            map.next_value::<de::IgnoredAny>()?;
                        }
                    }
                }
                number
                    .filter(|_| is_placeholder)
                    .and_then(AttachmentScope::attachment)
                    .map(Binary)
                    .ok_or_else(|| de::Error::custom("no attachment for a binary placeholder"))
            }

            fn visit_seq<Q: SeqAccess<'de>>(self, mut seq: Q) -> Result<Binary, Q::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes.into())
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(bytes.to_vec().into())
            }
        }
        deserializer.deserialize_any(Attachment)
    }
}

thread_local! {
    static SCOPE: Cell<Scope> = const { Cell::new(Scope::Outside) };
    /// Empty unless the scope is one of the two with attachments.
    static ATTACHMENTS: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Outside,
    /// No attachment yet.
    Encoding,
    EncodingAttachments,
    DecodingAttachments,
}

/// A guard: while it lives, [`Binary`] values of this thread read or write attachments. Dropping it,
/// also by a panic, leaves nothing behind. (Most payloads have none, and cost one flag.)
pub(super) struct AttachmentScope;

impl AttachmentScope {
    /// Begins to encode a payload.
    pub(super) fn collect() -> Self {
        SCOPE.set(Scope::Encoding);
        Self
    }

    /// Begins to decode a payload. `None`: there are no attachments to read.
    pub(super) fn provide(attachments: &[Bytes]) -> Option<Self> {
        if attachments.is_empty() {
            return None;
        }
        ATTACHMENTS.with_borrow_mut(|all| all.extend_from_slice(attachments));
        SCOPE.set(Scope::DecodingAttachments);
        Some(Self)
    }

    /// Drops what was collected so far.
    pub(super) fn clear() {
        if SCOPE.get() == Scope::EncodingAttachments {
            ATTACHMENTS.with_borrow_mut(Vec::clear);
            SCOPE.set(Scope::Encoding);
        }
    }

    /// The attachments that were collected.
    pub(super) fn finish(self) -> Vec<Bytes> {
        if SCOPE.get() != Scope::EncodingAttachments {
            return Vec::new();
        }
        SCOPE.set(Scope::Encoding);
        ATTACHMENTS.take()
    }

    /// The number of a new attachment, or `None` outside of an encoding.
    fn add(bytes: &Bytes) -> Option<usize> {
        if !matches!(SCOPE.get(), Scope::Encoding | Scope::EncodingAttachments) {
            return None;
        }
        SCOPE.set(Scope::EncodingAttachments);
        ATTACHMENTS.with_borrow_mut(|all| {
            all.push(bytes.clone());
            Some(all.len() - 1)
        })
    }

    /// Adds the attachments of raw arguments, whose text has its placeholders already.
    pub(super) fn extend(attachments: &[Bytes]) {
        for bytes in attachments {
            Self::add(bytes);
        }
    }

    fn attachment(number: usize) -> Option<Bytes> {
        if SCOPE.get() != Scope::DecodingAttachments {
            return None;
        }
        ATTACHMENTS.with_borrow(|all| all.get(number).cloned())
    }
}

impl Drop for AttachmentScope {
    fn drop(&mut self) {
        if matches!(SCOPE.get(), Scope::EncodingAttachments | Scope::DecodingAttachments) {
            ATTACHMENTS.with_borrow_mut(Vec::clear);
        }
        SCOPE.set(Scope::Outside);
    }
}
