//! `sockeye backup` and `sockeye restore`, beside a running server and without one.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::{PATIENCE, Person, Program, command};
use tempfile::TempDir;
use tokio::time::timeout;

async fn run(args: &[&str]) -> Output {
    timeout(PATIENCE, command(args).output()).await.expect("it ends").unwrap()
}

/// What it prints; it must not fail.
async fn works(args: &[&str]) -> String {
    let output = run(args).await;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Why it fails, with the status 1.
async fn fails(args: &[&str]) -> String {
    let output = run(args).await;
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
    assert!(output.stdout.is_empty());
    error
}

async fn back_up(data: &Path, to: &Path) -> PathBuf {
    let [data, to] = [data, to].map(|path| path.to_str().unwrap());
    PathBuf::from(works(&["backup", "--data", data, "--to", to]).await.trim_end())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

async fn heard(data: &Path) -> Vec<String> {
    let program = Program::serve(data).await;
    let history = Person::connect(&program, "reader").await.join("tea").await.unwrap();
    program.stop().await;
    history.into_iter().map(|message| message.msg).collect()
}

/// A picture's place and what is in it.
const PICTURE: (&str, &str) =
    ("pictures/2d/2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.png", "x");

fn put_files(data: &Path) {
    let picture = data.join(PICTURE.0);
    fs::create_dir_all(picture.parent().unwrap()).unwrap();
    fs::write(&picture, PICTURE.1).unwrap();
    fs::write(picture.with_extension("part"), "not whole yet").unwrap();
    fs::write(data.join("pictures/2d/.upload"), "not whole yet").unwrap();
    fs::write(data.join("sockeye.toml"), "keep-alive = 20\n").unwrap();
}

/// Everything that was acknowledged before the backup begins is in it, whatever is said meanwhile.
#[tokio::test]
async fn a_backup_of_a_running_server_comes_back_elsewhere() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let program = Program::serve(&data).await;
    put_files(&data);
    works(&["key", "--data", data.to_str().unwrap(), "create", "shop"]).await;
    let ada = Person::enter(&program, "Ada", "tea").await;
    for n in 0..200 {
        ada.say(&n.to_string()).await.unwrap();
    }
    // While somebody goes on.
    let to = folder.path().join("backups");
    fs::create_dir(&to).unwrap();
    let (backup, more) = tokio::join!(back_up(&data, &to), async {
        for n in 200..300 {
            ada.say(&n.to_string()).await.unwrap();
        }
    });
    let () = more;
    program.stop().await;

    assert_eq!(names(&to), [backup.file_name().unwrap().to_str().unwrap()], "and nothing else");
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let file = backup.to_str().unwrap();
    let checked = run(&["restore", "--check", file]).await;
    assert!(checked.status.success());
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("is whole") && said.contains("1 pictures"), "{said}");

    let new = folder.path().join("new");
    works(&["restore", "--data", new.to_str().unwrap(), file]).await;
    assert_eq!(names(&new), ["chat.db", "keys.json", "pictures", "sockeye.toml"]);
    assert_eq!(fs::read_to_string(new.join(PICTURE.0)).unwrap(), PICTURE.1);
    assert_eq!(names(&new.join("pictures/2d")).len(), 1, "what is not whole is left out");
    assert_eq!(fs::metadata(new.join("chat.db")).unwrap().permissions().mode() & 0o777, 0o600);
    for name in ["keys.json", "sockeye.toml"] {
        assert_eq!(fs::read(new.join(name)).unwrap(), fs::read(data.join(name)).unwrap());
    }
    let heard = heard(&new).await;
    let last: usize = heard.last().unwrap().parse().unwrap();
    assert!((199..300).contains(&last), "{last}");
    let expected: Vec<_> = (last + 1 - heard.len()..=last).map(|n| n.to_string()).collect();
    assert_eq!(heard, expected, "without any missing");
}

#[tokio::test]
async fn without_a_server_too_and_under_a_name() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let program = Program::serve(&data).await;
    Person::enter(&program, "Ada", "tea").await.say("hello").await.unwrap();
    program.stop().await;
    let before = names(&data);
    let backup = folder.path().join("mine.tar");
    assert_eq!(back_up(&data, &backup).await, backup);
    assert_eq!(names(&data), before, "nothing is left beside the database");
    let args = ["backup", "--data", data.to_str().unwrap(), "--to", backup.to_str().unwrap()];
    assert!(fails(&args).await.contains("is there already"));
    let none = folder.path().join("none");
    let error = fails(&["backup", "--data", none.to_str().unwrap()]).await;
    assert!(error.contains("there is no chat in") && error.contains("--data"), "{error}");
    let to = none.join("x.tar");
    let args = ["backup", "--data", data.to_str().unwrap(), "--to", to.to_str().unwrap()];
    assert!(fails(&args).await.contains("there is no folder"));
    assert!(!none.exists());
}

