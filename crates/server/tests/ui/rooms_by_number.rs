// Rooms have names.
//~ `{integer}` does not name rooms
//~ rooms are named by `&str`, `String`, `Room`, `SocketId`
use sockeye::*;

fn join(socket: &Socket) {
    socket.join(7);
}

fn main() {
    let _ = join;
}
