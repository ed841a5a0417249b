//! Who may connect: the client's `auth` is checked once, and handlers get the user it stands for.

use serde::Deserialize;
use sockeye::{Ack, Event, Local, Namespace, Refuse, Server, Socket};

#[derive(Deserialize)]
struct Auth {
    token: Option<String>,
}

struct User {
    name: String,
}

const WHO_AM_I: Event<(), String> = Event::new("who am i");

/// A real application looks the token up in its database.
async fn admit(socket: Socket, auth: Auth) -> Result<(), Refuse> {
    match auth.token.as_deref().and_then(|token| token.strip_prefix("secret-of-")) {
        Some(name) => {
            socket.set(User { name: name.to_owned() });
            Ok(())
        }
        None => Err(Refuse::new("unauthorized").with_data(&"log in first")),
    }
}

async fn who_am_i(user: Local<User>) -> Ack<String> {
    Ack(user.name.clone())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let namespace = Namespace::new("/").on_connect(admit).on(WHO_AM_I, who_am_i);
    let server = Server::builder().namespace(namespace).build()?;
    let listeners = sockeye_examples::listen().await?;
    server.serve(listeners).with_graceful_shutdown(sockeye_examples::stopped()).await?;
    Ok(())
}
