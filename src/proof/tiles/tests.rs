use proptest::prelude::*;

use super::*;

#[test]
fn paths_are_those_of_the_specification() {
    let path = |kind, index, width| TilePath { kind, index, width }.to_string();
    assert_eq!(path(TileKind::Hashes { level: 0 }, 1_234_067, 256), "0/x001/x234/067");
    assert_eq!(path(TileKind::Hashes { level: 3 }, 0, 1), "3/000.p/1");
    assert_eq!(path(TileKind::Entries, 1_000, 255), "entries/x001/000.p/255");
}

#[test]
fn only_one_path_leads_to_a_tile() {
    for text in [
        "",
        "0",
        "0/0",
        "0/x000/001",
        "00/000",
        "0/001.p/256",
        "0/001.p/0",
        "0/001.p/01",
        "data/000",
        "0/000/",
        "256/000",
        "entries/x001",
    ] {
        assert!(text.parse::<TilePath>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_path_reads_as_it_was_written(level in any::<u8>(), index in any::<u64>(), width in 1_u16..=256) {
        for kind in [TileKind::Hashes { level }, TileKind::Entries] {
            let path = TilePath { kind, index, width };
            prop_assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn all_tiles_of_a_tree_are_in_it_and_no_wider_one_is(size in 1_u64..300_000, level in 0_u8..3) {
        let all: Vec<_> = TilePath::all(TileKind::Hashes { level }, size).collect();
        prop_assert!(all.iter().all(|tile| tile.is_in(size)));
        let entries: u64 = all.iter().map(|tile| u64::from(tile.width)).sum();
        prop_assert_eq!(entries, size >> (8 * u32::from(level)));
        if let Some(last) = all.last() {
            let wider = TilePath { width: last.width + 1, ..*last };
            prop_assert!(wider.width > 256 || !wider.is_in(size));
        }
    }
}

#[test]
fn entries_come_back_as_they_went_in_and_a_cut_tile_is_noticed() {
    let mut tile = Vec::new();
    let leaves: [&[u8]; 3] = [b"", b"one", &[7; 65_535]];
    assert!(leaves.iter().all(|leaf| add_entry(&mut tile, leaf)));
    assert_eq!(entries(&tile).unwrap(), leaves);
    assert_eq!(entries(&tile[..tile.len() - 1]), None);
    assert!(!add_entry(&mut tile, &[7; 65_536]));
}
