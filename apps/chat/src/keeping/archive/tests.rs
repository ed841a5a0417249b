use super::*;

/// A picture's name, and what is in it.
const PICTURE: &[u8] = b"a picture";

fn picture() -> String {
    let hash = hex(&Sha256::digest(PICTURE));
    format!("{PICTURES}/{}/{hash}.jpg", &hash[..2])
}

fn manifest() -> Manifest {
    Manifest {
        format: FORMAT,
        program: "0.0.0".to_owned(),
        made_at: 1,
        schema: 1,
        people: 0,
        rooms: 0,
        messages: 0,
        pictures: 1,
        files: BTreeMap::new(),
    }
}

fn whole() -> (Vec<u8>, Manifest) {
    let mut archive = ArchiveWriter::new(Vec::new(), 7);
    for (name, body) in [(FILE_NAME, &[7; 1_000][..]), (&picture(), PICTURE)] {
        archive.append(&Place::parse(name).unwrap(), body.len() as u64, body).unwrap();
    }
    archive.finish(manifest()).unwrap()
}

/// What comes of it, and what was given meanwhile.
fn read(archive: &[u8]) -> (Result<Manifest, ArchiveError>, BTreeMap<String, Vec<u8>>) {
    let mut files = BTreeMap::new();
    let read = unpack(
        archive,
        |_, _| Ok(Vec::new()),
        |place, body| {
            files.insert(place.as_str().to_owned(), body);
            Ok(())
        },
    );
    (read, files)
}

/// An archive of these, without a look at what they are.
fn made_of(entries: &[(EntryType, &[u8], &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, body) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(*kind);
        header.set_size(body.len() as u64);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(body);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1_024, 0);
    out
}

/// The manifest of such entries, which are as they should be but for what is tried.
fn manifest_of(entries: &[(EntryType, &[u8], &[u8])]) -> Vec<u8> {
    let mut manifest = manifest();
    for (_, name, body) in entries {
        let entry = Entry { bytes: body.len() as u64, sha256: hex(&Sha256::digest(body)) };
        manifest.files.insert(String::from_utf8_lossy(name).into_owned(), entry);
    }
    serde_json::to_vec(&manifest).unwrap()
}

#[test]
fn what_was_written_is_read() {
    let (archive, written) = whole();
    let (read, files) = read(&archive);
    assert_eq!(read.unwrap(), written);
    assert_eq!(files[FILE_NAME], [7; 1_000]);
    assert_eq!(files[&picture()], PICTURE);
    assert_eq!(written.files.len(), 2);
}

#[test]
fn names_are_those_of_the_list_alone() {
    let hash = "ab".repeat(32);
    let good = ["chat.db", "keys.json", "sockeye.toml", &format!("pictures/ab/{hash}.webp")];
    assert!(good.iter().all(|name| Place::parse(name).is_some()));
    for bad in [
        "",
        "/chat.db",
        "./chat.db",
        "../chat.db",
        "chat.db/",
        "CHAT.DB",
        "chat.db-wal",
        "control.sock",
        "manifest.json",
        "pictures",
        "pictures/",
        "pictures/../chat.db",
        "pictures/ab/../../../etc/passwd",
        "pictures\\ab\\x",
        &format!("pictures/ac/{hash}.jpg"),
        &format!("pictures/ab/{hash}"),
        &format!("pictures/ab/{hash}."),
        &format!("pictures/ab/{hash}.jpg.exe"),
        &format!("pictures/ab/{hash}.JPG"),
        &format!("pictures/ab/{hash}.svg"),
        &format!("pictures/ab/{hash}.part"),
        &format!("pictures/AB/{}.jpg", hash.to_uppercase()),
        &format!("pictures/ab/{}.jpg", &hash[1..]),
        &format!("pictures/ab/x/{hash}.jpg"),
        &format!("/pictures/ab/{hash}.jpg"),
    ] {
        assert!(Place::parse(bad).is_none(), "{bad}");
    }
}

/// At every byte: it is never taken for a whole one, and nothing panics.
#[test]
fn an_archive_that_was_cut_is_refused() {
    let (archive, _) = whole();
    // What follows the manifest are empty blocks, and the rest of its own last one.
    let text = archive.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    for length in 0..text {
        let (read, _) = read(&archive[..length]);
        assert!(read.is_err(), "cut at {length}");
    }
    assert!(read(&archive[..text.next_multiple_of(512)]).0.is_ok());
}

