//! What does not compile, and that the compiler says which rule was broken.
//!
//! Each file of `tests/ui` is one mistake; its lines `//~ text` are what the compiler has to say. The
//! compiler runs on the library that this test is linked with, so a case takes less than a second.
//! (The crate `trybuild` builds every dependency anew: minutes.)
//!
//! To read the errors as a user would: `SOCKEYE_UI=print cargo test -p sockeye --test ui -- --nocapture`,
//! or `SOCKEYE_UI=debug_` for the cases whose name has that in it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "errors are there to be read")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest build of the library: the one this test was linked with a moment ago.
fn library(deps: &Path) -> PathBuf {
    let files = fs::read_dir(deps).unwrap().map(|file| file.unwrap().path());
    let builds = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("libsockeye-") && name.ends_with(".rlib")
    });
    let newest = builds.max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap());
    newest.expect("the library is built before its tests")
}

/// What the compiler says about a file; `None` when it has nothing against it.
fn complaint(case: &Path, deps: &Path, library: &Path) -> Option<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let out = env::temp_dir().join(format!("sockeye-ui-{}", std::process::id()));
    fs::create_dir_all(&out).unwrap();
    let compiled = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--out-dir"])
        .arg(&out)
        .arg("-L")
        .arg(format!("dependency={}", deps.display()))
        .arg("--extern")
        .arg(format!("sockeye={}", library.display()))
        .arg(case)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
    (!compiled.status.success()).then_some(said)
}

#[test]
fn mistakes_do_not_compile_and_name_the_rule() {
    let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
    let library = library(&deps);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let mut cases: Vec<_> =
        fs::read_dir(folder).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 10, "only {} cases were found", cases.len());
    let shown = env::var("SOCKEYE_UI").ok();
    let mut wrong = Vec::new();
    for case in cases {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let source = fs::read_to_string(&case).unwrap();
        let said = complaint(&case, &deps, &library);
        if shown.as_ref().is_some_and(|part| part == "print" || name.contains(part)) {
            println!("\n===== {name}\n{}", said.as_deref().unwrap_or("compiles"));
        }
        let wanted: Vec<_> = source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        match said {
            None if wanted.is_empty() => {}
            None => wrong.push(format!("{name} compiles, but is a mistake")),
            Some(said) if wanted.is_empty() => wrong.push(format!("{name} is no mistake:\n{said}")),
            Some(said) => {
                let missing = wanted.into_iter().filter(|wanted| !said.contains(wanted));
                wrong.extend(missing.map(|it| format!("{name}: {it:?} is not in:\n{said}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
