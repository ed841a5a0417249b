//! For tests: what no method of the store does.

use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::FILE_NAME;

/// Runs SQL on the database of a data folder, beside the store that may be open there.
pub(crate) async fn run(data: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(data.join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
