//! Makes pictures smaller, row by row: each new pixel is the mean of all that lies under it, weighed by area and by
//! opacity. Of the original there is one row in memory at a time.

use super::bitmap::{Bitmap, Channels};

/// The size within a square of `side`, in the same proportions, and not larger.
pub(super) fn fitting((width, height): (u32, u32), side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= side {
        return (width, height);
    }
    let scaled = |length: u32| {
        let length = u64::from(length) * u64::from(side);
        u32::try_from((length + u64::from(longest) / 2) / u64::from(longest)).unwrap_or(side).max(1)
    };
    (scaled(width), scaled(height))
}

/// Takes the rows of a picture, and makes a smaller one of them.
#[derive(Debug)]
pub(super) struct Shrinker {
    channels: Channels,
    from: (u32, u32),
    to: (u32, u32),
    /// Of each pixel of a row: where it goes, and how much of it to the column there and to the next one.
    columns: Vec<(usize, f32, f32)>,
    /// A row of the original, with the columns of the new one.
    row: Vec<f32>,
    /// The row of the new one that is being made.
    sums: Vec<f32>,
    rows_taken: u32,
    made: Vec<u8>,
}

impl Shrinker {
    /// Of a size that is not larger than the original.
    pub(super) fn new(from: (u32, u32), to: (u32, u32), channels: Channels) -> Self {
        let mut shrinker = Shrinker::of_rows(from, to, channels);
        shrinker.made.reserve_exact(to.0 as usize * to.1 as usize * channels.count());
        shrinker
    }

    /// The same for whoever [takes](Shrinker::take) what was made, row by row.
    fn of_rows(from: (u32, u32), to: (u32, u32), channels: Channels) -> Self {
        debug_assert!(to.0 <= from.0 && to.1 <= from.1, "{from:?} {to:?}");
        let count = channels.count();
        let is_same = from == to;
        let columns = if is_same { 0 } else { from.0 };
        let row = if is_same { 0 } else { to.0 as usize * count };
        Shrinker {
            channels,
            from,
            to,
            columns: (0..columns).map(|x| share(x, from.0, to.0)).collect(),
            row: vec![0.0; row],
            sums: vec![0.0; row],
            rows_taken: 0,
            made: Vec::new(),
        }
    }

    /// Takes the next row.
    pub(super) fn push(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.from.0 as usize * self.channels.count());
        if self.from == self.to {
            self.made.extend_from_slice(row);
            return;
        }
        let (_, here, next) = share(self.rows_taken, self.from.1, self.to.1);
        self.rows_taken += 1;
        self.row.fill(0.0);
        match self.channels {
            Channels::Rgb => self.sum_rgb(row),
            Channels::Rgba => self.sum_rgba(row),
        }
        for (sum, value) in self.sums.iter_mut().zip(&self.row) {
            *sum += value * here;
        }
        let has_ended = row_of(self.rows_taken, self.from.1, self.to.1)
            > row_of(self.rows_taken - 1, self.from.1, self.to.1);
        if has_ended {
            self.emit();
            for (sum, value) in self.sums.iter_mut().zip(&self.row) {
                *sum = value * next;
            }
        }
    }

    /// What was made since.
    fn take(&mut self, into: &mut [u8]) -> usize {
        let count = self.made.len();
        into[..count].copy_from_slice(&self.made);
        self.made.clear();
        count
    }

    /// What was made; rows that did not come are missing.
    pub(super) fn finish(self) -> Bitmap {
        Bitmap::new(self.to, self.channels, self.made)
    }

    fn sum_rgb(&mut self, row: &[u8]) {
        for (pixel, &(column, here, next)) in row.as_chunks::<3>().0.iter().zip(&self.columns) {
            let pixel = pixel.map(f32::from);
            add(&mut self.row, column, pixel, here);
            if next > 0.0 {
                add(&mut self.row, column + 1, pixel, next);
            }
        }
    }

    fn sum_rgba(&mut self, row: &[u8]) {
        for (pixel, &(column, here, next)) in row.as_chunks::<4>().0.iter().zip(&self.columns) {
            let [r, g, b, a] = pixel.map(f32::from);
            let pixel = [r * a, g * a, b * a, a];
            add(&mut self.row, column, pixel, here);
            if next > 0.0 {
                add(&mut self.row, column + 1, pixel, next);
            }
        }
    }

    fn emit(&mut self) {
        let rounded = |value: f32| (value + 0.5) as u8;
        match self.channels {
            Channels::Rgb => self.made.extend(self.sums.iter().copied().map(rounded)),
            Channels::Rgba => {
                for &[r, g, b, a] in self.sums.as_chunks::<4>().0 {
                    let colour = |sum: f32| if a > 0.0 { rounded(sum / a) } else { 0 };
                    self.made.extend([colour(r), colour(g), colour(b), rounded(a)]);
                }
            }
        }
    }
}

