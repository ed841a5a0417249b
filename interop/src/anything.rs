//! Any value of an event or an answer, with the attachments in it, so that it can be sent on.

use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};
use sockeye::Binary;

/// A JSON value whose leaves may be bytes. Keys keep their order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Anything {
    /// Null, a boolean, a number or a text.
    Plain(Value),
    Bytes(Binary),
    List(Vec<Anything>),
    Object(Vec<(String, Anything)>),
}

impl Serialize for Anything {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(value) => value.serialize(serializer),
            Self::Bytes(bytes) => bytes.serialize(serializer),
            Self::List(values) => values.serialize(serializer),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnythingVisitor)
    }
}

struct AnythingVisitor;

impl<'de> Visitor<'de> for AnythingVisitor {
    type Value = Anything;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<Anything, E> {
        Ok(Anything::Plain(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Anything, E> {
        Ok(Anything::Plain(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Anything, E> {
        Ok(Anything::Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Anything, E> {
        Ok(Anything::Plain(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Anything, E> {
        Ok(Anything::Plain(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Anything, E> {
        Ok(Anything::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Anything, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Anything::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Anything, A::Error> {
        let mut object: Vec<(String, Anything)> = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        let is_placeholder = object
            .iter()
            .any(|(name, value)| name == "_placeholder" && *value == Anything::Plain(true.into()));
        if is_placeholder {
            let value = serde_json::to_value(Anything::Object(object)).map_err(A::Error::custom)?;
            return Binary::deserialize(value).map(Anything::Bytes).map_err(A::Error::custom);
        }
        Ok(Anything::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use sockeye::{Args, RawArgs};

    use super::*;

    #[test]
    fn values_and_attachments_are_sent_on_as_they_came() {
        let json = r#"{"b":[1,-2,1.5,"x",null,true],"a":{"_placeholder":true,"num":0}},[]"#;
        let args = RawArgs::new(json, &["bytes".into()]);
        let Args(values): Args<Vec<Anything>> = args.decode().unwrap();
        let Anything::Object(fields) = &values[0] else { panic!("{values:?}") };
        assert_eq!(fields[1].1, Anything::Bytes(Binary("bytes".into())));
        assert_eq!(values[1], Anything::List(Vec::new()));
        assert!(RawArgs::new(json, &[]).decode::<Anything>().is_err());
    }
}
