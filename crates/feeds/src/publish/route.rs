//! The paths below the mount, and what each takes.

use super::keys::Verb;

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// One operation.
    Operation(Verb),
    /// Several of them.
    Batch,
    /// A list of sockets.
    Sockets,
    /// A list of rooms.
    Rooms,
    /// The description of the API.
    OpenApi,
    /// The page to try it, what it runs and how it looks.
    Page,
    Script,
    Style,
    /// The mount itself, without and with a slash: it leads to the page.
    Root,
    RootSlash,
}

impl Route {
    /// Those that need a key, by their paths: the API.
    pub(super) const API: [(&str, Route); 7] = [
        ("/publish", Route::Operation(Verb::Publish)),
        ("/join", Route::Operation(Verb::Join)),
        ("/leave", Route::Operation(Verb::Leave)),
        ("/disconnect", Route::Operation(Verb::Disconnect)),
        ("/batch", Route::Batch),
        ("/sockets", Route::Sockets),
        ("/rooms", Route::Rooms),
    ];

    const DOCS: [(&str, Route); 6] = [
        ("", Route::Root),
        ("/", Route::RootSlash),
        ("/docs", Route::Page),
        ("/docs.js", Route::Script),
        ("/docs.css", Route::Style),
        ("/openapi.json", Route::OpenApi),
    ];

    /// The route of a path below the mount.
    pub(super) fn find(path: &str, has_docs: bool) -> Option<Self> {
        let docs = if has_docs { &Self::DOCS[..] } else { &[] };
        let mut all = Self::API.iter().chain(docs);
        all.find(|(at, _)| *at == path).map(|(_, route)| *route)
    }

    /// Whether it is asked by `GET`; the others by `POST`.
    pub(super) fn is_read(self) -> bool {
        !matches!(self, Route::Operation(_) | Route::Batch)
    }

    /// For the header `Allow`.
    pub(super) fn methods(self) -> &'static str {
        if self.is_read() { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" }
    }

    /// Whether it needs a key.
    pub(super) fn is_api(self) -> bool {
        matches!(self, Route::Operation(_) | Route::Batch | Route::Sockets | Route::Rooms)
    }
}
