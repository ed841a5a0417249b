//! Pictures of several frames, which become a GIF: frame by frame, each as it is seen, and written as what is otherwise
//! than in the one before.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Seek as _};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::Ordering;

use gif::{
    ColorOutput, DecodeOptions, Decoder, DecodingError, DisposalMethod, Encoder, EncodingError,
    Frame, MemoryLimit, Repeat,
};
use image_webp::{LoopCount, WebPDecoder};

use super::bitmap::{Bitmap, Channels};
use super::palette::{Indexed, UNSEEN, index};
use super::shrink::{Shrinker, fitting};
use super::still::of_webp;
use super::{
    ANIMATION_BYTES_MAX, Converted, FRAMES_MAX, FRAMES_PIXELS_MAX, Format, Job,
    KEPT_ANIMATION_SIDE_MAX, KEPT_SIDE_MAX, Unfit, check_size,
};

/// The most bytes of one frame in the file, a byte for each pixel.
const FRAME_BYTES_MAX: NonZeroU64 = NonZeroU64::new(16 * 1024 * 1024).unwrap();
/// Whatever is less opaque is not seen.
const OPAQUE_MIN: u8 = 128;

pub(super) fn gif(mut job: Job<'_>) -> Result<Converted, Unfit> {
    let (mut count, mut pixels) = (0, 0);
    let mut decoder = gif_decoder(&mut job.from, true)?;
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    while let Ok(Some(frame)) = decoder.next_frame_info() {
        count += 1;
        let within = u64::from(frame.width) * u64::from(frame.height);
        pixels += within.max(u64::from(size.0) * u64::from(size.1));
        check_length(count, pixels)?;
    }
    drop(decoder);
    // The frame in the file, the picture, and the picture before the frame.
    check_size(size.0, size.1, u64::from(size.0) * u64::from(size.1) * 9)?;
    job.from.rewind()?;
    let is_cancelled = job.is_cancelled;
    let mut decoder = gif_decoder(&mut job.from, false)?;
    let repeat = decoder.repeat();
    let mut canvas = Canvas::new(size);
    if count <= 1 {
        canvas.draw(&mut decoder)?.ok_or(Unfit::NotAPicture)?;
        drop(decoder);
        let picture = Bitmap::new(size, Channels::Rgba, canvas.pixels);
        let picture = picture.fitted(KEPT_SIDE_MAX).without_needless_channel();
        return job.keep(&picture, Format::Png, 90);
    }
    let to = fitting(size, KEPT_ANIMATION_SIDE_MAX);
    let mut made = Animation::new(job.to, to, repeat)?;
    let mut first = None;
    for number in 0..count {
        if is_cancelled.load(Ordering::Relaxed) {
            return Err(Unfit::Cancelled);
        }
        let delay = match canvas.draw(&mut decoder) {
            Ok(Some(delay)) => delay,
            // What comes behind a frame that is whole may be broken off.
            Ok(None) | Err(Unfit::NotAPicture) if number > 0 => break,
            Ok(None) => return Err(Unfit::NotAPicture),
            Err(unfit) => return Err(unfit),
        };
        let picture = shrunk(size, to, Channels::Rgba, &canvas.pixels);
        first.get_or_insert_with(|| picture.clone());
        made.push(picture, delay, job.to)?;
    }
    drop(decoder);
    made.finish()?;
    job.animated(first, to)
}

pub(super) fn webp(mut job: Job<'_>) -> Result<Converted, Unfit> {
    job.from.rewind()?;
    let is_cancelled = job.is_cancelled;
    let mut decoder = WebPDecoder::new(&mut job.from).map_err(of_webp)?;
    let size = decoder.dimensions();
    let count = u64::from(decoder.num_frames());
    check_length(count, count * u64::from(size.0) * u64::from(size.1))?;
    // The picture twice, a frame, its planes and its opacity.
    check_size(size.0, size.1, u64::from(size.0) * u64::from(size.1) * 18)?;
    let repeat = match decoder.loop_count() {
        LoopCount::Forever => Repeat::Infinite,
        LoopCount::Times(times) => Repeat::Finite(times.get().saturating_sub(1)),
    };
    let channels = if decoder.has_alpha() { Channels::Rgba } else { Channels::Rgb };
    let to = fitting(size, KEPT_ANIMATION_SIDE_MAX);
    let mut made = Animation::new(job.to, to, repeat)?;
    let mut first = None;
    let mut seen = vec![0; decoder.output_buffer_size().ok_or(Unfit::TooLarge)?];
    for number in 0..count {
        if is_cancelled.load(Ordering::Relaxed) {
            return Err(Unfit::Cancelled);
        }
        let delay = match decoder.read_frame(&mut seen) {
            Ok(milliseconds) => u16::try_from(milliseconds / 10).unwrap_or(u16::MAX),
            Err(_) if number > 0 => break,
            Err(error) => return Err(of_webp(error)),
        };
        let picture = shrunk(size, to, channels, &seen);
        first.get_or_insert_with(|| picture.clone());
        made.push(picture, delay, job.to)?;
    }
    drop(decoder);
    made.finish()?;
    job.animated(first, to)
}

