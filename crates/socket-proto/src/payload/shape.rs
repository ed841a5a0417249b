//! How many arguments a payload is: its `Serialize` is run against a serializer that looks only at the
//! first call.

use std::any::TypeId;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Visitor, value};
use serde::ser::{Error as _, Impossible};
use serde::{Serialize, Serializer};
use serde_json::Error;
use serde_json::value::RawValue;

/// The newtype name by which [`Args`](super::Args) is recognised.
pub(super) const ARGS: &str = "$sockeye::Args";
/// The newtype name by which [`RawArgs`](super::RawArgs) is recognised.
pub(super) const RAW: &str = "$sockeye::RawArgs";

/// The top level of a payload.
#[derive(Debug, PartialEq)]
pub(super) enum Shape {
    /// The type `()`: no argument.
    None,
    /// Any other value, `null` of whatever type among them: one argument.
    One,
    /// `Args`: one argument for each element.
    Args,
    /// `RawArgs`: `take_raw` got their text.
    Raw,
}

/// Finds out the shape of a payload; stops at the first call it makes, so this costs next to nothing.
/// `take_raw` gets the text of a `RawArgs`.
pub(super) fn of<P: Serialize + ?Sized>(
    payload: &P,
    take_raw: TakeRaw<'_>,
) -> Result<Shape, Error> {
    match payload.serialize(Probe { take_raw, is_unit: is_unit::<P> }) {
        Ok(shape) => Ok(shape),
        // A compound value ends here because the probe does not go into it. A payload whose own
        // `Serialize` fails does so again, with its reason, when it is written.
        Err(_) => Ok(Shape::One),
    }
}

/// A callback for the text of a `RawArgs`.
type TakeRaw<'a> = &'a mut dyn FnMut(&str);

/// A serializer that answers with the shape at the first call.
struct Probe<'a> {
    take_raw: TakeRaw<'a>,
    /// A function, because only one of the calls needs the answer.
    is_unit: fn() -> bool,
}

/// Whether `P` is the type `()`. The calls of its `Serialize` do not show that: a `null` of
/// `serde_json::Value` makes the same.
fn is_unit<P: ?Sized>() -> bool {
    let payload = typeid::of::<P>();
    payload == TypeId::of::<()>() || payload == TypeId::of::<&()>()
}

/// Answers `Shape::One` to the calls a plain value makes.
macro_rules! one {
    ($($method:ident($($type:ty),*);)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<Shape, Error> { Ok(Shape::One) })*
    };
}

/// Ends the probe where a compound value begins.
macro_rules! compound {
    ($($method:ident($($type:ty),*) -> $assoc:ident;)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<Self::$assoc, Error> {
            Err(Error::custom("compound"))
        })*
    };
}

