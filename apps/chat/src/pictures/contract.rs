//! Pictures over HTTP. The file is the body of the request; what is kept is made of its pixels alone. Its id is then
//! named by the message that is said with it, within a day.
//!
//! The type is told from the content. The header `Content-Type` is `application/octet-stream` or `image/…`, which no
//! form of another site can send; which of them does not matter.
//!
//! | request | body | answer | who may |
//! |---|---|---|---|
//! | `POST /api/rooms/{room}/pictures` | a file of JPEG, PNG, GIF or WebP | [`Picture`] | members of the room who may say something there |
//! | `GET /api/rooms/{room}/pictures/{id}` | | the picture | members of the room; before it is said, who sent it |
//! | `GET /api/rooms/{room}/pictures/{id}/thumbnail` | | a smaller one, without movement | the same |

use serde::{Deserialize, Serialize};

/// A picture that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Picture {
    /// The id, within the room.
    pub id: String,
    /// Pixels of a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes of the file that is served.
    pub bytes: i64,
    /// Whether it is a GIF that moves.
    pub is_animated: bool,
}
