//! Runs the conformance suite and random programs on a real object store: `suite URL PROGRAMS`, with an URL below which nothing
//! lies. For the tests of `tests/`, which start one.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it is a test that fails by panicking")]

#[path = "../../tests/common/mod.rs"]
mod storage;
#[path = "../tests/common/suite.rs"]
mod suite;

use epistemic_object_store::Location;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("an URL");
    let programs: u64 = arguments.next().map_or(2, |text| text.parse().expect("a number of programs"));
    let (base, query) = url
        .split_once('?')
        .map_or((url.as_str(), String::new()), |(base, query)| (base, format!("?{query}")));
    let place =
        |name: &str| Location::parse(&format!("{}/{name}{query}", base.trim_end_matches('/'))).unwrap();
    suite::conformance(&|number| place(&format!("suite-{number}")));
    println!("the conformance suite passes");
    let first = storage::random::seed();
    for seed in first..first + programs {
        suite::program(seed, &place(&format!("program-{seed}")));
    }
    println!("{programs} random programs agree");
}
