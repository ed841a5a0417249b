//! Payloads of events and acks, between serde types and the wire.
//!
//! On the wire the arguments are the elements of a JSON array (Socket.IO v5, "Packet encoding").
//! This module handles their text **without** the brackets: `1,{"a":2}`, or nothing at all. Binary
//! values stand in the text as placeholders and travel as attachments beside it.

mod binary;
pub(crate) mod emit_as;
mod shape;

use std::any::type_name;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use self::binary::AttachmentScope;
pub use self::binary::Binary;
use self::shape::{ArgsDeserializer, Shape};
use crate::answer::RemoteError;
use crate::error::AckError;
use crate::json;

/// Several arguments instead of one: `Args((a, b))` goes out as `["event",a,b]`.
///
/// A plain tuple or array stays **one** argument. Received, an `Args` takes as many arguments as
/// it has fields and ignores further ones, as a JavaScript function would.
///
/// ```
/// use sockeye_socket_proto::{Args, RawArgs};
///
/// assert_eq!(RawArgs::encode(&Args((1, "two")))?.json(), r#"1,"two""#);
/// assert_eq!(RawArgs::encode(&(1, "two"))?.json(), r#"[1,"two"]"#);
/// let Args((first, second)) = RawArgs::new("1,2,3", &[]).decode::<Args<(u8, u8)>>()?;
/// assert_eq!((first, second), (1, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Args<T>(pub T);

/// Arguments exactly as they came: JSON text without the brackets, and the attachments its
/// placeholders stand for. Emitted again, the text is the same byte for byte.
///
/// ```
/// use sockeye_socket_proto::RawArgs;
///
/// let args = RawArgs::new(r#"{ "n": 1.0 }"#, &[]);
/// assert_eq!(RawArgs::encode(&args)?.json(), r#"{ "n": 1.0 }"#);
/// assert_eq!(args.decode::<serde_json::Value>()?["n"], 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RawArgs {
    json: String,
    attachments: Vec<Bytes>,
}

impl<T> From<T> for Args<T> {
    fn from(values: T) -> Self {
        Self(values)
    }
}

impl RawArgs {
    /// Copies arguments out of a decoded packet.
    pub fn new(json: &str, attachments: &[Bytes]) -> Self {
        Self { json: json.to_owned(), attachments: attachments.to_vec() }
    }

    /// A payload's arguments.
    ///
    /// # Errors
    /// As [`encode_args`].
    pub fn encode<P: Serialize + ?Sized>(payload: &P) -> Result<Self, EncodeError> {
        with_encoded_args(payload, |json, attachments| Self { json: json.to_owned(), attachments })
    }

    /// The arguments as JSON, comma-separated, without brackets; empty when there are none.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The attachments, in the order of their placeholders' numbers.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Arguments of a text and attachments that are there already: the text is checked JSON.
    #[cfg(feature = "msgpack")]
    pub(crate) fn from_parts(json: String, attachments: Vec<Bytes>) -> Self {
        Self { json, attachments }
    }

    /// The text and the attachments.
    pub fn into_parts(self) -> (String, Vec<Bytes>) {
        (self.json, self.attachments)
    }

