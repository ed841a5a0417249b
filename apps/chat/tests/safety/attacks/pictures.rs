//! Hostile files as pictures: `SOCKEYE_HOSTILE_PICTURES` of them (100; 2,000 in a long run). What is served is
//! always a picture that this server has made, with nothing of the file in it but pixels; the memory of all processes
//! together stays within 100 MB above what it was; and the chat goes on meanwhile.

mod corpus;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use self::corpus::{EVIL, hostile, photo};
use crate::common::PATIENCE;
use crate::wire::{Request, Socket, find};
use crate::world::{Chat, Person, done};

/// The most that may be added to the memory of the processes.
const MEMORY_BYTES_MAX: u64 = 100 * 1000 * 1000;
/// Files on their way at the same time.
const AT_ONCE: usize = 8;
/// The slowest acknowledgement of a message in a hundred, while files come: more than a debug build takes on two busy
/// cores.
const ACK_MAX: Duration = Duration::from_millis(500);

fn count() -> usize {
    let count = std::env::var("SOCKEYE_HOSTILE_PICTURES").ok();
    count.map_or(100, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stderr, reason = "what was measured is to be seen")]
async fn nothing_of_a_hostile_file_comes_out_again() {
    let chat = Arc::new(Chat::start().await);
    let owner = chat.set_up().await;
    let mut people = Vec::new();
    for n in 0..4 {
        people.push(chat.sign_up(&owner, &format!("Sender {n}"), "member").await);
    }
    let socket = chat.connect(&owner).await;
    let made = done(&socket, "create", &json!({ "title": "pictures", "kind": "open" })).await;
    let room = made["id"].as_str().unwrap().to_owned();
    done(&socket, "open", &json!({ "room": room })).await;
    for person in &people {
        done(&chat.connect(person).await, "open", &json!({ "room": room })).await;
    }
    // A picture, so that whatever is used the first time is there.
    assert_eq!(chat.send_picture(&people[0], &room).await.status, 200);
    let before = acks(&socket, &room, "before", || false, 2_000).await;
    let memory = Memory::watch(chat.program.id());

    let (next, count, began) = (Arc::new(AtomicUsize::new(0)), count(), Instant::now());
    let mut senders = Vec::new();
    for n in 0..AT_ONCE {
        let (chat, next, room) = (Arc::clone(&chat), Arc::clone(&next), room.clone());
        let person = people[n % people.len()].clone();
        senders.push(tokio::spawn(async move {
            let mut told = BTreeMap::<(&str, String), usize>::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return told;
                }
                let (what, code) = send(&chat, &person, &room, number).await;
                *told.entry((what, code)).or_default() += 1;
            }
        }));
    }
    let is_done = || senders.iter().all(tokio::task::JoinHandle::is_finished);
    let during = acks(&socket, &room, "during", is_done, usize::MAX).await;
    let mut told = BTreeMap::<(&str, String), usize>::new();
    for sender in senders {
        for (key, count) in sender.await.unwrap() {
            *told.entry(key).or_default() += count;
        }
    }
    let took = began.elapsed();
    let (base, server, workers) = memory.end();
    for ((what, code), count) in &told {
        eprintln!("{what}: {count} {code}");
    }
    let accepted: usize = told.iter().filter(|((_, code), _)| code == "ok").map(|(_, n)| n).sum();
    eprintln!(
        "{count} files in {took:.1?}, {accepted} of them became pictures; memory: {} MB at first, {} MB more at most \
         (of the server {} MB); acks of messages at the 50th and 99th of a hundred: {:.1?} and {:.1?} before, {:.1?} \
         and {:.1?} meanwhile ({})",
        base / 1_000_000,
        (server + workers).saturating_sub(base) / 1_000_000,
        server.saturating_sub(base) / 1_000_000,
        before[before.len() / 2],
        before[before.len() * 99 / 100],
        during[during.len() / 2],
        during[during.len() * 99 / 100],
        during.len(),
    );
    assert!(accepted > count / 10, "the generator makes pictures, too");
    assert!(server + workers <= base + MEMORY_BYTES_MAX, "{base} {server} {workers}");
    assert!(during[during.len() * 99 / 100] < ACK_MAX);
    assert_eq!(Request::new("GET", "/healthz").send(chat.address).await.status, 200);
    let incoming = chat.data.path().join("pictures/incoming");
    assert_eq!(fs::read_dir(incoming).unwrap().count(), 0, "nothing is left of what was refused");
}

