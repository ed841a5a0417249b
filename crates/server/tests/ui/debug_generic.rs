// Nothing says what a generic function is called with.
//~ a generic function is no handler
use sockeye::*;

#[debug_handler]
async fn message<T: Send + 'static>(_: Socket, _: T) {}

fn main() {
    let _ = message::<u32>;
}
