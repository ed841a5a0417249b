//! What pictures need of a store.

use std::collections::HashSet;

use async_trait::async_trait;

use crate::messages::contract::Picture;
use crate::store::StoreError;

/// A picture that was made and whose files are in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPicture {
    /// The id of its room.
    pub room: String,
    /// The id of whoever sent it.
    pub person: String,
    /// What is told of it.
    pub picture: Picture,
    /// Its file.
    pub file: String,
    /// The file of its thumbnail.
    pub thumbnail: String,
}

/// The names of a picture's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureFiles {
    /// Of the picture.
    pub file: String,
    /// Of its thumbnail.
    pub thumbnail: String,
}

/// Pictures by their ids. Their files are elsewhere.
#[async_trait]
pub trait PictureStore {
    /// Writes down a picture that was not said yet.
    ///
    /// # Errors
    /// [`StoreError::Gone`] when who sent it is no member of the room any more, [`StoreError::Muted`] when they may say
    /// nothing now; the database failed.
    async fn add_picture(&self, picture: NewPicture) -> Result<(), StoreError>;

    /// The files of a picture in a room: of one that was said, or that this person is going to say.
    ///
    /// # Errors
    /// The database failed.
    async fn picture(
        &self,
        room: &str,
        id: &str,
        person: &str,
    ) -> Result<Option<PictureFiles>, StoreError>;

    /// Forgets some of those that were sent before a time and are still not said; whether there may be more.
    ///
    /// # Errors
    /// The database failed.
    async fn forget_pictures(&self, before: i64) -> Result<bool, StoreError>;

    /// Which of these files are named by a picture.
    ///
    /// # Errors
    /// The database failed.
    async fn files_in_use(&self, names: Vec<String>) -> Result<HashSet<String>, StoreError>;

    /// Whether there is room for pictures: they are refused long before messages are.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    fn check_room_for_pictures(&self) -> Result<(), StoreError>;
}