/// As the larger ones of phones are, in the memory that there is for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_of_22_megapixels_is_taken() {
    let chat = Chat::start().await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let made = done(&socket, "create", &json!({ "title": "pictures", "kind": "open" })).await;
    let path = format!("/api/rooms/{}/pictures", made["id"].as_str().unwrap());
    let send = async |width, height| {
        let request = Request::new("POST", &path).header("content-type", "image/jpeg");
        request.cookie(Some(&owner.secret)).body(photo(width, height)).send(chat.address).await
    };
    let answer = send(5_460, 4_095).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!((&answer.json()["width"], &answer.json()["height"]), (&json!(2_560), &json!(1_920)));
    assert_eq!(send(5_464, 4_098).await.code(), "picture_too_large");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_refused_long_before_the_disk_is_full_and_messages_are_not() {
    let space = nix::sys::statvfs::statvfs(&std::env::temp_dir()).unwrap();
    let free_mib = space.blocks_available() * space.fragment_size() / (1024 * 1024);
    let half = (free_mib / 2).to_string();
    let chat = Chat::start_with(&["--free-space-min", &half]).await;
    let owner = chat.set_up().await;
    let socket = chat.connect(&owner).await;
    let made = done(&socket, "create", &json!({ "title": "pictures", "kind": "open" })).await;
    let room = made["id"].as_str().unwrap();
    done(&socket, "open", &json!({ "room": room })).await;
    let answer = chat.send_picture(&owner, room).await;
    assert_eq!((answer.status, &*answer.code()), (507, "disk_full"));
    done(&socket, "say", &json!({ "room": room, "text": "hello", "key": "k" })).await;
}

/// Sends a file; what it is, and the code of the answer. If it was taken, what is served was looked at.
async fn send(chat: &Chat, person: &Person, room: &str, number: usize) -> (&'static str, String) {
    let hostile = hostile(number);
    let path = format!("/api/rooms/{room}/pictures");
    let mut request = Request::new("POST", &path).cookie(Some(&person.secret)).body(hostile.file);
    for (name, value) in hostile.headers {
        request = request.header(name, &value);
    }
    let mut answer = request.send_within(chat.address, 5 * PATIENCE).await;
    let what = format!("{number}: {}", hostile.what);
    while answer.code() == "busy" {
        answer = request.send_within(chat.address, 5 * PATIENCE).await;
    }
    if answer.status != 200 {
        let code = answer.code();
        let known = ["not_a_picture", "picture_too_large", "animation_too_long", "file_too_large"];
        assert!(known.contains(&&*code), "{what}: {answer:?}");
        return (hostile.what, code);
    }
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    for path in [format!("{path}/{id}"), format!("{path}/{id}/thumbnail")] {
        let request = Request::new("GET", &path).cookie(Some(&person.secret));
        let answer = request.send(chat.address).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.head);
        let kind = answer.header("content-type").unwrap();
        let (start, end): (&[u8], &[u8]) = match kind {
            "image/png" => (b"\x89PNG\r\n\x1a\n", b"IEND\xAE\x42\x60\x82"),
            "image/jpeg" => (b"\xFF\xD8\xFF", b"\xFF\xD9"),
            "image/gif" => (b"GIF89a", b";"),
            _ => panic!("{what}: {}", answer.head),
        };
        let bytes = &answer.bytes;
        assert!(bytes.starts_with(start) && bytes.ends_with(end), "{what}: {}", answer.head);
        for evil in EVIL {
            assert!(find(bytes, evil.as_bytes()).is_none(), "{what}: {evil} is served");
        }
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'; sandbox"), "{policy}");
        let shown = answer.header("content-disposition").unwrap();
        assert!(shown.starts_with("inline; filename=\"picture."), "{shown}");
    }
    (hostile.what, "ok".to_owned())
}

/// Says messages one after the other until it is done; how long each was waited for, the shortest first.
async fn acks(
    socket: &Socket,
    room: &str,
    key: &str,
    is_done: impl Fn() -> bool,
    most: usize,
) -> Vec<Duration> {
    let mut waited = Vec::new();
    while waited.len() < most && !is_done() {
        let key = format!("{key}-{}", waited.len());
        let began = Instant::now();
        done(socket, "say", &json!({ "room": room, "text": "hello", "key": key })).await;
        waited.push(began.elapsed());
    }
    waited.sort_unstable();
    waited
}

/// What the program and the processes that it starts have in memory.
struct Memory {
    base: u64,
    ends: Arc<AtomicBool>,
    workers: Arc<AtomicU64>,
    watcher: std::thread::JoinHandle<()>,
    program: u32,
}

impl Memory {
    fn watch(program: u32) -> Self {
        let base = status(program, "VmRSS:").expect("this system tells");
        let (ends, workers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let watcher = {
            let (ends, workers) = (Arc::clone(&ends), Arc::clone(&workers));
            std::thread::spawn(move || {
                while !ends.load(Ordering::Relaxed) {
                    // What they have of the program's file, the program has in memory, too.
                    let now = children(program).into_iter().filter_map(|id| status(id, "RssAnon:"));
                    workers.fetch_max(now.sum(), Ordering::Relaxed);
                    std::thread::yield_now();
                    std::thread::park_timeout(Duration::from_millis(4));
                }
            })
        };
        Memory { base, ends, workers, watcher, program }
    }

    /// At first, of the server at most, and of the processes that it started, all that there were at once.
    fn end(self) -> (u64, u64, u64) {
        self.ends.store(true, Ordering::Relaxed);
        self.watcher.join().unwrap();
        let server = status(self.program, "VmHWM:").unwrap();
        (self.base, server, self.workers.load(Ordering::Relaxed))
    }
}

fn status(process: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib * 1024)
}

fn children(process: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}
