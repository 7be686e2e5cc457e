//! Something that was made of files, and is made anew when they have changed.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::FileError;

/// Which contents files have, as far as their metadata tell. A file that is not there has none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(Vec<Option<[i64; 7]>>);

impl Stamp {
    fn of(files: &[PathBuf]) -> Self {
        let of = |file: &PathBuf| {
            let found = fs_err::metadata(file).ok()?;
            let (device, inode, size) = (found.dev() as i64, found.ino() as i64, found.size() as i64);
            Some([device, inode, size, found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()])
        };
        Self(files.iter().map(of).collect())
    }
}

/// What was made of some files last.
#[derive(Debug)]
pub(crate) struct Current<T> {
    files: Vec<PathBuf>,
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// Of the files that were looked at last, whether they could be used or not.
    stamp: Option<Stamp>,
    made: Option<Arc<T>>,
}

/// What became of a look at the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// They are those of the last look.
    Same,
    /// They were taken.
    New,
    /// They cannot be used: what was made before stays.
    Bad(FileError),
}

impl<T> Current<T> {
    /// Looks at nothing yet.
    pub(crate) fn new(files: Vec<PathBuf>) -> Self {
        Self { files, state: Mutex::new(State { stamp: None, made: None }) }
    }

    /// Makes it with `make` if the files have changed since the last look. Blocks.
    pub(crate) fn look(&self, make: impl FnOnce() -> Result<T, FileError>) -> Look {
        let mut state = self.state.lock();
        // Files that change while they are read have another stamp at the next look.
        let stamp = Stamp::of(&self.files);
        if state.stamp.as_ref() == Some(&stamp) {
            return Look::Same;
        }
        state.stamp = Some(stamp);
        match make() {
            Ok(made) => {
                state.made = Some(Arc::new(made));
                Look::New
            }
            Err(error) => Look::Bad(error),
        }
    }

    /// What was made last.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.state.lock().made.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_for_each_content_and_stays_while_the_files_are_bad() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let current = Current::new(vec![file.clone()]);
        let bad = FileError::new(&file, "bad");
        assert_eq!(current.look(|| Err::<u32, _>(bad.clone())), Look::Bad(bad.clone()));
        assert_eq!(current.get(), None);
        fs_err::write(&file, "1").unwrap();
        assert_eq!(current.look(|| Ok(1)), Look::New);
        assert_eq!(current.look(|| panic!("it is not made again")), Look::Same);
        fs_err::write(&file, "22").unwrap();
        assert_eq!(current.look(|| Err(bad.clone())), Look::Bad(bad.clone()));
        assert_eq!(current.look(|| panic!("it is not tried again")), Look::Same);
        assert_eq!(current.get().as_deref(), Some(&1));
        fs_err::remove_file(&file).unwrap();
        assert_eq!(current.look(|| Ok(3)), Look::New);
        assert_eq!(current.get().as_deref(), Some(&3));
    }
}
