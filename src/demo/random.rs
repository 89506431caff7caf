//! Chance that is the same on every machine: SplitMix64.

/// A small generator of numbers that look random. The same seed gives the same numbers for ever.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The generator of one stream: streams of different numbers are unrelated.
    pub(super) fn of_stream(seed: u64, stream: u64) -> Self {
        let mut random = Self(seed ^ stream.wrapping_mul(Self::STEP).rotate_left(17));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(Self::STEP);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `from` up to and without `to`, which must be greater.
    pub(super) fn between(&mut self, from: i64, to: i64) -> i64 {
        debug_assert!(from < to);
        from + (self.next() % (to - from) as u64) as i64
    }

    /// An index below `length`, which must not be 0.
    pub(super) fn below(&mut self, length: usize) -> usize {
        (self.next() % length as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of the items, of which there must be some.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items, each as often as its weight says.
    pub(super) fn weighted<T: Copy>(&mut self, items: &[(usize, T)]) -> T {
        let mut place = self.below(items.iter().map(|(weight, _)| weight).sum());
        for &(weight, item) in items {
            match place.checked_sub(weight) {
                None => return item,
                Some(rest) => place = rest,
            }
        }
        items[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_repeats_itself_and_differs_from_its_neighbour() {
        let numbers = |stream| {
            let mut random = Random::of_stream(7, stream);
            [random.next(), random.next(), random.next()]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn an_item_without_weight_is_never_drawn_and_the_others_are() {
        let mut random = Random::of_stream(7, 0);
        let drawn: Vec<_> =
            (0..200).map(|_| random.weighted(&[(1, 'a'), (0, 'b'), (3, 'c')])).collect();
        assert!(drawn.contains(&'a') && drawn.contains(&'c') && !drawn.contains(&'b'));
    }
}
