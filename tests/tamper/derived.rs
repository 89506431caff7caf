//! Changes of the tree's files.

use parvandeh::proof::verify::Part;

use super::*;

fn flip(path: &Path, random: &mut Random) -> u64 {
    let mut bytes = fs::read(path).unwrap();
    let at = random.below(bytes.len() as u64) as usize;
    bytes[at] ^= 1 << random.below(8);
    fs::write(path, bytes).unwrap();
    at as u64
}

pub fn level_0_flipped(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let copy = original.copy();
        let position = flip(&copy.proof("level-0"), random) / 32 + 1;
        let report = copy.is_found_at(position..=position, "level-0 flipped");
        let first = report.first().unwrap();
        assert_eq!(first.part, Part::Tree, "the log is not to blame: {report:#?}");
        assert!(first.problem.contains("the log agrees with the signed root"), "{report:#?}");
    }
}

pub fn level_1_flipped(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let copy = original.copy();
        let entry = flip(&copy.proof("level-1"), random) / 32;
        let report = copy.is_found_at(entry * 256 + 1..=entry * 256 + 1, "level-1 flipped");
        assert_eq!(report.first().unwrap().part, Part::Tree);
    }
}

pub fn entries_swapped(original: &Original, random: &mut Random) {
    for _ in 0..PLACES {
        let (left, right) = (random.below(original.size), random.below(original.size));
        if left == right {
            continue;
        }
        let copy = original.copy();
        let path = copy.proof("level-0");
        let mut bytes = fs::read(&path).unwrap();
        for byte in 0..32 {
            bytes.swap(left as usize * 32 + byte, right as usize * 32 + byte);
        }
        fs::write(path, bytes).unwrap();
        let first = left.min(right) + 1;
        copy.is_found_at(first..=first, "two hashes swapped");
    }
}

pub fn files_truncated(original: &Original, random: &mut Random) {
    for number in 0..PLACES {
        let copy = original.copy();
        let level = number % 2;
        let path = copy.proof(&format!("level-{level}"));
        let left = random.below(fs::metadata(&path).unwrap().len());
        fs::File::options().write(true).open(&path).unwrap().set_len(left).unwrap();
        let first = left / 32 * 256_u64.pow(level as u32) + 1;
        copy.is_found_at(first..=first, "a level cut");
    }
}

pub fn entries_added(original: &Original, random: &mut Random) {
    for number in 0..PLACES {
        let copy = original.copy();
        let path = copy.proof(&format!("level-{}", number % 3));
        let mut bytes = fs::read(&path).unwrap_or_default();
        bytes.extend(
            std::iter::repeat_with(|| random.number().to_be_bytes())
                .take(4 * (1 + number as usize % 5))
                .flatten(),
        );
        fs::write(path, bytes).unwrap();
        copy.is_found_at(original.size + 1..=original.size + 1, "hashes added");
    }
}
