//! An answer that goes on: one poll after another, each a piece of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockeye_engine::session_protocol::{
    AwaitedReply, Pieces, Place, ReplyContent, StreamWatch, end_stream, poll,
};

use super::wrap::Wrap;
use crate::codec::frame;

/// The frames of one answer, until there are so many that it has to end.
#[derive(Debug)]
pub(crate) struct FrameStream {
    watch: Arc<StreamWatch>,
    wrap: Wrap,
    /// The poll that waits.
    answer: Option<AwaitedReply>,
    bytes_left: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begins,
    GoesOn,
    /// The last frame is on its way; with whether the session goes on without this stream.
    Last {
        is_told: bool,
    },
    Ended,
}

impl FrameStream {
    pub(crate) fn new(
        watch: Arc<StreamWatch>,
        wrap: Wrap,
        first: AwaitedReply,
        bytes_max: usize,
    ) -> Self {
        FrameStream {
            watch,
            wrap,
            answer: Some(first),
            bytes_left: bytes_max,
            state: State::Begins,
        }
    }

    fn piece(&mut self, content: ReplyContent) -> Bytes {
        let frame = frame_of(content);
        if frame.is_the_sessions {
            self.watch.receive();
        }
        let piece = self.wrap.frame(&frame.bytes);
        self.bytes_left = self.bytes_left.saturating_sub(piece.len());
        if !frame.goes_on || self.bytes_left == 0 {
            self.state = State::Last { is_told: frame.is_the_sessions };
        }
        piece
    }
}

impl Pieces for FrameStream {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            State::Begins => {
                self.state = State::GoesOn;
                if let Some(prelude) = self.wrap.prelude() {
                    return Poll::Ready(Some(prelude));
                }
            }
            State::GoesOn => {}
            State::Last { is_told } => {
                self.state = State::Ended;
                if is_told {
                    end_stream(self.watch.session());
                }
                return Poll::Ready(None);
            }
            State::Ended => return Poll::Ready(None),
        }
        let session = self.watch.session();
        let answer = self.answer.get_or_insert_with(|| poll(session, Place::Next));
        let content = ready!(Pin::new(answer).poll(cx));
        self.answer = None;
        Poll::Ready(Some(self.piece(content)))
    }
}

/// A frame, and what it means for the answer it stands in.
pub(crate) struct AnswerFrame {
    pub(crate) bytes: Bytes,
    /// Others may follow.
    pub(crate) goes_on: bool,
    /// The session itself says it to the receiver it has.
    pub(crate) is_the_sessions: bool,
}

/// The frame that tells the answer to a poll.
pub(crate) fn frame_of(content: ReplyContent) -> AnswerFrame {
    let refused = |code, reason| AnswerFrame {
        bytes: frame::close(code, reason).into(),
        goes_on: false,
        is_the_sessions: false,
    };
    match content {
        ReplyContent::Payload { body, .. } => {
            AnswerFrame { goes_on: !body.starts_with(b"c"), bytes: body, is_the_sessions: true }
        }
        ReplyContent::Overlap => refused(2010, "Another connection still open"),
        _ => refused(1002, "Connection interrupted"),
    }
}
