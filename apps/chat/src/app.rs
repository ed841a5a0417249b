//! What the handlers of all namespaces and requests share.

use std::path::Path;
use std::sync::Arc;

use sockeye_feeds::publish::FileKeys;

use crate::accounts::passwords::Passwords;
use crate::accounts::{Accounts, now};
use crate::address::Reach;
use crate::keys;
use crate::notes::people::People;
use crate::pictures::Pictures;
use crate::presence::seen::Ended;
use crate::quota::{Quotas, Usage};
use crate::reading::live::Reading;
use crate::rooms::live::Rooms;
use crate::store::Store;

/// The parts of the running chat.
#[derive(Clone, Debug)]
pub struct App {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Who somebody is.
    pub accounts: Accounts,
    /// What is kept of passwords.
    pub passwords: Passwords,
    /// How people reach the server.
    pub reach: Arc<Reach>,
    /// Who is where in the notes' chat.
    pub people: Arc<People>,
    /// What is known of rooms beside the store.
    pub rooms: Arc<Rooms>,
    /// How far people have read, beside the store.
    pub reading: Arc<Reading>,
    /// Of whom a connection has ended.
    pub ended: Arc<Ended>,
    /// What is at work for pictures.
    pub pictures: Arc<Pictures>,
    /// How much each address and each person has done.
    pub usage: Arc<Usage>,
    /// Whose holders may read rooms from outside.
    pub keys: FileKeys,
    /// Since when it runs, in milliseconds since 1970-01-01 UTC.
    pub started_at: i64,
}

impl App {
    /// The chat of a data folder that nobody serves, with the usual limits.
    ///
    /// # Errors
    /// The store or the file of keys cannot be read.
    pub async fn without_server(store: Arc<dyn Store>, data: &Path) -> anyhow::Result<Self> {
        let passwords = Passwords::default();
        Ok(App {
            accounts: Accounts::open(Arc::clone(&store), passwords.clone()).await?,
            passwords,
            reach: Arc::default(),
            store,
            people: Arc::default(),
            rooms: Arc::default(),
            reading: Arc::default(),
            ended: Arc::default(),
            pictures: Arc::new(Pictures::open(data)?),
            usage: Arc::new(Usage::new(Quotas::default())),
            keys: FileKeys::open(data.join(keys::FILE_NAME))?,
            started_at: now(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::store::StoreOptions;
    use crate::store::sqlite::Sqlite;

    /// The chat of a data folder.
    pub(crate) async fn app(data: &Path) -> App {
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(data, options).await.unwrap());
        let passwords = Passwords::weak();
        App {
            accounts: Accounts::open(Arc::clone(&store), passwords.clone()).await.unwrap(),
            passwords,
            reach: Arc::default(),
            store,
            people: Arc::default(),
            rooms: Arc::default(),
            reading: Arc::default(),
            ended: Arc::default(),
            pictures: Arc::new(Pictures::open(data).unwrap()),
            usage: Arc::new(Usage::new(Quotas::default())),
            keys: FileKeys::open(data.join(keys::FILE_NAME)).unwrap(),
            started_at: now(),
        }
    }
}
