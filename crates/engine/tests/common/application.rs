//! The application under test: it echoes, and does as some messages say.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use sockeye_engine::{
    Application, CloseReason, HandlerError, Handshake, Message, Session, SessionHandler,
};
use tokio::sync::Notify;

/// What handlers noted, by session id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    Opened,
    Text(String),
    Binary(Vec<u8>),
    Closed(CloseReason),
    Dropped,
}

/// Echoes every message. `hold` makes the handler unready until [`Echo::release`], `refuse` is
/// refused, `panic` panics, `close` closes the session, `transport` is answered with its transport, `quiet:…` is not
/// echoed, `work` is under way until the command `done`. Commands are noted as text.
#[derive(Clone, Default)]
pub struct Echo(Arc<Notes>);

#[derive(Default)]
struct Notes {
    heard: Mutex<HashMap<String, Vec<Heard>>>,
    sessions: Mutex<HashMap<String, Session>>,
    handshakes: Mutex<HashMap<String, Arc<Handshake>>>,
    holding: Mutex<HashMap<String, Option<Waker>>>,
    changed: Notify,
}

impl Echo {
    pub fn heard(&self, sid: &str) -> Vec<Heard> {
        self.0.heard.lock().unwrap().get(sid).cloned().unwrap_or_default()
    }

    pub fn session(&self, sid: &str) -> Session {
        self.0.sessions.lock().unwrap()[sid].clone()
    }

    pub fn handshake(&self, sid: &str) -> Arc<Handshake> {
        Arc::clone(&self.0.handshakes.lock().unwrap()[sid])
    }

    /// The ids of all sessions there ever were.
    pub fn sids(&self) -> Vec<String> {
        self.0.heard.lock().unwrap().keys().cloned().collect()
    }

    /// Waits until what was noted satisfies the condition.
    pub async fn until(&self, sid: &str, condition: impl Fn(&[Heard]) -> bool) -> Vec<Heard> {
        loop {
            let changed = self.0.changed.notified();
            let heard = self.heard(sid);
            if condition(&heard) {
                return heard;
            }
            changed.await;
        }
    }

    /// Waits for the end of the session.
    pub async fn closed(&self, sid: &str) -> CloseReason {
        let heard = self.until(sid, |heard| heard.contains(&Heard::Dropped)).await;
        let reasons: Vec<_> = heard
            .iter()
            .filter_map(|heard| match heard {
                Heard::Closed(reason) => Some(*reason),
                _ => None,
            })
            .collect();
        assert_eq!(reasons.len(), 1, "{heard:?}");
        reasons[0]
    }

    /// Waits until the handler is told that the session is over.
    pub async fn closed_reason(&self, sid: &str) -> CloseReason {
        let is_closed = |heard: &Heard| matches!(heard, Heard::Closed(_));
        let heard = self.until(sid, |heard| heard.iter().any(is_closed)).await;
        match heard.into_iter().find(is_closed) {
            Some(Heard::Closed(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Lets a handler that holds go on.
    pub fn release(&self, sid: &str) {
        if let Some(Some(waker)) = self.0.holding.lock().unwrap().remove(sid) {
            waker.wake();
        }
    }

    fn note(&self, sid: &str, heard: Heard) {
        self.0.heard.lock().unwrap().entry(sid.to_owned()).or_default().push(heard);
        self.0.changed.notify_waiters();
    }
}

impl Application for Echo {
    type Handler = EchoHandler;

    fn open(&self, session: Session, handshake: Arc<Handshake>) -> EchoHandler {
        let sid = session.id().to_string();
        self.0.sessions.lock().unwrap().insert(sid.clone(), session.clone());
        self.0.handshakes.lock().unwrap().insert(sid.clone(), handshake);
        self.note(&sid, Heard::Opened);
        EchoHandler { app: self.clone(), sid, session, is_working: false }
    }
}

pub struct EchoHandler {
    app: Echo,
    sid: String,
    session: Session,
    is_working: bool,
}

impl SessionHandler for EchoHandler {
    fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
        match message {
            Message::Text(text) => {
                self.app.note(&self.sid, Heard::Text(text.to_owned()));
                match text {
                    "hold" => {
                        self.app.0.holding.lock().unwrap().insert(self.sid.clone(), None);
                    }
                    "work" => self.is_working = true,
                    "refuse" => return Err(HandlerError),
                    "panic" => panic!("asked to"),
                    "close" => self.session.close(CloseReason::ForcedServerClose),
                    "transport" => {
                        self.session.send(self.session.transport().as_str(), &[]);
                    }
                    quiet if quiet.starts_with("quiet:") => {}
                    text => {
                        self.session.send(text, &[]);
                    }
                }
            }
            Message::Binary(data) => {
                self.app.note(&self.sid, Heard::Binary(data.to_vec()));
                self.session.send_binary(&data.to_vec().into());
            }
        }
        Ok(())
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(waker) = self.app.0.holding.lock().unwrap().get_mut(&self.sid) {
            *waker = Some(cx.waker().clone());
        }
        if self.is_working { Poll::Pending } else { Poll::Ready(()) }
    }

    fn command(&mut self, command: Box<dyn Any + Send>) {
        let command = *command.downcast::<&str>().unwrap();
        self.is_working &= command != "done";
        self.app.note(&self.sid, Heard::Text(command.to_owned()));
    }

    fn is_ready(&self) -> bool {
        !self.app.0.holding.lock().unwrap().contains_key(&self.sid)
    }

    fn close(&mut self, reason: CloseReason) {
        self.app.note(&self.sid, Heard::Closed(reason));
    }
}

impl Drop for EchoHandler {
    fn drop(&mut self) {
        self.app.note(&self.sid, Heard::Dropped);
    }
}
