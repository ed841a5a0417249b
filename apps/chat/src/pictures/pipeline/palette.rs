//! The colours of a frame: at most 255 and the one that cannot be seen through.
//!
//! If there are no more, they stay as they are. Otherwise the box of colours with the most different ones in it is cut
//! in two at its median, again and again (median cut), over colours of 15 bits. It takes as long as the frame has
//! pixels, whatever they are.

use std::collections::HashMap;

/// The most colours of a frame, one index being kept for what cannot be seen.
const COLOURS_MAX: usize = 255;
/// Its index.
pub(super) const UNSEEN: u8 = 255;
/// Colours of 15 bits.
const CELLS: usize = 1 << 15;

/// A frame in colours of a table.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) indices: Vec<u8>,
    /// 256 times red, green and blue.
    pub(super) table: Vec<u8>,
}

/// Finds the colours for these pixels; `None` cannot be seen.
pub(super) fn index(pixels: impl Iterator<Item = Option<[u8; 3]>> + Clone) -> Indexed {
    few(pixels.clone()).unwrap_or_else(|| many(pixels))
}

/// The colours as they are.
fn few(pixels: impl Iterator<Item = Option<[u8; 3]>>) -> Option<Indexed> {
    let mut known = HashMap::new();
    let mut table = Vec::new();
    let mut indices = Vec::new();
    let mut last = (None, UNSEEN);
    for pixel in pixels {
        if pixel != last.0 {
            let index = match pixel {
                None => UNSEEN,
                Some(colour) => {
                    let next = known.len();
                    let index = *known.entry(colour).or_insert(next);
                    if index == next {
                        table.extend(colour);
                    }
                    u8::try_from(index).ok().filter(|index| usize::from(*index) < COLOURS_MAX)?
                }
            };
            last = (pixel, index);
        }
        indices.push(last.1);
    }
    table.resize(256 * 3, 0);
    Some(Indexed { indices, table })
}

/// What is in a cell: how many pixels, and the sums of their colours.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    count: u64,
    sums: [u64; 3],
}

fn many(pixels: impl Iterator<Item = Option<[u8; 3]>> + Clone) -> Indexed {
    let mut cells = vec![Cell::default(); CELLS];
    for colour in pixels.clone().flatten() {
        let cell = &mut cells[cell_of(colour)];
        cell.count += 1;
        for (sum, value) in cell.sums.iter_mut().zip(colour) {
            *sum += u64::from(value);
        }
    }
    let used: Vec<u16> =
        (0..CELLS).filter(|cell| cells[*cell].count > 0).map(|cell| cell as u16).collect();
    let mut boxes = vec![(weight(&used, &cells), used)];
    while boxes.len() < COLOURS_MAX {
        let widest = boxes.iter().enumerate().max_by_key(|(_, (weight, _))| *weight);
        let Some((at, &(1.., _))) = widest else { break };
        let (one, other) = cut(boxes.swap_remove(at).1, &cells);
        boxes.extend([one, other].map(|inside| (weight(&inside, &cells), inside)));
    }
    let mut table = Vec::with_capacity(256 * 3);
    let mut index_of = vec![UNSEEN; CELLS];
    for (index, (_, inside)) in boxes.iter().enumerate() {
        let mut mean = Cell::default();
        for cell in inside {
            let Cell { count, sums } = cells[usize::from(*cell)];
            mean.count += count;
            for (sum, more) in mean.sums.iter_mut().zip(sums) {
                *sum += more;
            }
            index_of[usize::from(*cell)] = index as u8;
        }
        let count = mean.count.max(1);
        table.extend(mean.sums.map(|sum| ((sum + count / 2) / count) as u8));
    }
    table.resize(256 * 3, 0);
    let indices = pixels.map(|pixel| pixel.map_or(UNSEEN, |colour| index_of[cell_of(colour)]));
    Indexed { indices: indices.collect(), table }
}

fn cell_of([r, g, b]: [u8; 3]) -> usize {
    usize::from(r >> 3) << 10 | usize::from(g >> 3) << 5 | usize::from(b >> 3)
}

/// Red, green or blue of a cell, 0 to 31.
fn part(cell: u16, channel: usize) -> u16 {
    cell >> (10 - 5 * channel) & 31
}

/// The channel in which a box is longest, and how long it is there.
fn longest(inside: &[u16]) -> (usize, u16) {
    let lengths = [0, 1, 2].map(|channel| {
        let parts = inside.iter().map(|cell| part(*cell, channel));
        let (min, max) = parts.fold((31, 0), |(min, max), part| (part.min(min), part.max(max)));
        (channel, max - min)
    });
    lengths.into_iter().max_by_key(|(_, length)| *length).unwrap_or((0, 0))
}

/// How much a box ought to be cut; 0: it cannot be.
fn weight(inside: &[u16], cells: &[Cell]) -> u64 {
    let count: u64 = inside.iter().map(|cell| cells[usize::from(*cell)].count).sum();
    count.isqrt() * u64::from(longest(inside).1).pow(2)
}

/// Cuts a box of several cells at its median.
fn cut(mut inside: Vec<u16>, cells: &[Cell]) -> (Vec<u16>, Vec<u16>) {
    let (channel, _) = longest(&inside);
    inside.sort_unstable_by_key(|cell| part(*cell, channel));
    let count = |cell: &u16| cells[usize::from(*cell)].count;
    let half = inside.iter().map(count).sum::<u64>() / 2;
    let mut so_far = 0;
    let before = inside.iter().take_while(|cell| {
        so_far += count(cell);
        so_far <= half
    });
    let at = before.count().clamp(1, inside.len() - 1);
    let other = inside.split_off(at);
    (inside, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_colours_stay_as_they_are() {
        let pixels: Vec<_> =
            (0..1_000_u32).map(|n| (n % 7 != 0).then_some([(n % 255) as u8, 3, 4])).collect();
        let Indexed { indices, table } = index(pixels.iter().copied());
        for (pixel, index) in pixels.iter().zip(&indices) {
            match pixel {
                None => assert_eq!(*index, UNSEEN),
                Some(colour) => {
                    let at = usize::from(*index) * 3;
                    assert_eq!(colour, &table[at..at + 3]);
                }
            }
        }
    }

    #[test]
    fn many_colours_become_near_ones() {
        let pixels: Vec<_> =
            (0..65_536_u32).map(|n| Some([(n >> 8) as u8, (n & 255) as u8, 100])).collect();
        let Indexed { indices, table } = index(pixels.iter().copied());
        assert_eq!((indices.len(), table.len()), (65_536, 768));
        let mut error = 0;
        for (pixel, index) in pixels.iter().flatten().zip(&indices) {
            assert_ne!(*index, UNSEEN);
            let at = usize::from(*index) * 3;
            let far = pixel.iter().zip(&table[at..at + 3]).map(|(a, b)| a.abs_diff(*b)).max();
            error += u32::from(far.unwrap());
        }
        assert!(error / 65_536 < 16, "{}", error / 65_536);
    }
}
