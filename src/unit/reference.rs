//! Where one unit names another.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Place;

/// A unit's output as an author writes it: `network/vpc.VpcId`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OutputName {
    /// A unit's id or the shortest tail of it that names one unit only.
    pub unit: String,
    pub output: String,
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.unit, self.output)
    }
}

impl FromStr for OutputName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // An output's name has no dot (CloudFormation logical ids are alphanumeric); a path may.
        match text.rsplit_once('.') {
            Some((unit, output)) if !unit.is_empty() && !output.is_empty() => {
                Ok(Self { unit: unit.to_owned(), output: output.to_owned() })
            }
            _ => Err(format!("`{text}` names no output: write UNIT.OUTPUT, as `network/vpc.VpcId`")),
        }
    }
}

/// One place where a unit or a site names something that must be there first.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    pub target: Target,
    pub why: Why,
    pub need: Need,
    /// Where the author wrote it.
    pub place: Place,
    /// The line at that place, for an excerpt.
    pub line_text: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Target {
    /// An output of a unit: its value is an input.
    Output(OutputName),
    /// A unit to wait for, by its id or a tail of it.
    Unit(String),
    /// Something a unit offers by another name than its path: an export
    /// (`export:ACCOUNT/REGION/NAME`), a stack's name (`stack:ACCOUNT/REGION/NAME`).
    Offer(String),
}

/// Whether a reference may lead nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// An error where nothing in the repository answers to it.
    Must,
    /// May stand outside the repository.
    May,
    /// May stand outside the repository, and is worth a warning.
    Should,
}

/// Why one unit waits for another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It takes this output.
    Output(String),
    /// It imports this export.
    Import(String),
    /// It lives in a cluster that the other one makes.
    Cluster(String),
    /// Its author wrote so.
    Declared,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Output(name) => write!(f, "output {name}"),
            Why::Import(name) => write!(f, "import {name}"),
            Why::Cluster(name) => write!(f, "cluster {name}"),
            Why::Declared => f.write_str("declared"),
        }
    }
}
