// The same, asked about.
//~ `sockeye::Ack<User>` is not what a handler returns
//~ what an `Ack` holds implements serde's `Serialize`: put `#[derive(serde::Serialize)]` on a type of yours
use sockeye::*;

struct User;

#[debug_handler]
async fn who(_: String) -> Ack<User> {
    Ack(User)
}

fn main() {
    let _ = who;
}
