//! What the handlers of all namespaces and requests share.

use std::sync::Arc;

use sockeye_feeds::publish::FileKeys;

use crate::accounts::Accounts;
use crate::accounts::passwords::Passwords;
use crate::notes::people::People;
use crate::quota::Usage;
use crate::rooms::live::Rooms;
use crate::store::Store;

/// The parts of the running chat.
#[derive(Clone, Debug)]
pub struct App {
    /// Everything that is kept.
    pub store: Arc<dyn Store>,
    /// Who somebody is.
    pub accounts: Accounts,
    /// Who is where in the notes' chat.
    pub people: Arc<People>,
    /// What is known of rooms beside the store.
    pub rooms: Arc<Rooms>,
    /// Room passwords are hashed and compared by it.
    pub passwords: Passwords,
    /// How much each address and each person has done.
    pub usage: Arc<Usage>,
    /// Whose holders may read rooms from outside.
    pub keys: FileKeys,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;
    use crate::keys;
    use crate::quota::Quotas;
    use crate::store::StoreOptions;
    use crate::store::sqlite::Sqlite;

    /// The chat of a data folder.
    pub(crate) async fn app(data: &Path) -> App {
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(data, options).await.unwrap());
        App {
            accounts: Accounts::new(Arc::clone(&store)),
            store,
            people: Arc::default(),
            rooms: Arc::default(),
            passwords: Passwords::default(),
            usage: Arc::new(Usage::new(Quotas::default())),
            keys: FileKeys::open(data.join(keys::FILE_NAME)).unwrap(),
        }
    }
}
