//! The control socket of a running server: a Unix socket in the data folder, for its owner alone.
//!
//! A connection has one request and one answer, a line of JSON each: `sockeye key` asks `{"list":{}}`, `sockeye admin`
//! `{"admin":{"overview":{}}}`.

use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use sockeye_feeds::publish::FileKeys;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::admin::{self, Admin};
use crate::keys;

/// The socket in the data folder.
pub const SOCKET_NAME: &str = "control.sock";

/// The most bytes of a request; a list may be longer.
const REQUEST_BYTES_MAX: u64 = 64 * 1024;
const ANSWER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How long either end waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections that are answered at the same time; further ones wait.
const CONNECTIONS_MAX: usize = 8;

/// What a running server is asked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Asked {
    /// Something about the keys of the publishing API.
    Keys(keys::Asked),
    /// Something about people, rooms and the rest of the server.
    Admin {
        /// What.
        admin: admin::command::Asked,
    },
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of the keys; that it failed is answered like this, whatever was asked.
    Keys(keys::Answer),
    /// Of administration.
    Admin {
        /// What.
        admin: admin::command::Answer,
    },
}

impl Answer {
    /// It was not done, and why.
    pub fn failed(reason: impl Into<String>) -> Self {
        Answer::Keys(keys::Answer::Failed(reason.into()))
    }
}

/// Does what is asked.
pub type Answerer = Arc<dyn Fn(Asked) -> BoxFuture<'static, Answer> + Send + Sync>;

/// Does it with these keys, and this administration.
pub fn answerer(keys: FileKeys, admin: Admin) -> Answerer {
    Arc::new(move |asked| {
        let (keys, admin) = (keys.clone(), admin.clone());
        Box::pin(async move {
            match asked {
                Asked::Keys(asked) => {
                    let answer = spawn_blocking(move || keys::answer(&keys, asked)).await;
                    answer.map_or_else(|error| Answer::failed(error.to_string()), Answer::Keys)
                }
                Asked::Admin { admin: asked } => Answer::Admin { admin: admin.answer(asked).await },
            }
        })
    })
}

/// Asks the server that runs on a data folder. `None`: there is none.
///
/// # Errors
/// When there is one that does not answer, or may not be asked by this user.
pub fn ask(data: &Path, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    let path = data.join(SOCKET_NAME);
    let mut stream = match BlockingStream::connect(&path) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        // A path that is too long for a socket: no server has one there.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot ask the server that runs on {}", data.display()));
        }
    };
    let exchange = || -> io::Result<Answer> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = serde_json::to_vec(asked)?;
        request.push(b'\n');
        stream.write_all(&request)?;
        let mut line = String::new();
        BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    };
    let answer = exchange();
    answer
        .map(Some)
        .with_context(|| format!("the server that runs on {} does not answer", data.display()))
}

/// The listening end, until it is dropped.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl ControlSocket {
    /// Begins to answer for a data folder, which no other server uses.
    ///
    /// # Errors
    /// When there can be no socket in the folder, as where its path is too long for one.
    pub fn open(data: &Path, answerer: Answerer) -> io::Result<Self> {
        let path = data.join(SOCKET_NAME);
        let listener = listen(data, &path)?;
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let task = tokio::spawn(async move {
            loop {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let answerer = Arc::clone(&answerer);
                        tokio::spawn(async move {
                            if let Ok(Err(error)) | Err(error) =
                                timeout(PATIENCE, serve(stream, answerer))
                                    .await
                                    .map_err(io::Error::from)
                            {
                                tracing::debug!(%error, "the control socket: a connection failed");
                            }
                            drop(place);
                        });
                    }
                    Err(error) => {
                        // Such as no file left; it is not to spin.
                        tracing::warn!(%error, "the control socket: cannot accept");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        });
        Ok(Self { path, task })
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = fs::remove_file(&self.path);
    }
}

/// Listens at a path that nobody else can connect to at any moment: the socket gets its mode in a folder that
/// is its owner's alone, and is then put into its place, where an old one may be.
fn listen(data: &Path, path: &Path) -> io::Result<UnixListener> {
    let private = data.join(format!(".control-{}", std::process::id()));
    let _ = fs::remove_dir_all(&private);
    fs::DirBuilder::new().mode(0o700).create(&private)?;
    let listening = (|| {
        let at = private.join("s");
        let listener = UnixListener::bind(&at)?;
        fs::set_permissions(&at, Permissions::from_mode(0o600))?;
        fs::rename(&at, path)?;
        Ok(listener)
    })();
    let _ = fs::remove_dir_all(&private);
    listening
}

async fn serve(stream: UnixStream, answerer: Answerer) -> io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let own = nix::unistd::geteuid().as_raw();
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    tokio::io::BufReader::new(read.take(REQUEST_BYTES_MAX)).read_until(b'\n', &mut line).await?;
    // The mode of the socket says the same; not every system looks at it.
    let answer = if peer != own && peer != 0 {
        Answer::failed("the server belongs to another user")
    } else {
        match serde_json::from_slice::<Asked>(&line) {
            Ok(asked) => {
                tracing::info!(asked = what(&asked), "asked through the control socket");
                answerer(asked).await
            }
            Err(_) => {
                Answer::failed("the server does not know this request: is it of another version?")
            }
        }
    };
    let mut bytes = serde_json::to_vec(&answer)?;
    bytes.push(b'\n');
    write.write_all(&bytes).await
}

