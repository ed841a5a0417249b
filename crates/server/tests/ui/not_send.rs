// A handler may change its thread where it waits.
//~ is the future `Send` (no `Rc`, no `MutexGuard` across an `.await`)?
//~ put `#[sockeye::debug_handler]` on the function to be told why
use sockeye::*;

async fn message(_: Socket, _: String) {
    let count = std::sync::Mutex::new(1_u32);
    let guard = count.lock();
    std::future::ready(()).await;
    drop(guard);
}

fn main() {
    let _: Namespace = Namespace::new("/").on("message", message);
}
