// A disconnect handler is told a reason.
//~ this function cannot be called with `DisconnectReason`
use sockeye::*;

async fn gone(_: Socket, _: String) {}

fn main() {
    let _: Namespace = Namespace::new("/").on_disconnect(gone);
}
