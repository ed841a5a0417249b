use std::borrow::Cow;
use std::fs;

use gif::{DisposalMethod, Encoder as GifEncoder, Frame, Repeat};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder as _};
use image_webp::{ColorType as WebpColor, WebPEncoder};
use tempfile::TempDir;

use super::*;

/// What was made of a file.
struct Made {
    converted: Converted,
    file: Vec<u8>,
    thumbnail: Option<Vec<u8>>,
}

fn made(sent: &[u8]) -> Result<Made, Unfit> {
    let folder = TempDir::new().unwrap();
    let path = |name| folder.path().join(name);
    fs::write(path("sent"), sent).unwrap();
    let never = AtomicBool::new(false);
    let converted = convert(&path("sent"), &path("picture"), &path("thumbnail"), &never)?;
    let thumbnail = converted.thumbnail.map(|_| fs::read(path("thumbnail")).unwrap());
    Ok(Made { converted, file: fs::read(path("picture")).unwrap(), thumbnail })
}

/// Width, height and pixels of four bytes of what is served: read by whatever reads it in these tests.
fn decoded(file: &[u8]) -> (u32, u32, Vec<u8>) {
    if file.starts_with(&[0xFF, 0xD8]) {
        let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(file));
        let pixels = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        let pixels = pixels.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, 255]);
        return (info.width.into(), info.height.into(), pixels.collect());
    }
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

fn jpeg(width: u16, height: u16, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut file, 95);
    encoder.write_image(pixels, width.into(), height.into(), ExtendedColorType::Rgb8).unwrap();
    file
}

fn png(width: u32, height: u32, colour: png::ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(colour);
    encoder.set_compression(png::Compression::Fast);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    file
}

/// Left half red, right half blue.
fn halves(width: usize, height: usize) -> Vec<u8> {
    let row = [[250, 10, 10].repeat(width / 2), [10, 10, 250].repeat(width - width / 2)].concat();
    row.repeat(height)
}

/// A segment of Exif that asks for this orientation, and says where the picture was taken.
fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"MM\0\x2A\0\0\0\x08\0\x02".to_vec();
    tiff.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    // The pointer to what GPS said (tag 0x8825).
    tiff.extend([0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0x26, 0, 0, 0, 0]);
    tiff.extend(b"GPS 47.3769 N 8.5417 E");
    tiff
}

fn with_exif(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let exif = [b"Exif\0\0".to_vec(), exif(orientation)].concat();
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &exif, &jpeg[2..]].concat()
}

fn has(file: &[u8], what: &[u8]) -> bool {
    file.windows(what.len()).any(|window| window == what)
}

fn is_near(pixel: &[u8], colour: [u8; 3]) -> bool {
    pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 40)
}

#[test]
fn a_jpeg_stays_one_and_small_ones_are_their_own_thumbnail() {
    let made = made(&jpeg(100, 60, &halves(100, 60))).unwrap();
    let Converted { format, width, height, is_animated, thumbnail } = made.converted;
    assert_eq!((format, width, height, is_animated), (Format::Jpeg, 100, 60, false));
    assert!(thumbnail.is_none() && made.thumbnail.is_none());
    let (width, height, pixels) = decoded(&made.file);
    assert_eq!((width, height), (100, 60));
    assert!(is_near(&pixels[..3], [250, 10, 10]) && is_near(&pixels[99 * 4..][..3], [10, 10, 250]));
}

#[test]
fn what_is_large_is_made_smaller() {
    let made = made(&jpeg(3_000, 1_500, &halves(3_000, 1_500))).unwrap();
    assert_eq!((made.converted.width, made.converted.height), (2_560, 1_280));
    let (width, height, pixels) = decoded(&made.file);
    assert_eq!((width, height), (2_560, 1_280));
    assert!(is_near(&pixels[..3], [250, 10, 10]));
    let (width, height, pixels) = decoded(&made.thumbnail.unwrap());
    assert_eq!((width, height), (480, 240));
    assert!(is_near(&pixels[479 * 4..][..3], [10, 10, 250]));
}

