//! Pictures of one frame: JPEG, PNG and WebP.

use std::fs;
use std::sync::atomic::Ordering;

use image::metadata::Orientation;
use image_webp::{DecodingError as WebpError, WebPDecoder};
use png::{ColorType, DecodingError as PngError, Limits, Transformations};
use zune_jpeg::errors::DecodeErrors as JpegError;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;
use zune_jpeg::{JpegDecoder, SampleRatios};

use super::bitmap::{Bitmap, Channels};
use super::shrink::{Shrinker, fitting, shrink_in_place};
use super::{
    Converted, Format, Job, KEPT_SIDE_MAX, MEMORY_BYTES_MAX, PNG_BYTES_MAX, SIDE_MAX, Unfit,
    animation, check_size,
};

/// Of JPEGs that are made of JPEGs.
const JPEG_QUALITY: u8 = 85;
/// Of JPEGs that are made of what had fewer losses.
const HIGH_QUALITY: u8 = 90;
/// The most passes of a progressive JPEG. Encoders make about ten.
const JPEG_SCANS_MAX: usize = 64;
/// What a picture takes that is as large as it is kept.
const KEPT_BYTES_MAX: u64 = KEPT_SIDE_MAX as u64 * KEPT_SIDE_MAX as u64 * 4;
/// Rows between two looks at whether the picture is still wanted.
const ROWS_AT_ONCE: usize = 64;

