//! The days of a digest as a picture: three rows of bars, the day itself in full colour, each bar with its number above and
//! its day of the month below.

use super::{Digest, Numbers};
use chrono::Datelike as _;

const WIDTH: usize = 640;
const ROW: usize = 140;
const ROWS: usize = 3;
const HEIGHT: usize = ROWS * ROW + FOOT;
/// Below the last row, for the days.
const FOOT: usize = 24;
const MARGIN: usize = 16;
/// Above the longest bar, for its number.
const HEAD: usize = 28;
/// A dot of a letter, in pixels.
const DOT: usize = 3;

/// Red, green and blue of each colour, which pixels name by its place.
const PALETTE: [[u8; 3]; 10] = [
    [255, 255, 255],
    [60, 60, 67],
    [209, 209, 214],
    [0, 98, 204],
    [153, 193, 241],
    [36, 138, 61],
    [165, 214, 167],
    [200, 40, 35],
    [239, 154, 154],
    [214, 110, 0],
];
const PALE_ORANGE: [u8; 3] = [250, 200, 150];

const WHITE: u8 = 0;
const DARK: u8 = 1;
const LINE: u8 = 2;

/// One series of bars: its colours on the day and before, and its number of a day.
struct Series {
    colours: [u8; 2],
    number: fn(&Numbers) -> u64,
}

const MESSAGES: Series = Series {
    colours: [3, 4],
    number: |numbers| numbers.messages,
};
const JOINS: Series = Series {
    colours: [5, 6],
    number: |numbers| numbers.joins,
};
const LEAVES: Series = Series {
    colours: [7, 8],
    number: |numbers| numbers.leaves,
};
const CASES: Series = Series {
    colours: [9, 10],
    number: Numbers::all_cases,
};

struct Canvas(Vec<u8>);

/// A digest as a PNG.
pub fn chart(digest: &Digest) -> Result<Vec<u8>, png::EncodingError> {
    let mut canvas = Canvas(vec![WHITE; WIDTH * HEIGHT]);
    for (row, series) in [&[MESSAGES][..], &[JOINS, LEAVES], &[CASES]]
        .into_iter()
        .enumerate()
    {
        canvas.row(digest, row * ROW, series);
    }
    let slot = slot(digest);
    for (at, day) in digest.days.iter().enumerate() {
        let middle = MARGIN + at * slot + slot / 2;
        canvas.number(middle, ROWS * ROW + 4, &day.day.day().to_string());
    }
    let mut palette: Vec<u8> = PALETTE.concat();
    palette.extend(PALE_ORANGE);
    let mut picture = Vec::new();
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    let mut encoder = png::Encoder::new(&mut picture, width, height);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&canvas.0)?;
    writer.finish()?;
    Ok(picture)
}

/// How wide a day is.
fn slot(digest: &Digest) -> usize {
    (WIDTH - 2 * MARGIN) / digest.days.len().max(1)
}

/// In at most four letters: `9999`, `12k`, `3M`.
fn short(number: u64) -> String {
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}M", (number / 1_000_000).min(999)),
    }
}

/// The dots of a letter, three in each of five rows.
fn letter(letter: char) -> [u8; 5] {
    match letter {
        '0' => [0b111, 0b101, 0b101, 0b101, 0b111],
        '1' => [0b010, 0b110, 0b010, 0b010, 0b111],
        '2' => [0b111, 0b001, 0b111, 0b100, 0b111],
        '3' => [0b111, 0b001, 0b111, 0b001, 0b111],
        '4' => [0b101, 0b101, 0b111, 0b001, 0b001],
        '5' => [0b111, 0b100, 0b111, 0b001, 0b111],
        '6' => [0b111, 0b100, 0b111, 0b101, 0b111],
        '7' => [0b111, 0b001, 0b010, 0b010, 0b010],
        '8' => [0b111, 0b101, 0b111, 0b101, 0b111],
        '9' => [0b111, 0b101, 0b111, 0b001, 0b111],
        'k' => [0b101, 0b101, 0b110, 0b101, 0b101],
        'M' => [0b101, 0b111, 0b111, 0b101, 0b101],
        _ => [0; 5],
    }
}

// === impl Canvas ===

