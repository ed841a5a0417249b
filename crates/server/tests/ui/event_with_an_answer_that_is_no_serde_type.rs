// The answer of a declared event is a serde type.
//~ is the answer (what `Ack` holds) `Serialize`?
use sockeye::*;

const WHO: Event<String, User> = Event::new("who");

struct User;

async fn who(_: String) -> Ack<User> {
    Ack(User)
}

fn main() {
    let _: Namespace = Namespace::new("/").on(WHO, who);
}
