//! Messages by all ways at once.

use std::task::Context;

use proptest::prelude::*;
use sockeye_engine_proto::BinaryForm;
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::stream::{Stream, WriteHalf};
use sockeye_ws::Role;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

use super::*;
use crate::outbox::encoded::{Encoded, WireForm};

const LIMITS: Limits = Limits { packets_max: u32::MAX, bytes_max: usize::MAX, drop_newest: false };

fn on(write: WriteHalf) -> Outbox {
    let framing = Framing::WebSocket(BinaryForm::Raw);
    Outbox::new(Some((Pipe::new(write, Role::Server, None), framing)))
}

#[derive(Clone, Debug)]
enum Step {
    Own(usize),
    /// To many, but not by a batch.
    Pushed(usize),
    Shared(usize),
    SharedByOthersOnly(usize),
    /// Another members begins.
    OtherBatch,
    BeginTurn,
    EndTurn,
    Flush,
    Read(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let len = || prop_oneof![4 => 1..200usize, 1 => 1000..3000usize];
    let step = prop_oneof![
        2 => len().prop_map(Step::Own),
        2 => len().prop_map(Step::Pushed),
        6 => len().prop_map(Step::Shared),
        2 => len().prop_map(Step::SharedByOthersOnly),
        1 => Just(Step::OtherBatch),
        1 => Just(Step::BeginTurn),
        2 => Just(Step::EndTurn),
        2 => Just(Step::Flush),
        2 => (0..8000usize).prop_map(Step::Read),
    ];
    proptest::collection::vec(step, 0..80)
}

/// What an [`MemberList`](crate::MemberList) does for this one session.
struct MemberList {
    member: MemberId,
    batch: Option<Arc<Batch>>,
    is_apart: bool,
}

impl MemberList {
    fn send(&mut self, outbox: &mut Outbox, packet: &Arc<Encoded>, except: bool) {
        let frame = packet.text_frame().expect("it is a text alone");
        let member = except.then_some(self.member);
        if !self.batch.as_ref().is_some_and(|batch| batch.append(frame, member)) {
            let batch = Batch::begin(None, frame, member);
            self.is_apart = outbox.attach(&batch, self.member) == Attached::Separate;
            self.batch = Some(batch);
        }
        if self.is_apart && !except {
            assert_eq!(outbox.push_shared(packet, LIMITS).0, Pushed::Queued);
        }
    }

    fn end(&mut self) {
        if let Some(batch) = self.batch.take() {
            batch.seal();
        }
    }
}

async fn read_some(from: &mut DuplexStream, len: usize, into: &mut Vec<u8>) {
    let mut bytes = vec![0; len];
    tokio::select! {
        biased;
        count = from.read(&mut bytes) => into.extend(&bytes[..count.unwrap_or(0)]),
        () = tokio::task::yield_now() => {}
    }
}

proptest! {
    /// Whatever comes by which way and whatever the peer takes, it gets every message that is
    /// for it once, in the order of sending.
    #[test]
    fn shared_and_own_messages_keep_their_order(steps in steps(), capacity in 1..5000usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let (ours, mut theirs) = duplex(capacity);
            let (_read, write) = Stream::from_io(ours).split();
            let mut outbox = on(write);
            let mut members = MemberList { member: MemberId::next(), batch: None, is_apart: false };
            let (mut expected, mut received) = (Vec::new(), Vec::new());
            let mut number = 0_u8;
            let mut message = |len: usize| {
                number = number % 26 + 1;
                let text = char::from(b'a' - 1 + number).to_string().repeat(len);
                Arc::new(Encoded::new(text, Vec::new()))
            };
            let waker = std::task::Waker::noop();
            for step in steps {
                let mut take = |packet: &Encoded| {
                    packet.form(WireForm::Frames).for_each(|frame| expected.extend_from_slice(frame));
                };
                match step {
                    Step::Own(len) => {
                        let packet = message(len);
                        take(&packet);
                        let text = packet.text().unwrap_or_default();
                        if !outbox.push_small_text(text, LIMITS) {
                            let own = outbox.push_own(packet.content(), LIMITS).0;
                            assert_eq!(own, Pushed::Queued);
                        }
                    }
                    Step::Pushed(len) => {
                        let packet = message(len);
                        take(&packet);
                        assert_eq!(outbox.push_shared(&packet, LIMITS).0, Pushed::Queued);
                    }
                    Step::Shared(len) => {
                        let packet = message(len);
                        take(&packet);
                        members.send(&mut outbox, &packet, false);
                    }
                    Step::SharedByOthersOnly(len) => {
                        members.send(&mut outbox, &message(len), true);
                    }
                    Step::OtherBatch => members.end(),
                    Step::BeginTurn => outbox.begin_turn(),
                    Step::EndTurn => {
                        let _ = outbox.end_turn(&mut Context::from_waker(waker), WRITE_TIMEOUT);
                    }
                    Step::Flush => {
                        outbox.flush();
                    }
                    Step::Read(len) => read_some(&mut theirs, len, &mut received).await,
                }
            }
            // Then it is all written.
            while received.len() < expected.len() {
                let before = received.len();
                let _ = outbox.end_turn(&mut Context::from_waker(waker), WRITE_TIMEOUT);
                outbox.flush();
                read_some(&mut theirs, 8000, &mut received).await;
                let is_idle = received.len() == before && outbox.is_writable();
                assert!(!is_idle, "{} of {} bytes came", received.len(), expected.len());
            }
            let _ = outbox.end_turn(&mut Context::from_waker(waker), WRITE_TIMEOUT);
            outbox.flush();
            read_some(&mut theirs, 8000, &mut received).await;
            assert!(received == expected, "{} and {}", received.len(), expected.len());
        });
    }
}

#[tokio::test]
async fn a_closing_session_gets_what_was_sent_before() {
    let (ours, mut theirs) = duplex(1000);
    let (_read, write) = Stream::from_io(ours).split();
    let mut outbox = on(write);
    let (batch, member) = (Batch::begin(None, b"one", None), MemberId::next());
    assert_eq!(outbox.attach(&batch, member), Attached::Shared);
    assert!(!outbox.is_writable());
    assert!(batch.append(b"two", None));
    assert!(outbox.close(sockeye_engine_proto::CloseReason::ForcedClose));
    // For others.
    assert!(batch.append(b"three", None));
    assert_eq!(outbox.attach(&batch, member), Attached::Shared);
    outbox.flush();
    let mut received = Vec::new();
    read_some(&mut theirs, 1000, &mut received).await;
    assert_eq!(received, b"onetwo");
}
