//! What may be emitted for a declared payload: the payload itself, and what looks the same on the wire.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Args, shape};

/// A form in which the payload `Q` of an [`Event`](crate::Event) may be emitted: the `Q` itself, or
/// something borrowed that is written in the same way, so that nothing is cloned to be sent.
///
/// | declared | may be emitted |
/// |---|---|
/// | `Q` | `Q`; inside a list or [`ArgsRef`] also `&Q`, `Box<Q>`, `Arc<Q>`, `Rc<Q>`, `Cow<'_, Q>` |
/// | `String` | `str`, `&str`, `Cow<'_, str>`, `Box<str>`, `Arc<str>`, `Rc<str>` |
/// | `Vec<T>` | slices and arrays of what may be emitted for `T` |
/// | `Box<T>`, `Arc<T>`, `Rc<T>`, `Cow<'_, T>`, `&T` | `T` |
/// | `PathBuf` | `Path` |
/// | [`Args<(A, B, ..)>`](Args), up to 8 | [`ArgsRef((a, b, ..))`](ArgsRef), each by this table |
///
/// (`Arc` and `Rc` are written by serde with its feature `rc`.)
///
/// A borrowed form of your own type is declared by an empty implementation. It must be written by
/// serde as the payload is; the compiler cannot see that, a test can.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use sockeye_socket_proto::{EmitAs, Event, EventName};
///
/// #[derive(Serialize, Deserialize)]
/// struct Message { from: String, text: String }
///
/// #[derive(Serialize)]
/// struct MessageRef<'a> { from: &'a str, text: &'a str }
///
/// impl EmitAs<Message> for MessageRef<'_> {}
///
/// const MESSAGE: Event<Message> = Event::new("message");
/// const HISTORY: Event<Vec<Message>> = Event::new("history");
///
/// # fn emit<P: Serialize + ?Sized>(_: impl EventName<P>, _: &P) {}
/// fn tell(from: &str, text: &str) {
///     emit(MESSAGE, &MessageRef { from, text });
///     emit(HISTORY, &[MessageRef { from, text: "hello" }, MessageRef { from, text }]);
/// }
/// # tell("Ann", "hi");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be emitted for an event declared with `{Q}`",
    note = "a borrowed form of your own payload may be: `impl EmitAs<Payload> for PayloadRef<'_> {{}}`"
)]
pub trait EmitAs<Q> {}

impl<Q> EmitAs<Q> for Q {}

// What a payload is put into, or lent out of.
impl<T> EmitAs<T> for &T {}
impl<T> EmitAs<T> for Box<T> {}
impl<T> EmitAs<T> for Arc<T> {}
impl<T> EmitAs<T> for Rc<T> {}
impl<T: Clone> EmitAs<T> for Cow<'_, T> {}
impl<T: ?Sized> EmitAs<&T> for T {}
impl<T: ?Sized> EmitAs<Box<T>> for T {}
impl<T: ?Sized> EmitAs<Arc<T>> for T {}
impl<T: ?Sized> EmitAs<Rc<T>> for T {}
impl<T: ToOwned + ?Sized> EmitAs<Cow<'_, T>> for T {}

impl EmitAs<String> for str {}
impl EmitAs<String> for &str {}
impl EmitAs<String> for Cow<'_, str> {}
impl EmitAs<String> for Box<str> {}
impl EmitAs<String> for Arc<str> {}
impl EmitAs<String> for Rc<str> {}

impl EmitAs<PathBuf> for Path {}
impl EmitAs<PathBuf> for &Path {}

impl<U: EmitAs<T>, T> EmitAs<Vec<T>> for [U] {}
impl<U: EmitAs<T>, T> EmitAs<Vec<T>> for &[U] {}
impl<U: EmitAs<T>, T, const N: usize> EmitAs<Vec<T>> for [U; N] {}

