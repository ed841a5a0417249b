//! Of the chat, only its stores speak SQL: another database is then another store, and nothing else.

use anyhow::Result;

use super::Violation;
use super::imports::files_of;
use super::source::{Token, tokens};
use crate::workspace::Workspace;

/// The package, and the folder in it.
const PACKAGE: &str = "sockeye-chat";
const STORES: &str = "src/store";

pub(super) fn check(workspace: &Workspace) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for (path, text) in files_of(workspace, PACKAGE)? {
        // Tests look at the database from outside.
        let is_store = path.starts_with(STORES) || path.ends_with("src/store.rs");
        if path.starts_with("src") && !is_store {
            found.extend(mentions(&tokens(&text)).map(|line| {
                let place = format!("{PACKAGE}: {}:{line}", path.display());
                Violation::new(place, "`sqlx` is for `src/store`; ask a trait of the store instead")
            }));
        }
    }
    Ok(found)
}

/// The lines in which the database's crate is named.
fn mentions(tokens: &[Token]) -> impl Iterator<Item = u32> {
    tokens.iter().filter(|token| token.text() == "sqlx").map(Token::line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_looked_at_and_not_what_is_said_of_it() {
        let source = "use sqlx::Row;\n// sqlx\nlet text = \"sqlx\";\nfn f() -> sqlx::Error {}";
        assert_eq!(mentions(&tokens(source)).collect::<Vec<_>>(), [1, 4]);
    }
}
