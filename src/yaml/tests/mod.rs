//! The room's promises, one test a fact.

mod editing;
mod kubernetes;
mod parsing;
mod reading;

use super::{Node, parse_one};
use crate::problem::Problem;

fn node(text: &str) -> Node {
    parse_one("a.yaml", text.as_bytes()).expect("this test writes correct YAML")
}

fn problems(text: &str) -> Vec<Problem> {
    parse_one("a.yaml", text.as_bytes()).expect_err("this test writes wrong YAML")
}

fn at(problem: &Problem) -> (usize, usize) {
    (problem.place.line, problem.place.column)
}
