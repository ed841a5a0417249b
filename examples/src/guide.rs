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
    Contract: "docs/guide/contract.md",
    FromNode: "docs/migrate/from-node.md",
    FromSocketioxide: "docs/migrate/from-socketioxide.md",
    Operations: "docs/operations.md",
}
