//! WebM as `MediaRecorder` writes it, read piece by piece: where its beginning ends, where the keyframes are,
//! and which codecs it has. Everything else is passed on as it came.

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

/// The most bytes of one element, a picture or a description, and of the beginning as a whole.
pub(crate) const ELEMENT_BYTES_MAX: usize = 1 << 20;

/// A part of a video. It owns its bytes alone, so that to keep a part is to keep nothing but it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Init(Init),
    Block(Block),
}

/// The beginning, which describes the tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Init {
    pub(crate) bytes: Bytes,
    /// The media type with its codecs, as `MediaSource` asks for it.
    pub(crate) content_type: String,
}

/// A picture or some sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) bytes: Bytes,
    /// It is a picture that needs none before it, and a new cluster begins with it.
    pub(crate) is_keyframe: bool,
}

/// What is wrong with what should be a live WebM.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WebmError {
    Malformed(&'static str),
    TooLarge(u64),
    Unexpected(u32),
    Codec(String),
}

impl fmt::Display for WebmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "this is no live WebM: {what}"),
            Self::TooLarge(bytes) => {
                write!(f, "an element of {bytes} bytes is too large, {ELEMENT_BYTES_MAX} may be")
            }
            Self::Unexpected(id) => write!(f, "the element {id:#x} does not belong here"),
            Self::Codec(codec) => {
                write!(f, "the codec {codec:?} is none of VP8, VP9, Opus and Vorbis: send these")
            }
        }
    }
}

// Identifiers of elements (RFC 9559 §5.1).
const EBML: u32 = 0x1A45_DFA3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_A966;
const TRACKS: u32 = 0x1654_AE6B;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_NUMBER: u32 = 0xD7;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const CLUSTER: u32 = 0x1F43_B675;
const TIMESTAMP: u32 = 0xE7;
const SIMPLE_BLOCK: u32 = 0xA3;
const BLOCK_GROUP: u32 = 0xA0;
const BLOCK: u32 = 0xA1;
const REFERENCE_BLOCK: u32 = 0xFB;
const KNOWN: [u32; 6] = [EBML, INFO, TRACKS, TIMESTAMP, SIMPLE_BLOCK, BLOCK_GROUP];
/// SeekHead, Cues, Tags, Void, CRC-32, Position, PrevSize: of no use in a live stream, and left out.
const LEFT_OUT: [u32; 7] = [0x114D_9B74, 0x1C53_BB6B, 0x1254_C367, 0xEC, 0xBF, 0xA7, 0xAB];

/// An incremental reader. It holds one unfinished element at most, and the beginning.
#[derive(Default)]
pub(crate) struct Reader {
    buffer: BytesMut,
    init: Vec<u8>,
    tracks: Option<Tracks>,
    /// The header of the cluster with its timestamp. Who begins at a keyframe needs it before the keyframe,
    /// so it is repeated there, wherever in the cluster that is. Empty before the first cluster.
    cluster: Vec<u8>,
    /// Nothing of this cluster was passed on yet.
    is_fresh: bool,
    has_segment: bool,
}