    /// Bytes of the text and of the attachments.
    pub fn bytes(&self) -> usize {
        self.json.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Decodes the arguments into a payload type.
    ///
    /// # Errors
    /// [`PayloadError`] when they are not a `P`.
    pub fn decode<P: FromArgs>(&self) -> Result<P, PayloadError> {
        P::from_args(&self.json, &self.attachments)
    }

    /// Decodes the arguments of an ack: the value, or the error that was answered in its place.
    ///
    /// ```
    /// use sockeye_socket_proto::{AckError, RawArgs};
    ///
    /// assert_eq!(RawArgs::encode(&7)?.decode_ack::<u8>("join")?, 7);
    /// let refusal = RawArgs::new(r#"{"error":{"code":"full","message":"no room"}}"#, &[]);
    /// let Err(AckError::Remote(error)) = refusal.decode_ack::<u8>("join") else { panic!() };
    /// assert_eq!(error.code, "full");
    /// let nothing = RawArgs::default().decode_ack::<u8>("join").unwrap_err();
    /// assert_eq!(nothing.to_string(), r#""join" was answered without a value, expected u8"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`AckError::Remote`] when it is an error, [`AckError::Decode`] when it is no `A` either, with
    /// the name of the event that was answered.
    pub fn decode_ack<A: FromArgs>(&self, event: &str) -> Result<A, AckError> {
        if let Some(error) = RemoteError::of(self) {
            return Err(AckError::Remote(error));
        }
        let event = || event.to_owned().into();
        self.decode().map_err(|source| AckError::Decode { event: event(), source })
    }
}

/// Types that arguments can be decoded into: every `DeserializeOwned` type, and [`RawArgs`].
///
/// ```
/// use sockeye_socket_proto::{Args, FromArgs};
///
/// assert_eq!(<Option<u8>>::from_args("", &[])?, None);
/// assert_eq!(u8::from_args("7,8", &[])?, 7);
/// assert_eq!(<Args<Vec<u8>>>::from_args("7,8", &[])?.0, [7, 8]);
/// # Ok::<(), sockeye_socket_proto::PayloadError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a payload",
    note = "a payload is a serde type without borrowed data (`DeserializeOwned`) or `RawArgs`"
)]
pub trait FromArgs: Sized {
    /// Decodes arguments given as JSON text without brackets.
    ///
    /// # Errors
    /// [`PayloadError`] when they do not fit.
    fn from_args(json: &str, attachments: &[Bytes]) -> Result<Self, PayloadError>;
}

impl<P: DeserializeOwned> FromArgs for P {
    fn from_args(json: &str, attachments: &[Bytes]) -> Result<Self, PayloadError> {
        decode_args(json, attachments)
    }
}

impl FromArgs for RawArgs {
    fn from_args(json: &str, attachments: &[Bytes]) -> Result<Self, PayloadError> {
        Ok(Self::new(json, attachments))
    }
}

/// Appends a payload's arguments to `out` as JSON without brackets and returns its attachments.
///
/// `()` appends nothing; [`Args`] appends its fields; everything else is one argument.
///
/// ```
/// use sockeye_socket_proto::encode_args;
///
/// let mut out = Vec::new();
/// let attachments = encode_args(&["a", "b"], &mut out)?;
/// assert_eq!((out.as_slice(), attachments.len()), (br#"["a","b"]"#.as_slice(), 0));
/// # Ok::<(), sockeye_socket_proto::EncodeError>(())
/// ```
///
/// # Errors
/// [`EncodeError`] when serde cannot represent the payload as JSON (a map with non-string keys,
/// or an error of its own `Serialize`), or when beside attachments it has something in it that the
/// peer would take for one. What was appended before the error has to be dropped.
pub fn encode_args<P: Serialize + ?Sized>(
    payload: &P,
    out: &mut Vec<u8>,
) -> Result<Vec<Bytes>, EncodeError> {
    let scope = AttachmentScope::collect();
    let start = out.len();
    let shape = shape::of(payload, &mut |raw| out.extend_from_slice(raw.as_bytes()))?;
    match shape {
        Shape::Raw => {
            let attachments = scope.finish();
            check_raw(text_of(&out[start..]), &attachments)?;
            Ok(attachments)
        }
        shape => write_args(shape, payload, out, scope),
    }
}

