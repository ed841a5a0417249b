//! Hostile files, from a seed: the same number is always the same file.

use std::borrow::Cow;
use std::io::Cursor;

use gif::{Encoder as GifEncoder, ExtensionData, Frame, Repeat};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use image_webp::{ColorType as WebpColor, WebPEncoder};

/// What stands in files where nothing of it may come out again.
/// Each is so long that it does not come about by chance.
pub(super) const EVIL: &[&str] =
    &["<script", "alert(", "evil-part", "GPS 47", "Exif\0\0", "\u{3}\u{4} evil"];
const SCRIPT: &str = "<script>alert('evil')</script>";

/// A file, and what its sender says of it.
#[derive(Debug)]
pub(super) struct Hostile {
    pub(super) what: &'static str,
    pub(super) file: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
}

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| (self.next() >> 32) as u8).collect()
    }
}

/// The file of this number.
pub(super) fn hostile(number: usize) -> Hostile {
    let mut random =
        Random(0x9E37_79B9_7F4A_7C15 ^ (number as u64 + 1).wrapping_mul(0xD134_2543_DE82_EF95));
    let random = &mut random;
    for _ in 0..4 {
        random.next();
    }
    let (what, file) = match number % 16 {
        0 => ("GIF and script", gif_and_script(random)),
        1 => ("JPEG and HTML", jpeg_and_html(random)),
        2 => (
            "PNG and ZIP",
            [png(random), b"PK\x03\x04 evil.js".to_vec(), random.bytes(99)].concat(),
        ),
        3 => ("PNG bomb", png_bomb(random)),
        4 => ("GIF bomb", gif_bomb(random)),
        5 => ("WebP bomb", webp_bomb(random)),
        6 => ("SVG with scripts", svg(random)),
        7 => ("another type", other_type(random)),
        8 => ("huge dimensions", huge(random)),
        9 => ("broken off", broken_off(random)),
        10 => ("corrupted", corrupted(random)),
        11 => ("an odd name", any(random)),
        12 => ("Exif with GPS", with_exif(random)),
        13 => ("JPEG of many passes", jpeg_of_many_passes(random)),
        14 => ("many small parts", many_parts(random)),
        _ => ("noise behind a beginning", noise(random)),
    };
    let kinds =
        ["image/png", "image/svg+xml", "application/octet-stream", "image/jpeg; charset=utf-7"];
    let mut headers = vec![("content-type", kinds[random.below(kinds.len())].to_owned())];
    let names =
        ["../../../etc/passwd", "a.svg", "<script>.html", "x.php.png", "C:\\evil.exe", "%00.html"];
    let name = names[random.below(names.len())];
    headers.push(("content-disposition", format!("attachment; filename=\"{name}\"")));
    Hostile { what, file, headers }
}

fn side(random: &mut Random) -> u16 {
    1 + random.below(700) as u16
}

/// A photo that says that it is so large, in which all but the beginning is missing.
pub(super) fn photo(width: u16, height: u16) -> Vec<u8> {
    let mut file = jpeg(&mut Random(1));
    let at = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    file[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
    file[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
    file
}

/// A picture of few colours, with something in it.
fn pixels(random: &mut Random, width: u16, height: u16, bytes: usize) -> Vec<u8> {
    let seed = random.below(255);
    let pixel = |n: usize| ((n / 97 * 31 + n / 7 + seed) & 0xFF) as u8;
    (0..usize::from(width) * usize::from(height) * bytes).map(pixel).collect()
}

fn jpeg(random: &mut Random) -> Vec<u8> {
    let (width, height) = (side(random), side(random));
    let pixels = pixels(random, width, height, 3);
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 30 + random.below(70) as u8);
    encoder.write_image(&pixels, width.into(), height.into(), ExtendedColorType::Rgb8).unwrap();
    file
}

fn png(random: &mut Random) -> Vec<u8> {
    let (width, height) = (side(random), side(random));
    let (colour, bytes) = [
        (png::ColorType::Rgb, 3),
        (png::ColorType::Rgba, 4),
        (png::ColorType::Grayscale, 1),
        (png::ColorType::GrayscaleAlpha, 2),
    ][random.below(4)];
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width.into(), height.into());
    encoder.set_color(colour);
    encoder.add_text_chunk("Comment".into(), SCRIPT.into()).unwrap();
    let pixels = pixels(random, width, height, bytes);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    file
}

