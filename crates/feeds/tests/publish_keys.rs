//! Keys in a file: made, revoked and read again, by several programs, and whatever happens to the file.

#![cfg(feature = "publishing")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod publish_common;

use std::collections::HashSet;
use std::error::Error as _;
use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use publish_common::{Api, assert_error, server};
use serde_json::{Value, json};
use sockeye::Config;
use sockeye_feeds::publish::{
    ErrorCode, FileKeys, KeyError, KeyFileError, MemoryKeys, NewKey, Publishing, Verb,
};
use sockeye_testing::TestServer;
use tempfile::TempDir;

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.json");
    (folder, file)
}

fn api(keys: FileKeys) -> Api {
    let server = server(Config::default());
    Publishing::new(keys).mount(&server).unwrap();
    Api { memory: TestServer::new(server), keys: MemoryKeys::new() }
}

async fn status(api: &Api, key: &str) -> u16 {
    api.post_with(key, "publish", r#"{"event":"e"}"#).await.status
}

fn ids(keys: &FileKeys) -> Vec<String> {
    keys.list().iter().map(|key| key.id().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_without_their_secrets() {
    let (folder, file) = folder();
    let keys = FileKeys::open(&file).unwrap();
    assert!(keys.list().is_empty() && !file.exists());
    let new = NewKey::named("the shop").namespace("/").namespace("/a/*").verb(Verb::Publish);
    let issued = keys.create(new).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let secret = issued.secret().rsplit('_').next().unwrap();
    assert!(!text.contains(secret), "{text}");
    let stored: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(stored["version"], 1);
    assert_eq!(stored["keys"][0]["name"], "the shop");
    assert_eq!(stored["keys"][0]["namespaces"], json!(["/", "/a/*"]));
    assert_eq!(stored["keys"][0]["verbs"], json!(["publish"]));
    assert_eq!(stored["keys"][0]["sha256"].as_str().unwrap().len(), 64);
    #[cfg(unix)]
    for entry in fs::read_dir(folder.path()).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;

        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.path());
    }
    // Nothing is left of how it was written.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let again = FileKeys::open(&file).unwrap();
    assert_eq!(again.list(), keys.list());
    let api = api(again);
    assert_eq!(status(&api, issued.secret()).await, 200);
}

#[tokio::test(start_paused = true)]
async fn what_another_program_changes_counts_a_second_later() {
    let (_folder, file) = folder();
    let api = api(FileKeys::open(&file).unwrap());
    assert_eq!(status(&api, "sk_a_b").await, 401);
    let other = FileKeys::open(&file).unwrap();
    let issued = other.create(NewKey::for_everything("a")).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(status(&api, issued.secret()).await, 200);
    assert!(other.revoke(issued.key().id()).unwrap());
    assert!(!other.revoke(issued.key().id()).unwrap());
    tokio::time::advance(Duration::from_secs(1)).await;
    let response = api.post_with(issued.secret(), "publish", r#"{"event":"e"}"#).await;
    assert_error(&response, ErrorCode::KeyUnknown);
}

#[tokio::test(start_paused = true)]
async fn what_is_changed_here_counts_at_once() {
    let (_folder, file) = folder();
    let keys = FileKeys::open(&file).unwrap();
    let api = api(keys.clone());
    let issued = keys.create(NewKey::for_everything("a")).unwrap();
    assert_eq!(status(&api, issued.secret()).await, 200);
    assert!(keys.revoke(issued.key().id()).unwrap());
    assert_eq!(status(&api, issued.secret()).await, 401);
}

/// Each of them sees what the others have done, whatever their order.
#[test]
fn programs_that_change_it_at_the_same_time_lose_nothing() {
    let (_folder, file) = folder();
    let threads = 4;
    let each = 10;
    let made: Vec<String> = thread::scope(|scope| {
        let work = || {
            let keys = FileKeys::open(&file).unwrap();
            let mut left = Vec::new();
            for n in 0..each {
                let issued = keys.create(NewKey::for_everything("a")).unwrap();
                let id = issued.key().id().to_owned();
                if n % 2 == 0 { assert!(keys.revoke(&id).unwrap()) } else { left.push(id) }
            }
            left
        };
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(made.len(), threads * each / 2);
    let left = ids(&FileKeys::open(&file).unwrap());
    assert_eq!(left.into_iter().collect::<HashSet<_>>(), made.into_iter().collect());
}

fn stored(keys: Value) -> String {
    json!({"version": 1, "keys": keys}).to_string()
}

fn key(change: impl FnOnce(&mut Value)) -> Value {
    let mut key = json!({
        "id": "a", "name": "a", "sha256": "00".repeat(32), "namespaces": ["/"], "verbs": ["publish"],
        "created_at": 1,
    });
    change(&mut key);
    key
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_is_told_and_left_as_it_is() {
    let damaged = [
        String::new(),
        "{".to_owned(),
        "[]".to_owned(),
        r#"{"version":1}"#.to_owned(),
        r#"{"version":2,"keys":[]}"#.to_owned(),
        r#"{"version":1,"keys":[],"more":1}"#.to_owned(),
        stored(json!([{}])),
        stored(json!([key(|key| key["id"] = "a_b".into())])),
        stored(json!([key(|key| key["sha256"] = "00".into())])),
        stored(json!([key(|key| key["verbs"] = json!([]))])),
        stored(json!([key(|key| key["verbs"] = json!(["fly"]))])),
        stored(json!([key(|key| key["namespaces"] = json!(["news"]))])),
        stored(json!([key(|key| key["expires"] = 1.into())])),
        stored(json!([key(|_| ()), key(|_| ())])),
    ];
    for text in damaged {
        let (_folder, file) = folder();
        let keys = FileKeys::open(&file).unwrap();
        let issued = keys.create(NewKey::for_everything("a")).unwrap();
        let api = api(keys.clone());
        assert_eq!(status(&api, issued.secret()).await, 200);
        fs::write(&file, &text).unwrap();

        let error = FileKeys::open(&file).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{text}: {error:?}");
        assert!(error.to_string().contains("was left as it is") && error.source().is_some());
        // Who had read it before goes on with what was there.
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(status(&api, issued.secret()).await, 200, "{text}");
        assert_eq!(ids(&keys), [issued.key().id()]);
        // And writes nothing over it.
        assert!(matches!(keys.reload(), Err(KeyFileError::Damaged { .. })));
        let refused = keys.create(NewKey::for_everything("b"));
        assert!(matches!(refused, Err(KeyFileError::Damaged { .. })));
        assert!(keys.revoke(issued.key().id()).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        // Until it is mended.
        fs::write(&file, stored(json!([]))).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(status(&api, issued.secret()).await, 401, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_takes_no_key_with_it() {
    let (_folder, file) = folder();
    let keys = FileKeys::open(&file).unwrap();
    let issued = keys.create(NewKey::for_everything("a")).unwrap();
    let api = api(keys.clone());
    fs::remove_file(&file).unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(status(&api, issued.secret()).await, 200);
    let refused = keys.create(NewKey::for_everything("b"));
    assert!(matches!(refused, Err(KeyFileError::Gone { .. })));
    assert!(!file.exists());
}

#[test]
fn what_cannot_be_read_or_written_is_told() {
    let (folder, file) = folder();
    let error = FileKeys::open(folder.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::Read { .. }), "{error:?}");
    let elsewhere = FileKeys::open(folder.path().join("none").join("keys.json")).unwrap();
    let error = elsewhere.create(NewKey::for_everything("a")).unwrap_err();
    assert!(matches!(error, KeyFileError::Write { .. }), "{error:?}");
    let keys = FileKeys::open(&file).unwrap();
    let error = keys.create(NewKey::named("a")).unwrap_err();
    assert!(matches!(error, KeyFileError::Key(KeyError::Namespaces)));
    assert!(!file.exists());
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_and_kept() {
    let (folder, file) = folder();
    fs::write(&file, stored(json!([]))).unwrap();
    let link = folder.path().join("link.json");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let keys = FileKeys::open(&link).unwrap();
    keys.create(NewKey::for_everything("a")).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(ids(&FileKeys::open(&file).unwrap()), ids(&keys));
    assert_eq!(Path::new(keys.path()), fs::canonicalize(&file).unwrap());
}