/// Appends a payload whose shape is known, and is not raw.
fn write_args<P: Serialize + ?Sized>(
    shape: Shape,
    payload: &P,
    out: &mut Vec<u8>,
    scope: AttachmentScope,
) -> Result<Vec<Bytes>, EncodeError> {
    // `shape::of` may have serialized a `Binary` at the top.
    AttachmentScope::clear();
    let start = out.len();
    match shape {
        Shape::None | Shape::Raw => {}
        Shape::One => serde_json::to_writer(&mut *out, payload)?,
        Shape::Args => {
            serde_json::to_writer(&mut *out, payload)?;
            if out.get(start) != Some(&b'[') || out.last() != Some(&b']') {
                return Err(EncodeError::NotASequence);
            }
            out.pop();
            out.remove(start);
        }
    }
    let attachments = scope.finish();
    if !attachments.is_empty()
        && !json::has_own_placeholders_only(text_of(&out[start..]), count(&attachments))
    {
        return Err(EncodeError::Placeholder);
    }
    Ok(attachments)
}

/// Checks that each placeholder of raw arguments stands for one of the attachments: their text may
/// come from anywhere.
fn check_raw(json: &str, attachments: &[Bytes]) -> Result<(), EncodeError> {
    if attachments.is_empty() {
        return Ok(());
    }
    let used = json::check_placeholders(json, count(attachments));
    used.map(drop).ok_or(EncodeError::Placeholder)
}

fn count(attachments: &[Bytes]) -> u32 {
    u32::try_from(attachments.len()).unwrap_or(u32::MAX)
}

fn text_of(json: &[u8]) -> &str {
    simdutf8::basic::from_utf8(json).expect("serde_json writes UTF-8")
}

/// Gives a payload's arguments to `f`, as [`encode_args`] writes them: text and attachments. The text
/// of a [`RawArgs`] is not copied; others are written to a buffer of this thread, which is used
/// again. (A nested call gets a new buffer.)
///
/// ```
/// use sockeye_socket_proto::with_encoded_args;
///
/// let length = with_encoded_args("hello", |json, attachments| {
///     assert!(attachments.is_empty());
///     json.len()
/// })?;
/// assert_eq!(length, r#""hello""#.len());
/// # Ok::<(), sockeye_socket_proto::EncodeError>(())
/// ```
///
/// # Errors
/// As [`encode_args`].
pub fn with_encoded_args<P: Serialize + ?Sized, R>(
    payload: &P,
    f: impl FnOnce(&str, Vec<Bytes>) -> R,
) -> Result<R, EncodeError> {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    let (mut f, mut scope) = (Some(f), Some(AttachmentScope::collect()));
    let mut lent = None;
    let shape = shape::of(payload, &mut |raw| {
        let attachments = scope.take().map(AttachmentScope::finish).unwrap_or_default();
        let f = f.take();
        lent = check_raw(raw, &attachments).map(|()| f.map(|f| f(raw, attachments))).transpose();
    })?;
    let (Some(f), Some(scope)) = (f, scope) else {
        return lent.expect("the shape is raw, so `f` was called, or there is an error");
    };
    let mut buffer = BUFFER.take();
    buffer.clear();
    let result = write_args(shape, payload, &mut buffer, scope)
        .map(|attachments| f(text_of(&buffer), attachments));
    if buffer.capacity() <= BUFFER_KEPT_BYTES {
        BUFFER.set(buffer);
    }
    result
}

/// A larger buffer is freed after use.
const BUFFER_KEPT_BYTES: usize = 64 * 1024;

/// Decodes arguments given as JSON text without brackets. Half a surrogate pair, which a JavaScript
/// string may have in it and a Rust one may not, becomes U+FFFD.
///
/// ```
/// use sockeye_socket_proto::decode_args;
///
/// assert_eq!(decode_args::<u8>("7,8", &[])?, 7);
/// assert!(decode_args::<u8>(r#""seven""#, &[]).is_err());
/// # Ok::<(), sockeye_socket_proto::PayloadError>(())
/// ```
///
/// # Errors
/// [`PayloadError`] when they are not a `P`, or a placeholder names an attachment that is not
/// there.
pub fn decode_args<P: DeserializeOwned>(
    json: &str,
    attachments: &[Bytes],
) -> Result<P, PayloadError> {
    let _scope = AttachmentScope::provide(attachments);
    P::deserialize(ArgsDeserializer::new(json)).or_else(|error| {
        // Only arguments that cannot be decoded are looked through for half pairs.
        let Some(replaced) = json::replace_lone_surrogates(json) else {
            return Err(PayloadError::of::<P>(json, error));
        };
        Ok(P::deserialize(ArgsDeserializer::new(&replaced))?)
    })
}

