//! Pictures over HTTP. The file is the body of the request; what is kept is made of its pixels alone. Its id is then
//! named by the message that is said with it, within a day.
//!
//! The type is told from the content. The header `Content-Type` is `application/octet-stream` or `image/…`, which no
//! form of another site can send; which of them does not matter.
//!
//! | request | body | answer | who may |
//! |---|---|---|---|
//! | `POST /api/rooms/{room}/pictures` | a file of JPEG, PNG, GIF or WebP | [`Picture`](crate::messages::contract::Picture) | members of the room who may say something there |
//! | `GET /api/rooms/{room}/pictures/{id}` | | the picture | members of the room; before it is said, who sent it |
//! | `GET /api/rooms/{room}/pictures/{id}/thumbnail` | | a smaller one, without movement | the same |

/// The most bytes of a file, unless the server is told otherwise.
pub const PICTURE_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// Photos of so many megapixels are taken: JPEGs that are not progressive.
pub const MEGAPIXELS_OF_PHOTOS: u32 = 22;