#[tokio::test]
async fn what_is_there_is_moved_aside_and_only_if_told() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let program = Program::serve(&data).await;
    put_files(&data);
    let ada = Person::enter(&program, "Ada", "tea").await;
    ada.say("before").await.unwrap();
    let backup = back_up(&data, folder.path()).await;
    ada.say("after").await.unwrap();
    let restore = ["restore", "--data", data.to_str().unwrap(), backup.to_str().unwrap()];
    let force = [&restore[..], &["--force"]].concat();
    for args in [&restore[..], &force] {
        let error = fails(args).await;
        assert!(error.contains("a server runs on") && error.contains("stop it"), "{error}");
    }
    program.stop().await;
    let there = names(&data);
    let error = fails(&restore).await;
    assert!(error.contains("is not empty") && error.contains("--force"), "{error}");
    assert_eq!(names(&data), there);

    works(&force).await;
    assert_eq!(heard(&data).await, ["before"]);
    let aside = names(&data).into_iter().find(|name| name.starts_with("before-restore-")).unwrap();
    let aside = data.join(aside);
    assert!(names(&aside).contains(&"chat.db".to_owned()));
    assert!(aside.join(PICTURE.0).exists());
    assert_eq!(heard(&aside).await, ["before", "after"], "nothing is lost");

    // Options that are there before the chat is stay.
    let fresh = folder.path().join("fresh");
    fs::create_dir(&fresh).unwrap();
    fs::write(fresh.join("sockeye.toml"), "keep-alive = 30\n").unwrap();
    works(&["restore", "--data", fresh.to_str().unwrap(), backup.to_str().unwrap()]).await;
    assert_eq!(fs::read_to_string(fresh.join("sockeye.toml")).unwrap(), "keep-alive = 30\n");
    assert_eq!(heard(&fresh).await, ["before"]);
}

/// Whatever is wrong with it: nothing is changed, and nothing is left behind.
#[tokio::test]
async fn a_backup_that_is_not_whole_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let program = Program::serve(&data).await;
    Person::enter(&program, "Ada", "tea").await.say("hello").await.unwrap();
    program.stop().await;
    let backup = back_up(&data, folder.path()).await;
    let whole = fs::read(&backup).unwrap();
    let there = names(&data);
    let broken = folder.path().join("broken.tar");
    let mut flipped = whole.clone();
    flipped[20_000] ^= 1;
    let cut = whole[..whole.len() / 2].to_vec();
    for (bytes, why) in [
        (cut, "is no backup"),
        (flipped, "damaged"),
        (b"hello".to_vec(), "is no backup"),
        (Vec::new(), "its end is missing"),
    ] {
        fs::write(&broken, bytes).unwrap();
        let file = broken.to_str().unwrap();
        let error = fails(&["restore", "--check", file]).await;
        assert!(error.contains(why), "{why}: {error}");
        let args = ["restore", "--force", "--data", data.to_str().unwrap(), file];
        let error = fails(&args).await;
        assert!(error.contains(why), "{why}: {error}");
        assert_eq!(names(&data), there);
    }
    assert_eq!(heard(&data).await, ["hello"]);
    assert_eq!(names(folder.path()).len(), 3, "{:?}", names(folder.path()));
}

