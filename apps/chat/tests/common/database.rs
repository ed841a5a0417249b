//! What only time does, done to the database beside the running program.

use std::path::Path;
use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection as _};

/// Runs a statement.
pub(crate) async fn run(data: &Path, sql: &str) {
    let file = data.join(sockeye_chat::store::FILE_NAME);
    let options = SqliteConnectOptions::from_str(file.to_str().unwrap()).unwrap();
    let options = options.busy_timeout(super::PATIENCE);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "{sql}");
    connection.close().await.unwrap();
}