impl Canvas {
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: u8) {
        for line in self.0.chunks_mut(WIDTH).skip(top).take(height) {
            line[left.min(WIDTH)..(left + width).min(WIDTH)].fill(colour);
        }
    }

    /// One row of bars, all by the same measure: the longest is as long as there is room.
    fn row(&mut self, digest: &Digest, top: usize, series: &[Series]) {
        let numbers = || {
            let of = |series: &Series| digest.days.iter().map(|day| (series.number)(&day.numbers)).max();
            series.iter().filter_map(of)
        };
        let most = numbers().max().unwrap_or(0).max(1);
        let (slot, room) = (slot(digest), ROW - HEAD - 2);
        let bottom = top + ROW - 2;
        self.fill(MARGIN, bottom, WIDTH - 2 * MARGIN, 2, LINE);
        let width = (slot - 12) / series.len();
        let last = digest.days.len().saturating_sub(1);
        for (at, day) in digest.days.iter().enumerate() {
            for (beside, series) in series.iter().enumerate() {
                let number = (series.number)(&day.numbers);
                let height = scaled(number, most, room);
                let left = MARGIN + at * slot + 6 + beside * width;
                let colour = series.colours[usize::from(at != last)];
                self.fill(left, bottom - height, width - 2, height, colour);
                let above = (bottom - height).saturating_sub(5 * DOT + 4);
                self.number(left + width / 2, above, &short(number));
            }
        }
    }

    /// A number around a middle; narrower where it would be wider than what it stands over.
    fn number(&mut self, middle: usize, top: usize, text: &str) {
        let dot = if text.len() > 3 { DOT - 1 } else { DOT };
        let width = text.len() * 4 * dot - dot;
        let mut left = middle.saturating_sub(width / 2);
        for c in text.chars() {
            for (row, dots) in letter(c).into_iter().enumerate() {
                for column in 0..3 {
                    if dots >> (2 - column) & 1 == 1 {
                        self.fill(left + column * dot, top + row * dot, dot, dot, DARK);
                    }
                }
            }
            left += 4 * dot;
        }
    }
}

/// How long a bar is; what is there at all is seen.
fn scaled(number: u64, most: u64, room: usize) -> usize {
    let length = u128::from(number) * room as u128 / u128::from(most);
    usize::try_from(length)
        .unwrap_or(room)
        .max(usize::from(number > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{Day, WEEK};
    use chrono::{DateTime, NaiveDate, Utc};

    fn digest(messages: [u64; WEEK + 1]) -> Digest {
        let first = NaiveDate::from_ymd_opt(2026, 11, 14).unwrap();
        let days: Vec<Day> = first
            .iter_days()
            .zip(messages)
            .map(|(day, messages)| Day {
                day,
                numbers: Numbers {
                    messages,
                    ..Numbers::default()
                },
            })
            .collect();
        Digest {
            day: days[WEEK].day,
            from: DateTime::<Utc>::MIN_UTC,
            to: DateTime::<Utc>::MIN_UTC,
            numbers: days[WEEK].numbers.clone(),
            week: Numbers::default(),
            days,
        }
    }

    /// The pixels of a picture that somebody else reads.
    fn pixels(picture: &[u8]) -> (u32, u32, Vec<u8>) {
        let decoder = png::Decoder::new(std::io::Cursor::new(picture));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    }

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let picture = chart(&digest([50, 0, 0, 0, 0, 0, 0, 100])).unwrap();
        let (width, height, pixels) = pixels(&picture);
        assert_eq!((width as usize, height as usize), (WIDTH, HEIGHT));
        let many = |colour: u8| pixels.iter().filter(|pixel| **pixel == colour).count();
        let [now, before] = MESSAGES.colours.map(many);
        assert_eq!(now, 2 * before, "the day is twice as high as the one a week ago");
        assert!(now > 1_000);
        for series in [JOINS, LEAVES, CASES] {
            assert_eq!(series.colours.map(many), [0, 0]);
        }
    }

    #[test]
    fn nothing_and_very_much_can_be_shown() {
        let nothing = pixels(&chart(&digest([0; WEEK + 1])).unwrap()).2;
        assert!(!nothing.contains(&MESSAGES.colours[0]));
        let much = pixels(&chart(&digest([u64::MAX, 1, 1, 1, 1, 1, 1, 1])).unwrap()).2;
        assert!(
            much.contains(&MESSAGES.colours[0]),
            "one is seen beside any number"
        );
        for (number, text) in [
            (9_999, "9999"),
            (10_000, "10k"),
            (2_500_000, "2M"),
            (u64::MAX, "999M"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