impl Job<'_> {
    /// What was made, once the thumbnail of the first frame is written.
    fn animated(&self, first: Option<Vec<u8>>, size: (u32, u32)) -> Result<Converted, Unfit> {
        let first = Bitmap::new(size, Channels::Rgba, first.ok_or(Unfit::NotAPicture)?);
        let first = first.without_needless_channel();
        let thumbnail = self.thumbnail_of(&first, Format::Gif)?;
        let (width, height) = size;
        Ok(Converted { format: Format::Gif, width, height, is_animated: true, thumbnail })
    }
}

fn check_length(frames: u64, pixels: u64) -> Result<(), Unfit> {
    if frames > FRAMES_MAX || pixels > FRAMES_PIXELS_MAX {
        return Err(Unfit::TooLong);
    }
    Ok(())
}

/// A frame as small as it is kept, of which each pixel is seen or not: four bytes each.
fn shrunk(from: (u32, u32), to: (u32, u32), channels: Channels, pixels: &[u8]) -> Vec<u8> {
    let mut shrinker = Shrinker::new(from, to, channels);
    for row in pixels.chunks(from.0 as usize * channels.count()) {
        shrinker.push(row);
    }
    let small = shrinker.finish();
    match channels {
        Channels::Rgb => {
            let pixels = small.pixels().as_chunks::<3>().0.iter();
            pixels.flat_map(|&[r, g, b]| [r, g, b, 255]).collect()
        }
        Channels::Rgba => {
            let pixels = small.pixels().as_chunks::<4>().0.iter();
            let seen = pixels.flat_map(
                |&[r, g, b, a]| {
                    if a >= OPAQUE_MIN { [r, g, b, 255] } else { [0; 4] }
                },
            );
            seen.collect()
        }
    }
}

type GifDecoder<'a> = Decoder<&'a mut BufReader<File>>;

fn gif_decoder(from: &mut BufReader<File>, is_counting: bool) -> Result<GifDecoder<'_>, Unfit> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    options.set_memory_limit(MemoryLimit::Bytes(FRAME_BYTES_MAX));
    options.skip_frame_decoding(is_counting);
    options.read_info(from).map_err(of_gif)
}

fn of_gif(error: DecodingError) -> Unfit {
    match error {
        DecodingError::MemoryLimit | DecodingError::OutOfMemory => Unfit::TooLarge,
        _ => Unfit::NotAPicture,
    }
}

/// What is seen of a GIF.
struct Canvas {
    size: (u32, u32),
    pixels: Vec<u8>,
    /// What is to become of the last frame before the next one is drawn.
    last: Option<Last>,
}

struct Last {
    area: Area,
    dispose: DisposalMethod,
    /// Everything as it was before, where that is to be restored.
    before: Option<Vec<u8>>,
}

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Canvas {
    fn new(size: (u32, u32)) -> Self {
        let pixels = vec![0; size.0 as usize * size.1 as usize * 4];
        Canvas { size, pixels, last: None }
    }

    /// Draws the next frame; how long it is seen, in hundredths of a second.
    fn draw(&mut self, decoder: &mut GifDecoder<'_>) -> Result<Option<u16>, Unfit> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let common = decoder.global_palette().unwrap_or_default().to_vec();
        let Some(frame) = decoder.read_next_frame().map_err(of_gif)? else { return Ok(None) };
        let table = frame.palette.as_ref().unwrap_or(&common);
        self.dispose();
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let frame_width = usize::from(frame.width);
        let area = Area {
            left: left.min(width),
            top: top.min(height),
            right: (left + frame_width).min(width),
            bottom: (top + usize::from(frame.height)).min(height),
        };
        let before = (frame.dispose == DisposalMethod::Previous).then(|| self.pixels.clone());
        for y in area.top..area.bottom {
            let row = &frame.buffer[(y - top) * frame_width..];
            let line = &mut self.pixels[(y * width + area.left) * 4..(y * width + area.right) * 4];
            for (index, pixel) in row.iter().zip(line.as_chunks_mut::<4>().0) {
                if Some(*index) == frame.transparent {
                    continue;
                }
                if let Some(&[r, g, b]) = table.as_chunks::<3>().0.get(usize::from(*index)) {
                    *pixel = [r, g, b, 255];
                }
            }
        }
        let delay = frame.delay;
        self.last = Some(Last { area, dispose: frame.dispose, before });
        Ok(Some(delay))
    }

    fn dispose(&mut self) {
        let Some(Last { area, dispose, before }) = self.last.take() else { return };
        match (dispose, before) {
            (DisposalMethod::Previous, Some(before)) => self.pixels = before,
            (DisposalMethod::Background, _) => {
                let width = self.size.0 as usize;
                for y in area.top..area.bottom {
                    self.pixels[(y * width + area.left) * 4..(y * width + area.right) * 4].fill(0);
                }
            }
            _ => {}
        }
    }
}

