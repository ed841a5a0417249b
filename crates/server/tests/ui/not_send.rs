// A handler may change its thread where it waits.
//~ future cannot be sent between threads safely
//~ has type `MutexGuard<'_, u32>` which is not `Send`
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