/// For the log.
fn what(asked: &Asked) -> &'static str {
    match asked {
        Asked::Keys(keys::Asked::Create { .. }) => "create a key",
        Asked::Keys(keys::Asked::List {}) => "list the keys",
        Asked::Keys(keys::Asked::Revoke { .. }) => "revoke a key",
        Asked::Admin { admin } => admin.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::FILE_NAME;
    use sockeye_feeds::publish::Verb;

    fn create() -> Asked {
        Asked::Keys(keys::Asked::Create {
            name: "a".into(),
            namespaces: vec!["/".into()],
            verbs: vec![Verb::Publish],
            lifetime: None,
        })
    }

    fn list() -> Asked {
        Asked::Keys(keys::Asked::List {})
    }

    /// Answers for keys alone.
    fn of_keys(keys: FileKeys) -> Answerer {
        Arc::new(move |asked| {
            let keys = keys.clone();
            Box::pin(async move {
                match asked {
                    Asked::Keys(asked) => Answer::Keys(keys::answer(&keys, asked)),
                    Asked::Admin { .. } => Answer::failed("keys alone"),
                }
            })
        })
    }

    async fn ask_there(data: &Path, asked: Asked) -> anyhow::Result<Option<Answer>> {
        let data = data.to_owned();
        spawn_blocking(move || ask(&data, &asked)).await.unwrap()
    }

    #[tokio::test]
    async fn it_is_for_its_owner_alone_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        assert!(ask(data, &list()).unwrap().is_none());
        // One that a server left behind, which was killed.
        drop(std::os::unix::net::UnixListener::bind(data.join(SOCKET_NAME)).unwrap());
        assert!(ask(data, &list()).unwrap().is_none());

        let keys = FileKeys::open(data.join(FILE_NAME)).unwrap();
        let socket = ControlSocket::open(data, of_keys(keys.clone())).unwrap();
        let mode = fs::metadata(data.join(SOCKET_NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(data).unwrap().count(), 1);
        let answer = ask_there(data, create()).await.unwrap();
        let Some(Answer::Keys(keys::Answer::Created { key, .. })) = answer else {
            panic!("{answer:?}")
        };
        assert_eq!(keys.list()[0].id(), key.id);
        let answer = ask_there(data, list()).await.unwrap();
        let Some(Answer::Keys(answer)) = answer else { panic!("{answer:?}") };
        assert_eq!(answer, keys::Answer::Keys(vec![key.clone()]));
        let revoke = Asked::Keys(keys::Asked::Revoke { id: key.id });
        let answer = ask_there(data, revoke).await.unwrap();
        assert!(matches!(answer, Some(Answer::Keys(keys::Answer::Revoked(true)))), "{answer:?}");
        drop(socket);
        assert!(ask(data, &list()).unwrap().is_none());
        assert!(!data.join(SOCKET_NAME).exists());
    }

    #[tokio::test]
    async fn what_is_no_request_is_answered_and_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let keys = FileKeys::open(folder.path().join(FILE_NAME)).unwrap();
        let _socket = ControlSocket::open(folder.path(), of_keys(keys)).unwrap();
        for request in ["\n", "{}\n", "{\"fly\":{}}\n", "\u{0}\n", &"x".repeat(70_000)] {
            let mut stream = UnixStream::connect(folder.path().join(SOCKET_NAME)).await.unwrap();
            let _ = stream.write_all(request.as_bytes()).await;
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            if request.len() < 1_000 {
                let answer: Answer = serde_json::from_str(&answer).unwrap();
                let failed = matches!(answer, Answer::Keys(keys::Answer::Failed(_)));
                assert!(failed, "{request:?}: {answer:?}");
            }
        }
        let answer = ask_there(folder.path(), list()).await.unwrap();
        let none =
            matches!(&answer, Some(Answer::Keys(keys::Answer::Keys(keys))) if keys.is_empty());
        assert!(none, "{answer:?}");
    }

    /// More silent connections than there are places keep nobody out for longer than the patience.
    #[tokio::test(start_paused = true)]
    async fn silent_connections_end() {
        let folder = tempfile::tempdir().unwrap();
        let keys = FileKeys::open(folder.path().join(FILE_NAME)).unwrap();
        let _socket = ControlSocket::open(folder.path(), of_keys(keys)).unwrap();
        let path = folder.path().join(SOCKET_NAME);
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(UnixStream::connect(&path).await.unwrap());
        }
        let mut late = UnixStream::connect(&path).await.unwrap();
        late.write_all(b"{\"list\":{}}\n").await.unwrap();
        let mut answer = String::new();
        late.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer, "{\"keys\":[]}\n");
    }
}