/// Why a payload cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// serde_json could not write the value.
    #[error("the payload cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// [`Args`] around something that is not a tuple, array or sequence.
    #[error("`Args` holds something that is not a sequence")]
    NotASequence,
    /// Beside attachments, an object with the member `"_placeholder": true`, say from a client's
    /// text, that stands for none of them. The peer would take it for one: officially such a packet
    /// ends the connection, or the attachment appears in a second place.
    #[error("what looks like the placeholder of an attachment cannot be sent beside attachments")]
    Placeholder,
}

/// Arguments that are not what was expected: other ones, or none at all.
///
/// ```
/// use sockeye_socket_proto::RawArgs;
///
/// let nothing = RawArgs::default().decode::<Vec<String>>().unwrap_err();
/// assert!(nothing.is_missing());
/// assert_eq!(nothing.to_string(), "there is no argument, expected Vec<String>");
/// assert!(!RawArgs::new("7", &[]).decode::<String>().unwrap_err().is_missing());
/// ```
#[derive(Debug)]
pub struct PayloadError(Mismatch);

#[derive(Debug)]
enum Mismatch {
    /// There is no argument; the type that was asked for.
    Missing(&'static str),
    Other(serde_json::Error),
}

impl PayloadError {
    /// The error of a `P` that could not be read from these arguments.
    fn of<P>(json: &str, error: serde_json::Error) -> Self {
        let is_missing = json.trim_ascii().is_empty();
        Self(if is_missing { Mismatch::Missing(type_name::<P>()) } else { Mismatch::Other(error) })
    }

    /// Whether there was no argument where one was expected.
    pub fn is_missing(&self) -> bool {
        matches!(self.0, Mismatch::Missing(_))
    }

    /// The name of the type that was expected, without its modules, where nothing has come.
    pub(crate) fn expected(&self) -> Option<impl fmt::Display + use<>> {
        match self.0 {
            Mismatch::Missing(path) => Some(WithoutModules(path)),
            Mismatch::Other(_) => None,
        }
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.expected() {
            Some(expected) => write!(f, "there is no argument, expected {expected}"),
            None => f.write_str("the arguments are not what was expected"),
        }
    }
}

impl Error for PayloadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Mismatch::Missing(_) => None,
            Mismatch::Other(error) => Some(error),
        }
    }
}

impl From<serde_json::Error> for PayloadError {
    fn from(error: serde_json::Error) -> Self {
        Self(Mismatch::Other(error))
    }
}

/// The name of a type as programs write it: `Option<String>` for
/// `core::option::Option<alloc::string::String>`.
struct WithoutModules(&'static str);

impl fmt::Display for WithoutModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let mut rest = self.0;
        while !rest.is_empty() {
            let path = rest.find(|c| !is_in_path(c)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(path);
            f.write_str(path.rsplit("::").next().unwrap_or(path))?;
            let between = after.find(is_in_path).unwrap_or(after.len());
            f.write_str(&after[..between])?;
            rest = &after[between..];
        }
        Ok(())
    }
}

impl<T: Serialize> Serialize for Args<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(shape::ARGS, &self.0)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Args<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Inner<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Inner<T> {
            type Value = Args<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("several arguments")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(Args)
            }
        }
        deserializer.deserialize_newtype_struct(shape::ARGS, Inner(PhantomData))
    }
}