#[test]
fn a_picture_stands_upright_and_says_nothing_of_where_it_was_taken() {
    let plain = jpeg(64, 32, &halves(64, 32));
    // Where the red half is afterwards: at the left, right, top or bottom.
    for (orientation, size, is_red_at) in [
        (1, (64, 32), (8, 16)),
        (2, (64, 32), (56, 16)),
        (3, (64, 32), (56, 16)),
        (4, (64, 32), (8, 16)),
        (5, (32, 64), (16, 8)),
        (6, (32, 64), (16, 8)),
        (7, (32, 64), (16, 56)),
        (8, (32, 64), (16, 56)),
    ] {
        let sent = with_exif(&plain, orientation);
        assert!(has(&sent, b"GPS 47"));
        let made = made(&sent).unwrap();
        let (width, height, pixels) = decoded(&made.file);
        assert_eq!((width, height), size, "{orientation}");
        let at = (is_red_at.1 * width + is_red_at.0) as usize * 4;
        assert!(is_near(&pixels[at..at + 3], [250, 10, 10]), "{orientation}");
        for what in [&b"Exif"[..], b"GPS", b"MM\0"] {
            assert!(!has(&made.file, what), "{orientation}");
        }
    }
}

#[test]
fn nothing_behind_or_beside_a_picture_survives() {
    let script = b"<script>alert(1)</script>";
    let png = png(8, 8, png::ColorType::Rgb, &halves(8, 8));
    let text = {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 8, 8);
        encoder.set_color(png::ColorType::Rgb);
        encoder.add_text_chunk("Comment".into(), "<script>alert(1)</script>".into()).unwrap();
        encoder.write_header().unwrap().write_image_data(&halves(8, 8)).unwrap();
        file
    };
    let zip = b"PK\x03\x04 evil.js";
    for sent in [[&*png, script].concat(), text, [&*png, zip].concat()] {
        let made = made(&sent).unwrap();
        assert!(!has(&made.file, b"script") && !has(&made.file, b"evil"));
        assert_eq!(decoded(&made.file).2.len(), 8 * 8 * 4);
    }
    let sent = [&*jpeg(8, 8, &halves(8, 8)), script].concat();
    assert!(!has(&made(&sent).unwrap().file, b"script"));
}

#[test]
fn what_can_be_seen_through_stays_so() {
    let pixels = [[200, 0, 0, 255], [0, 200, 0, 0]].concat().repeat(50);
    let file = png(10, 10, png::ColorType::Rgba, &pixels);
    let made = made(&file).unwrap();
    assert_eq!(made.converted.format, Format::Png);
    assert_eq!(decoded(&made.file).2[..8], [200, 0, 0, 255, 0, 200, 0, 0]);
}

#[test]
fn grey_and_deep_and_interlaced_ones_are_read() {
    for (colour, bytes) in [
        (png::ColorType::Grayscale, 1),
        (png::ColorType::GrayscaleAlpha, 2),
        (png::ColorType::Rgb, 3),
        (png::ColorType::Rgba, 4),
    ] {
        let made = made(&png(600, 20, colour, &vec![255; 600 * 20 * bytes])).unwrap();
        assert_eq!(decoded(&made.file).2, vec![255; 600 * 20 * 4], "{colour:?}");
        assert_eq!(made.converted.thumbnail, Some(Format::Jpeg), "it is opaque");
    }
}

#[test]
fn an_opaque_png_that_would_be_large_becomes_a_jpeg() {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let pixels: Vec<u8> = (0..1_400 * 1_100 * 3).map(|_| noise()).collect();
    let made = made(&png(1_400, 1_100, png::ColorType::Rgb, &pixels)).unwrap();
    assert_eq!(made.converted.format, Format::Jpeg);
    assert!((made.file.len() as u64) < PNG_BYTES_MAX);
}

#[test]
fn a_webp_becomes_a_png() {
    for (colour, bytes) in [(WebpColor::Rgb8, 3), (WebpColor::Rgba8, 4)] {
        let mut file = Vec::new();
        let pixels = vec![130; 40 * 30 * bytes];
        WebPEncoder::new(&mut file).encode(&pixels, 40, 30, colour).unwrap();
        let made = made(&file).unwrap();
        assert_eq!((made.converted.format, made.converted.width), (Format::Png, 40));
        let expected = if bytes == 3 { [130, 130, 130, 255] } else { [130; 4] };
        assert_eq!(decoded(&made.file).2[..4], expected);
    }
}

/// A frame: left, top, width and height, all of one colour; `None` cannot be seen.
type Area = ((u16, u16, u16, u16), Option<u8>, DisposalMethod);

/// A GIF with these frames.
fn animated(size: u16, frames: &[Area]) -> Vec<u8> {
    let mut file = Vec::new();
    let table = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]].concat();
    let mut encoder = GifEncoder::new(&mut file, size, size, &table).unwrap();
    encoder.set_repeat(Repeat::Infinite).unwrap();
    for ((left, top, width, height), colour, dispose) in frames {
        let frame = Frame {
            delay: 7,
            dispose: *dispose,
            transparent: Some(3),
            left: *left,
            top: *top,
            width: *width,
            height: *height,
            buffer: Cow::Owned(vec![colour.unwrap_or(3); usize::from(width * height)]),
            ..Frame::default()
        };
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// What is seen of a GIF, frame by frame, and how long.
fn shown(file: &[u8]) -> Vec<(Vec<u8>, u16)> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("gif");
    fs::write(&path, file).unwrap();
    let mut from = BufReader::new(File::open(&path).unwrap());
    animation::shown(&mut from)
}

