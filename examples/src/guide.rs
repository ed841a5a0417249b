//! The README's program and the snippets of pages that are no crate's are doc tests of this crate. (The
//! chapters of the guide are those of the crates they are about; that of a contract is about several.)

macro_rules! chapters {
    ($($name:ident: $file:literal,)*) => {
        $(#[doc = include_str!(concat!("../../", $file))]
        struct $name;)*
    };
}

chapters! {
    Readme: "README.md",
    Tutorial1: "docs/tutorial/1-echo.md",
    Tutorial2: "docs/tutorial/2-everybody.md",
    Tutorial3: "docs/tutorial/3-rooms.md",
    Tutorial4: "docs/tutorial/4-lost-lines.md",
    Recipes: "docs/recipes.md",
    Cluster: "docs/guide/cluster.md",
    Contract: "docs/guide/contract.md",
    Browser: "docs/guide/browser.md",
    Proxy: "docs/guide/proxy.md",
    Deploying: "docs/guide/deploying.md",
    SockJs: "docs/guide/sockjs.md",
    FromNode: "docs/migrate/from-node.md",
    FromSocketioxide: "docs/migrate/from-socketioxide.md",
    FromWs: "docs/migrate/from-ws.md",
    FromSockJs: "docs/migrate/from-sockjs-node.md",
    Operations: "docs/operations.md",
}