impl Reader {
    /// The parts that end in this piece, in order.
    ///
    /// # Errors
    /// When it is no live WebM that a page can show. The reader is of no use after that.
    pub(crate) fn read(&mut self, piece: &[u8]) -> Result<Vec<Part>, WebmError> {
        self.buffer.extend_from_slice(piece);
        let mut parts = Vec::new();
        while let Some(Header { id, size, length }) = header(&self.buffer)? {
            if self.init.is_empty() && self.cluster.is_empty() && id != EBML {
                return Err(WebmError::Malformed("it does not begin with an EBML header"));
            }
            // The two that hold the others are entered; their sizes are not known while it goes on.
            if id == SEGMENT || id == CLUSTER {
                let head = self.buffer.split_to(length);
                if id == CLUSTER {
                    parts.extend(self.enter_cluster()?.map(Part::Init));
                } else if size.is_some() || std::mem::replace(&mut self.has_segment, true) {
                    return Err(WebmError::Malformed("a segment of a known size, or a second one"));
                } else {
                    self.extend_init(&head)?;
                }
                continue;
            }
            // What belongs nowhere is not waited for.
            if !KNOWN.contains(&id) && !LEFT_OUT.contains(&id) {
                return Err(WebmError::Unexpected(id));
            }
            let size = size.ok_or(WebmError::Malformed("an element without a size"))?;
            let size = usize::try_from(size)
                .ok()
                .filter(|size| *size <= ELEMENT_BYTES_MAX)
                .ok_or(WebmError::TooLarge(size))?;
            if self.buffer.len() < length + size {
                break;
            }
            let element = self.buffer.split_to(length + size);
            parts.extend(self.element(id, length, &element)?.map(Part::Block));
        }
        if self.buffer.is_empty() {
            // What was read is not held until the next piece comes.
            self.buffer = BytesMut::new();
        }
        Ok(parts)
    }

    fn extend_init(&mut self, bytes: &[u8]) -> Result<(), WebmError> {
        let length = self.init.len() + bytes.len();
        if length > ELEMENT_BYTES_MAX {
            return Err(WebmError::TooLarge(length as u64));
        }
        self.init.extend_from_slice(bytes);
        Ok(())
    }

    /// The first cluster ends the beginning.
    fn enter_cluster(&mut self) -> Result<Option<Init>, WebmError> {
        let tracks = self.tracks.as_ref().filter(|_| self.has_segment);
        let tracks = tracks.ok_or(WebmError::Malformed("a cluster before segment and tracks"))?;
        let is_first = self.cluster.is_empty();
        self.cluster = [&CLUSTER.to_be_bytes()[..], &[UNKNOWN_SIZE]].concat();
        self.is_fresh = true;
        Ok(is_first.then(|| Init {
            bytes: std::mem::take(&mut self.init).into(),
            content_type: tracks.content_type(),
        }))
    }

    fn element(&mut self, id: u32, at: usize, whole: &[u8]) -> Result<Option<Block>, WebmError> {
        let body = &whole[at..];
        let is_before = self.cluster.is_empty();
        let has_timestamp = self.cluster.len() > CLUSTER_HEADER_BYTES;
        match id {
            EBML if self.init.is_empty() && is_before => self.extend_init(whole)?,
            INFO | TRACKS if is_before && self.has_segment => {
                if id == TRACKS && self.tracks.replace(Tracks::read(body)?).is_some() {
                    return Err(WebmError::Malformed("its tracks are described twice"));
                }
                self.extend_init(whole)?;
            }
            TIMESTAMP if !is_before && !has_timestamp && body.len() <= 8 => {
                self.cluster.extend_from_slice(whole);
            }
            SIMPLE_BLOCK | BLOCK_GROUP if has_timestamp => {
                let is_keyframe = self.is_keyframe(id, body)?;
                let bytes = if std::mem::take(&mut self.is_fresh) || is_keyframe {
                    [&self.cluster[..], whole].concat().into()
                } else {
                    Bytes::copy_from_slice(whole)
                };
                return Ok(Some(Block { bytes, is_keyframe }));
            }
            id if LEFT_OUT.contains(&id) => {}
            id => return Err(WebmError::Unexpected(id)),
        }
        Ok(None)
    }

    /// Sound has keyframes only; none of them is one here.
    fn is_keyframe(&self, id: u32, body: &[u8]) -> Result<bool, WebmError> {
        let mut block = (id == SIMPLE_BLOCK).then_some(body);
        let mut refers = false;
        if id == BLOCK_GROUP {
            for child in children(body) {
                let (id, body) = child?;
                block = if id == BLOCK { Some(body) } else { block };
                refers |= id == REFERENCE_BLOCK;
            }
        }
        let block = block.ok_or(WebmError::Malformed("a group without a block"))?;
        let track = number(block)?.ok_or(WebmError::Malformed("a block without a track"))?;
        // A timestamp of two bytes lies between the track and the flags.
        let flags =
            block.get(track.length + 2).ok_or(WebmError::Malformed("a block without flags"))?;
        let is_key = if id == SIMPLE_BLOCK { flags & 0x80 != 0 } else { !refers };
        let tracks = self.tracks.as_ref();
        match tracks.and_then(|tracks| tracks.is_video(track.value)) {
            Some(is_video) => Ok(is_video && is_key),
            None => Err(WebmError::Malformed("a block of a track that is not described")),
        }
    }
}

