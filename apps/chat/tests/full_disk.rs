//! A disk that gets full, again and again, under load. Needs a file system of its own, which only
//! root can make; `store/tests/files.rs` shows the same without.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::disk::Disk;
use common::http::get;
use common::{PATIENCE, Person, Program, refusal_code};
use sockeye_chat::store::FILE_NAME;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use tokio::time::timeout;

const ROUNDS: usize = 10;
const SPEAKERS: usize = 4;

/// So large is the disk.
const MEGABYTES: u32 = 8;

/// `sockeye serve` with its data on the disk.
async fn serve(disk: &Disk) -> Program {
    let arguments =
        ["--port", "0", "--free-space-min", "0", "--messages-per-second", "0", "--log", "off"];
    Program::start(&mut disk.serve(&[], &arguments)).await
}

/// Waits for this in the answer of `/readyz`.
async fn health(program: &Program, expected: &str) {
    let address = ([127, 0, 0, 1], program.port()).into();
    let change = async {
        while !get(address, "/readyz").await.starts_with(expected) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, change).await.unwrap_or_else(|_| panic!("the health is never {expected}"));
}

#[tokio::test]
async fn a_disk_that_fills_ten_times_loses_nothing_that_was_acknowledged() {
    let Some(disk) = Disk::mount(MEGABYTES).await else {
        return; // Not root.
    };
    let mut program = serve(&disk).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let said = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let mut speakers = Vec::new();
    for speaker in 0..SPEAKERS {
        let person = Person::enter(&program, &format!("speaker {speaker}"), "방").await;
        let (is_over, said) = (Arc::clone(&is_over), Arc::clone(&said));
        speakers.push(tokio::spawn(async move {
            let mut acknowledged = HashSet::new();
            for n in 0.. {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                let text = format!("{speaker} {n}");
                match person.say(&text).await {
                    Ok(_) => {
                        acknowledged.insert(text);
                        said[0].fetch_add(1, Ordering::Relaxed);
                    }
                    refused => {
                        let code = refusal_code(&refused).expect("refused, not cut off");
                        assert!(matches!(code, "storage" | "disk_full"), "{code}");
                        said[1].fetch_add(1, Ordering::Relaxed);
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            acknowledged
        }));
    }
    for _ in 0..ROUNDS {
        more(&said[0]).await;
        disk.fill();
        health(&program, "HTTP/1.1 503").await;
        more(&said[1]).await;
        disk.empty();
        health(&program, "HTTP/1.1 200").await;
        more(&said[0]).await;
    }
    // The health comes back by itself, without a message that is tried.
    disk.fill();
    health(&program, "HTTP/1.1 503").await;
    is_over.store(true, Ordering::Relaxed);
    let mut acknowledged = HashSet::new();
    for speaker in speakers {
        acknowledged.extend(timeout(PATIENCE, speaker).await.unwrap().unwrap());
    }
    disk.empty();
    health(&program, "HTTP/1.1 200").await;

    program.signal("KILL").await;
    program.ended().await;
    serve(&disk).await.stop().await;
    // SQLite resolves links, and this one leads elsewhere when it is resolved.
    let copy = TempDir::new().unwrap();
    let file = copy.path().join(FILE_NAME);
    fs::copy(disk.path().join("data").join(FILE_NAME), &file).unwrap();
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let stored: Vec<(String,)> =
        sqlx::query_as("SELECT msg FROM messages").fetch_all(&mut database).await.unwrap();
    let stored: HashSet<String> = stored.into_iter().map(|(text,)| text).collect();
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
    println!("{} acknowledged, {} stored", acknowledged.len(), stored.len());
    let whole: (String,) =
        sqlx::query_as("PRAGMA integrity_check").fetch_one(&mut database).await.unwrap();
    assert_eq!(whole.0, "ok");
}

/// On a full disk it does not start, and says so.
#[tokio::test]
async fn on_a_full_disk_it_says_that_it_cannot_start() {
    let Some(disk) = Disk::mount(MEGABYTES).await else {
        return; // Not root.
    };
    fs::create_dir(disk.path().join("data")).unwrap();
    disk.fill();
    let output = timeout(PATIENCE, disk.serve(&[], &["--port", "0"]).output());
    let output = output.await.unwrap().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.lines().last().unwrap().contains("cannot keep messages in"), "{said}");
}

/// Waits until some more were counted.
async fn more(count: &AtomicUsize) {
    let enough = count.load(Ordering::Relaxed) + 10;
    let grown = async {
        while count.load(Ordering::Relaxed) < enough {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, grown).await.expect("it goes on");
}