fn webp(random: &mut Random) -> Vec<u8> {
    let (width, height) = (side(random), side(random));
    let (colour, bytes) = [(WebpColor::Rgb8, 3), (WebpColor::Rgba8, 4)][random.below(2)];
    let mut file = Vec::new();
    let mut encoder = WebPEncoder::new(&mut file);
    encoder.set_exif_metadata(exif(3));
    encoder
        .encode(&pixels(random, width, height, bytes), width.into(), height.into(), colour)
        .unwrap();
    file
}

fn gif(random: &mut Random) -> Vec<u8> {
    let (width, height) = (1 + random.below(200) as u16, 1 + random.below(200) as u16);
    let mut file = Vec::new();
    let table = random.bytes(3 * 256);
    let mut encoder = GifEncoder::new(&mut file, width, height, &table).unwrap();
    encoder.set_repeat(Repeat::Infinite).unwrap();
    encoder.write_raw_extension(gif::AnyExtension(0xFE), &[SCRIPT.as_bytes()]).unwrap();
    for _ in 0..1 + random.below(6) {
        let frame = Frame {
            left: random.below(width.into()) as u16,
            top: random.below(height.into()) as u16,
            width,
            height,
            delay: random.below(20) as u16,
            transparent: (random.below(2) == 0).then_some(7),
            dispose: [
                gif::DisposalMethod::Keep,
                gif::DisposalMethod::Background,
                gif::DisposalMethod::Previous,
            ][random.below(3)],
            buffer: Cow::Owned(pixels(random, width, height, 1)),
            ..Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

fn any(random: &mut Random) -> Vec<u8> {
    match random.below(4) {
        0 => jpeg(random),
        1 => png(random),
        2 => webp(random),
        _ => gif(random),
    }
}

fn gif_and_script(random: &mut Random) -> Vec<u8> {
    if random.below(2) == 0 {
        // The size reads as the beginning of a comment.
        return b"GIF89a/*\x01\0\0\0\0*/=1;alert('evil')//\0;".to_vec();
    }
    [gif(random), format!("*/=1;{SCRIPT}").into_bytes()].concat()
}

fn jpeg_and_html(random: &mut Random) -> Vec<u8> {
    let page = format!("<!doctype html><html>{SCRIPT}</html>");
    let comment = segment(0xFE, page.as_bytes());
    let file = jpeg(random);
    [&file[..2], &comment, &file[2..], page.as_bytes()].concat()
}

/// A segment of a JPEG.
fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&[0xFF, marker], &length[..], content].concat()
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let body = [&kind[..], content].concat();
    let sum = !body.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    });
    [&(content.len() as u32).to_be_bytes()[..], &body, &sum.to_be_bytes()].concat()
}

fn png_of(width: u32, height: u32, colour: u8, chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, colour, 0, 0, 0]);
    let start = b"\x89PNG\r\n\x1a\n".to_vec();
    [start, chunk(b"IHDR", &header), chunks.concat(), chunk(b"IEND", &[])].concat()
}

/// Noughts, packed as a thousandth of their size: the data of a PNG of so many pixels of a byte.
fn packed(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::NoFilter);
    let noughts = vec![0; (width * height) as usize];
    encoder.write_header().unwrap().write_image_data(&noughts).unwrap();
    let at = file.windows(4).position(|word| word == b"IDAT").unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    file[at + 4..at + 4 + length].to_vec()
}

fn png_bomb(random: &mut Random) -> Vec<u8> {
    let small = packed(4_000, 1_000);
    match random.below(6) {
        // As many pixels as may be.
        0 => png_of(7_000, 7_000, 0, &[chunk(b"IDAT", &packed(7_000, 7_000))]),
        // More in it than it says.
        1 => png_of(8, 8, 0, &[chunk(b"IDAT", &packed(6_000, 6_000))]),
        // Less than it says.
        2 => png_of(7_000, 7_000, 6, &[chunk(b"IDAT", &small)]),
        3 => png_of(60_000, 60_000, 2, &[chunk(b"IDAT", &small)]),
        4 => {
            let profile = [&b"evil\0\0"[..], &packed(8_000, 8_000)].concat();
            let text = [&b"evil\0\0"[..], &packed(8_000, 8_000)].concat();
            let chunks =
                [chunk(b"iCCP", &profile), chunk(b"zTXt", &text), chunk(b"IDAT", &packed(8, 8))];
            png_of(8, 8, 0, &chunks)
        }
        _ => {
            // Interlaced: whole in memory.
            let mut file = png_of(7_000, 7_000, 6, &[chunk(b"IDAT", &small)]);
            file[28] = 1;
            let header = chunk(b"IHDR", &file[16..29]);
            file[8..33].copy_from_slice(&header);
            file
        }
    }
}