/// A cluster's identifier and its size.
const CLUSTER_HEADER_BYTES: usize = 5;
const UNKNOWN_SIZE: u8 = 0xFF;

/// A track's number and the name of its codec, as media types have it.
type Track = (u64, &'static str);

/// One track of pictures, and perhaps one of sound.
struct Tracks {
    video: Track,
    audio: Option<Track>,
}

impl Tracks {
    fn read(body: &[u8]) -> Result<Self, WebmError> {
        let (mut video, mut audio) = (None, None);
        for entry in children(body) {
            let (id, entry) = entry?;
            if id != TRACK_ENTRY {
                continue;
            }
            let (mut number, mut kind, mut codec) = (None, None, &[][..]);
            for field in children(entry) {
                match field? {
                    (TRACK_NUMBER, body) => number = unsigned(body),
                    (TRACK_TYPE, body) => kind = unsigned(body),
                    (CODEC_ID, body) => codec = body,
                    _ => {}
                }
            }
            let number = number.ok_or(WebmError::Malformed("a track without a number"))?;
            let (track, name) = match (kind, codec) {
                (Some(1), b"V_VP8") => (&mut video, "vp8"),
                (Some(1), b"V_VP9") => (&mut video, "vp9"),
                (Some(2), b"A_OPUS") => (&mut audio, "opus"),
                (Some(2), b"A_VORBIS") => (&mut audio, "vorbis"),
                (Some(1 | 2), _) => {
                    let codec = String::from_utf8_lossy(codec);
                    return Err(WebmError::Codec(codec.chars().take(32).collect()));
                }
                _ => return Err(WebmError::Malformed("a track of neither pictures nor sound")),
            };
            if track.replace((number, name)).is_some() {
                return Err(WebmError::Malformed("two tracks of one kind"));
            }
        }
        let video: Track = video.ok_or(WebmError::Malformed("it has no pictures"))?;
        if audio.is_some_and(|audio: Track| audio.0 == video.0) {
            return Err(WebmError::Malformed("two tracks of one number"));
        }
        Ok(Self { video, audio })
    }

    /// `None`: there is no such track.
    fn is_video(&self, number: u64) -> Option<bool> {
        if self.video.0 == number {
            return Some(true);
        }
        self.audio.filter(|audio| audio.0 == number).map(|_| false)
    }

    fn content_type(&self) -> String {
        match self.audio {
            Some(audio) => format!(r#"video/webm; codecs="{},{}""#, self.video.1, audio.1),
            None => format!(r#"video/webm; codecs="{}""#, self.video.1),
        }
    }
}

struct Header {
    id: u32,
    /// `None`: until something comes that does not belong into it.
    size: Option<u64>,
    length: usize,
}

/// An element's header, `None` if there is more to come of it (RFC 8794 §5, §6).
fn header(bytes: &[u8]) -> Result<Option<Header>, WebmError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let id_length = first.leading_zeros() as usize + 1;
    if id_length > 4 {
        return Err(WebmError::Malformed("an identifier of more than four bytes"));
    }
    let Some(mut id) = bytes.get(..id_length) else { return Ok(None) };
    let id = u32::try_from(id.get_uint(id_length)).expect("four bytes at most");
    let Some(size) = number(&bytes[id_length..])? else { return Ok(None) };
    let length = id_length + size.length;
    Ok(Some(Header { id, size: (!size.is_unknown).then_some(size.value), length }))
}

/// A number of variable length (RFC 8794 §4).
struct Number {
    value: u64,
    length: usize,
    /// All its bits are set.
    is_unknown: bool,
}

fn number(bytes: &[u8]) -> Result<Option<Number>, WebmError> {
    let Some(first) = bytes.first() else { return Ok(None) };
    let length = first.leading_zeros() as usize + 1;
    if length > 8 {
        return Err(WebmError::Malformed("a number of more than eight bytes"));
    }
    let Some(mut bytes) = bytes.get(..length) else { return Ok(None) };
    let mask = (1 << (7 * length)) - 1;
    let value = bytes.get_uint(length) & mask;
    Ok(Some(Number { value, length, is_unknown: value == mask }))
}

/// An unsigned integer, the content of an element (RFC 8794 §7.2).
fn unsigned(mut body: &[u8]) -> Option<u64> {
    (1..=8).contains(&body.len()).then(|| body.get_uint(body.len()))
}

/// The elements that lie in another one.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u32, &[u8]), WebmError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let child = header(bytes).and_then(|header| {
            let broken = WebmError::Malformed("an element that is longer than the one around it");
            let Some(Header { id, size: Some(size), length }) = header else { return Err(broken) };
            let size = usize::try_from(size).ok();
            let Some((body, rest)) = size.and_then(|size| bytes[length..].split_at_checked(size))
            else {
                return Err(broken);
            };
            bytes = rest;
            Ok((id, body))
        });
        if child.is_err() {
            bytes = &[];
        }
        Some(child)
    })
}

