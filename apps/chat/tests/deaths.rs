//! `kill -9`, again and again while people talk.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{PATIENCE, Person, Program};
use sockeye_chat::store::FILE_NAME;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::timeout;

const DEATHS: usize = 20;
const SPEAKERS: usize = 4;

#[tokio::test]
async fn nothing_acknowledged_is_lost_in_twenty_deaths() {
    let data = TempDir::new().unwrap();
    let mut acknowledged = HashSet::new();
    for death in 0..DEATHS {
        let mut program = Program::serve_with(data.path(), &["--messages-per-second", "0"]).await;
        let count = Arc::new(AtomicUsize::new(0));
        let mut speakers = Vec::new();
        for speaker in 0..SPEAKERS {
            let person = Person::enter(&program, &format!("speaker {speaker}"), "방").await;
            let count = Arc::clone(&count);
            speakers.push(tokio::spawn(async move {
                let mut said = Vec::new();
                for n in 0.. {
                    let text = format!("{death} {speaker} {n}");
                    if person.say(&text).await.is_err() {
                        break;
                    }
                    said.push(text);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                said
            }));
        }
        // Each time at another moment.
        let wanted = 100 + 37 * death;
        let talked = async {
            while count.load(Ordering::Relaxed) < wanted {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, talked).await.expect("they talk");
        program.signal("KILL").await;
        program.ended().await;
        for speaker in speakers {
            acknowledged.extend(timeout(PATIENCE, speaker).await.unwrap().unwrap());
        }
    }
    Program::serve(data.path()).await.stop().await;
    let options = SqliteConnectOptions::new().filename(data.path().join(FILE_NAME));
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let stored: Vec<(String,)> =
        sqlx::query_as("SELECT msg FROM messages").fetch_all(&mut database).await.unwrap();
    let stored: HashSet<String> = stored.into_iter().map(|(text,)| text).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
    println!("{} acknowledged, {} stored", acknowledged.len(), stored.len());
}
