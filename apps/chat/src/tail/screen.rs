//! What is written where: events on standard output, everything else on standard error.

use std::io::{self, Write as _};
#[cfg(unix)]
use std::os::fd::AsFd as _;

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tokio::task;
use url::{Position, Url};

use super::follow::{Ending, Output};
use super::refusal::plain;
use crate::cli::credentials::ExitStatus;

/// How much is told on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Words {
    /// Why it failed.
    Failure,
    /// What becomes of the connection too.
    News,
    /// The heads of requests and answers too.
    Heads,
}

/// Where a reader writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Screen {
    pub(super) words: Words,
}

impl Screen {
    /// Writes what there is to tell; no line waits for the next one. While standard output takes nothing,
    /// this waits, and the server sees a slow reader.
    ///
    /// # Errors
    /// How it is over, because standard output takes nothing any more.
    pub(super) async fn tell(self, outputs: &mut Vec<Output>) -> Result<(), Ending> {
        let mut lines = Vec::new();
        for output in outputs.drain(..) {
            match output {
                Output::Line(line) => line.write(&mut lines),
                Output::News(news) => {
                    write(&mut lines).await?;
                    self.news(&news);
                }
            }
        }
        write(&mut lines).await
    }

    /// Says something about the connection.
    pub(super) fn news(self, news: &str) {
        if self.words >= Words::News {
            say(format_args!("sockeye: {news}\n"));
        }
    }

    /// Shows the head of a request, without its secret.
    pub(super) fn request<B>(self, url: &Url, request: &Request<B>) {
        if self.words < Words::Heads {
            return;
        }
        let target = &url[Position::BeforePath..Position::AfterQuery];
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let mut head = format!("> GET {target} HTTP/1.1\n> host: {host}\n");
        for (name, value) in request.headers() {
            let value = match *name {
                AUTHORIZATION => "Bearer ***".into(),
                _ => String::from_utf8_lossy(value.as_bytes()),
            };
            head.push_str(&format!("> {name}: {}\n", plain(&value)));
        }
        say(format_args!("{head}>\n"));
    }

    /// Shows the head of an answer.
    pub(super) fn response<B>(self, response: &Response<B>) {
        if self.words < Words::Heads {
            return;
        }
        let mut head = format!("< {:?} {}\n", response.version(), response.status());
        for (name, value) in response.headers() {
            head.push_str(&format!(
                "< {name}: {}\n",
                plain(&String::from_utf8_lossy(value.as_bytes()))
            ));
        }
        say(format_args!("{head}<\n"));
    }

    /// Says how it is over.
    pub(super) fn ending(self, ending: &Ending) {
        let Some(message) = &ending.message else { return };
        match ending.status {
            ExitStatus::Done => self.news(message),
            _ => say(format_args!("error: {message}\n")),
        }
    }
}

/// Writes lines to standard output, in a thread that may wait for as long as it takes.
async fn write(lines: &mut Vec<u8>) -> Result<(), Ending> {
    if lines.is_empty() {
        return Ok(());
    }
    let lines = std::mem::take(lines);
    let written = task::spawn_blocking(move || {
        let mut output = io::stdout().lock();
        output.write_all(&lines)?;
        output.flush()
    });
    let error = match written.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(panicked) => io::Error::other(panicked),
    };
    Err(match error.kind() {
        // Whoever reads has enough: `sockeye tail … | head -1`.
        io::ErrorKind::BrokenPipe => Ending { status: ExitStatus::Done, message: None },
        _ => Ending {
            status: ExitStatus::Failed,
            message: Some(format!("cannot write to standard output: {error}")),
        },
    })
}

/// Not through the log, which the program has none of here. Nobody is told when standard error is closed.
fn say(words: std::fmt::Arguments<'_>) {
    let _ = io::stderr().write_fmt(words);
}

/// Waits until nobody reads standard output any more, so that `… | head -1` ends and does not wait
/// for one more event. Where the system does not tell, it waits forever.
pub(super) async fn output_closed() {
    #[cfg(unix)]
    {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

        let (closed, is_closed) = tokio::sync::oneshot::channel();
        // No thread of the runtime, which would wait for it at the end.
        std::thread::spawn(move || {
            let output = io::stdout();
            // No event but those that are always told: an error, the end.
            let mut outputs = [PollFd::new(output.as_fd(), PollFlags::empty())];
            loop {
                match poll(&mut outputs, PollTimeout::NONE) {
                    Ok(0) | Err(nix::errno::Errno::EINTR) => {}
                    Ok(_) => break,
                    Err(_) => return,
                }
            }
            let _ = closed.send(());
        });
        if is_closed.await.is_ok() {
            return;
        }
    }
    std::future::pending().await
}
