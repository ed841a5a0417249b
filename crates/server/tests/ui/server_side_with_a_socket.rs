// Between servers there is no socket.
//~ this function cannot handle an event between servers
//~ it is `async fn(Io, payload) -> () | Ack<T> | Result<_, E>`
use sockeye::*;

async fn reload(_: Socket, _: String) {}

fn main() {
    let _: Namespace = Namespace::new("/").on_server_side("reload", reload);
}
