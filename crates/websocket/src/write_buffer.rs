//! What waits to be written on one connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem;

use bytes::Bytes;

use crate::stream::WriteHalf;

/// Up to this size a shared frame is copied: cheaper than one more slice in the system call.
const COPIED_BYTES_MAX: usize = 1024;
/// Slices handed to the kernel in one call.
const SLICES_MAX: usize = 32;
/// A buffer that grew beyond this goes back to the allocator.
const POOLED_CAPACITY_MAX: usize = 64 * 1024;
/// What one thread keeps for all its connections together.
const POOL_BYTES_MAX: usize = 1024 * 1024;
/// What a buffer starts with when the pool has none.
const START_CAPACITY: usize = 512;

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
}

#[derive(Debug)]
enum Chunk {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl WriteBuffer {
    /// An empty buffer, without allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue: None,
            tail: Vec::new(),
        }
    }

    /// Bytes waiting.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tail.len()
            + self
                .queue
                .as_ref()
                .map_or(0, |queue| queue.bytes - queue.written)
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.queue.is_none()
    }

    /// Drops everything and gives the memory back.
    pub fn clear(&mut self) {
        self.queue = None;
        give_back(mem::take(&mut self.tail));
    }

    /// Appends a copy of `head` and `body`.
    pub fn push(&mut self, head: &[u8], body: &[u8]) {
        let tail = self.tail();
        tail.extend_from_slice(head);
        tail.extend_from_slice(body);
    }

    /// Appends a frame that others send as well: copied up to 1 KiB, kept as a slice beyond.
    pub fn push_shared(&mut self, frame: &Bytes) {
        if frame.len() <= COPIED_BYTES_MAX {
            self.tail().extend_from_slice(frame);
        } else {
            self.enqueue_tail();
            self.queue
                .get_or_insert_default()
                .push(Chunk::Shared(frame.clone()));
        }
    }

    /// Where to append encoded frames directly. Only append.
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
                    return Ok(io.is_flushed());
                }
                Ok(count) => {
                    self.enqueue_tail();
                    self.advance(count);
                }
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
        Ok(io.is_flushed())
    }

    fn enqueue_tail(&mut self) {
        if !self.tail.is_empty() {
            let tail = mem::take(&mut self.tail);
            self.queue.get_or_insert_default().push(Chunk::Owned(tail));
        }
    }

    fn advance(&mut self, count: usize) {
        if let Some(queue) = &mut self.queue
            && queue.advance(count)
        {
            self.queue = None;
        }
    }
}

impl Queue {
    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.as_bytes().len();
        self.chunks.push_back(chunk);
    }

    fn write_to(&self, io: &WriteHalf) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(&self.chunks) {
            let start = if count == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&chunk.as_bytes()[start..]);
            count += 1;
        }
        match &slices[..count] {
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
            Self::Shared(bytes) => bytes,
        }
    }
}

fn would_block(error: io::Error) -> io::Result<bool> {
    if error.kind() == io::ErrorKind::WouldBlock {
        Ok(false)
    } else {
        Err(error)
    }
}

#[derive(Default)]
struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// An empty buffer with some capacity.
pub(crate) fn take_pooled() -> Vec<u8> {
    // The pool is gone while its thread ends.
    let pooled = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let buffer = pool.buffers.pop()?;
        pool.bytes -= buffer.capacity();
        Some(buffer)
    });
    pooled
        .ok()
        .flatten()
        .unwrap_or_else(|| Vec::with_capacity(START_CAPACITY))
}

/// Puts a buffer into this thread's pool if there is room.
pub(crate) fn give_back(mut buffer: Vec<u8>) {
    let capacity = buffer.capacity();
    if capacity == 0 || capacity > POOLED_CAPACITY_MAX {
        return;
    }
    buffer.clear();
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.bytes + capacity <= POOL_BYTES_MAX {
            pool.bytes += capacity;
            pool.buffers.push(buffer);
        }
    });
}