/// What it says on standard error; it must not fail.
async fn said(args: &[&str]) -> String {
    let output = run(args).await;
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

#[tokio::test]
async fn lines_go_out_beside_a_server_and_in_without_one() {
    let folder = TempDir::new().unwrap();
    let [data, other] = ["data", "other"].map(|name| folder.path().join(name));
    let [from, to] = [&data, &other].map(|path| path.to_str().unwrap());
    let program = Program::serve(&data).await;
    let ada = Person::enter(&program, "Ada", "tea").await;
    for text in ["one", "two\nlines", "\u{0}세 번째 🐟"] {
        ada.say(text).await.unwrap();
    }
    let file = folder.path().join("chat.jsonl");
    let file = file.to_str().unwrap();
    let told = said(&["export", "--data", from, file]).await;
    assert!(told.contains("3 messages"), "{told}");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fails(&["export", "--data", from, file]).await.contains("is there already"));
    let none = folder.path().join("none.jsonl");
    let args = ["export", "--data", from, "--room", "nobody", none.to_str().unwrap()];
    assert!(fails(&args).await.contains("there is no room with the id"));
    assert!(!none.exists());
    let error = fails(&["import", "--data", from, file]).await;
    assert!(error.contains("a server runs on"), "{error}");
    program.stop().await;

    let dry = said(&["import", "--dry-run", "--data", to, file]).await;
    assert!(dry.contains("3 messages, 3 of them new") && dry.contains("dry run"), "{dry}");
    assert!(heard(&other).await.is_empty());
    said(&["import", "--data", to, file]).await;
    assert_eq!(heard(&other).await, ["one", "two\nlines", "\u{0}세 번째 🐟"]);
    let again = said(&["import", "--data", to, file]).await;
    assert!(again.contains("3 messages, 0 of them new"), "{again}");
    assert_eq!(heard(&other).await.len(), 3);
}

/// Whatever is wrong with a line: it is named, and nothing of the file comes in.
#[tokio::test]
async fn lines_that_are_wrong_are_named_and_change_nothing() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let to = data.to_str().unwrap();
    Program::serve(&data).await.stop().await;
    let head = r#"{"type":"sockeye","format":1,"source":"slack","program":"mine","made_at":0}"#;
    let room =
        r#"{"type":"room","id":"r","title":"tea","description":"","kind":"open","created_at":0}"#;
    let end = r#"{"type":"end","people":0,"rooms":1,"messages":0,"members":0,"files":0}"#;
    let said_one = |more: &str| {
        format!(r#"{{"type":"message","id":1,"room":"r","name":"Ada","at":5,"text":"x"{more}}}"#)
    };
    let file = folder.path().join("lines.jsonl");
    for (lines, why) in [
        (vec![], "does not begin with"),
        (vec![room], "does not begin with"),
        (vec!["{"], ":1"),
        (vec![&*head.replace(":1,", ":2,")], "is of the format 2"),
        (vec![head, room], "its last line is missing"),
        (vec![head, room, room, end], ":4: it tells of other lines"),
        (vec![head, &*room.replace("open", "shut"), end], ":2: the kind is one of"),
        (vec![head, &*room.replace("tea", ""), end], ":2: a name or title has"),
        (vec![head, room, &*said_one(r#","colour":1"#), end], ":3: unknown field"),
        (
            vec![head, room, &*said_one(r#","reactions":[{"emoji":"xyz","person":"p","at":1}]"#)],
            ":3: the reaction",
        ),
        (vec![head, &*said_one("")], ":2: no line tells of the room"),
        (
            vec![
                head,
                r#"{"type":"person","id":"../x","name":"A","role":"member","colour":1,"created_at":0}"#,
            ],
            ":2: \"../x\" is no id",
        ),
        (
            vec![
                head,
                r#"{"type":"person","id":"x","name":"A","role":"king","colour":1,"created_at":0}"#,
            ],
            ":2: the role is",
        ),
        (
            vec![head, r#"{"type":"file","name":"../../x.jpg","data":"eA=="}"#],
            "is no name of a picture's file",
        ),
        (
            vec![
                head,
                r#"{"type":"file","name":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4880.png","data":"eA=="}"#,
            ],
            "the data are not those of",
        ),
    ] {
        fs::write(&file, lines.join("\n")).unwrap();
        let error = fails(&["import", "--data", to, file.to_str().unwrap()]).await;
        assert!(error.contains(why), "{why}: {error}");
    }
    assert!(heard(&data).await.is_empty());
    let picture = r#"{"type":"file","name":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881.png","data":"eA=="}"#;
    let end = r#"{"type":"end","people":0,"rooms":1,"messages":1,"members":0,"files":1}"#;
    fs::write(&file, [head, room, picture, &said_one(""), end].join("\n")).unwrap();
    said(&["import", "--data", to, file.to_str().unwrap()]).await;
    assert_eq!(heard(&data).await, ["x"]);
    assert_eq!(fs::read_to_string(data.join(PICTURE.0)).unwrap(), PICTURE.1);
}
