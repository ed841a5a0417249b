//! The files of the page: built into the program, or read from a folder at the start.
//!
//! Everything is in memory and looked up by its whole name, so a request can never reach another
//! file.

use std::collections::HashMap;
use std::path::Path;
use std::{fs, io};

use axum::body::Bytes;
use thiserror::Error;

use crate::accounts::contract::Boot;
use crate::site::html;

/// Where the page's HTML takes what it is told; see [`Ui::page`].
const BOOT_MARK: &str = "<!--boot-->";
/// How its HTML names the picture that previews of links show: crawlers want the whole address of it.
const PREVIEW: &str = "content=\"/preview.png\"";
/// The most bytes read from a folder given as `--ui`.
const FOLDER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What the build script found; each with its path below `web/dist`.
static EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/ui.rs"));

/// The page's files. Empty when the program was built without them.
#[derive(Clone, Debug, Default)]
pub struct Ui {
    /// `index.html` before and after [`BOOT_MARK`].
    index: Option<(String, String)>,
    /// `lab.html`, which is told nothing.
    lab: Option<Bytes>,
    files: HashMap<String, Asset>,
}

/// One file.
#[derive(Clone, Debug)]
pub struct Asset {
    /// Its contents.
    pub body: Bytes,
    /// Its media type, from its name.
    pub content_type: &'static str,
    /// Whether its name changes with its contents, so that it may be kept for ever.
    pub is_immutable: bool,
}

/// Why a folder cannot serve as the page.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UiError {
    /// It cannot be read.
    #[error("the folder of the page cannot be read")]
    Read(#[from] io::Error),
    /// There is no `index.html` in it, or it is not that of this chat.
    #[error("index.html is missing or has no {BOOT_MARK}")]
    Index,
    /// It holds more than a page does.
    #[error("the folder of the page holds more than {FOLDER_BYTES_MAX} bytes")]
    TooLarge,
}

impl Ui {
    /// What was built into the program; empty when nothing was.
    pub fn embedded() -> Self {
        let files =
            EMBEDDED.iter().map(|(name, body)| ((*name).to_owned(), Bytes::from_static(body)));
        Ui::from_files(files).unwrap_or_default()
    }

    /// What `npm run build` left in a folder.
    ///
    /// # Errors
    /// The folder cannot be read, is too large, or has no `index.html` of this chat.
    pub fn from_folder(folder: &Path) -> Result<Self, UiError> {
        let mut files = Vec::new();
        let mut bytes_left = FOLDER_BYTES_MAX;
        read_folder(folder, "", &mut bytes_left, &mut files)?;
        Ui::from_files(files.into_iter()).ok_or(UiError::Index)
    }

    /// Whether there is a page to serve.
    pub fn is_present(&self) -> bool {
        self.index.is_some()
    }

    /// The page's HTML, told what to show and at which address; `links` is HTML for browsers that run no scripts.
    /// `None` without a page.
    pub fn page(&self, boot: &Boot, links: &str) -> Option<String> {
        let (head, tail) = self.index.as_ref()?;
        let address = html::attribute(&boot.address);
        let head = head.replace(PREVIEW, &format!("content=\"{address}/preview.png\""));
        let boot = script_json(boot);
        Some(format!(
            "{head}<script id=\"boot\" type=\"application/json\">{boot}</script>\
             <noscript>{links}</noscript>{tail}"
        ))
    }

    /// The lab's HTML; `None` without it.
    pub fn lab_page(&self) -> Option<Bytes> {
        self.lab.clone()
    }

    /// The file of that name, such as `assets/index-4f2a.js`.
    pub fn file(&self, name: &str) -> Option<&Asset> {
        self.files.get(name)
    }

