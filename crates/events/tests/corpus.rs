//! The inputs that fuzzing found worth keeping, tried on every test run.

#[path = "../fuzz/hostile.rs"]
mod hostile;

#[test]
fn the_kept_corpus_holds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/envelope");
    let mut tried = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        hostile::any_bytes(&std::fs::read(entry.unwrap().path()).unwrap());
        tried += 1;
    }
    assert!(tried >= 32, "the corpus has only {tried} inputs");
}