fn gif_bomb(random: &mut Random) -> Vec<u8> {
    let (canvas, frame, frames) = [
        (65_535, 1, 2),
        (65_535, 65_535, 1),
        (1, 4_000, 40),
        (1, 1, 5_000),
        (2_800, 1, 50),
        (2_000, 2_000, 6),
        (2_000, 1, 200),
    ][random.below(7)];
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file, canvas, canvas, &[0; 6]).unwrap();
    let buffer = vec![0; usize::from(frame.min(4_000)) * usize::from(frame.min(4_000))];
    let mut picture = Frame {
        width: frame.min(4_000),
        height: frame.min(4_000),
        dispose: gif::DisposalMethod::Previous,
        buffer: Cow::Owned(buffer),
        ..Frame::default()
    };
    picture.make_lzw_pre_encoded();
    // What was packed says that it is larger.
    (picture.width, picture.height) = (frame, frame);
    for _ in 0..frames {
        encoder
            .write_extension(ExtensionData::new_control_ext(1, picture.dispose, false, None))
            .unwrap();
        encoder.write_lzw_pre_encoded_frame(&picture).unwrap();
    }
    drop(encoder);
    file
}

fn riff(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, content) in chunks {
        body.extend(*kind);
        body.extend((content.len() as u32).to_le_bytes());
        body.extend(content);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [b"RIFF", &(body.len() as u32).to_le_bytes()[..], &body].concat()
}

/// What an extended file says first: flags, and the size of the canvas.
fn extended(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut content = vec![flags, 0, 0, 0];
    content.extend(&(width - 1).to_le_bytes()[..3]);
    content.extend(&(height - 1).to_le_bytes()[..3]);
    content
}

/// A key frame that says that it is so large, with noise in it.
fn vp8(random: &mut Random, width: u16, height: u16) -> Vec<u8> {
    let mut content = vec![0x10, 0x20, 0, 0x9D, 0x01, 0x2A];
    content.extend(width.to_le_bytes());
    content.extend(height.to_le_bytes());
    content.extend(random.bytes(2_000));
    content
}

fn webp_bomb(random: &mut Random) -> Vec<u8> {
    match random.below(5) {
        // A small canvas, and in it what says that it is as large as can be.
        0 => riff(&[(b"VP8X", extended(0, 8, 8)), (b"VP8 ", vp8(random, 16_383, 16_383))]),
        1 => riff(&[(b"VP8 ", vp8(random, 16_383, 16_383))]),
        2 => {
            let frame = vp8(random, 16_383, 16_383);
            let mut content = vec![0; 6];
            content.extend([7, 0, 0, 7, 0, 0, 100, 0, 0, 0]);
            content.extend(b"VP8 ");
            content.extend((frame.len() as u32).to_le_bytes());
            content.extend(frame);
            let frames = [(b"ANMF", content.clone()), (b"ANMF", content)];
            let head = [(b"VP8X", extended(2, 8, 8)), (b"ANIM", vec![0; 6])];
            riff(&[head, frames].concat())
        }
        3 => riff(&[(b"VP8L", tables(65_536))]),
        _ => riff(&[(b"VP8L", tables(1 + random.below(20_000) as u32))]),
    }
}

/// A lossless picture of one pixel, for which so many groups of tables are to be made, of 4 KiB a table.
fn tables(groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2F, 8);
    bits.push(0, 14 + 14 + 1 + 3);
    // No transforms, no cache of colours; tables by block, of which there is one.
    bits.push(0, 2);
    bits.push(1, 1);
    bits.push(0, 3);
    // The picture that says which block has which table: its only pixel, by codes of one symbol each.
    bits.push(0, 1);
    let last = groups - 1;
    for symbol in [last & 0xFF, last >> 8, 0, 0, 0] {
        bits.push(0b101, 3);
        bits.push(symbol, 8);
    }
    for _ in 0..groups {
        for alphabet in [280, 256, 256, 256, 40] {
            bits.table(alphabet);
        }
    }
    bits.bytes
}

