//! `kill -9` again and again, and a disk that is full, read-only or slow, while fifty people talk who come back each
//! time: what was acknowledged is there once, in one order, for everybody, with its picture; and what is not stored was
//! never acknowledged.
//!
//! `SOCKEYE_CHAT_DEATHS` is how often the server is killed.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod common;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use common::disk::Disk;
use common::http::{Answer, ask};
use common::{PATIENCE, Program};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sockeye_chat::messages::contract::{AskHistory, HISTORY, MESSAGE, Message, SAY, Say};
use sockeye_chat::rooms::contract::{OPEN, OpenRoom};
use sockeye_client::{AckError, Backoff, Client, Reconnect, Subscription};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const PEOPLE: usize = 50;
/// How often the server dies when nobody says.
const DEATHS: usize = 3;
/// One of so many messages has a picture.
const PICTURES_EVERY: usize = 25;
/// How long somebody waits for an answer before they ask again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00\x90wS\xde\
\x00\x00\x00\x0cIDATx\x9cc\xf8\xcf\xc0\x00\x00\x03\x01\x01\x00\xc9\xfe\x92\xef\x00\x00\x00\x00IEND\xaeB`\x82";
/// Everything that would end this before it begins.
const NO_LIMITS: [&str; 16] = [
    "--messages-per-second",
    "0",
    "--kib-per-second",
    "0",
    "--mib-per-day",
    "0",
    "--joins-per-second",
    "0",
    "--connections-max",
    "0",
    "--pictures-per-minute",
    "0",
    "--picture-mib-per-day",
    "0",
    "--log",
    "off",
];

/// What everybody shares.
struct Talk {
    address: SocketAddr,
    room: String,
    is_over: AtomicBool,
    /// How many messages were acknowledged, and how often one was refused.
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
}

/// A message that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Acknowledged {
    id: i64,
    text: String,
    pictures: Vec<String>,
}

/// Somebody who talks.
struct Speaker {
    number: usize,
    cookie: String,
    client: Client,
    talk: Arc<Talk>,
    acknowledged: Vec<Acknowledged>,
}

impl Speaker {
    async fn new(number: usize, talk: &Arc<Talk>) -> (Self, Subscription<Message>) {
        let body = json!({ "name": format!("Speaker {number}") }).to_string();
        let json = "content-type: application/json\r\n";
        let answer =
            http(talk.address, "POST", "/api/guests", json, body.as_bytes()).await.unwrap();
        let cookie = answer.cookie().unwrap().to_owned();
        let backoff = Backoff {
            delay_min: Duration::from_millis(20),
            delay_max: Duration::from_millis(200),
            ..Backoff::default()
        };
        let builder = Client::builder(&format!("http://{}/chat", talk.address)).unwrap();
        let builder = builder.header("cookie", &cookie);
        let client = builder.reconnect(Reconnect::After(backoff)).connect();
        let client = timeout(PATIENCE, client).await.unwrap().unwrap();
        let heard = client.subscribe(MESSAGE);
        let talk = Arc::clone(talk);
        let speaker = Speaker { number, cookie, client, talk, acknowledged: Vec::new() };
        speaker.open().await;
        (speaker, heard)
    }

    /// Comes in, as often as it takes.
    async fn open(&self) {
        let open = OpenRoom { room: self.talk.room.clone(), ..OpenRoom::default() };
        loop {
            match timeout(ANSWER_TIMEOUT, self.client.emit_with_ack(OPEN, &open)).await {
                Ok(Ok(_)) => return,
                Ok(Err(_)) => sleep(Duration::from_millis(10)).await,
                Err(_) => {}
            }
        }
    }

    async fn talk(mut self) -> Self {
        for n in 0.. {
            if self.talk.is_over.load(Ordering::Relaxed) {
                break;
            }
            let pictures = match (n + self.number) % PICTURES_EVERY {
                0 => self.upload().await.into_iter().collect(),
                _ => Vec::new(),
            };
            let say = Say {
                room: self.talk.room.clone(),
                text: format!("{} {n}", self.number),
                key: format!("{}-{n}", self.number),
                pictures,
                ..Say::default()
            };
            self.say(say).await;
        }
        self
    }

    /// Sends a picture; `None` while the server takes none.
    async fn upload(&self) -> Option<String> {
        let path = format!("/api/rooms/{}/pictures", self.talk.room);
        let headers =
            format!("cookie: {}\r\ncontent-type: application/octet-stream\r\n", self.cookie);
        let answer = http(self.talk.address, "POST", &path, &headers, PIXEL).await?;
        let picture: Value = serde_json::from_slice(&answer.body).ok()?;
        let id = picture["id"].as_str().map(str::to_owned);
        let code = picture["error"]["code"].as_str();
        let known = [None, Some("storage"), Some("disk_full"), Some("too_fast"), Some("busy")];
        assert!(known.contains(&code), "{picture}");
        id
    }

    /// Says it until it is acknowledged.
    async fn say(&mut self, say: Say) {
        loop {
            let said = timeout(ANSWER_TIMEOUT, self.client.emit_with_ack(SAY, &say)).await;
            match said {
                Ok(Ok(message)) => {
                    let pictures = message.pictures.into_iter().map(|it| it.id).collect();
                    assert_eq!(pictures, say.pictures);
                    let Say { text, .. } = say;
                    self.acknowledged.push(Acknowledged { id: message.id, text, pictures });
                    self.talk.acknowledged.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(Err(AckError::Remote(error))) => {
                    let known = ["not_opened", "storage", "disk_full"];
                    assert!(known.contains(&&*error.code), "{error:?}");
                    if error.code == "not_opened" {
                        self.open().await;
                    } else {
                        self.talk.refused.fetch_add(1, Ordering::Relaxed);
                        if self.talk.is_over.load(Ordering::Relaxed) {
                            return;
                        }
                        sleep(Duration::from_millis(20)).await;
                    }
                }
                Ok(Err(_)) => {
                    sleep(Duration::from_millis(10)).await;
                    self.open().await;
                }
                Err(_) => {}
            }
        }
    }

    /// The whole history, the oldest first.
    async fn history(&self) -> Vec<Message> {
        self.open().await;
        let mut history: Vec<Message> = Vec::new();
        loop {
            let ask = AskHistory {
                room: self.talk.room.clone(),
                after: Some(history.last().map_or(0, |message| message.id)),
                ..AskHistory::default()
            };
            let page = timeout(PATIENCE, self.client.emit_with_ack(HISTORY, &ask)).await;
            let page = page.unwrap().unwrap();
            history.extend(page.messages);
            if !page.has_after {
                return history;
            }
        }
    }
}

/// Asks over HTTP; `None` when there is no whole answer in time.
async fn http(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<Answer> {
    timeout(ANSWER_TIMEOUT, ask(address, method, path, headers, body)).await.ok()?.ok()
}

/// Everybody, and what they have heard.
struct Company {
    talk: Arc<Talk>,
    speakers: Vec<tokio::task::JoinHandle<Speaker>>,
    heard: Arc<Mutex<HashMap<usize, Vec<i64>>>>,
}

impl Company {
    async fn gather(program: &Program) -> Self {
        let talk = Arc::new(Talk {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, program.port())),
            room: lobby(program).await,
            is_over: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        let heard = Arc::new(Mutex::new(HashMap::new()));
        let mut speakers = Vec::new();
        for number in 0..PEOPLE {
            let (speaker, mut hears) = Speaker::new(number, &talk).await;
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                while let Some(message) = hears.next().await {
                    heard.lock().entry(number).or_insert_with(Vec::new).push(message.id);
                }
            });
            speakers.push(tokio::spawn(speaker.talk()));
        }
        Company { talk, speakers, heard }
    }

    /// Waits until so many more were acknowledged.
    async fn talks_on(&self, count: usize) {
        let goal = self.talk.acknowledged.load(Ordering::Relaxed) + count;
        grown(&self.talk.acknowledged, goal).await;
    }

    /// Waits until so many more were refused.
    async fn is_refused(&self, count: usize) {
        let goal = self.talk.refused.load(Ordering::Relaxed) + count;
        grown(&self.talk.refused, goal).await;
    }

    /// Looks at what everybody has in the end.
    #[allow(clippy::print_stderr, reason = "how much was said is to be seen")]
    async fn check(self) {
        self.talk.is_over.store(true, Ordering::Relaxed);
        let mut speakers = Vec::new();
        for speaker in self.speakers {
            speakers.push(timeout(PATIENCE, speaker).await.unwrap().unwrap());
        }
        let history = speakers[0].history().await;
        for speaker in &speakers[1..] {
            assert!(speaker.history().await == history, "one order for everybody");
        }
        let by_id: HashMap<i64, &Message> = history.iter().map(|it| (it.id, it)).collect();
        assert_eq!(by_id.len(), history.len(), "each has an id of its own");
        assert!(history.is_sorted_by_key(|message| message.id));
        let texts: HashSet<_> = history.iter().map(|message| &message.text).collect();
        assert_eq!(texts.len(), history.len(), "nothing is there twice");
        let (mut count, mut pictures) = (0, 0);
        for speaker in &speakers {
            count += speaker.acknowledged.len();
            assert!(
                speaker.acknowledged.is_sorted_by_key(|it| it.id),
                "in the order they were said"
            );
            for said in &speaker.acknowledged {
                let stored = by_id.get(&said.id).unwrap_or_else(|| panic!("{said:?} is lost"));
                assert_eq!(stored.text, said.text);
                let kept: Vec<_> = stored.pictures.iter().map(|it| it.id.clone()).collect();
                assert_eq!(kept, said.pictures);
                for picture in &said.pictures {
                    let path = format!("/api/rooms/{}/pictures/{picture}", self.talk.room);
                    let cookie = format!("cookie: {}\r\n", speakers[0].cookie);
                    let answer = http(self.talk.address, "GET", &path, &cookie, &[]).await.unwrap();
                    assert_eq!(answer.status(), 200, "{said:?}: {}", answer.head);
                    assert!(answer.body.starts_with(b"\x89PNG"), "{said:?}");
                    pictures += 1;
                }
            }
        }
        for (who, heard) in self.heard.lock().iter() {
            assert!(heard.is_sorted(), "{who} has heard everything in order");
            assert!(heard.windows(2).all(|two| two[0] < two[1]), "{who} has heard nothing twice");
            assert!(heard.iter().all(|id| by_id.contains_key(id)), "and what is stored alone");
        }
        eprintln!("{count} acknowledged with {pictures} pictures, {} stored", history.len());
        assert!(pictures > 0 && count > PEOPLE);
    }
}

async fn grown(count: &AtomicUsize, goal: usize) {
    let grown = async {
        while count.load(Ordering::Relaxed) < goal {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, grown).await.expect("it goes on");
}

/// The id of the first room.
async fn lobby(program: &Program) -> String {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, program.port()));
    let json = "content-type: application/json\r\n";
    let answer = http(address, "POST", "/api/guests", json, br#"{"name":"First"}"#).await.unwrap();
    let builder = Client::builder(&format!("http://{address}/chat")).unwrap();
    let client = builder.header("cookie", answer.cookie().unwrap()).connect();
    let client = timeout(PATIENCE, client).await.unwrap().unwrap();
    let open = OpenRoom { room: "lobby".into(), ..OpenRoom::default() };
    timeout(PATIENCE, client.emit_with_ack(OPEN, &open)).await.unwrap().unwrap().room.id
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().map_or(default, |value| value.parse().unwrap())
}

/// A port that nobody has, for a program that comes back to it.
fn free_port() -> String {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap().port().to_string()
}

fn arguments<'a>(data: &'a str, port: &'a str) -> Vec<&'a str> {
    let own = ["serve", "--host", "127.0.0.1", "--port", port, "--data", data];
    [&own[..], &NO_LIMITS].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed_while_fifty_talk() {
    let (data, port) = (TempDir::new().unwrap(), free_port());
    let arguments = arguments(data.path().to_str().unwrap(), &port);
    let mut program = Program::start(&mut common::command(&arguments)).await;
    let company = Company::gather(&program).await;
    for death in 0..number("SOCKEYE_CHAT_DEATHS", DEATHS) {
        // Each time at another moment.
        company.talks_on(150 + 37 * (death % 10)).await;
        program.signal("KILL").await;
        program.ended().await;
        program = Program::start(&mut common::command(&arguments)).await;
    }
    company.talks_on(100).await;
    company.check().await;
    program.stop().await;
}

/// `sockeye serve` with its data on the disk, and this library between them.
async fn serve(disk: &Disk, port: &str, library: &Path) -> Program {
    let library = format!("LD_PRELOAD={}", library.display());
    let own = ["--port", port, "--free-space-min", "0"];
    Program::start(&mut disk.serve(&[library], &[&own[..], &NO_LIMITS].concat())).await
}

/// A library that makes everything that goes to the disk take a twentieth of a second, and refuses to write to it as a
/// disk that is read-only does while the file `read-only` is beside it; `None` without a C compiler.
fn bad_disk(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("bad.c"), folder.join("bad.so"));
    let code = r#"
        #include <errno.h>
        #include <fcntl.h>
        #include <stdarg.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static int is_read_only(void) { return syscall(SYS_access, FLAG, F_OK) == 0; }
        static int refuse(void) { errno = EROFS; return -1; }
        static void wait_a_little(void) { struct timespec t = {0, 50000000}; nanosleep(&t, 0); }

        int fsync(int fd) { wait_a_little(); return syscall(SYS_fsync, fd); }
        int fdatasync(int fd) { wait_a_little(); return syscall(SYS_fdatasync, fd); }
        ssize_t pwrite(int fd, const void *b, size_t n, off_t o) {
            return is_read_only() ? refuse() : syscall(SYS_pwrite64, fd, b, n, o);
        }
        ssize_t pwrite64(int fd, const void *b, size_t n, off_t o) { return pwrite(fd, b, n, o); }
        int ftruncate(int fd, off_t n) { return is_read_only() ? refuse() : syscall(SYS_ftruncate, fd, n); }
        int ftruncate64(int fd, off_t n) { return ftruncate(fd, n); }

        static int open_at(int dir, const char *path, int flags, int mode) {
            if ((flags & O_CREAT) && is_read_only()) return refuse();
            return syscall(SYS_openat, dir, path, flags, mode);
        }
        #define MODE va_list list; va_start(list, flags); int mode = va_arg(list, int); va_end(list)
        int open(const char *path, int flags, ...) { MODE; return open_at(AT_FDCWD, path, flags, mode); }
        int open64(const char *path, int flags, ...) { MODE; return open_at(AT_FDCWD, path, flags, mode); }
    "#;
    fs::write(&source, code).unwrap();
    let flag = format!("-DFLAG=\"{}\"", folder.join("read-only").display());
    let mut compiler = std::process::Command::new("cc");
    compiler.args(["-shared", "-fPIC", &flag, "-o"]).arg(&library).arg(&source);
    compiler.status().ok()?.success().then_some(library)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_a_disk_that_is_full_read_only_or_slow() {
    let Some(disk) = Disk::mount(48).await else {
        return; // Not root.
    };
    let (tools, port) = (TempDir::new().unwrap(), free_port());
    let Some(library) = bad_disk(tools.path()) else {
        return; // No C compiler.
    };
    let read_only = tools.path().join("read-only");
    let mut program = serve(&disk, &port, &library).await;
    let company = Company::gather(&program).await;
    company.talks_on(100).await;
    for round in 0..3 {
        disk.fill();
        company.is_refused(20).await;
        if round == 1 {
            program.signal("KILL").await;
            program.ended().await;
            disk.empty();
            program = serve(&disk, &port, &library).await;
        } else {
            disk.empty();
        }
        company.talks_on(100).await;
        fs::write(&read_only, "").unwrap();
        company.is_refused(20).await;
        fs::remove_file(&read_only).unwrap();
        company.talks_on(100).await;
    }
    company.check().await;
    program.stop().await;
}
