/// Names the rules of the specification that a test shows: `shows!("R-REG-12")`. `tests/spec.rs` reads the calls and
/// fails on a rule that does not exist; the rules without a test are listed in `spec/untested.md`.
#[macro_export]
macro_rules! shows {
    ($($rule:literal),+ $(,)?) => {
        const _: &[&str] = &[$($rule),+];
    };
}
