//! The types of a socket's data that its namespace shares: which they are, how they are written for
//! other servers, and how they are read again.

use std::any::{TypeId, type_name};
use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use sockeye_socket_proto::{PayloadError, decode_args};

use super::data::SocketData;
use super::details::SharedData;
use crate::error::BuildError;

/// The reason why the data of a fetched socket could not be read.
///
/// ```
/// use sockeye::{DataError, RemoteSocket};
///
/// #[derive(serde::Deserialize)]
/// struct User { name: String }
///
/// fn name(socket: &RemoteSocket) -> Result<String, DataError> {
///     let user = socket.data::<User>()?;
///     Ok(user.map_or("nobody".to_owned(), |user| user.name))
/// }
/// # let _ = name;
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The namespace does not share this type.
    #[error(
        "namespace {namespace:?} does not share the type `{type_name}`: declare it with \
         `.share::<T>()` (the whole data), or beside other types with `.share_as::<T>(\"member\")`"
    )]
    NotShared {
        /// The namespace.
        namespace: String,
        /// The type that was asked for.
        type_name: &'static str,
    },
    /// What was set on the socket, or what another server sent, is not of this type.
    #[error("the shared data is no `{type_name}`")]
    Decode {
        /// The type that was asked for.
        type_name: &'static str,
        /// What is wrong with it.
        source: PayloadError,
    },
}

/// The types that a namespace shares: one that is the whole data, or several that are its members.
#[derive(Default)]
pub(crate) struct SharedTypes(Vec<SharedType>);

struct SharedType {
    kind: TypeId,
    name: &'static str,
    /// `None`: it is the whole data.
    member: Option<Cow<'static, str>>,
    write: fn(&SocketData) -> Option<Box<RawValue>>,
    read_into: fn(&str, &mut SocketData) -> Result<(), PayloadError>,
}

impl SharedTypes {
    /// Shares a type as a member of the data, or as the whole of it.
    pub(crate) fn declare<T: Serialize + DeserializeOwned + Send + Sync + 'static>(
        &mut self,
        member: Option<Cow<'static, str>>,
    ) -> Result<(), BuildError> {
        let (kind, name) = (TypeId::of::<T>(), type_name::<T>());
        let whole = member.is_none().then_some(name);
        let is_whole = |it: &SharedType| it.member.is_none().then_some(it.name);
        if let Some(type_name) = self.0.iter().find_map(is_whole).or(whole)
            && !self.0.is_empty()
        {
            return Err(BuildError::SharedWhole { type_name });
        }
        if self.0.iter().any(|it| it.member == member) {
            return Err(BuildError::DuplicateShare { name: member.unwrap_or_default().into() });
        }
        if self.0.iter().any(|it| it.kind == kind) {
            return Err(BuildError::DuplicateShare { name: name.to_owned() });
        }
        self.0.push(SharedType {
            kind,
            name,
            member,
            write: write::<T>,
            read_into: read_into::<T>,
        });
        Ok(())
    }

    /// What a socket has of these types, as JSON: the value itself, or an object of the members that
    /// are set. `None`: none of them is.
    pub(crate) fn write(&self, of: &SocketData) -> Option<Box<RawValue>> {
        if let [SharedType { member: None, write, .. }] = &self.0[..] {
            return write(of);
        }
        let written = self.0.iter().filter_map(|it| Some((it.member.as_ref()?, (it.write)(of)?)));
        let members: Vec<_> = written.collect();
        if members.is_empty() {
            return None;
        }
        to_raw_value(&Members(members)).ok()
    }

    /// Whether a type is among them.
    pub(crate) fn includes<T: 'static>(&self) -> bool {
        self.0.iter().any(|it| it.kind == TypeId::of::<T>())
    }

    /// Reads all of them out of the data of a socket of this namespace. What cannot be read is left out.
    pub(crate) fn read_all(&self, data: &SharedData) -> SocketData {
        let mut all = SocketData::default();
        let Some(json) = data.json() else { return all };
        let members: HashMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(json).unwrap_or_default();
        for SharedType { name, member, read_into, .. } in &self.0 {
            let json = match member {
                None if is_empty_object(json) => continue,
                None => json,
                Some(member) => match members.get(&**member).map(|value| value.get()) {
                    None | Some("null") => continue,
                    Some(json) => json,
                },
            };
            if let Err(error) = read_into(json, &mut all) {
                tracing::warn!(%error, type_name = name, "data of a session that was kept is not of its type");
            }
        }
        all
    }

    /// Reads a shared type out of the data of a socket of this namespace.
    pub(crate) fn read<T: DeserializeOwned + 'static>(
        &self,
        data: &SharedData,
        namespace: &str,
    ) -> Result<Option<T>, DataError> {
        let (kind, type_name) = (TypeId::of::<T>(), type_name::<T>());
        let Some(shared) = self.0.iter().find(|it| it.kind == kind) else {
            return Err(DataError::NotShared { namespace: namespace.to_owned(), type_name });
        };
        let decode = |source| DataError::Decode { type_name, source };
        let Some(data) = data.0.as_deref().map(RawValue::get) else { return Ok(None) };
        let Some(member) = &shared.member else {
            return match decode_args(data, &[]) {
                // What Node's servers send of a socket on which nothing was set.
                Err(_) if is_empty_object(data) => Ok(None),
                read => read.map(Some).map_err(decode),
            };
        };
        let members: HashMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(data).map_err(|error| decode(error.into()))?;
        match members.get(&**member).map(|value| value.get()) {
            None | Some("null") => Ok(None),
            Some(value) => decode_args(value, &[]).map(Some).map_err(decode),
        }
    }
}

