//! A picture of a few digits, bent and crossed out so that a machine has to make an effort. The digits are strokes of our own, drawn
//! with no font.

/// In pixels.
const WIDTH: usize = 260;
const HEIGHT: usize = 100;
/// As many digits as stand in it.
pub(super) const DIGITS: usize = 5;
/// Half the width of a stroke.
const THICK: f32 = 3.2;
const THIN: f32 = 1.1;
/// Lines that cross it, and stray dots.
const SCRATCHES: usize = 4;
const DOTS: usize = 220;

type Point = (f32, f32);
/// From one point to another, with half its width.
type Stroke = (Point, Point, f32);

/// The strokes of each digit, in a box from 0 to 1, downwards.
const SHAPES: [&[&[Point]]; 10] = [
    &[&[
        (0.5, 0.0),
        (0.85, 0.15),
        (1.0, 0.5),
        (0.85, 0.85),
        (0.5, 1.0),
        (0.15, 0.85),
        (0.0, 0.5),
        (0.15, 0.15),
        (0.5, 0.0),
    ]],
    &[
        &[(0.2, 0.25), (0.55, 0.0), (0.55, 1.0)],
        &[(0.2, 1.0), (0.9, 1.0)],
    ],
    &[&[
        (0.05, 0.25),
        (0.2, 0.05),
        (0.5, 0.0),
        (0.85, 0.1),
        (0.95, 0.3),
        (0.8, 0.5),
        (0.05, 1.0),
        (1.0, 1.0),
    ]],
    &[&[
        (0.05, 0.1),
        (0.45, 0.0),
        (0.85, 0.1),
        (0.9, 0.3),
        (0.7, 0.45),
        (0.4, 0.48),
        (0.8, 0.55),
        (1.0, 0.75),
        (0.85, 0.95),
        (0.45, 1.0),
        (0.05, 0.9),
    ]],
    &[&[(0.7, 1.0), (0.7, 0.0), (0.0, 0.7), (1.0, 0.7)]],
    &[&[
        (0.9, 0.0),
        (0.15, 0.0),
        (0.1, 0.45),
        (0.5, 0.38),
        (0.9, 0.5),
        (1.0, 0.72),
        (0.85, 0.93),
        (0.45, 1.0),
        (0.05, 0.9),
    ]],
    &[&[
        (0.85, 0.08),
        (0.5, 0.0),
        (0.15, 0.25),
        (0.0, 0.65),
        (0.15, 0.92),
        (0.5, 1.0),
        (0.85, 0.92),
        (1.0, 0.7),
        (0.85, 0.48),
        (0.5, 0.42),
        (0.1, 0.55),
    ]],
    &[&[(0.0, 0.0), (1.0, 0.0), (0.4, 1.0)], &[(0.25, 0.5), (0.85, 0.5)]],
    &[&[
        (0.5, 0.47),
        (0.15, 0.35),
        (0.1, 0.15),
        (0.5, 0.0),
        (0.9, 0.15),
        (0.85, 0.35),
        (0.5, 0.47),
        (0.1, 0.62),
        (0.05, 0.85),
        (0.5, 1.0),
        (0.95, 0.85),
        (0.9, 0.62),
        (0.5, 0.47),
    ]],
    &[&[
        (0.15, 0.92),
        (0.5, 1.0),
        (0.85, 0.75),
        (1.0, 0.35),
        (0.85, 0.08),
        (0.5, 0.0),
        (0.15, 0.08),
        (0.0, 0.3),
        (0.15, 0.52),
        (0.5, 0.58),
        (0.9, 0.45),
    ]],
];

/// Numbers that follow from a seed (SplitMix64).
pub(super) struct Draw(pub(super) u64);

// === impl Draw ===

impl Draw {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below this.
    pub(super) fn below(&mut self, many: u64) -> u64 {
        self.next() % many
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        let share = self.below(1 << 20) as f32 / (1 << 20) as f32;
        low + share * (high - low)
    }
}

/// The picture of these digits, as a PNG.
pub(super) fn picture(digits: &[u8], seed: u64) -> Vec<u8> {
    let mut draw = Draw(seed);
    let mut strokes = strokes(digits, &mut draw);
    for _ in 0..SCRATCHES {
        let from = (draw.between(0.0, 60.0), draw.between(5.0, 95.0));
        let to = (draw.between(200.0, 260.0), draw.between(5.0, 95.0));
        strokes.push((from, to, THIN));
    }
    for _ in 0..DOTS {
        let at = (draw.between(0.0, WIDTH as f32), draw.between(0.0, HEIGHT as f32));
        strokes.push((at, at, THIN));
    }
    let (phase, swing) = (draw.between(0.0, 6.0), draw.between(2.0, 4.5));
    let mut pixels = vec![0xFF_u8; WIDTH * HEIGHT];
    for (from, to, half) in strokes {
        ink(&mut pixels, from, to, half, |y| swing * (y / 14.0 + phase).sin());
    }
    png(&pixels).expect("memory takes every file, and there is a byte for each pixel")
}