impl Serializer for Probe<'_> {
    type Ok = Shape;
    type Error = Error;
    type SerializeSeq = Impossible<Shape, Error>;
    type SerializeTuple = Impossible<Shape, Error>;
    type SerializeTupleStruct = Impossible<Shape, Error>;
    type SerializeTupleVariant = Impossible<Shape, Error>;
    type SerializeMap = Impossible<Shape, Error>;
    type SerializeStruct = Impossible<Shape, Error>;
    type SerializeStructVariant = Impossible<Shape, Error>;

    one! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32);
        serialize_i64(i64); serialize_i128(i128); serialize_u8(u8); serialize_u16(u16);
        serialize_u32(u32); serialize_u64(u64); serialize_u128(u128); serialize_f32(f32);
        serialize_f64(f64); serialize_char(char); serialize_str(&str); serialize_bytes(&[u8]);
        serialize_none(); serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    compound! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_unit(self) -> Result<Shape, Error> {
        Ok(if (self.is_unit)() { Shape::None } else { Shape::One })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Shape, Error> {
        Ok(Shape::One)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Shape, Error> {
        match name {
            ARGS if is_unit::<T>() => Ok(Shape::None),
            ARGS => Ok(Shape::Args),
            RAW => value.serialize(RawText { take_raw: self.take_raw }),
            _ => Ok(Shape::One),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Error> {
        Ok(Shape::One)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<Shape, Error> {
        Ok(Shape::One)
    }
}

/// A serializer that gives the text of a `RawArgs` to `take_raw` as it is.
struct RawText<'a> {
    take_raw: TakeRaw<'a>,
}

macro_rules! never {
    ($($method:ident($($type:ty),*);)*) => {
        $(fn $method(self, $(_: $type),*) -> Result<Shape, Error> {
            Err(Error::custom("raw arguments are text"))
        })*
    };
}

impl Serializer for RawText<'_> {
    type Ok = Shape;
    type Error = Error;
    type SerializeSeq = Impossible<Shape, Error>;
    type SerializeTuple = Impossible<Shape, Error>;
    type SerializeTupleStruct = Impossible<Shape, Error>;
    type SerializeTupleVariant = Impossible<Shape, Error>;
    type SerializeMap = Impossible<Shape, Error>;
    type SerializeStruct = Impossible<Shape, Error>;
    type SerializeStructVariant = Impossible<Shape, Error>;

    fn serialize_str(self, text: &str) -> Result<Shape, Error> {
        (self.take_raw)(text);
        Ok(Shape::Raw)
    }

    never! {
        serialize_bool(bool); serialize_i8(i8); serialize_i16(i16); serialize_i32(i32);
        serialize_i64(i64); serialize_u8(u8); serialize_u16(u16); serialize_u32(u32);
        serialize_u64(u64); serialize_f32(f32); serialize_f64(f64); serialize_char(char);
        serialize_bytes(&[u8]); serialize_none(); serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    compound! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Shape, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Shape, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Shape, Error> {
        Err(Error::custom("raw arguments are text"))
    }
}

/// A deserializer of arguments: `()` takes none, `Args` all of them, any other type the first.
pub(super) struct ArgsDeserializer<'de> {
    json: &'de str,
}

impl<'de> ArgsDeserializer<'de> {
    pub(super) fn new(json: &'de str) -> Self {
        Self { json }
    }
}

/// Methods that read the JSON of the first argument.
macro_rules! first {
    ($($method:ident($($arg:ident: $type:ty),*);)*) => {
        $(fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, Error> {
            serde_json::Deserializer::from_str(self.json).$method($($arg,)* visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for ArgsDeserializer<'de> {
    type Error = Error;

    first! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16();
        deserialize_i32(); deserialize_i64(); deserialize_i128(); deserialize_u8();
        deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_str();
        deserialize_string(); deserialize_bytes(); deserialize_byte_buf();
        deserialize_unit_struct(name: &'static str); deserialize_seq();
        deserialize_tuple(len: usize); deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_map(); deserialize_identifier();
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.json.is_empty() {
            return visitor.visit_none();
        }
        serde_json::Deserializer::from_str(self.json).deserialize_option(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == ARGS {
            let all = value::SeqAccessDeserializer::new(Elements { rest: self.json });
            return visitor.visit_newtype_struct(all);
        }
        serde_json::Deserializer::from_str(self.json).deserialize_newtype_struct(name, visitor)
    }
}

impl<'de> IntoDeserializer<'de, Error> for ArgsDeserializer<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Comma-separated JSON values. Those that the visitor does not take are ignored.
struct Elements<'de> {
    rest: &'de str,
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let rest = self.rest.trim_ascii_start();
        if rest.is_empty() {
            return Ok(None);
        }
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&'de RawValue>();
        let Some(element) = values.next().transpose()? else {
            return Ok(None);
        };
        let after = rest[values.byte_offset()..].trim_ascii_start();
        self.rest = after.strip_prefix(',').unwrap_or(after);
        seed.deserialize(&mut serde_json::Deserializer::from_str(element.get())).map(Some)
    }
}