    fn from_files(files: impl Iterator<Item = (String, Bytes)>) -> Option<Self> {
        let mut ui = Ui::default();
        for (name, body) in files {
            if name == "index.html" {
                let html = std::str::from_utf8(&body).ok()?;
                ui.index = html.split_once(BOOT_MARK).map(|(a, b)| (a.to_owned(), b.to_owned()));
            } else if name == "lab.html" {
                ui.lab = Some(body);
            } else {
                let content_type = content_type(&name);
                let is_immutable = name.starts_with("assets/");
                ui.files.insert(name, Asset { body, content_type, is_immutable });
            }
        }
        ui.index.is_some().then_some(ui)
    }
}

/// JSON that can stand inside a `<script>` element: whatever it contains, it does not end it.
fn script_json(boot: &Boot) -> String {
    let json = serde_json::to_string(boot).expect("plain structs with string keys");
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    safe
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    bytes_left: &mut u64,
    files: &mut Vec<(String, Bytes)>,
) -> Result<(), UiError> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(file_name) = entry.file_name().into_string() else {
            continue;
        };
        let name = format!("{prefix}{file_name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_folder(&entry.path(), &format!("{name}/"), bytes_left, files)?;
        } else if kind.is_file() {
            let length = entry.metadata()?.len();
            *bytes_left = bytes_left.checked_sub(length).ok_or(UiError::TooLarge)?;
            files.push((name, fs::read(entry.path())?.into()));
        }
    }
    Ok(())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::contract::{Me, Person, Role};

    fn ui(index: &str) -> Option<Ui> {
        let files = [
            ("index.html", index),
            ("lab.html", "<html></html>"),
            ("assets/a-1.js", "1"),
            ("favicon.svg", "<svg/>"),
        ];
        Ui::from_files(
            files
                .into_iter()
                .map(|(name, body)| (name.to_owned(), Bytes::copy_from_slice(body.as_bytes()))),
        )
    }

    #[test]
    fn text_of_people_cannot_leave_the_script_element() {
        let evil = "</script><script>alert(1)</script><!--\u{2028}&";
        let page = ui("<html><!--boot--></html>").unwrap();
        let person = Person {
            id: "p".to_owned(),
            name: evil.to_owned(),
            role: Role::Guest,
            colour: 0,
            picture: None,
        };
        let (session, blocked) = ("s".to_owned(), Vec::new());
        let boot =
            Boot { me: Some(Me { person, session, expires_at: 1, blocked }), ..Boot::default() };
        let html = page.page(&boot, "").unwrap();
        let start = html.find("json\">").unwrap() + "json\">".len();
        let json = &html[start..start + html[start..].find("</script>").unwrap()];
        assert!(!json.contains(['<', '>', '&', '\u{2028}']), "{json}");
        let back: Boot = serde_json::from_str(json).unwrap();
        assert_eq!(back, boot);
    }

    #[test]
    fn only_what_is_there_is_found() {
        let ui = ui("<!--boot-->").unwrap();
        assert!(ui.file("assets/a-1.js").unwrap().is_immutable);
        assert!(!ui.file("favicon.svg").unwrap().is_immutable);
        assert_eq!(ui.lab_page().unwrap(), "<html></html>");
        for missing in
            ["", "index.html", "lab.html", "assets", "assets/", "assets/../favicon.svg", "../x"]
        {
            assert!(ui.file(missing).is_none(), "{missing}");
        }
    }

    #[test]
    fn a_page_without_the_mark_is_refused() {
        assert!(ui("<html></html>").is_none());
        let folder = tempfile::TempDir::new().unwrap();
        assert!(matches!(Ui::from_folder(folder.path()), Err(UiError::Index)));
        assert!(matches!(Ui::from_folder(&folder.path().join("none")), Err(UiError::Read(_))));
        fs::create_dir(folder.path().join("assets")).unwrap();
        fs::write(folder.path().join("assets/x.css"), "x").unwrap();
        fs::write(folder.path().join("index.html"), "a<!--boot-->b").unwrap();
        let ui = Ui::from_folder(folder.path()).unwrap();
        assert_eq!(ui.file("assets/x.css").unwrap().content_type, "text/css; charset=utf-8");
        assert!(ui.page(&Boot::default(), "").unwrap().starts_with("a<script"));
    }
}
