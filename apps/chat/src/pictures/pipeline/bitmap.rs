//! Pixels in memory, and files made of them.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use png::{BitDepth, ColorType, Encoder};

use super::shrink::{Shrinker, fitting};
use super::{Format, Unfit};

/// What there is of a pixel, a byte each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channels {
    Rgb,
    Rgba,
}

impl Channels {
    pub(super) fn count(self) -> usize {
        match self {
            Channels::Rgb => 3,
            Channels::Rgba => 4,
        }
    }
}

/// A picture in memory.
#[derive(Debug)]
pub(super) struct Bitmap {
    width: u32,
    height: u32,
    channels: Channels,
    pixels: Vec<u8>,
}

impl Bitmap {
    /// Of these pixels; of rows that are missing the pixels are nought.
    pub(super) fn new(
        (width, height): (u32, u32),
        channels: Channels,
        mut pixels: Vec<u8>,
    ) -> Self {
        pixels.resize(width as usize * height as usize * channels.count(), 0);
        Bitmap { width, height, channels, pixels }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    pub(super) fn is_opaque(&self) -> bool {
        match self.channels {
            Channels::Rgb => true,
            Channels::Rgba => self.pixels.as_chunks::<4>().0.iter().all(|pixel| pixel[3] == 255),
        }
    }

    /// Within a square of this side.
    pub(super) fn fitted(&self, side: u32) -> Bitmap {
        let mut shrinker = Shrinker::new(self.size(), fitting(self.size(), side), self.channels);
        for row in self.pixels.chunks(self.width as usize * self.channels.count()) {
            shrinker.push(row);
        }
        shrinker.finish()
    }

    /// Without the channel that says how opaque it is, if all of it is.
    pub(super) fn without_needless_channel(mut self) -> Bitmap {
        if self.channels == Channels::Rgba && self.is_opaque() {
            let pixels = self.width as usize * self.height as usize;
            for pixel in 0..pixels {
                self.pixels.copy_within(pixel * 4..pixel * 4 + 3, pixel * 3);
            }
            self.pixels.truncate(pixels * 3);
            self.channels = Channels::Rgb;
        }
        self
    }

    /// Turned and mirrored as this orientation of Exif asks for (1 to 8).
    pub(super) fn upright(self, orientation: u8) -> Bitmap {
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let (width, height, count) = (self.width, self.height, self.channels.count());
        let (right, bottom) = (width - 1, height - 1);
        let is_turned = orientation >= 5;
        let size = if is_turned { (height, width) } else { (width, height) };
        let mut pixels = Vec::with_capacity(self.pixels.len());
        for y in 0..size.1 {
            for x in 0..size.0 {
                let (x, y) = match orientation {
                    2 => (right - x, y),
                    3 => (right - x, bottom - y),
                    4 => (x, bottom - y),
                    5 => (y, x),
                    6 => (y, bottom - x),
                    7 => (right - y, bottom - x),
                    _ => (right - y, x),
                };
                let at = (y as usize * width as usize + x as usize) * count;
                pixels.extend_from_slice(&self.pixels[at..at + count]);
            }
        }
        Bitmap::new(size, self.channels, pixels)
    }

    /// Writes it to a file of its own, with nothing but its pixels in it.
    pub(super) fn write(&self, to: &Path, format: Format, quality: u8) -> Result<(), Unfit> {
        let mut file = BufWriter::new(File::create(to)?);
        match format {
            Format::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut file, quality);
                self.write_jpeg(encoder)?;
            }
            Format::Png | Format::Gif => {
                let mut encoder = Encoder::new(&mut file, self.width, self.height);
                encoder.set_depth(BitDepth::Eight);
                encoder.set_color(match self.channels {
                    Channels::Rgb => ColorType::Rgb,
                    Channels::Rgba => ColorType::Rgba,
                });
                let mut writer = encoder.write_header().map_err(of_png)?;
                writer.write_image_data(&self.pixels).map_err(of_png)?;
                writer.finish().map_err(of_png)?;
            }
        }
        file.flush()?;
        Ok(())
    }

    fn write_jpeg<W: io::Write>(&self, mut encoder: JpegEncoder<W>) -> Result<(), Unfit> {
        let opaque;
        let pixels = match self.channels {
            Channels::Rgb => &self.pixels,
            Channels::Rgba => {
                let pixels = self.pixels.as_chunks::<4>().0.iter();
                opaque = pixels.flat_map(|&[r, g, b, _]| [r, g, b]).collect();
                &opaque
            }
        };
        let written = encoder.encode(pixels, self.width, self.height, ExtendedColorType::Rgb8);
        written.map_err(|error| match error {
            image::ImageError::IoError(error) => Unfit::Io(error),
            _ => Unfit::NotAPicture,
        })
    }
}

fn of_png(error: png::EncodingError) -> Unfit {
    match error {
        png::EncodingError::IoError(error) => Unfit::Io(error),
        _ => Unfit::NotAPicture,
    }
}