#[cfg(test)]
mod tests {
    use super::{Block, ELEMENT_BYTES_MAX, Init, Part, Reader, WebmError};

    /// An element whose content is shorter than 127 bytes.
    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        [id, &[0x80 | u8::try_from(body.len()).unwrap()], body].concat()
    }

    fn track(number: u8, kind: u8, codec: &[u8]) -> Vec<u8> {
        let fields =
            [element(&[0xD7], &[number]), element(&[0x83], &[kind]), element(&[0x86], codec)];
        element(&[0xAE], &fields.concat())
    }

    /// Everything up to the first cluster.
    fn beginning(tracks: &[Vec<u8>]) -> Vec<u8> {
        let segment = [0x18, 0x53, 0x80, 0x67, 0xFF];
        let tracks = element(&[0x16, 0x54, 0xAE, 0x6B], &tracks.concat());
        [element(&[0x1A, 0x45, 0xDF, 0xA3], &[]), segment.to_vec(), tracks].concat()
    }

    fn cluster(timestamp: u8) -> Vec<u8> {
        [&[0x1F, 0x43, 0xB6, 0x75, 0xFF][..], &element(&[0xE7], &[timestamp])].concat()
    }

    fn simple(track: u8, flags: u8, content: u8) -> Vec<u8> {
        element(&[0xA3], &[0x80 | track, 0, 0, flags, content])
    }

    /// A `BlockGroup`; what it refers to makes it a picture that needs another one.
    fn group(track: u8, refers: bool, content: u8) -> Vec<u8> {
        let block = element(&[0xA1], &[0x80 | track, 0, 0, 0, content]);
        let reference = if refers { element(&[0xFB], &[0xFF]) } else { Vec::new() };
        element(&[0xA0], &[block, reference].concat())
    }

    /// A cluster of a keyframe and a block, and another keyframe within it.
    fn clip() -> Vec<u8> {
        let blocks = [simple(1, 0x80, 1), simple(1, 0, 2), simple(1, 0x80, 3)];
        [beginning(&[track(1, 1, b"V_VP8")]), cluster(7), blocks.concat()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Part>, WebmError> {
        Reader::default().read(bytes)
    }

    fn blocks(bytes: &[u8]) -> Vec<Block> {
        let mut parts = read(bytes).unwrap().into_iter();
        assert!(matches!(parts.next(), Some(Part::Init(_))));
        parts
            .map(|part| match part {
                Part::Block(block) => block,
                Part::Init(_) => panic!("a second beginning"),
            })
            .collect()
    }

    #[test]
    fn wherever_it_is_cut_the_parts_are_the_same() {
        let clip = clip();
        let whole = read(&clip).unwrap();
        let block =
            |is_keyframe, bytes: Vec<u8>| Part::Block(Block { bytes: bytes.into(), is_keyframe });
        let init = Init {
            bytes: beginning(&[track(1, 1, b"V_VP8")]).into(),
            content_type: r#"video/webm; codecs="vp8""#.to_owned(),
        };
        let expected = [
            Part::Init(init),
            block(true, [cluster(7), simple(1, 0x80, 1)].concat()),
            block(false, simple(1, 0, 2)),
            // It has the head of its cluster again.
            block(true, [cluster(7), simple(1, 0x80, 3)].concat()),
        ];
        assert_eq!(whole, expected);
        for cut in 0..clip.len() {
            let mut reader = Reader::default();
            let mut parts = reader.read(&clip[..cut]).unwrap();
            parts.extend(reader.read(&clip[cut..]).unwrap());
            assert_eq!(parts, whole, "cut at {cut}");
        }
        let mut reader = Reader::default();
        let bytes = clip.chunks(1).flat_map(|byte| reader.read(byte).unwrap());
        assert_eq!(bytes.collect::<Vec<_>>(), whole, "a byte at a time");
    }

    #[test]
    fn sound_is_passed_on_and_is_no_keyframe() {
        let tracks = [track(1, 2, b"A_OPUS"), track(2, 1, b"V_VP9")];
        let clip = [
            beginning(&tracks),
            cluster(0),
            simple(1, 0x80, 1),
            simple(2, 0x80, 2),
            simple(1, 0x80, 3),
            simple(2, 0, 4),
            cluster(9),
            simple(1, 0x80, 5),
        ];
        let blocks = blocks(&clip.concat());
        let keyframes: Vec<bool> = blocks.iter().map(|block| block.is_keyframe).collect();
        assert_eq!(keyframes, [false, true, false, false, false]);
        assert_eq!(blocks[0].bytes, [cluster(0), simple(1, 0x80, 1)].concat());
        assert_eq!(blocks[4].bytes, [cluster(9), simple(1, 0x80, 5)].concat());
        let Part::Init(init) = read(&clip.concat()).unwrap().remove(0) else { panic!() };
        assert_eq!(init.content_type, r#"video/webm; codecs="vp9,opus""#);
    }

    #[test]
    fn a_group_is_a_keyframe_unless_it_refers_to_another() {
        let begin = [beginning(&[track(1, 1, b"V_VP8")]), cluster(0)].concat();
        let clip = [&begin[..], &group(1, false, 1), &group(1, true, 2)].concat();
        let blocks = blocks(&clip);
        assert_eq!([blocks[0].is_keyframe, blocks[1].is_keyframe], [true, false]);
        assert_eq!(blocks[1].bytes, group(1, true, 2));
        let malformed = |group: &[u8]| {
            let error = read(&[&begin[..], group].concat()).unwrap_err();
            assert!(matches!(error, WebmError::Malformed(_)), "{error}");
        };
        malformed(&element(&[0xA0], &[]));
        malformed(&element(&[0xA0], &element(&[0xA1], &[0x81, 0, 0])));
        malformed(&element(&[0xA0], &[0xA1, 0x85, 0x81, 0, 0, 0]));
        malformed(&group(2, false, 1));
        malformed(&element(&[0xA3], &[]));
    }

    #[test]
    fn codecs_and_tracks_that_pages_do_not_show_are_refused() {
        let refusal =
            |tracks: &[Vec<u8>]| read(&[beginning(tracks), cluster(0)].concat()).unwrap_err();
        let h264 = refusal(&[track(1, 1, b"V_MPEG4/ISO/AVC")]);
        assert_eq!(
            h264.to_string(),
            "the codec \"V_MPEG4/ISO/AVC\" is none of VP8, VP9, Opus and Vorbis: send these"
        );
        assert_eq!(refusal(&[track(1, 1, &[b'x'; 99])]), WebmError::Codec("x".repeat(32)));
        let (video, audio) = (track(1, 1, b"V_VP8"), track(2, 2, b"A_VORBIS"));
        for tracks in [
            &[][..],
            std::slice::from_ref(&audio),
            &[video.clone(), video.clone()],
            &[video.clone(), track(1, 2, b"A_OPUS")],
            &[video.clone(), audio.clone(), track(3, 17, b"S_TEXT/WEBVTT")],
            &[element(&[0xAE], &[0x83, 0x81, 1])],
        ] {
            let error = refusal(tracks);
            assert!(matches!(error, WebmError::Malformed(_)), "{error}");
        }
        let twice =
            [beginning(std::slice::from_ref(&video)), element(&[0x16, 0x54, 0xAE, 0x6B], &video)];
        assert!(matches!(read(&twice.concat()), Err(WebmError::Malformed(_))));
    }

    #[test]
    fn what_is_no_live_webm_is_refused() {
        assert!(matches!(read(b"GIF89a"), Err(WebmError::Malformed(_))));
        assert!(read(&[0; 9]).is_err());
        let clip = clip();
        assert!(read(&[&clip[..10], &clip[5..10]].concat()).is_err(), "a second segment");
        assert!(read(&[&clip[..5], &cluster(0)].concat()).is_err(), "a cluster without a segment");
        assert_eq!(
            read(&[&clip[..], &clip[..5]].concat()),
            Err(WebmError::Unexpected(0x1A45_DFA3))
        );
        assert_eq!(read(&[&clip[..], b"GIF89a"].concat()), Err(WebmError::Unexpected(0x4749)));
        let begin = [beginning(&[track(1, 1, b"V_VP8")]), cluster(0)].concat();
        // Of 1 MiB, and of one byte more.
        let size = |low: u8| [&begin[..], &[0xA3, 0x10, 0x10, 0, low]].concat();
        assert!(read(&size(0)).is_ok());
        assert_eq!(read(&size(1)), Err(WebmError::TooLarge(ELEMENT_BYTES_MAX as u64 + 1)));
    }

    #[test]
    fn garbage_is_refused_or_waited_for_and_is_not_held() {
        let mut random = 0x9E37_79B9_u32;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random
        };
        let clip = [clip(), cluster(3), group(1, false, 1), group(1, true, 2)].concat();
        let mut refused = 0;
        for _ in 0..20_000 {
            let mut bytes = clip.clone();
            for _ in 0..=next() % 4 {
                let at = next() as usize % bytes.len();
                bytes[at] = next() as u8;
            }
            let mut reader = Reader::default();
            let cut = next() as usize % bytes.len();
            let parts = reader.read(&bytes[..cut]).and_then(|_| reader.read(&bytes[cut..]));
            refused += usize::from(parts.is_err());
        }
        assert!((5_000..19_900).contains(&refused), "{refused}");
        // Elements that are left out, before the beginning is done and after it, leave nothing behind.
        let void = [&[0xEC, 0x10, 0x10, 0, 0][..], &vec![0; ELEMENT_BYTES_MAX]].concat();
        for begin in [&clip[..10], &clip] {
            let mut reader = Reader::default();
            reader.read(begin).unwrap();
            for _ in 0..16 {
                assert_eq!(reader.read(&void), Ok(Vec::new()));
            }
            assert_eq!(reader.buffer.capacity(), 0);
            assert!(reader.init.len() < 100);
        }
        // Neither do descriptions without an end.
        let mut reader = Reader::default();
        reader.read(&beginning(&[])[..10]).unwrap();
        let info = [&[0x15, 0x49, 0xA9, 0x66, 0x10, 0x08, 0, 0][..], &[0; 1 << 19]].concat();
        assert_eq!(reader.read(&info), Ok(Vec::new()));
        assert!(matches!(reader.read(&info), Err(WebmError::TooLarge(_))));
    }
}