fn read_into<T: DeserializeOwned + Send + Sync + 'static>(
    json: &str,
    data: &mut SocketData,
) -> Result<(), PayloadError> {
    data.set(decode_args::<T>(json, &[])?);
    Ok(())
}

fn write<T: Serialize + Send + Sync + 'static>(of: &SocketData) -> Option<Box<RawValue>> {
    let json = to_raw_value(&*of.get::<T>()?);
    let type_name = type_name::<T>();
    json.inspect_err(|error| tracing::warn!(%error, type_name, "shared data is no JSON")).ok()
}

fn is_empty_object(json: &str) -> bool {
    let inner = json.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.trim().is_empty())
}

/// An object of these members, in their order.
struct Members<'a>(Vec<(&'a Cow<'static, str>, Box<RawValue>)>);

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.0.len()))?;
        for (member, value) in &self.0 {
            object.serialize_entry(member, value)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        name: String,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Seat(u32);

    fn data(json: &str) -> SharedData {
        SharedData(Some(RawValue::from_string(json.to_owned()).unwrap()))
    }

    fn members() -> SharedTypes {
        let mut shared = SharedTypes::default();
        shared.declare::<User>(Some("user".into())).unwrap();
        shared.declare::<Seat>(Some("seat".into())).unwrap();
        shared
    }

    fn ann() -> Option<User> {
        Some(User { name: "ann".to_owned() })
    }

    #[test]
    fn members_are_read_out_of_an_object_as_node_has_it() {
        let shared = members();
        let all = data(r#"{"other":[1],"user":{"name":"ann"},"seat":7}"#);
        assert_eq!(shared.read::<User>(&all, "/").unwrap(), ann());
        assert_eq!(shared.read::<Seat>(&all, "/").unwrap(), Some(Seat(7)));
        for nothing in [data("{}"), data(r#"{"user":null}"#), SharedData(None)] {
            assert_eq!(shared.read::<User>(&nothing, "/").unwrap(), None);
        }
        for broken in [data(r#"{"user":1}"#), data("[1]")] {
            let error = shared.read::<User>(&broken, "/").unwrap_err();
            assert!(matches!(error, DataError::Decode { .. }), "{error:?}");
        }
    }

    #[test]
    fn the_whole_is_read_as_it_is_and_nothing_of_node_is_nothing() {
        let mut shared = SharedTypes::default();
        shared.declare::<User>(None).unwrap();
        assert_eq!(shared.read::<User>(&data(r#"{"name":"ann"}"#), "/").unwrap(), ann());
        assert_eq!(shared.read::<User>(&data("{ }"), "/").unwrap(), None);
        assert_eq!(shared.read::<User>(&SharedData(None), "/").unwrap(), None);
        assert!(shared.read::<User>(&data("1"), "/").is_err());
    }

    #[test]
    fn a_type_that_is_not_shared_is_an_error_that_says_what_to_call() {
        let error = members().read::<u8>(&SharedData(None), "/chat").unwrap_err();
        let told = error.to_string();
        assert!(told.contains("\"/chat\" does not share the type `u8`"), "{told}");
        assert!(told.contains(".share::<T>()") && told.contains(".share_as::<T>("), "{told}");
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_declared() {
        let mut shared = members();
        let whole = shared.declare::<String>(None);
        assert!(
            matches!(whole, Err(BuildError::SharedWhole { type_name }) if type_name.ends_with("String"))
        );
        let same_name = shared.declare::<String>(Some("user".into()));
        assert!(matches!(same_name, Err(BuildError::DuplicateShare { name }) if name == "user"));
        let same_type = shared.declare::<User>(Some("owner".into()));
        assert!(
            matches!(same_type, Err(BuildError::DuplicateShare { name }) if name.ends_with("User"))
        );
        let mut shared = SharedTypes::default();
        shared.declare::<User>(None).unwrap();
        for second in [shared.declare::<Seat>(None), shared.declare::<Seat>(Some("seat".into()))] {
            let error = second.unwrap_err();
            assert!(
                matches!(&error, BuildError::SharedWhole { type_name } if type_name.ends_with("User"))
            );
            assert!(error.to_string().contains("share_as"), "{error}");
        }
    }
}