/// A GIF that is being written.
struct Animation {
    encoder: Encoder<BufWriter<File>>,
    size: (u32, u32),
    /// What is seen before the frame that waits.
    before: Vec<u8>,
    /// A frame is written when the next one is known, and with it what is to become of this one.
    waiting: Option<(Vec<u8>, u16)>,
}

impl Animation {
    fn new(to: &Path, size: (u32, u32), repeat: Repeat) -> Result<Self, Unfit> {
        let file = BufWriter::new(File::create(to)?);
        // Sides are at most KEPT_ANIMATION_SIDE_MAX.
        let mut encoder =
            Encoder::new(file, size.0 as u16, size.1 as u16, &[]).map_err(of_encoder)?;
        encoder.set_repeat(repeat).map_err(of_encoder)?;
        let before = vec![0; size.0 as usize * size.1 as usize * 4];
        Ok(Animation { encoder, size, before, waiting: None })
    }

    fn push(&mut self, picture: Vec<u8>, delay: u16, to: &Path) -> Result<(), Unfit> {
        if let Some((waiting, waiting_delay)) = self.waiting.take() {
            let both = waiting.as_chunks::<4>().0.iter().zip(picture.as_chunks::<4>().0);
            let is_cleared = both.into_iter().any(|(before, after)| before[3] > after[3]);
            self.write(&waiting, waiting_delay, is_cleared)?;
            self.before = waiting;
            if is_cleared {
                self.before.fill(0);
            }
            if fs::metadata(to)?.len() > ANIMATION_BYTES_MAX {
                return Err(Unfit::TooLong);
            }
        }
        self.waiting = Some((picture, delay));
        Ok(())
    }

    fn finish(mut self) -> Result<(), Unfit> {
        if let Some((waiting, delay)) = self.waiting.take() {
            self.write(&waiting, delay, false)?;
        }
        let file = self.encoder.into_inner().map_err(of_encoder)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(())
    }

    fn write(&mut self, picture: &[u8], delay: u16, is_cleared: bool) -> Result<(), Unfit> {
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        let picture = picture.as_chunks::<4>().0;
        let before = self.before.as_chunks::<4>().0;
        let area = if is_cleared {
            Area { left: 0, top: 0, right: width, bottom: height }
        } else {
            changed(before, picture, width)
        };
        let pixels = (area.top..area.bottom).flat_map(|y| {
            let line = y * width + area.left..y * width + area.right;
            let both = before[line.clone()].iter().zip(&picture[line]);
            both.map(|(before, after)| {
                let [r, g, b, a] = *after;
                (a != 0 && before != after).then_some([r, g, b])
            })
        });
        let Indexed { indices, table } = index(pixels);
        let frame = Frame {
            delay,
            dispose: if is_cleared { DisposalMethod::Background } else { DisposalMethod::Keep },
            transparent: Some(UNSEEN),
            left: area.left as u16,
            top: area.top as u16,
            width: (area.right - area.left) as u16,
            height: (area.bottom - area.top) as u16,
            palette: Some(table),
            buffer: indices.into(),
            ..Frame::default()
        };
        self.encoder.write_frame(&frame).map_err(of_encoder)
    }
}

/// The smallest area outside of which nothing has changed: at least a pixel.
fn changed(before: &[[u8; 4]], after: &[[u8; 4]], width: usize) -> Area {
    let mut area: Option<Area> = None;
    for (y, (before, after)) in before.chunks(width).zip(after.chunks(width)).enumerate() {
        let differs = |x: &usize| before[*x] != after[*x];
        let Some(left) = (0..width).find(differs) else { continue };
        let right = (0..width).rev().find(differs).map_or(width, |x| x + 1);
        let known = area.get_or_insert(Area { left, top: y, right, bottom: y + 1 });
        known.left = known.left.min(left);
        known.right = known.right.max(right);
        known.bottom = y + 1;
    }
    area.unwrap_or(Area { left: 0, top: 0, right: 1, bottom: 1 })
}

fn of_encoder(error: EncodingError) -> Unfit {
    match error {
        EncodingError::Io(error) => Unfit::Io(error),
        _ => Unfit::NotAPicture,
    }
}

/// What is seen of a GIF, frame by frame, and how long.
#[cfg(test)]
pub(super) fn shown(from: &mut BufReader<File>) -> Vec<(Vec<u8>, u16)> {
    let mut decoder = gif_decoder(from, false).unwrap();
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    let mut canvas = Canvas::new(size);
    let mut frames = Vec::new();
    while let Some(delay) = canvas.draw(&mut decoder).unwrap() {
        frames.push((canvas.pixels.clone(), delay));
    }
    frames
}
