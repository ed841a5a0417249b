// A handler may change its thread where it waits.
//~ future cannot be sent between threads safely
//~ is not `Send`
//~ await occurs here, with `count` maybe used later
use std::rc::Rc;

use sockeye::*;

#[debug_handler]
async fn message(_: Socket, _: String) {
    let count = Rc::new(1);
    std::future::ready(()).await;
    drop(count);
}

fn main() {
    let _ = message;
}
