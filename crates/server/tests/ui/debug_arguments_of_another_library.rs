// What socketioxide's and axum's handlers take.
//~ the payload is the last argument as it is: `message: Message`
//~ what `socket.set` stored is `sockeye::Local<T>`
//~ the socket is `sockeye::Socket`
//~ return `Ack(value)`, or take `sockeye::Acker<A>`
use sockeye::debug_handler;

struct Data<T>(T);
struct Extension<T>(T);
struct SocketRef;
struct AckSender;

#[debug_handler]
async fn message(_: SocketRef, _: Extension<u32>, _: AckSender, _: Data<String>) {}

fn main() {
    let _ = message;
}
