// An answer is a serde type.
//~ this function cannot handle an event with payload
//~ is the answer (what `Ack` holds) `Serialize`?
use sockeye::*;

struct User;

async fn who(_: String) -> Ack<User> {
    Ack(User)
}

fn main() {
    let _: Namespace = Namespace::new("/").on("who", who);
}
