//! Which unit belongs to which environment.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::schedule::Schedule;
use super::settings::{EnvironmentSettings, SyncPolicy};
use crate::problem::{Problem, Problems};
use crate::unit::{EnvironmentName, UnitId};

/// A part of the repository that is planned, approved and synced on its own.
#[derive(Clone, Debug)]
pub struct Environment {
    pub name: EnvironmentName,
    pub branch: Option<String>,
    pub sync: SyncPolicy,
    /// When to look for drift; never by itself where it is not said.
    pub schedule: Option<Schedule>,
    pub alerts: Option<String>,
    paths: GlobSet,
    everything: bool,
}

/// The environments a unit falls into.
#[derive(PartialEq, Debug)]
pub enum Membership<'a> {
    None,
    One(&'a Environment),
    Many(Vec<&'a Environment>),
}

impl PartialEq for Environment {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Environment {
    /// The one that holds everything where the repository names none.
    pub(super) fn default_one() -> Self {
        Self {
            name: "default".parse().expect("a lowercase word is a name"),
            branch: None,
            sync: SyncPolicy::default(),
            schedule: None,
            alerts: None,
            paths: GlobSet::empty(),
            everything: true,
        }
    }

    pub(super) fn of(file: &str, name: &str, settings: &EnvironmentSettings, problems: &mut Problems) -> Option<Self> {
        let parsed = name.parse().map_err(|error: crate::unit::ParseIdError| {
            Problem::new(crate::problem::Place::file(file), format!("environment {error}"))
        });
        let name = problems.keep(parsed)?;
        let mut paths = GlobSetBuilder::new();
        for path in &settings.paths {
            let glob = GlobBuilder::new(path.value.trim_end_matches('/')).literal_separator(true).build();
            match glob {
                Ok(glob) => _ = paths.add(glob),
                Err(error) => {
                    problems.error(path.problem(format!("`{}` is no path pattern: {}", path.value, error.kind())))
                }
            }
        }
        let schedule = settings.schedule.as_ref().and_then(|text| {
            let parsed = Schedule::parse(&text.value).map_err(|error| text.problem(error.to_string()));
            problems.keep(parsed)
        });
        Some(Self {
            name,
            branch: settings.branch.clone(),
            sync: settings.sync,
            schedule,
            alerts: settings.alerts.clone(),
            paths: paths.build().unwrap_or_else(|_| GlobSet::empty()),
            everything: false,
        })
    }

    /// Whether a unit, declared or not any more, belongs here: its path or a folder above it matches.
    pub fn holds(&self, id: &UnitId) -> bool {
        let path = id.as_str();
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        self.everything || folders.chain([path]).any(|part| self.paths.is_match(part))
    }
}
