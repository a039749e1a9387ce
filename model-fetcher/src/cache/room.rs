//! Room for a model: others of the same cache that nothing uses are deleted, those first that were used longest ago.
//! Blocking.

use super::hold::use_file;
use super::{allocated, lock_file, same_file};
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File, OpenOptions};
use std::path::Path;

/// A model that nothing uses is kept for this long at least: a holder that starts again holds nothing for some minutes.
pub(super) const IDLE: SignedDuration = SignedDuration::from_hours(1);
/// Begins the names of folders that are on their way out.
const LEAVING: &str = ".leaving-";
const MIB: u64 = 1 << 20;

/// A model of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    folder: String,
    /// Room that it takes.
    bytes: u64,
    /// When it was used last.
    used: Timestamp,
}

/// Deletes models of `cache` other than `own`, if that gives `lacking` bytes; otherwise none. What cannot be deleted is
/// told and left.
pub(super) fn make(cache: &Path, own: &str, lacking: u64) {
    sweep(cache);
    let names = fs::read_dir(cache).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let others = names.filter(|name| name != own && !name.starts_with('.'));
    let unused = others.filter_map(|folder| unused(cache, folder).map(|(model, _locks)| model));
    for Model { folder, bytes, .. } in choose(unused.collect(), lacking, Timestamp::now()) {
        // It may have been taken into use meanwhile.
        let Some((_, _locks)) = unused_since(cache, &folder) else { continue };
        let leaving = cache.join(format!("{LEAVING}{folder}"));
        match fs::rename(cache.join(&folder), &leaving).and_then(|()| fs::remove_dir_all(&leaving)) {
            Ok(()) => eprintln!("deleted {folder} from the cache: nothing uses its {} MiB", bytes / MIB),
            Err(error) => eprintln!("{folder} cannot be deleted from the cache: {error}"),
        }
    }
}

/// Those to delete: the ones that were used longest ago, as many as give `lacking` bytes. None if all together do not.
fn choose(mut unused: Vec<Model>, lacking: u64, now: Timestamp) -> Vec<Model> {
    // A time to come is of a clock that was set back.
    unused.retain(|model| now.duration_since(model.used) >= IDLE);
    unused.sort_by(|a, b| (a.used, &a.folder).cmp(&(b.used, &b.folder)));
    let mut freed = 0_u64;
    let enough = unused.iter().position(|model| {
        freed = freed.saturating_add(model.bytes);
        freed >= lacking
    });
    unused.truncate(enough.map_or(0, |last| last + 1));
    unused
}

/// A model that nobody fetches and nobody holds, with the locks that keep it so.
fn unused(cache: &Path, folder: String) -> Option<(Model, [File; 2])> {
    let path = cache.join(&folder);
    let held = use_file(&path);
    let used = fs::metadata(&held).ok()?.modified().ok()?.try_into().ok()?;
    let locks = [locked(&lock_file(&path))?, locked(&held)?];
    Some((Model { folder, bytes: allocated(&path), used }, locks))
}

/// The same, still idle.
fn unused_since(cache: &Path, folder: &str) -> Option<(Model, [File; 2])> {
    let found = unused(cache, folder.to_owned())?;
    (Timestamp::now().duration_since(found.0.used) >= IDLE).then_some(found)
}

/// A file that is there, locked by nobody else.
fn locked(path: &Path) -> Option<File> {
    let file = OpenOptions::new().append(true).open(path).ok()?;
    (file.try_lock().is_ok() && same_file(&file, path)).then_some(file)
}

