//! Directories that a killed run left behind are removed, and no others.

#[cfg(test)]
mod directories {
    use lockdown_testkit::server::scratch::{Scratch, sweep};
    use std::path::{Path, PathBuf};
    use std::process::Command;

    /// A folder that stands for the one of temporary files.
    struct Base(PathBuf);

    impl Base {
        fn new(name: &str) -> Base {
            let path = std::env::temp_dir().join(format!("testkit-scratch-{name}-{}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Base(path)
        }

        fn make(&self, name: &str) -> PathBuf {
            let path = self.0.join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join("some data"), "x").unwrap();
            path
        }
    }

    impl Drop for Base {
        fn drop(&mut self) {
            std::fs::remove_dir_all(&self.0).unwrap();
        }
    }

    /// The id of a process that has ended.
    fn ended() -> u32 {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn what_a_killed_run_left_is_removed() {
        let base = Base::new("stale");
        let unlocked = base.make(&format!("lockdown-test-{}-00000a", ended()));
        // Its maker ended, but the id has gone to a process that lives: ours.
        let reused = base.make(&format!("lockdown-test-{}-00000b", std::process::id()));
        std::fs::write(reused.join("lock"), "").unwrap();

        let mut removed = sweep(&base.0);
        removed.sort();
        let mut expected = vec![unlocked.clone(), reused.clone()];
        expected.sort();
        assert_eq!(removed, expected);
        assert!(!unlocked.exists() && !reused.exists());
    }

    #[test]
    fn what_is_in_use_or_not_ours_stays() {
        let base = Base::new("used");
        let used = Scratch::create(&base.0).unwrap();
        // Between its making and its locking, a directory has only the id of its maker.
        let new = base.make(&format!("lockdown-test-{}-00000c", std::process::id()));
        let foreign = base.make("lockdown-test-notes");
        let other = base.make("postgresql");
        let target = base.make("target");
        let link = base.0.join(format!("lockdown-test-{}-00000d", ended()));
        std::os::unix::fs::symlink(&target, &link).unwrap();

        assert_eq!(sweep(&base.0), Vec::<PathBuf>::new());
        for path in [used.path(), &new, &foreign, &other, &target, &link] {
            assert!(Path::exists(path), "{} is gone", path.display());
        }
    }

    #[test]
    fn a_directory_goes_with_its_value_even_in_a_panic() {
        let base = Base::new("panic");
        let path = base.0.clone();
        let panic = std::thread::spawn(move || {
            let scratch = Scratch::create(&path).unwrap();
            std::fs::write(scratch.path().join("data"), "x").unwrap();
            std::panic::resume_unwind(Box::new(scratch.path().to_owned()));
        });
        let path = panic.join().unwrap_err().downcast::<PathBuf>().unwrap();
        assert!(!path.exists());
    }
}