/// Bits, the lowest of a byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value.checked_shr(bit).unwrap_or(0) & 1) as u8;
            *self.bytes.last_mut().unwrap() |= bit << (self.used % 8);
            self.used += 1;
        }
    }

    /// A code whose lengths are 1, 2 and so on to 10, and 10: its table has 1,024 entries.
    fn table(&mut self, alphabet: u32) {
        // The lengths of the code in which the lengths are told, in the order of the format.
        const ORDER: [u32; 14] = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10];
        // Five symbols of three bits and six of four.
        let length = |symbol: u32| match symbol {
            1..=5 => 3,
            6..=10 | 18 => 4,
            _ => 0,
        };
        self.push(0, 1);
        self.push(10, 4);
        for symbol in ORDER {
            self.push(length(symbol), 3);
        }
        self.push(0, 1);
        let code = |symbol: u32| match symbol {
            1..=5 => (symbol - 1, 3),
            6..=10 => (10 + symbol - 6, 4),
            _ => (15, 4),
        };
        let mut tell = |symbol: u32| {
            let (code, length) = code(symbol);
            self.push(code.reverse_bits() >> (32 - length), length);
        };
        (1..=10).chain([10]).for_each(&mut tell);
        let mut rest = alphabet - 11;
        while rest > 0 {
            let count = rest.min(138);
            let count = if rest - count > 0 && rest - count < 11 { count - 11 } else { count };
            let (code, length) = code(18);
            self.push(code.reverse_bits() >> (32 - length), length);
            self.push(count - 11, 7);
            rest -= count;
        }
    }
}

fn svg(random: &mut Random) -> Vec<u8> {
    let start =
        ["", "\u{FEFF}", "<?xml version=\"1.0\"?>", "\n\n", "<!-- GIF89a -->", "<!DOCTYPE svg>"]
            [random.below(6)];
    let attack = [
        SCRIPT.to_owned(),
        "<a href=\"javascript:alert('evil')\"><rect/></a>".to_owned(),
        "<image href=\"https://evil.example/x\" onload=\"alert('evil')\"/>".to_owned(),
        "<foreignObject><iframe src=\"javascript:alert('evil')\"/></foreignObject>".to_owned(),
    ];
    let attack = &attack[random.below(4)];
    format!("{start}<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\">{attack}</svg>")
        .into_bytes()
}

fn other_type(random: &mut Random) -> Vec<u8> {
    let starts: [&[u8]; 16] = [
        b"",
        b"%PDF-1.7\n",
        b"<!doctype html>",
        b"\x7FELF",
        b"MZ",
        b"PK\x03\x04",
        b"BM",
        b"II*\0",
        b"MM\0*",
        b"\0\0\x01\0",
        b"\0\0\0\x1Cftypavif",
        b"\0\0\0\x18ftypheic",
        b"\0\0\0\x20ftypisom",
        b"RIFF\xFF\xFF\xFF\xFFWAVE",
        b"\xFF\x0A",
        b"\x1F\x8B\x08",
    ];
    let start = starts[random.below(starts.len())];
    let rest = random.below(5_000);
    [start, SCRIPT.as_bytes(), &random.bytes(rest)].concat()
}

fn huge(random: &mut Random) -> Vec<u8> {
    let size = [16_385, 20_000, 65_535, 0, 1, 16_384, 5_460][random.below(7)];
    let other = [1, 16_384, 65_535, 0, 4_095][random.below(5)];
    match random.below(4) {
        0 => {
            let size = [u32::from(size), u32::MAX, 1 << 31, 1 << 20][random.below(4)];
            png_of(
                size,
                other.into(),
                [0, 2, 4, 6][random.below(4)],
                &[chunk(b"IDAT", &packed(8, 8))],
            )
        }
        1 => {
            let mut file = jpeg(random);
            let at = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
            file[at + 5..at + 7].copy_from_slice(&u16::to_be_bytes(size));
            file[at + 7..at + 9].copy_from_slice(&u16::to_be_bytes(other));
            file
        }
        2 => {
            let mut file = gif(random);
            file[6..8].copy_from_slice(&u16::to_le_bytes(size));
            file[8..10].copy_from_slice(&u16::to_le_bytes(other));
            file
        }
        _ => {
            let (width, height) =
                (1 + random.below(1 << 24) as u32, 1 + random.below(1 << 24) as u32);
            let mut plain = Cursor::new(webp(random));
            let content = plain.get_mut().split_off(12);
            riff(&[(b"VP8X", extended(0, width, height)), (b"VP8L", content)])
        }
    }
}