/// Removes what a deletion left that was cut short.
fn sweep(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(LEAVING) {
            // Another fetcher may be at it; else the next one tries again.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::super::Cache;
    use super::*;
    use proptest::prelude::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn model(folder: &str, bytes: u64, hours_ago: i32, now: Timestamp) -> Model {
        Model { folder: folder.to_owned(), bytes, used: now - HOUR * hours_ago }
    }

    fn chosen(models: &[Model], lacking: u64, now: Timestamp) -> Vec<String> {
        choose(models.to_vec(), lacking, now).into_iter().map(|model| model.folder).collect()
    }

    #[test]
    fn the_longest_unused_go_first_and_no_more_than_needed() {
        let now = Timestamp::now();
        let models = [model("new", 50, 2, now), model("old", 10, 90, now), model("mid", 10, 30, now)];
        assert_eq!(chosen(&models, 1, now), ["old"]);
        assert_eq!(chosen(&models, 10, now), ["old"]);
        assert_eq!(chosen(&models, 11, now), ["old", "mid"]);
        assert_eq!(chosen(&models, 70, now), ["old", "mid", "new"]);
        assert_eq!(chosen(&models, 71, now), [""; 0], "nothing is deleted in vain");
    }

    #[test]
    fn what_was_used_just_now_stays() {
        let now = Timestamp::now();
        let just_now = Model { used: now - IDLE + SignedDuration::from_secs(1), ..model("a", 10, 0, now) };
        let to_come = Model { used: now + HOUR, ..just_now.clone() };
        assert_eq!(chosen(&[just_now, to_come], 1, now), [""; 0]);
    }

    proptest! {
        #[test]
        fn what_goes_is_enough_and_older_than_what_stays(
            sizes in prop::collection::vec((1_u64..100, 0_i32..50), 0..12), lacking in 1_u64..600,
        ) {
            let now = Timestamp::now();
            let models: Vec<_> = sizes.iter().enumerate()
                .map(|(at, (bytes, hours))| model(&format!("m{at:02}"), *bytes, *hours, now)).collect();
            let gone = choose(models.clone(), lacking, now);
            let bytes = |models: &[Model]| models.iter().map(|model| model.bytes).sum::<u64>();
            prop_assert!(gone.is_empty() || bytes(&gone) >= lacking);
            prop_assert!(gone.is_empty() || bytes(&gone[..gone.len() - 1]) < lacking, "one too many");
            let stays = models.iter().filter(|model| !gone.contains(model));
            let youngest = gone.iter().map(|model| model.used).max();
            prop_assert!(youngest.is_none_or(|youngest| stays.clone().all(|model| model.used >= youngest)));
        }
    }

    /// A cache with a model that was used so long ago.
    fn put(cache: &Path, name: &str, hours_ago: i32) -> Cache {
        let model = Cache::open(cache, name).unwrap();
        fs::write(model.file("m.gguf"), vec![7; 1 << 20]).unwrap();
        for file in ["lock", "use"] {
            let file = File::create(cache.join(name).join(file)).unwrap();
            file.set_modified((Timestamp::now() - HOUR * hours_ago).into()).unwrap();
        }
        model
    }

    #[test]
    fn a_model_that_is_held_or_fetched_or_of_somebody_else_is_left() {
        let cache = tempfile::tempdir().unwrap();
        for name in ["own", "held", "fetched", "untold", "unused"] {
            put(cache.path(), name, 48);
        }
        fs::remove_file(cache.path().join("untold/use")).unwrap();
        let lock = |file: &str| OpenOptions::new().append(true).open(cache.path().join(file)).unwrap();
        let (held, fetched) = (lock("held/use"), lock("fetched/lock"));
        held.try_lock_shared().unwrap();
        fetched.try_lock().unwrap();
        fs::create_dir(cache.path().join(".leaving-gone")).unwrap();
        make(cache.path(), "own", 2 << 20);
        assert!(cache.path().join("unused").exists(), "one model is not enough: none is deleted");
        make(cache.path(), "own", 1 << 19);
        let mut left: Vec<_> =
            fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["fetched", "held", "own", "untold"]);
        drop((held, fetched));
        make(cache.path(), "own", 3 << 19);
        assert!(!cache.path().join("held").exists() && !cache.path().join("fetched").exists());
    }
}
