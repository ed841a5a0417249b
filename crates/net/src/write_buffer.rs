//! What waits to be written on one connection.

use std::any::Any;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use crate::pool::{give_back, take_pooled};
use crate::stream::WriteHalf;

/// Up to this size a shared frame is copied: cheaper than one more slice in the system call.
const COPIED_BYTES_MAX: usize = 1024;
/// Slices handed to the kernel in one call.
const SLICES_MAX: usize = 32;

/// Bytes waiting to be written on one connection, in order: small frames gathered in one buffer, large
/// shared ones kept as slices. It knows how far a partial write got, and holds no memory when empty.
#[derive(Debug, Default)]
pub struct WriteBuffer {
    /// What comes before `tail`; only there once a shared slice was queued or a write was partial.
    queue: Option<Box<Queue>>,
    tail: Vec<u8>,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Chunk>,
    /// Bytes in `chunks`, those already written included.
    bytes: usize,
    /// How much of the first chunk was written.
    written: usize,
    /// Bytes of chunks that others have as well.
    shared: usize,
}

#[derive(Debug)]
enum Chunk {
    Owned(Vec<u8>),
    /// A slice that nobody else has.
    Slice(Bytes),
    /// A slice that others have as well, and what is to live as long as any of them has it.
    Shared {
        bytes: Bytes,
        _keeper: Option<Keeper>,
    },
}

/// Something that lives until the last [`WriteBuffer`] that was given it has written its frame.
pub type Keeper = Arc<dyn Any + Send + Sync>;

impl WriteBuffer {
    /// Bytes waiting.
    #[inline]
    pub fn len(&self) -> usize {
        self.tail.len() + self.queue.as_ref().map_or(0, |queue| queue.bytes - queue.written)
    }

    /// Bytes of memory that would be free if nothing waited here: without what others have as well.
    pub fn own_len(&self) -> usize {
        self.tail.len() + self.queue.as_ref().map_or(0, |queue| queue.bytes - queue.shared)
    }

    /// Whether nothing waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.queue.is_none()
    }

    /// Drops everything and gives the memory back.
    pub fn clear(&mut self) {
        self.queue = None;
        give_back(mem::take(&mut self.tail));
    }

    /// Appends a frame that others send as well: copied up to 1 KiB, kept as a slice beyond, and
    /// with it what `keeper` gives.
    pub fn push_shared(&mut self, frame: &Bytes, keeper: impl FnOnce() -> Option<Keeper>) {
        self.push_slice(frame, |bytes| Chunk::Shared { bytes, _keeper: keeper() });
    }

    /// Appends what nobody else sends: copied up to 1 KiB, kept as a slice beyond.
    pub fn push_bytes(&mut self, bytes: &Bytes) {
        self.push_slice(bytes, Chunk::Slice);
    }

    fn push_slice(&mut self, bytes: &Bytes, chunk: impl FnOnce(Bytes) -> Chunk) {
        if bytes.len() <= COPIED_BYTES_MAX {
            self.tail().extend_from_slice(bytes);
        } else {
            self.enqueue_tail();
            self.queue.get_or_insert_default().push(chunk(bytes.clone()));
        }
    }

    /// Where to append encoded frames directly. Only append.
    #[inline]
    pub fn tail(&mut self) -> &mut Vec<u8> {
        if self.tail.capacity() == 0 {
            self.tail = take_pooled();
        }
        &mut self.tail
    }

    /// Writes until everything is written or the kernel takes no more. `Ok(true)`: all is written and
    /// the memory given back; `Ok(false)`: wait until `io` is writable and call again.
    ///
    /// # Errors
    ///
    /// When the connection is broken. What is left can never be sent.
    pub fn write_to(&mut self, io: &WriteHalf) -> io::Result<bool> {
        if self.queue.is_none() && !self.tail.is_empty() {
            // The usual case: one buffer, one call.
            match io.try_write(&self.tail) {
                Ok(count) if count == self.tail.len() => {
                    self.clear();
                    return Ok(io.note_written());
                }
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(error) => return would_block(error),
            }
        }
        self.enqueue_tail();
        while let Some(queue) = &self.queue {
            match queue.write_to(io) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.advance(count),
                Err(error) => return would_block(error),
            }
        }
        Ok(io.note_written())
    }

    fn advance(&mut self, count: usize) {
        self.enqueue_tail();
        if self.queue.as_mut().is_some_and(|queue| queue.advance(count)) {
            self.queue = None;
        }
    }

    fn enqueue_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = mem::take(&mut self.tail);
            self.queue.get_or_insert_default().push(Chunk::Owned(tail));
        }
    }
}

impl Queue {
    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.as_bytes().len();
        self.shared += chunk.shared_len();
        self.chunks.push_back(chunk);
    }

    fn write_to(&self, io: &WriteHalf) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            *slice = IoSlice::new(chunk.as_bytes());
        }
        slices[0].advance(self.written);
        match &slices[..self.chunks.len().min(SLICES_MAX)] {
            [one] => io.try_write(one),
            several => io.try_write_vectored(several),
        }
    }

    /// Notes that `count` more bytes were written; true when none are left.
    fn advance(&mut self, count: usize) -> bool {
        self.written += count;
        while let Some(first) = self.chunks.front() {
            let len = first.as_bytes().len();
            if self.written < len {
                return false;
            }
            self.written -= len;
            self.bytes -= len;
            self.shared -= first.shared_len();
            if let Some(Chunk::Owned(buffer)) = self.chunks.pop_front() {
                give_back(buffer);
            }
        }
        true
    }
}

impl Chunk {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Slice(bytes) | Self::Shared { bytes, .. } => bytes,
        }
    }

    fn shared_len(&self) -> usize {
        match self {
            Self::Shared { bytes, .. } => bytes.len(),
            Self::Owned(_) | Self::Slice(_) => 0,
        }
    }
}