#[test]
fn an_animation_is_seen_as_it_was() {
    use DisposalMethod::{Background, Keep, Previous};

    let sent = animated(
        20,
        &[
            ((0, 0, 20, 20), Some(0), Keep),
            ((5, 5, 4, 4), Some(1), Previous),
            ((8, 8, 4, 4), Some(2), Background),
            ((0, 0, 2, 2), Some(1), Keep),
            ((0, 0, 2, 2), None, Keep),
        ],
    );
    let made = made(&sent).unwrap();
    let Converted { format, width, is_animated, thumbnail, .. } = made.converted;
    assert_eq!((format, width, is_animated), (Format::Gif, 20, true));
    assert_eq!(shown(&made.file), shown(&sent));
    assert!(shown(&sent).iter().all(|(_, delay)| *delay == 7) && shown(&sent).len() == 5);
    // The first frame is all red.
    assert_eq!(thumbnail, Some(Format::Jpeg));
    assert!(is_near(&decoded(&made.thumbnail.unwrap()).2[..3], [254, 0, 0]));
}

#[test]
fn a_large_animation_is_made_smaller_and_one_frame_is_a_picture() {
    let frame = ((0, 0, 255, 255), Some(1), DisposalMethod::Keep);
    let one = made(&animated(255, &[frame])).unwrap();
    assert_eq!((one.converted.format, one.converted.is_animated), (Format::Png, false));
    let large = made(&animated(2_000, &[frame, frame])).unwrap();
    assert_eq!((large.converted.width, large.converted.height), (960, 960));
    assert!(large.converted.is_animated && shown(&large.file).len() == 2);
}

#[test]
fn an_animation_has_so_many_frames_and_pixels() {
    let frames = |count: u64| vec![((0, 0, 1, 1), Some(1), DisposalMethod::Keep); count as usize];
    assert!(made(&animated(1, &frames(FRAMES_MAX))).is_ok());
    assert!(matches!(made(&animated(1, &frames(FRAMES_MAX + 1))), Err(Unfit::TooLong)));
    let at_edge = FRAMES_PIXELS_MAX / 4_000_000;
    let sent = animated(2_000, &frames(at_edge + 1));
    assert!(matches!(made(&sent), Err(Unfit::TooLong)));
}

/// A PNG that says that it is so large, with nothing in it.
fn claims(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(1, 1, png::ColorType::Grayscale, &[0]);
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc(&file[12..29]);
    file[29..33].copy_from_slice(&sum.to_be_bytes());
    file
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn a_picture_has_so_many_pixels() {
    // At the limit it is read, and there is nothing in it.
    assert!(matches!(made(&claims(SIDE_MAX, 1)), Err(Unfit::NotAPicture)));
    assert!(matches!(made(&claims(SIDE_MAX + 1, 1)), Err(Unfit::TooLarge)));
    assert!(matches!(made(&claims(10_000, 5_000)), Err(Unfit::NotAPicture)));
    assert!(matches!(made(&claims(10_000, 5_001)), Err(Unfit::TooLarge)));
    assert!(matches!(made(&claims(u32::MAX >> 1, u32::MAX >> 1)), Err(Unfit::TooLarge)));
}

#[test]
fn anything_else_is_no_picture() {
    for sent in [
        &b""[..],
        b"\xFF\xD8",
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"%PDF-1.7",
        b"BM\x46\0\0\0",
        b"II*\0",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x1CftypavifXXXX",
        b"GIF89a",
        b"\xFF\xD8\xFF\xE0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x10\0\0\0WEBPVP8 ",
    ] {
        assert!(matches!(made(sent), Err(Unfit::NotAPicture)), "{sent:?}");
    }
}

#[test]
fn what_nobody_waits_for_is_not_made() {
    let folder = TempDir::new().unwrap();
    let path = |name| folder.path().join(name);
    fs::write(path("sent"), png(8, 8, png::ColorType::Rgb, &halves(8, 8))).unwrap();
    let is_cancelled = AtomicBool::new(true);
    let ended = convert(&path("sent"), &path("picture"), &path("thumbnail"), &is_cancelled);
    assert!(matches!(ended, Err(Unfit::Cancelled)));
}