fn strokes(digits: &[u8], draw: &mut Draw) -> Vec<Stroke> {
    let mut strokes = Vec::new();
    let room = (WIDTH as f32 - 24.0) / digits.len() as f32;
    for (place, digit) in digits.iter().enumerate() {
        let shape = SHAPES[usize::from(*digit) % 10];
        let (wide, high) = (draw.between(24.0, 32.0), draw.between(46.0, 60.0));
        let (turn, lean) = (draw.between(-0.32, 0.32), draw.between(-0.25, 0.25));
        let middle = (
            12.0 + room * (place as f32 + 0.5) + draw.between(-3.0, 3.0),
            HEIGHT as f32 / 2.0 + draw.between(-9.0, 9.0),
        );
        let (sin, cos) = turn.sin_cos();
        let placed = |(x, y): Point| {
            let (x, y) = ((x - 0.5) * wide + (y - 0.5) * lean * high, (y - 0.5) * high);
            (middle.0 + x * cos - y * sin, middle.1 + x * sin + y * cos)
        };
        for line in shape {
            let pairs = line.windows(2);
            strokes.extend(pairs.map(|pair| (placed(pair[0]), placed(pair[1]), THICK)));
        }
    }
    strokes
}

/// Draws a stroke, each row of it moved aside by so much.
fn ink(pixels: &mut [u8], from: Point, to: Point, half: f32, aside: impl Fn(f32) -> f32) {
    let reach = half + 6.0;
    let bounds = |one: f32, other: f32, most: usize| {
        let low = (one.min(other) - reach).max(0.0) as usize;
        let high = ((one.max(other) + reach).max(0.0) as usize).min(most);
        low..high
    };
    for row in bounds(from.1, to.1, HEIGHT) {
        let y = row as f32;
        let moved = aside(y);
        for column in bounds(from.0, to.0, WIDTH) {
            let away = distance((column as f32 + moved, y), from, to);
            let ink = (half + 0.5 - away).clamp(0.0, 1.0);
            let pixel = &mut pixels[row * WIDTH + column];
            *pixel = (*pixel).min((255.0 * (1.0 - ink)) as u8);
        }
    }
}

fn distance(at: Point, from: Point, to: Point) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length == 0.0 {
        0.0
    } else {
        (((at.0 - from.0) * dx + (at.1 - from.1) * dy) / length).clamp(0.0, 1.0)
    };
    (at.0 - from.0 - along * dx).hypot(at.1 - from.1 - along * dy)
}

/// As a file, eight bits of grey each.
fn png(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_a_sound_file() {
        let (digits, other) = ([4, 0, 2, 1, 7], [4, 0, 2, 1, 8]);
        let file = picture(&digits, 7);
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width as usize, info.height as usize), (WIDTH, HEIGHT));
        assert_eq!(info.color_type, png::ColorType::Grayscale);
        assert_eq!(png(&pixels).unwrap(), file, "what is read is what was drawn");
        assert!(pixels.iter().filter(|pixel| **pixel < 0x80).count() > 1_500);
        assert_eq!(file, picture(&digits, 7), "the same seed draws the same");
        assert_ne!(file, picture(&digits, 8));
        assert_ne!(file, picture(&other, 7));
    }

    #[test]
    fn every_digit_leaves_ink_of_its_own() {
        let ink_of = |digit: u8| {
            let mut pixels = vec![0xFF; WIDTH * HEIGHT];
            for (from, to, half) in strokes(&[digit; DIGITS], &mut Draw(3)) {
                ink(&mut pixels, from, to, half, |_| 0.0);
            }
            pixels
        };
        let drawn: Vec<Vec<u8>> = (0..10).map(ink_of).collect();
        for (digit, pixels) in drawn.iter().enumerate() {
            let dark = pixels.iter().filter(|pixel| **pixel < 0x80).count();
            assert!(dark > 1_500, "{digit}: {dark}");
            let others = drawn.iter().filter(|other| *other == pixels);
            assert_eq!(others.count(), 1, "{digit}");
        }
    }
}