pub(super) fn jpeg(mut job: Job<'_>) -> Result<Converted, Unfit> {
    // Without what the processor has of its own: that part of the library is unsafe code.
    let options = DecoderOptions::default()
        .set_use_unsafe(false)
        .set_strict_mode(false)
        .set_max_width(SIDE_MAX as usize)
        .set_max_height(SIDE_MAX as usize)
        .jpeg_set_max_scans(JPEG_SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(&mut job.from, options);
    decoder.decode_headers().map_err(of_jpeg)?;
    let info = decoder.info().ok_or(Unfit::NotAPicture)?;
    let size = (u32::from(info.width), u32::from(info.height));
    let pixels = u64::from(size.0) * u64::from(size.1);
    // A progressive one is whole in memory as coefficients of two bytes, before there are pixels.
    let coefficients = match (info.sof.is_sequential_dct(), info.components, info.sample_ratio) {
        (true, ..) => 0,
        (false, 1, _) => pixels * 2,
        (false, 3, SampleRatios::HV) => pixels * 3,
        (false, 3, SampleRatios::H | SampleRatios::V) => pixels * 4,
        (false, components, _) => pixels * 2 * u64::from(components),
    };
    check_size(size.0, size.1, pixels * 3 + coefficients)?;
    let orientation = decoder.exif().map_or(1, |exif| orientation(exif));
    let mut decoded = vec![0; size.0 as usize * size.1 as usize * 3];
    decoder.decode_into(&mut decoded).map_err(of_jpeg)?;
    drop(decoder);
    let picture = shrunk(&job, size, Channels::Rgb, decoded)?.upright(orientation);
    job.keep(&picture, Format::Jpeg, JPEG_QUALITY)
}

pub(super) fn png(mut job: Job<'_>) -> Result<Converted, Unfit> {
    let limits = Limits { bytes: MEMORY_BYTES_MAX as usize };
    let mut decoder = png::Decoder::new_with_limits(&mut job.from, limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let mut reader = decoder.read_info().map_err(of_png)?;
    let info = reader.info();
    let size = (info.width, info.height);
    let orientation = info.exif_metadata.as_deref().map_or(1, orientation);
    let pixels = u64::from(size.0) * u64::from(size.1);
    let (colour, _) = reader.output_color_type();
    // Rows come one after the other, but where they come in several passes.
    let is_interlaced = info.interlaced;
    let whole = pixels * colour.samples() as u64 + KEPT_BYTES_MAX;
    check_size(size.0, size.1, if is_interlaced { whole } else { 0 })?;
    let channels = match colour {
        ColorType::Rgba | ColorType::GrayscaleAlpha => Channels::Rgba,
        _ => Channels::Rgb,
    };
    let mut shrinker = Shrinker::new(size, fitting(size, KEPT_SIDE_MAX), channels);
    let mut wide = Vec::new();
    let row_bytes = size.0 as usize * colour.samples();
    let mut push = |row: &[u8]| shrinker.push(widened(row, colour, &mut wide));
    let mut rest = Vec::new();
    if is_interlaced {
        rest = vec![0; row_bytes * size.1 as usize];
        reader.next_frame(&mut rest).map_err(of_png)?;
        rest.chunks(row_bytes).for_each(&mut push);
    } else {
        for row in 0..size.1 as usize {
            if row.is_multiple_of(ROWS_AT_ONCE) && job.is_cancelled.load(Ordering::Relaxed) {
                return Err(Unfit::Cancelled);
            }
            match reader.next_row().map_err(of_png)? {
                Some(row) if row.data().len() == row_bytes => push(row.data()),
                _ => return Err(Unfit::NotAPicture),
            }
        }
    }
    drop((reader, rest));
    let picture = shrinker.finish().upright(orientation).without_needless_channel();
    job.keep(&picture, Format::Png, HIGH_QUALITY)
}

/// A row of grey as one of colours.
fn widened<'a>(row: &'a [u8], colour: ColorType, wide: &'a mut Vec<u8>) -> &'a [u8] {
    wide.clear();
    match colour {
        ColorType::Grayscale => wide.extend(row.iter().flat_map(|&grey| [grey; 3])),
        ColorType::GrayscaleAlpha => {
            let pixels = row.as_chunks::<2>().0.iter();
            wide.extend(pixels.flat_map(|&[grey, alpha]| [grey, grey, grey, alpha]));
        }
        _ => return row,
    }
    wide
}

pub(super) fn webp(mut job: Job<'_>) -> Result<Converted, Unfit> {
    let mut decoder = WebPDecoder::new(&mut job.from).map_err(of_webp)?;
    decoder.set_memory_limit(MEMORY_BYTES_MAX as usize);
    let size = decoder.dimensions();
    let pixels = u64::from(size.0) * u64::from(size.1);
    if decoder.is_animated() && decoder.num_frames() > 1 {
        drop(decoder);
        return animation::webp(job);
    }
    let (is_lossy, has_alpha) = (decoder.is_lossy(), decoder.has_alpha());
    // What decoding takes for each two pixels: the planes of what has losses, opacity as a picture of its own.
    let halves = match (is_lossy, has_alpha) {
        (true, false) => 9,
        (true, true) => 21,
        (false, false) => 14,
        (false, true) => 8,
    };
    check_size(size.0, size.1, pixels * halves / 2)?;
    let orientation = decoder.exif_metadata().map_err(of_webp)?;
    let orientation = orientation.map_or(1, |exif| self::orientation(&exif));
    let bytes = decoder.output_buffer_size().ok_or(Unfit::TooLarge)?;
    let mut decoded = vec![0; bytes];
    decoder.read_image(&mut decoded).map_err(of_webp)?;
    drop(decoder);
    let channels = if has_alpha { Channels::Rgba } else { Channels::Rgb };
    let picture = shrunk(&job, size, channels, decoded)?.upright(orientation);
    let picture = picture.without_needless_channel();
    let format = if is_lossy && picture.is_opaque() { Format::Jpeg } else { Format::Png };
    job.keep(&picture, format, HIGH_QUALITY)
}

/// The picture as large as it is kept.
fn shrunk(
    job: &Job<'_>,
    size: (u32, u32),
    channels: Channels,
    mut decoded: Vec<u8>,
) -> Result<Bitmap, Unfit> {
    let to = fitting(size, KEPT_SIDE_MAX);
    if to == size {
        return Ok(Bitmap::new(size, channels, decoded));
    }
    let is_wanted = || job.check_wanted().is_ok();
    if !shrink_in_place(&mut decoded, size, to, channels, is_wanted) {
        return Err(Unfit::Cancelled);
    }
    Ok(Bitmap::new(to, channels, decoded))
}

impl Job<'_> {
    /// Writes the picture and its thumbnail.
    pub(super) fn keep(
        &self,
        picture: &Bitmap,
        mut format: Format,
        quality: u8,
    ) -> Result<Converted, Unfit> {
        self.check_wanted()?;
        picture.write(self.to, format, quality)?;
        if format == Format::Png
            && picture.is_opaque()
            && fs::metadata(self.to)?.len() > PNG_BYTES_MAX
        {
            self.check_wanted()?;
            format = Format::Jpeg;
            picture.write(self.to, format, quality)?;
        }
        let thumbnail = self.thumbnail_of(picture, format)?;
        let (width, height) = picture.size();
        Ok(Converted { format, width, height, is_animated: false, thumbnail })
    }
}

/// As it stands in Exif: 1 to 8.
fn orientation(exif: &[u8]) -> u8 {
    Orientation::from_exif_chunk(exif).map_or(1, Orientation::to_exif)
}

fn of_jpeg(error: JpegError) -> Unfit {
    match error {
        JpegError::LargeDimensions(_) => Unfit::TooLarge,
        _ => Unfit::NotAPicture,
    }
}

fn of_png(error: PngError) -> Unfit {
    match error {
        PngError::LimitsExceeded => Unfit::TooLarge,
        _ => Unfit::NotAPicture,
    }
}

pub(super) fn of_webp(error: WebpError) -> Unfit {
    match error {
        WebpError::ImageTooLarge | WebpError::MemoryLimitExceeded => Unfit::TooLarge,
        _ => Unfit::NotAPicture,
    }
}