fn broken_off(random: &mut Random) -> Vec<u8> {
    let mut file = any(random);
    let length = if random.below(3) == 0 { random.below(64) } else { random.below(file.len()) };
    file.truncate(length);
    file
}

fn corrupted(random: &mut Random) -> Vec<u8> {
    let mut file = any(random);
    let start = if random.below(2) == 0 { 0 } else { file.len() / 2 };
    for _ in 0..1 + random.below(50) {
        let at = start + random.below(file.len() - start);
        file[at] = random.next() as u8;
    }
    file
}

/// What Exif says: which way is up, and where it was.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2A\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x26, 0, 0, 0, 0]);
    tiff.extend(b"GPS 47.3769 N 8.5417 E evil");
    tiff
}

fn with_exif(random: &mut Random) -> Vec<u8> {
    let orientation = random.below(12) as u8;
    match random.below(3) {
        0 => {
            let file = jpeg(random);
            let exif = segment(0xE1, &[b"Exif\0\0".to_vec(), exif(orientation)].concat());
            let xmp = segment(
                0xE1,
                b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>GPS 47 evil-part</x:xmpmeta>",
            );
            [&file[..2], &exif, &xmp, &file[2..]].concat()
        }
        1 => {
            let file = png(random);
            [&file[..33], &chunk(b"eXIf", &exif(orientation)), &file[33..]].concat()
        }
        _ => webp(random),
    }
}

/// A progressive one that says that it is large, and has pass after pass with nothing in it.
fn jpeg_of_many_passes(random: &mut Random) -> Vec<u8> {
    let side = [400_u16, 3_000, 5_000, 16_384][random.below(4)];
    let plain = jpeg(random);
    let end = plain.windows(2).position(|two| two == [0xFF, 0xDA]).unwrap();
    let mut file = plain[..end].to_vec();
    let at = file.windows(2).position(|two| two == [0xFF, 0xC0]).unwrap();
    file[at + 1] = 0xC2;
    file[at + 5..at + 7].copy_from_slice(&side.to_be_bytes());
    file[at + 7..at + 9].copy_from_slice(&side.to_be_bytes());
    for pass in 0..[30, 2_000, 100_000][random.below(3)] {
        let component = 1 + (pass % 3) as u8;
        let (start, end) = if pass < 3 { (0, 0) } else { (1, 63) };
        file.extend(segment(0xDA, &[1, component, 0, start, end, 0]));
        file.extend([0x7F; 4]);
    }
    file.extend([0xFF, 0xD9]);
    file
}

fn many_parts(random: &mut Random) -> Vec<u8> {
    let count = 1_000 + random.below(60_000);
    match random.below(3) {
        0 => {
            let file = png(random);
            let part = chunk(b"teXt", b"evil-part");
            [&file[..33], &part.repeat(count), &file[33..]].concat()
        }
        1 => {
            let file = jpeg(random);
            let part = segment(
                [0xE1, 0xE2, 0xED, 0xFE][random.below(4)],
                b"ICC_PROFILE\0\x01\x02evil-part",
            );
            [&file[..2], &part.repeat(count), &file[2..]].concat()
        }
        _ => {
            let file = gif(random);
            let part = b"\x21\xFE\x09evil-part\0".repeat(count);
            let start = 13 + 3 * 256;
            [&file[..start], &part, &file[start..]].concat()
        }
    }
}

fn noise(random: &mut Random) -> Vec<u8> {
    let file = any(random);
    let start = [3, 8, 12, 30, 200][random.below(5)].min(file.len());
    let rest = random.below(200_000);
    [&file[..start], &random.bytes(rest)].concat()
}
