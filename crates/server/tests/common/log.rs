//! What is logged on a test's own thread.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;

/// What was logged, as text.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Gathers what this thread logs, of this level and above, until the guard is dropped.
    pub(crate) fn listen(&self, level: Level) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_writer(self.clone())
            .with_max_level(level)
            .with_ansi(false)
            .finish();
        listen_with(subscriber)
    }

    /// The lines of this level that say this.
    pub(crate) fn lines(&self, level: Level, said: &str) -> Vec<String> {
        let text = self.text();
        let is_it = |line: &&str| line.contains(&format!(" {level} ")) && line.contains(said);
        text.lines().filter(is_it).map(str::to_owned).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().clone()).unwrap()
    }
}

/// Hands this subscriber what this thread logs, until the guard is dropped.
///
/// While there is one subscriber at most, `tracing` asks the thread that comes to an event first whether
/// anybody wants it, and remembers the answer for all: another test, which listens to nothing, would answer
/// for this one. So there are always two.
pub(crate) fn listen_with(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    static OTHER: OnceLock<Dispatch> = OnceLock::new();
    OTHER.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
    tracing::subscriber::set_default(subscriber)
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
}
