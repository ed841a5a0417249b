//! The store without a server.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

use super::super::Admin;
use super::{Answer, Asked};
use crate::app::App;
use crate::store::sqlite::Sqlite;
use crate::store::{FILE_NAME, OpenError, Store, StoreOptions};

/// The opened store, with its folder claimed, and a runtime to work with it. It is closed in the end.
pub(super) struct Offline {
    runtime: Runtime,
    admin: Admin,
    store: Arc<dyn Store>,
}

impl Offline {
    /// Opens the store of a folder, and only if told so makes what is not there.
    pub(super) fn open(data: &Path, makes_folder: bool) -> anyhow::Result<Self> {
        anyhow::ensure!(
            makes_folder || data.join(FILE_NAME).exists(),
            "there is no chat in {}: name its folder by --data",
            data.display()
        );
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.context("cannot start the runtime")?;
        // No message is stored here, so the space is a matter of the disk alone.
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store = runtime.block_on(Sqlite::open(data, options)).map_err(|error| match error {
            OpenError::InUse => anyhow::anyhow!(
                "another program has {}, and does not answer there: if it is a server that has just been started, \
                 try again; otherwise its log says why it has no control socket",
                data.display()
            ),
            error => anyhow::Error::new(error)
                .context(format!("cannot use the data in {}", data.display())),
        })?;
        let store: Arc<dyn Store> = Arc::new(store);
        let app = runtime.block_on(App::without_server(Arc::clone(&store), data))?;
        Ok(Offline { runtime, admin: Admin::new(app), store })
    }

    pub(super) fn ask(&self, asked: Asked) -> Answer {
        self.runtime.block_on(self.admin.answer(asked))
    }
}

impl Drop for Offline {
    fn drop(&mut self) {
        self.runtime.block_on(self.store.close());
    }
}
