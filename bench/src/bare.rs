//! Two bare TCP loops, the floor of a machine: no protocol at all, one thread, one buffer, one
//! `recv` and one `send` per readiness. What a server costs is told as a multiple of these.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

/// Size of the one read buffer of a loop.
pub const BUFFER_BYTES: usize = 64 * 1024;

/// What a loop does with the bytes it receives.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Sends them back as they came, in one `send` per `recv`.
    Echo,
    /// Cuts them into messages and sends each to every connection, in one `send` per connection
    /// and message: what fan-out costs somebody who gathers nothing.
    FanOut {
        /// Length of every message.
        message_bytes: usize,
    },
}

/// A loop that listens but does not run yet.
#[derive(Debug)]
pub struct BareLoop {
    mode: Mode,
    poll: Poll,
    listener: TcpListener,
    connections: Slab<Connection>,
    closed: Vec<usize>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    /// What the kernel did not take, kept until it is writable again.
    unsent: Vec<u8>,
    /// The beginning of a message whose rest has not come yet (fan-out only).
    partial: Vec<u8>,
}

const LISTENER: Token = Token(usize::MAX);

impl BareLoop {
    /// Listens on `address` (port 0: any free one).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn bind(address: SocketAddr, mode: Mode) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self { mode, poll, listener, connections: Slab::new(), closed: Vec::new() })
    }

    /// Where the loop listens.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// When waiting or accepting fails; the failure of one connection ends that connection alone.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                } else {
                    self.handle(event, &mut buffer);
                }
            }
            for index in self.closed.drain(..) {
                self.connections.try_remove(index);
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let entry = self.connections.vacant_entry();
            // Both interests at once: registration is edge-triggered, so that this costs nothing
            // until a full socket has room again.
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut stream, Token(entry.key()), interest)?;
            entry.insert(Connection { stream, unsent: Vec::new(), partial: Vec::new() });
        }
    }

    fn handle(&mut self, event: &Event, buffer: &mut [u8]) {
        let index = event.token().0;
        if !self.connections.contains(index) {
            return;
        }
        if event.is_writable() {
            self.flush(index);
        }
        match self.mode {
            Mode::Echo => self.echo(index, buffer),
            Mode::FanOut { message_bytes } => self.fan_out(index, message_bytes, buffer),
        }
    }

    fn flush(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        if connection.unsent.is_empty() {
            return;
        }
        let unsent = std::mem::take(&mut connection.unsent);
        if connection.send(&unsent).is_err() {
            self.closed.push(index);
        }
    }

    fn echo(&mut self, index: usize, buffer: &mut [u8]) {
        let connection = &mut self.connections[index];
        // Readiness is edge-triggered: a read that fills the buffer may have left something. Who
        // does not take its replies is not read.
        while connection.unsent.is_empty() {
            let open = match connection.receive(buffer) {
                Ok(Some(length)) => connection.send(&buffer[..length]).map(|()| length),
                Ok(None) => return,
                Err(error) => Err(error),
            };
            match open {
                Ok(length) if length == buffer.len() => {}
                Ok(_) => return,
                Err(_) => return self.closed.push(index),
            }
        }
    }

    fn fan_out(&mut self, index: usize, message_bytes: usize, buffer: &mut [u8]) {
        loop {
            let length = match self.connections[index].receive(buffer) {
                Ok(Some(length)) => length,
                Ok(None) => return,
                Err(_) => return self.closed.push(index),
            };
            let mut input = &buffer[..length];
            while !input.is_empty() {
                let mut partial = std::mem::take(&mut self.connections[index].partial);
                if partial.is_empty() && input.len() >= message_bytes {
                    self.send_to_all(&input[..message_bytes]);
                    input = &input[message_bytes..];
                    continue;
                }
                let missing = (message_bytes - partial.len()).min(input.len());
                partial.extend_from_slice(&input[..missing]);
                input = &input[missing..];
                if partial.len() == message_bytes {
                    self.send_to_all(&partial);
                    partial.clear();
                }
                self.connections[index].partial = partial;
            }
            if length < buffer.len() {
                return;
            }
        }
    }

    fn send_to_all(&mut self, message: &[u8]) {
        for (index, connection) in &mut self.connections {
            if connection.send(message).is_err() {
                self.closed.push(index);
            }
        }
    }
}

impl Connection {
    /// `None`: nothing to read now.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match self.stream.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(length) => Ok(Some(length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = if self.unsent.is_empty() {
            match self.stream.write(bytes) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            }
        } else {
            0
        };
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Shutdown, TcpStream};
    use std::thread;

    use super::*;

    fn start(mode: Mode) -> SocketAddr {
        let bare = BareLoop::bind("127.0.0.1:0".parse().unwrap(), mode).unwrap();
        let address = bare.local_address().unwrap();
        thread::spawn(move || bare.run());
        address
    }

    #[test]
    fn echo_returns_every_byte_of_more_than_fits() {
        let address = start(Mode::Echo);
        let mut writer = TcpStream::connect(address).unwrap();
        let mut reader = writer.try_clone().unwrap();
        let sent: Vec<u8> = (0..8 * 1024 * 1024u32).map(|n| (n % 251) as u8).collect();
        let expected = sent.clone();
        // The writer does not read, so the loop sees full sockets in both directions.
        let writing = thread::spawn(move || {
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        let mut received = vec![0; expected.len()];
        reader.read_exact(&mut received).unwrap();
        writing.join().unwrap();
        assert!(received == expected, "the bytes came back changed");
    }

    #[test]
    fn fan_out_sends_whole_messages_to_everybody_and_survives_a_lost_peer() {
        let address = start(Mode::FanOut { message_bytes: 4 });
        let mut first = TcpStream::connect(address).unwrap();
        let mut second = TcpStream::connect(address).unwrap();
        let lost = TcpStream::connect(address).unwrap();
        // Split and merged writes: two messages and the halves of a third.
        first.write_all(b"oneAtwoBth").unwrap();
        let mut received = [0; 8];
        first.read_exact(&mut received).unwrap();
        drop(lost);
        first.write_all(b"rC").unwrap();
        first.read_exact(&mut received[..4]).unwrap();
        assert_eq!(&received[..4], b"thrC");
        let mut received = [0; 12];
        second.read_exact(&mut received).unwrap();
        assert_eq!(&received, b"oneAtwoBthrC");
    }
}