/// Several arguments that are borrowed: what is emitted for an event that is declared with
/// [`Args`], element by element as [`EmitAs`] says.
///
/// ```
/// use sockeye_socket_proto::{Args, ArgsRef, Event, EventName, RawArgs};
///
/// const SAY: Event<Args<(String, Vec<String>, u32)>> = Event::new("say");
///
/// fn emit<P: serde::Serialize + ?Sized>(_: impl EventName<P>, payload: &P) -> RawArgs {
///     RawArgs::encode(payload).unwrap()
/// }
/// let args = emit(SAY, &ArgsRef(("hello", ["Ann", "Ben"], 7)));
/// assert_eq!(args.json(), r#""hello",["Ann","Ben"],7"#);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct ArgsRef<T>(pub T);

impl<T: Serialize> Serialize for ArgsRef<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(shape::ARGS, &self.0)
    }
}

// A type of its own, because an implementation for `Args` itself would overlap with that of `Q` for `Q`.
macro_rules! arguments {
    ($($From:ident as $To:ident),+) => {
        impl<$($From: EmitAs<$To>, $To),+> EmitAs<Args<($($To,)+)>> for ArgsRef<($($From,)+)> {}
    };
}

arguments!(A1 as B1);
arguments!(A1 as B1, A2 as B2);
arguments!(A1 as B1, A2 as B2, A3 as B3);
arguments!(A1 as B1, A2 as B2, A3 as B3, A4 as B4);
arguments!(A1 as B1, A2 as B2, A3 as B3, A4 as B4, A5 as B5);
arguments!(A1 as B1, A2 as B2, A3 as B3, A4 as B4, A5 as B5, A6 as B6);
arguments!(A1 as B1, A2 as B2, A3 as B3, A4 as B4, A5 as B5, A6 as B6, A7 as B7);
arguments!(A1 as B1, A2 as B2, A3 as B3, A4 as B4, A5 as B5, A6 as B6, A7 as B7, A8 as B8);

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::event::{Event, EventName};
    use crate::payload::{FromArgs, RawArgs};

    #[derive(Debug, PartialEq, Clone, Serialize, Deserialize)]
    struct Message {
        from: String,
        text: String,
    }

    #[derive(Serialize)]
    struct MessageRef<'a> {
        from: &'a str,
        text: &'a str,
    }

    impl EmitAs<Message> for MessageRef<'_> {}

    /// What a listener of the event gets.
    fn sent<Q: FromArgs, P: Serialize + ?Sized>(_: Event<Q>, payload: &P) -> Q
    where
        Event<Q>: EventName<P>,
    {
        RawArgs::encode(payload).unwrap().decode().unwrap()
    }

    #[test]
    fn strings_are_emitted_from_every_kind_of_text() {
        const TEXT: Event<String> = Event::new("text");
        assert_eq!(sent(TEXT, "a"), "a");
        assert_eq!(sent(TEXT, &"a"), "a");
        assert_eq!(sent(TEXT, &"a".to_owned()), "a");
        assert_eq!(sent(TEXT, &Cow::Borrowed("a")), "a");
        assert_eq!(sent(TEXT, &Box::<str>::from("a")), "a");
        const PATH: Event<PathBuf> = Event::new("path");
        assert_eq!(sent(PATH, Path::new("a")), PathBuf::from("a"));
    }

    #[test]
    fn lists_are_emitted_from_slices_and_arrays_of_what_their_elements_may_be() {
        const NAMES: Event<Vec<String>> = Event::new("names");
        let names = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(sent(NAMES, &["a", "b"]), names);
        assert_eq!(sent(NAMES, &names), names);
        assert_eq!(sent(NAMES, &names[..1]), ["a"]);
        assert_eq!(sent(NAMES, ["a", "b"].as_slice()), names);
        assert_eq!(sent(NAMES, &[&names[1], &names[0]]), ["b", "a"]);
        assert_eq!(sent(NAMES, &Vec::new()), Vec::<String>::new());
        const NUMBERS: Event<Vec<u64>> = Event::new("numbers");
        assert_eq!(sent(NUMBERS, &[1, 2]), [1, 2]);
        assert_eq!(sent(NUMBERS, &[1, 2][..]), [1, 2]);
        const ROWS: Event<Vec<Vec<u8>>> = Event::new("rows");
        assert_eq!(sent(ROWS, &[[1, 2], [3, 4]]), [[1, 2], [3, 4]]);
        assert_eq!(sent(ROWS, &[&[1][..], &[]]), [vec![1], vec![]]);
    }

    #[test]
    fn a_borrowed_struct_is_emitted_alone_in_lists_and_among_arguments() {
        const MESSAGE: Event<Message> = Event::new("message");
        const HISTORY: Event<Vec<Message>> = Event::new("history");
        const SAID: Event<Args<(String, Message, u32)>> = Event::new("said");
        let message = Message { from: "Ann".into(), text: "hi".into() };
        let borrowed = || MessageRef { from: "Ann", text: "hi" };
        assert_eq!(sent(MESSAGE, &borrowed()), message);
        assert_eq!(sent(MESSAGE, &message), message);
        assert_eq!(sent(MESSAGE, &Box::new(message.clone())), message);
        let history = [message.clone()];
        assert_eq!(sent(HISTORY, &[borrowed()]), history);
        assert_eq!(sent(HISTORY, &[&message]), history);
        assert_eq!(sent(HISTORY, &[Cow::Borrowed(&message)]), history);
        let args = Args(("room".to_owned(), message.clone(), 7));
        assert_eq!(sent(SAID, &ArgsRef(("room", borrowed(), 7))), args);
        assert_eq!(sent(SAID, &ArgsRef(("room", &message, 7))), args);
        assert_eq!(sent(SAID, &args), args);
    }

    #[test]
    fn boxed_payloads_are_emitted_from_what_is_in_the_box() {
        const BOXED: Event<Box<Message>> = Event::new("boxed");
        let message = Message { from: "Ann".into(), text: "hi".into() };
        assert_eq!(*sent(BOXED, &message), message);
        const TEXT: Event<Box<str>> = Event::new("text");
        assert_eq!(&*sent(TEXT, "a"), "a");
        const COW: Event<Cow<'static, str>> = Event::new("cow");
        assert_eq!(sent(COW, "a"), "a");
    }

    /// serde writes these with its feature `rc`.
    #[test]
    fn shared_payloads_are_emitted_from_what_they_share_and_the_other_way() {
        fn is_emitted_as<P: EmitAs<Q> + ?Sized, Q>() {}
        is_emitted_as::<Arc<str>, String>();
        is_emitted_as::<Rc<str>, String>();
        is_emitted_as::<Message, Arc<Message>>();
        is_emitted_as::<str, Arc<str>>();
        is_emitted_as::<Arc<Message>, Message>();
        is_emitted_as::<[Arc<Message>], Vec<Message>>();
        is_emitted_as::<[u8], Rc<[u8]>>();
    }

    #[test]
    fn numbers_and_options_follow_from_the_declaration() {
        const COUNT: Event<u64> = Event::new("count");
        assert_eq!(sent(COUNT, &7), 7);
        const FACTOR: Event<f32> = Event::new("factor");
        assert_eq!(sent(FACTOR, &0.5), 0.5);
        const LIMIT: Event<Option<u8>> = Event::new("limit");
        assert_eq!(sent(LIMIT, &None), None);
        assert_eq!(sent(LIMIT, &Some(7)), Some(7));
        const PAIR: Event<(u8, i64)> = Event::new("pair");
        assert_eq!(sent(PAIR, &(1, 2)), (1, 2));
        type Eight = Args<(u8, u8, u8, u8, u8, u8, u8, String)>;
        const EIGHT: Event<Eight> = Event::new("eight");
        let Args((.., last)) = sent(EIGHT, &ArgsRef((1, 2, 3, 4, 5, 6, 7, "eight")));
        assert_eq!(last, "eight");
        const NONE: Event = Event::new("none");
        sent(NONE, &());
    }
}
