//! Makes of a file that somebody sends a picture that can be served: decoded, shrunk, turned upright and encoded
//! anew, with a thumbnail. Nothing of the file but its pixels survives.
//!
//! | what comes | what is made |
//! |---|---|
//! | JPEG, WebP with losses and opaque | JPEG |
//! | PNG, other WebP, GIF of one frame | PNG, or JPEG where that would be large and the picture is opaque |
//! | GIF or WebP of several frames | GIF |
//!
//! The type is told from the content. What a file claims about itself is bounded before anything is allocated for it.

mod animation;
mod bitmap;
mod palette;
mod shrink;
mod still;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use bitmap::Bitmap;

/// The most pixels of a side of what comes.
pub(crate) const SIDE_MAX: u32 = 16_384;
/// The most pixels of what comes.
pub(crate) const PIXELS_MAX: u64 = 50_000_000;
/// The most bytes that decoding may take: as many as a photo of 22 megapixels. The allocator takes
/// a quarter more for what is larger, which would not fit into the limit of the process.
pub(crate) const MEMORY_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most pixels of a side of what is kept.
const KEPT_SIDE_MAX: u32 = 2_560;
/// The same of an animation.
const KEPT_ANIMATION_SIDE_MAX: u32 = 960;
/// The most pixels of a side of a thumbnail.
const THUMBNAIL_SIDE_MAX: u32 = 480;
/// The most frames of an animation.
pub(crate) const FRAMES_MAX: u64 = 1_000;
/// The most pixels of all frames of an animation together.
pub(crate) const FRAMES_PIXELS_MAX: u64 = 400_000_000;
/// The most bytes of an animation that is kept: what comes may be packed better than what is made.
const ANIMATION_BYTES_MAX: u64 = 20 * 1024 * 1024;
/// An opaque picture that takes more as a PNG is kept as a JPEG.
const PNG_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Format {
    Jpeg,
    Png,
    Gif,
}

impl Format {
    /// How its files end.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Format::Jpeg => "jpg",
            Format::Png => "png",
            Format::Gif => "gif",
        }
    }
}

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Converted {
    pub(crate) format: Format,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) is_animated: bool,
    /// `None`: the picture is so small that it is its own thumbnail.
    pub(crate) thumbnail: Option<Format>,
}

/// Why nothing was made.
#[derive(Debug, Error)]
pub(crate) enum Unfit {
    #[error("it is no picture that can be read")]
    NotAPicture,
    #[error("it has too many pixels")]
    TooLarge,
    #[error("the animation is too long")]
    TooLong,
    #[error("nobody waits for it any more")]
    Cancelled,
    #[error("a file cannot be read or written")]
    Io(#[from] io::Error),
}

/// Converts a file. What there is at the other paths is replaced; on an error something may be left there.
pub(crate) fn convert(
    from: &Path,
    to: &Path,
    thumbnail: &Path,
    is_cancelled: &AtomicBool,
) -> Result<Converted, Unfit> {
    let mut file = File::open(from)?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    Read::by_ref(&mut file).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    file.rewind()?;
    let job = Job { from: BufReader::new(file), to, thumbnail, is_cancelled };
    match &*head {
        [0xFF, 0xD8, 0xFF, ..] => still::jpeg(job),
        [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => still::png(job),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => still::webp(job),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => animation::gif(job),
        _ => Err(Unfit::NotAPicture),
    }
}

/// Enough to tell the type.
const HEAD_BYTES: usize = 16;

struct Job<'a> {
    from: BufReader<File>,
    to: &'a Path,
    thumbnail: &'a Path,
    is_cancelled: &'a AtomicBool,
}

impl Job<'_> {
    fn check_wanted(&self) -> Result<(), Unfit> {
        if self.is_cancelled.load(Ordering::Relaxed) { Err(Unfit::Cancelled) } else { Ok(()) }
    }

    /// Writes the thumbnail of a picture of this format; it has none of its own if it is small enough.
    fn thumbnail_of(&self, picture: &Bitmap, format: Format) -> Result<Option<Format>, Unfit> {
        let (width, height) = picture.size();
        if width.max(height) <= THUMBNAIL_SIDE_MAX && format != Format::Gif {
            return Ok(None);
        }
        let small = picture.fitted(THUMBNAIL_SIDE_MAX);
        let format = if small.is_opaque() { Format::Jpeg } else { Format::Png };
        small.write(self.thumbnail, format, THUMBNAIL_QUALITY)?;
        Ok(Some(format))
    }
}

/// Of JPEGs that are thumbnails.
const THUMBNAIL_QUALITY: u8 = 80;

/// Checks what a file says of its size, and that what it takes to decode it is there.
fn check_size(width: u32, height: u32, decoding_bytes: u64) -> Result<(), Unfit> {
    if width == 0 || height == 0 {
        return Err(Unfit::NotAPicture);
    }
    let pixels = u64::from(width) * u64::from(height);
    let is_large = width.max(height) > SIDE_MAX || pixels > PIXELS_MAX;
    if is_large || decoding_bytes > MEMORY_BYTES_MAX { Err(Unfit::TooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