/// Each byte that counts is looked at: of the files, of their headers, of the manifest.
#[test]
fn an_archive_that_was_changed_is_refused_or_says_the_same() {
    let (archive, whole) = whole();
    for n in 0..archive.len() - 1_024 {
        let mut changed = archive.clone();
        changed[n] ^= 0x41;
        let (read, files) = read(&changed);
        if let Ok(manifest) = read {
            assert_eq!(manifest.files, whole.files, "changed at {n}");
            assert_eq!(files[FILE_NAME], [7; 1_000], "changed at {n}");
            assert_eq!(files[&picture()], PICTURE, "changed at {n}");
        }
    }
}

#[test]
fn hostile_archives_are_refused() {
    use EntryType as Kind;

    let database: (Kind, &[u8], &[u8]) = (Kind::Regular, b"chat.db", b"database");
    for (entry, expected) in [
        ((Kind::Regular, &b"../../etc/passwd"[..], &b"x"[..]), "which no backup has"),
        ((Kind::Regular, b"/etc/passwd", b"x"), "which no backup has"),
        ((Kind::Regular, b"pictures/../x", b"x"), "which no backup has"),
        ((Kind::Regular, b"\xFF\xFE", b"x"), "which no backup has"),
        ((Kind::Symlink, b"keys.json", b""), "which no backup has"),
        ((Kind::Link, b"keys.json", b""), "which no backup has"),
        ((Kind::Directory, b"pictures", b""), "which no backup has"),
        ((Kind::Char, b"keys.json", b""), "which no backup has"),
        ((Kind::Fifo, b"keys.json", b""), "which no backup has"),
        ((Kind::GNUSparse, b"keys.json", b""), "which no backup has"),
        ((Kind::GNULongName, b"././@LongLink", b"../../x"), "which no backup has"),
        ((Kind::XHeader, b"keys.json", b"19 path=../../../x\n"), "which no backup has"),
        ((Kind::XGlobalHeader, b"keys.json", b"19 path=../../../x\n"), "which no backup has"),
        ((Kind::Regular, b"chat.db", b"another"), "twice"),
    ] {
        let entries = [database, entry];
        let manifest = manifest_of(&entries);
        let [database, entry] = entries;
        let archive = made_of(&[database, entry, (Kind::Regular, b"manifest.json", &manifest)]);
        let error = read(&archive).0.expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let manifest = manifest_of(&[database]);
    let end = (Kind::Regular, &b"manifest.json"[..], &manifest[..]);
    assert!(read(&made_of(&[database, end])).0.is_ok());
    for (archive, expected) in [
        (made_of(&[database, end, end]), "behind its end"),
        (made_of(&[database, end, (Kind::Regular, b"keys.json", b"")]), "behind its end"),
        (made_of(&[database]), "end is missing"),
        (made_of(&[end]), "\"chat.db\" is missing"),
        (made_of(&[database, (Kind::Regular, b"keys.json", b""), end]), "\"keys.json\" is missing"),
        (made_of(&[database, (Kind::Regular, b"manifest.json", b"{}")]), "manifest cannot be read"),
        (
            made_of(&[database, (Kind::Regular, b"manifest.json", br#"{"format":2,"x":1}"#)]),
            "format 2",
        ),
        (b"not a backup at all".repeat(100), "cannot be read"),
        (Vec::new(), "end is missing"),
    ] {
        let error = read(&archive).0.expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Sizes that are not there cost nothing.
#[test]
fn sizes_are_believed_only_as_far_as_bytes_come() {
    for (name, size, expected) in [
        ("manifest.json", u64::MAX / 2, "too large"),
        ("keys.json", SMALL_BYTES_MAX + 1, "too large"),
        (&*picture(), PICTURE_BYTES_MAX + 1, "too large"),
        ("keys.json", SMALL_BYTES_MAX, "end is missing"),
        ("chat.db", 1 << 50, "end is missing"),
        ("manifest.json", MANIFEST_BYTES_MAX, "end is missing"),
    ] {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_cksum();
        let mut archive = header.as_bytes().to_vec();
        archive.extend_from_slice(&[b' '; 1_000]);
        let error = read(&archive).0.expect_err(expected).to_string();
        assert!(error.contains(expected), "{name} {size}: {error}");
    }
}
