//! Embeds the page that `npm run build` left in `web/dist`, when it is there. Without it the
//! program builds all the same and says how to make it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let dist = here.join("web/dist");
    let is_built = dist.join("index.html").is_file();
    println!("cargo::rerun-if-changed=build.rs");
    // Cargo takes a missing path for one that always changes, and would compile every time.
    println!("cargo::rerun-if-changed={}", if is_built { "web/dist" } else { "web" });

    let mut files = Vec::new();
    if is_built {
        collect(&dist, &mut files)?;
        files.sort();
    }
    let mut source = String::from("&[\n");
    for file in &files {
        let name = file.strip_prefix(&dist).expect("it was found in there");
        let name = name.to_str().expect("the bundler writes ASCII names").replace('\\', "/");
        let path = file.to_str().expect("cargo itself needs a UTF-8 path");
        let _ = writeln!(source, "    ({name:?}, include_bytes!({path:?}).as_slice()),");
    }
    source.push_str("]\n");
    fs::write(out.join("ui.rs"), source)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