impl Serialize for RawArgs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        AttachmentScope::extend(&self.attachments);
        serializer.serialize_newtype_struct(shape::RAW, &self.json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode<P: Serialize + ?Sized>(payload: &P) -> (String, Vec<Bytes>) {
        let mut out = Vec::new();
        let attachments = encode_args(payload, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), attachments)
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Picture {
        name: String,
        data: Binary,
        thumbnail: Option<Binary>,
    }

    #[test]
    fn nothing_one_and_several_arguments() {
        assert_eq!(encode(&()).0, "");
        assert_eq!(encode(&1).0, "1");
        assert_eq!(encode("text").0, r#""text""#);
        assert_eq!(encode(&(1, "a")).0, r#"[1,"a"]"#, "a tuple is one argument");
        assert_eq!(encode(&Args((1, "a"))).0, r#"1,"a""#);
        assert_eq!(encode(&Args([1, 2, 3])).0, "1,2,3");
        assert_eq!(encode(&Args(())).0, "");
    }

    #[test]
    fn only_the_unit_type_is_no_argument() {
        #[derive(Serialize)]
        struct Unit;
        #[derive(Serialize)]
        #[serde(transparent)]
        struct Wrapped(serde_json::Value);
        #[derive(Serialize)]
        #[serde(untagged)]
        enum Either {
            Nothing,
        }
        let null = serde_json::Value::Null;
        assert_eq!(encode(&()).0, "");
        assert_eq!(encode(&&()).0, "");
        assert_eq!(encode(&null).0, "null");
        assert_eq!(encode(&&null).0, "null");
        assert_eq!(encode(&Box::new(null.clone())).0, "null");
        assert_eq!(encode(&Wrapped(null.clone())).0, "null");
        assert_eq!(encode(&Either::Nothing).0, "null");
        assert_eq!(encode(&Unit).0, "null");
        assert_eq!(encode(&None::<u8>).0, "null");
        assert_eq!(encode(&Some(())).0, "null");
        assert_eq!(encode(&Args((&null,))).0, "null");
        assert_eq!(encode(&Args(((), &null))).0, "null,null");
        assert_eq!(encode(&Args([(); 2])).0, "null,null");
        let mut out = Vec::new();
        let all = encode_args(&Args(null), &mut out);
        assert!(matches!(all, Err(EncodeError::NotASequence)), "null is no list of arguments");
    }

    #[test]
    fn args_of_something_else_is_an_error() {
        let mut out = Vec::new();
        assert!(matches!(encode_args(&Args(1), &mut out), Err(EncodeError::NotASequence)));
    }

    #[test]
    fn decoding_takes_the_first_argument_or_all_of_them() {
        assert_eq!(decode_args::<u8>("7,8,9", &[]).unwrap(), 7);
        decode_args::<()>("7,8", &[]).unwrap();
        decode_args::<()>("", &[]).unwrap();
        assert_eq!(
            decode_args::<Args<(u8, String)>>(r#" 7 , "x,y]" "#, &[]).unwrap(),
            Args((7, "x,y]".into()))
        );
        assert_eq!(decode_args::<Args<(u8,)>>("7,8,9", &[]).unwrap(), Args((7,)));
        assert_eq!(decode_args::<Args<Vec<u8>>>("7,8,9", &[]).unwrap(), Args(vec![7, 8, 9]));
        assert_eq!(decode_args::<Option<u8>>("", &[]).unwrap(), None);
        assert_eq!(decode_args::<(u8, u8)>("[1,2],3", &[]).unwrap(), (1, 2));
        assert!(decode_args::<u8>("", &[]).is_err());
        assert!(decode_args::<Args<(u8, u8)>>("1", &[]).is_err());
        assert!(decode_args::<u8>(r#""1""#, &[]).is_err());
    }

    #[test]
    fn binary_leaves_as_attachment_and_returns() {
        let picture = Picture {
            name: "cat".into(),
            data: Binary(Bytes::from_static(b"12")),
            thumbnail: Some(Binary(Bytes::from_static(b"3"))),
        };
        let (json, attachments) = encode(&Args((&picture, Binary(Bytes::from_static(b"4")))));
        assert_eq!(
            json,
            r#"{"name":"cat","data":{"_placeholder":true,"num":0},"thumbnail":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":2}"#
        );
        assert_eq!(attachments, ["12", "3", "4"].map(Bytes::from));
        let Args((again, last)) =
            decode_args::<Args<(Picture, Binary)>>(&json, &attachments).unwrap();
        assert_eq!((again, &*last.0), (picture, &b"4"[..]));
        assert!(decode_args::<Picture>(&json, &attachments[..1]).is_err());
    }

    #[test]
    fn binary_at_the_top_is_one_attachment() {
        let data = Binary(Bytes::from_static(b"x"));
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        for (json, attachments) in [encode(&data), encode(&Some(data.clone()))] {
            assert_eq!((json.as_str(), attachments.len()), (placeholder, 1));
        }
    }

    #[test]
    fn raw_arguments_come_back_byte_for_byte() {
        let attachments = [Bytes::from_static(b"x")];
        let json = r#"{ "b":1,  "a":1.0e0}, {"_placeholder":true,"num":0}"#;
        let raw = RawArgs::from_args(json, &attachments).unwrap();
        assert_eq!(encode(&raw), (json.to_owned(), attachments.to_vec()));
        assert_eq!(encode(&RawArgs::default()).0, "");
    }

    #[test]
    fn half_a_surrogate_pair_is_replaced() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Said {
            text: String,
            whole: String,
        }
        #[derive(Debug, PartialEq, Deserialize)]
        enum Word {
            #[serde(rename = "a\u{fffd}")]
            A,
        }
        let text = |json| decode_args::<String>(json, &[]).unwrap();
        assert_eq!(text(r#""\ud83c""#), "\u{fffd}");
        assert_eq!(text(r#""\udf89x\uD83C""#), "\u{fffd}x\u{fffd}");
        assert_eq!(text(r#""\ud83c\ud83c\udf89""#), "\u{fffd}🎉");
        assert_eq!(text(r#""\ud83c\n\\\\ud83c""#), "\u{fffd}\n\\\\ud83c");
        assert_eq!(text(r#""\ud83c\\""#), "\u{fffd}\\");
        let json = r#"{"text":"\ud83c","whole":"\ud83c\udf89"}"#;
        let said = Said { text: "\u{fffd}".into(), whole: "🎉".into() };
        assert_eq!(decode_args::<Said>(json, &[]).unwrap(), said);
        let value = serde_json::json!({ "k\u{fffd}": ["\u{fffd}", null] });
        let json = r#"{"k\ud800":["\udfff",null]}"#;
        assert_eq!(decode_args::<serde_json::Value>(json, &[]).unwrap(), value);
        assert_eq!(decode_args::<Option<String>>(r#""\ud83c""#, &[]).unwrap().unwrap(), "\u{fffd}");
        assert_eq!(decode_args::<Word>(r#""a\ud83c""#, &[]).unwrap(), Word::A);
        assert_eq!(decode_args::<char>(r#""\ud83c""#, &[]).unwrap(), '\u{fffd}');
        let several = decode_args::<Args<(u8, String, std::borrow::Cow<'static, str>)>>(
            r#"1,"\ud83c","\udc00""#,
            &[],
        );
        assert_eq!(several.unwrap().0, (1, "\u{fffd}".into(), "\u{fffd}".into()));
        let data = [Bytes::from_static(b"x")];
        let json = r#""\ud83c",{"_placeholder":true,"num":0}"#;
        let Args((text, binary)) = decode_args::<Args<(String, Binary)>>(json, &data).unwrap();
        assert_eq!((text.as_str(), &*binary.0), ("\u{fffd}", &b"x"[..]));
        // What is wrong otherwise stays wrong, and raw arguments are what came.
        assert!(decode_args::<u8>(r#""\ud83c""#, &[]).is_err());
        for json in [r#""\ud83c"#, r#""\ud8"#, r#""\"#, r#""\ud83c\u"#] {
            assert!(decode_args::<String>(json, &[]).is_err(), "{json}");
        }
        let raw = RawArgs::from_args(r#""\ud83c""#, &[]).unwrap();
        assert_eq!(encode(&raw).0, r#""\ud83c""#);
    }

    #[test]
    fn what_looks_like_a_placeholder_is_not_sent_beside_attachments() {
        fn refused<P: Serialize>(payload: &P) -> bool {
            let mut out = b"before".to_vec();
            let to_buffer = encode_args(payload, &mut out);
            let lent = with_encoded_args(payload, |_, _| ());
            let is_refused = matches!(to_buffer, Err(EncodeError::Placeholder));
            assert_eq!(matches!(lent, Err(EncodeError::Placeholder)), is_refused);
            assert_eq!(lent.is_err(), to_buffer.is_err());
            is_refused
        }
        let data = || Binary(Bytes::from_static(b"x"));
        let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        let raw = |json: &str| serde_json::value::RawValue::from_string(json.to_owned()).unwrap();
        for json in [
            r#"{"_placeholder":true,"num":0}"#,
            r#"{"_placeholder":true,"num":1}"#,
            r#"{"_placeholder":true,"num":99}"#,
            r#"{"_placeholder":true,"num":4294967295}"#,
            r#"{"_placeholder":true,"num":4294967296}"#,
            r#"{"_placeholder":true,"num":-1}"#,
            r#"{"_placeholder":true,"num":"0"}"#,
            r#"{"_placeholder":true,"num":0,"more":1}"#,
            r#"{"_placeholder":true}"#,
            r#"{"num":0,"_placeholder":true}"#,
            r#"{ "num" : 0 , "_placeholder" : true }"#,
            r#"{"a":[{"b":{"_placeholder":true,"num":0}}]}"#,
            r#"{"\u005fplaceholder":true,"num":0}"#,
            r#"{"_place\u0068older":true,"num":0}"#,
        ] {
            assert!(refused(&Args((value(json), data()))), "{json}");
            assert!(refused(&Args((data(), value(json)))), "{json}");
            assert!(refused(&Args((raw(json), data()))), "{json}");
            assert!(refused(&vec![(data(), value(json)), (data(), value("1"))]), "{json}");
            // Alone it is an object like any other.
            assert!(!refused(&value(json)), "{json}");
        }
        for json in [
            r#"{"_placeholder":false,"num":99}"#,
            r#"{"_placeholder":"true","num":99}"#,
            r#"{"placeholder":true,"num":99}"#,
            r#""{\"_placeholder\":true,\"num\":99}""#,
            r#"["_placeholder",true]"#,
        ] {
            assert!(!refused(&Args((value(json), data()))), "{json}");
        }
        let bytes = [Bytes::from_static(b"x")];
        let with = |json: &str| RawArgs::new(json, &bytes);
        assert!(refused(&with(r#"{"_placeholder":true,"num":1}"#)));
        assert!(refused(&with(r#"{"\u005fplaceholder":true,"num":0}"#)));
        assert!(!refused(&with(r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#)));
        assert!(!refused(&RawArgs::new(r#"{"_placeholder":true,"num":1}"#, &[])));
    }

    #[test]
    fn outside_of_an_event_binary_is_a_sequence() {
        assert_eq!(serde_json::to_string(&Binary(Bytes::from_static(b"ab"))).unwrap(), "[97,98]");
        assert_eq!(serde_json::from_str::<Binary>("[97,98]").unwrap(), Binary("ab".into()));
    }

    #[test]
    fn a_failed_encoding_leaves_no_scope_behind() {
        struct Bad;
        impl Serialize for Bad {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("bad"))
            }
        }
        let mut out = Vec::new();
        assert!(encode_args(&vec![Bad], &mut out).is_err());
        assert_eq!(serde_json::to_string(&Binary(Bytes::from_static(b"a"))).unwrap(), "[97]");
    }
}