fn would_block(error: io::Error) -> io::Result<bool> {
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::stall::WRITE_TIMEOUT;
    use crate::stream::Stream;

    #[test]
    fn an_idle_buffer_is_small_and_owns_nothing() {
        assert!(size_of::<WriteBuffer>() <= 32);
        let buffer = WriteBuffer::default();
        assert!(buffer.is_empty());
        assert_eq!(buffer.tail.capacity(), 0);
    }

    #[test]
    fn small_frames_are_gathered_and_large_ones_kept() {
        let large = Bytes::from(vec![7; COPIED_BYTES_MAX + 1]);
        let mut buffer = WriteBuffer::default();
        buffer.tail().extend_from_slice(b"abcd");
        buffer.push_shared(&large.slice(..COPIED_BYTES_MAX), || None);
        assert!(buffer.queue.is_none());
        buffer.push_shared(&large, || None);
        buffer.tail().extend_from_slice(b"ef");
        let queue = buffer.queue.as_ref().unwrap();
        assert!(matches!(&queue.chunks[0], Chunk::Owned(bytes) if bytes.len() == 4 + 1024));
        assert!(
            matches!(&queue.chunks[1], Chunk::Shared { bytes, .. } if bytes.as_ptr() == large.as_ptr())
        );
        assert_eq!(buffer.tail, b"ef");
        assert_eq!(buffer.len(), 4 + 1024 + 1025 + 2);
        assert_eq!(buffer.own_len(), 4 + 1024 + 2);
        buffer.push_bytes(&large);
        assert_eq!(buffer.own_len(), 4 + 1024 + 2 + 1025);
        let keeper = Arc::new(());
        buffer.push_shared(&large, || Some(Arc::<()>::clone(&keeper) as _));
        assert_eq!((buffer.own_len(), Arc::strong_count(&keeper)), (4 + 1024 + 2 + 1025, 2));
        buffer.clear();
        assert_eq!((buffer.len(), buffer.own_len(), buffer.is_empty()), (0, 0, true));
        assert_eq!(Arc::strong_count(&keeper), 1);
    }

    #[tokio::test]
    async fn memory_is_given_back_when_all_is_written() {
        let (ours, _theirs) = duplex(1 << 20);
        let (_, write) = Stream::from_io(ours).split();
        let mut buffer = WriteBuffer::default();
        buffer.tail().extend_from_slice(b"hello");
        let pointer = buffer.tail.as_ptr();
        assert!(buffer.write_to(&write).unwrap());
        assert_eq!(buffer.tail.capacity(), 0);
        // The next one on this thread uses it.
        let pooled = take_pooled();
        assert_eq!(pooled.as_ptr(), pointer);
    }

    #[tokio::test]
    async fn a_broken_stream_is_an_error() {
        let (ours, theirs) = duplex(10);
        let (_, write) = Stream::from_io(ours).split();
        drop(theirs);
        let mut buffer = WriteBuffer::default();
        buffer.tail().extend_from_slice(b"hello");
        assert_eq!(buffer.write_to(&write).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(usize),
        Shared(usize),
        Write,
        Read(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0_usize..3000).prop_map(Step::Push),
            (1_usize..5000).prop_map(Step::Shared),
            Just(Step::Write),
            (1_usize..8000).prop_map(Step::Read),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// Whatever the peer takes and when, it gets every byte once and in order.
        #[test]
        fn partial_writes_lose_and_repeat_nothing(steps in steps(), capacity in 1_usize..5000) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let (ours, mut theirs) = duplex(capacity);
                let (_, write) = Stream::from_io(ours).split();
                let mut buffer = WriteBuffer::default();
                let (mut pushed, mut received) = (Vec::new(), Vec::new());
                let mut next = 0_u8;
                let mut fill = |len: usize| -> Vec<u8> {
                    (0..len).map(|_| { next = next.wrapping_mul(5).wrapping_add(1); next }).collect()
                };
                for step in steps {
                    let waiting = buffer.len();
                    match step {
                        Step::Push(len) => {
                            let bytes = fill(len);
                            buffer.tail().extend_from_slice(&bytes);
                            pushed.extend(bytes);
                            assert_eq!(buffer.len(), waiting + len);
                        }
                        Step::Shared(len) => {
                            let bytes = fill(len);
                            buffer.push_shared(&Bytes::copy_from_slice(&bytes), || None);
                            pushed.extend(bytes);
                            assert_eq!(buffer.len(), waiting + len);
                        }
                        Step::Write => {
                            if buffer.write_to(&write).unwrap() {
                                assert!(buffer.is_empty());
                            }
                        }
                        Step::Read(len) => read_some(&mut theirs, len, &mut received).await,
                    }
                }
                while !buffer.write_to(&write).unwrap() {
                    // As the driver does; a boxed stream pushes its own rest on here.
                    let writable = std::future::poll_fn(|cx| write.poll_writable(cx, WRITE_TIMEOUT));
                    tokio::select! {
                        result = writable => result.unwrap(),
                        () = read_some(&mut theirs, 1000, &mut received) => {}
                    }
                }
                drop(write);
                theirs.read_to_end(&mut received).await.unwrap();
                assert!(received == pushed, "{} {}", received.len(), pushed.len());
            });
        }
    }

    /// Takes what is there, at most `len` bytes.
    async fn read_some(from: &mut tokio::io::DuplexStream, len: usize, into: &mut Vec<u8>) {
        let mut bytes = vec![0; len];
        tokio::select! {
            biased;
            count = from.read(&mut bytes) => into.extend(&bytes[..count.unwrap()]),
            () = tokio::task::yield_now() => {}
        }
    }
}