/// Shrinks a picture within the memory that it has: what is made is never longer than what was read for it. False:
/// nobody waits for it any more.
pub(super) fn shrink_in_place(
    pixels: &mut Vec<u8>,
    from: (u32, u32),
    to: (u32, u32),
    channels: Channels,
    is_wanted: impl Fn() -> bool,
) -> bool {
    let mut shrinker = Shrinker::of_rows(from, to, channels);
    let row_bytes = from.0 as usize * channels.count();
    let mut row = vec![0; row_bytes];
    let mut written = 0;
    for number in 0..from.1 as usize {
        if !is_wanted() {
            return false;
        }
        row.copy_from_slice(&pixels[number * row_bytes..(number + 1) * row_bytes]);
        shrinker.push(&row);
        written += shrinker.take(&mut pixels[written..(number + 1) * row_bytes]);
    }
    pixels.truncate(written);
    pixels.shrink_to_fit();
    true
}

fn add<const N: usize>(row: &mut [f32], column: usize, pixel: [f32; N], weight: f32) {
    if let Some(sums) = row.as_chunks_mut::<N>().0.get_mut(column) {
        for (sum, value) in sums.iter_mut().zip(pixel) {
            *sum += value * weight;
        }
    }
}

/// Where something of `from` lies among `to`, and how much of it there and in the next one, in parts of these.
fn share(at: u32, from: u32, to: u32) -> (usize, f32, f32) {
    let (from, to) = (u64::from(from), u64::from(to));
    let (start, end) = (u64::from(at) * to, (u64::from(at) + 1) * to);
    let index = start / from;
    let border = (index + 1) * from;
    let here = end.min(border) - start;
    let next = end.saturating_sub(border);
    (index as usize, here as f32 / from as f32, next as f32 / from as f32)
}

/// How many of `to` are whole when so many of `from` were taken.
fn row_of(taken: u32, from: u32, to: u32) -> u64 {
    u64::from(taken) * u64::from(to) / u64::from(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(from: (u32, u32), to: (u32, u32), channels: Channels, pixels: &[u8]) -> Vec<u8> {
        let mut shrinker = Shrinker::new(from, to, channels);
        for row in pixels.chunks(from.0 as usize * channels.count()) {
            shrinker.push(row);
        }
        shrinker.finish().pixels().to_vec()
    }

    #[test]
    fn a_size_fits_and_keeps_its_proportions() {
        for (from, side, to) in [
            ((100, 50), 100, (100, 50)),
            ((100, 50), 50, (50, 25)),
            ((50, 101), 50, (25, 50)),
            ((16_384, 1), 2_560, (2_560, 1)),
            ((3, 2), 2, (2, 1)),
        ] {
            assert_eq!(fitting(from, side), to, "{from:?}");
        }
    }

    #[test]
    fn a_pixel_is_the_mean_of_what_lies_under_it() {
        let quarters = [0, 0, 0, 100, 100, 100, 50, 50, 50, 50, 50, 50];
        assert_eq!(shrunk((2, 2), (1, 1), Channels::Rgb, &quarters), [50, 50, 50]);
        // Three to two: the middle one is halved.
        let three = [0, 0, 0, 90, 90, 90, 240, 240, 240];
        assert_eq!(shrunk((3, 1), (2, 1), Channels::Rgb, &three), [30, 30, 30, 190, 190, 190]);
        // What cannot be seen has no part in the colour.
        let half = [200, 10, 10, 255, 0, 255, 255, 0];
        assert_eq!(shrunk((2, 1), (1, 1), Channels::Rgba, &half), [200, 10, 10, 128]);
    }

    #[test]
    fn in_place_it_is_the_same() {
        let pixels: Vec<u8> = (0..50 * 40 * 4_u32).map(|n| (n * n / 77) as u8).collect();
        for (channels, from, to) in [
            (Channels::Rgba, (50, 40), (33, 27)),
            (Channels::Rgba, (40, 50), (40, 1)),
            (Channels::Rgb, (50, 53), (1, 53)),
            (Channels::Rgb, (50, 53), (49, 52)),
            (Channels::Rgb, (50, 53), (50, 53)),
        ] {
            let mut in_place = pixels[..(from.0 * from.1) as usize * channels.count()].to_vec();
            let expected = shrunk(from, to, channels, &in_place);
            assert!(shrink_in_place(&mut in_place, from, to, channels, || true));
            assert_eq!(in_place, expected, "{from:?} {to:?}");
            assert!(!shrink_in_place(&mut pixels.clone(), from, to, channels, || false));
        }
    }

    #[test]
    fn one_colour_stays_it_whatever_the_sizes() {
        for from in 1..40 {
            for to in 1..=from {
                let pixels = [7, 130, 255].repeat((from * from) as usize);
                let made = shrunk((from, from), (to, to), Channels::Rgb, &pixels);
                assert_eq!(made, [7, 130, 255].repeat((to * to) as usize), "{from} {to}");
            }
        }
    }
}
