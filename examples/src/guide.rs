//! The guide's snippets are doc tests of this crate, and the README's program too.

macro_rules! chapters {
    ($($name:ident: $file:literal,)*) => {
        $(#[doc = include_str!(concat!("../../", $file))]
        struct $name;)*
    };
}

chapters! {
    Readme: "README.md",
    Server: "docs/guide/server.md",
    Rooms: "docs/guide/rooms.md",
    Acks: "docs/guide/acks.md",
    Auth: "docs/guide/auth.md",
    Visitors: "docs/guide/visitors.md",
    Errors: "docs/guide/errors.md",
    Reliable: "docs/reliable.md",
    Recovery: "docs/guide/recovery.md",
    FromNode: "docs/migrate/from-node.md",
    FromSocketioxide: "docs/migrate/from-socketioxide.md",
    Namespaces: "docs/guide/namespaces.md",
    Testing: "docs/guide/testing.md",
    Client: "docs/guide/client.md",
    WebSocket: "docs/guide/websocket.md",
    EngineIo: "docs/guide/engine.md",
    Operations: "docs/operations.md",
}
