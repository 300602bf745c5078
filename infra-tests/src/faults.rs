//! Tables of faults that the product was designed against, each row with the tests that show what
//! is done then. A row without a test fails.

use std::collections::BTreeSet;
use std::path::Path;

/// Number in the list, what happens, what is done about it, the tests.
pub type Fault = (u32, &'static str, &'static str, &'static [&'static str]);

/// Fails where a row has no test, names one that is not there, or stands out of order.
pub fn check(faults: &[Fault]) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut tests = BTreeSet::new();
    for folder in [package.join("tests"), package.join("src"), package.join("../src")] {
        collect(&folder, &mut tests);
    }
    for (number, fault, outcome, named) in faults {
        assert!(!named.is_empty(), "{number}, {fault}, has no test");
        for test in *named {
            assert!(tests.contains(*test), "{number}, {fault} ({outcome}): there is no test `{test}`");
        }
    }
    assert!(faults.is_sorted_by_key(|row| row.0), "in the order of the list");
}

/// The names of all functions below a folder that follow a test's attribute.
fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the repository").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source is text");
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            let is_attribute = |line: &str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let name = |line: &str| Some(line.split_once("fn ")?.1.split_once('(')?.0.to_owned());
            tests.extend(lines.windows(2).filter(|pair| is_attribute(pair[0])).filter_map(|pair| name(pair[1])));
        }
    }
}
