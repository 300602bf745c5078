//! One snapshot to everything it declares.

use std::sync::Arc;

use super::access::AccessSettings;
use super::environment::{Environment, Membership};
use super::files::{refuse_case_twins, refuse_what_is_no_file};
use super::owners::Owners;
use super::settings::{IgnoreRule, RepositorySettings};
use crate::graph::Graph;
use crate::problem::{Place, Problem, Problems};
use crate::repo::{CommitId, Snapshot};
use crate::unit::{Kind, ReadSettings, Reading, UnitId};
use crate::yaml;

/// The names the repository's own settings may have.
const SETTINGS: &[&str] = &["groundplan.yaml", "groundplan.yml"];

/// What a repository declares at one commit.
pub struct Declaration {
    pub commit: CommitId,
    /// `repository:` of `groundplan.yaml`; empty where it is not said.
    pub repository: String,
    pub environments: Vec<Environment>,
    pub ignore: Vec<IgnoreRule>,
    pub access: AccessSettings,
    pub owners: Owners,
    /// Every unit of the repository, whatever environment it belongs to.
    pub graph: Graph,
}

/// Reads a snapshot. Needs no client; the problems are complete, and the declaration is good for
/// use only where none of them is an error.
pub fn read(snapshot: &Snapshot, kinds: &[Arc<dyn Kind>]) -> (Declaration, Problems) {
    let mut problems = Problems::default();
    refuse_what_is_no_file(snapshot, &mut problems);
    refuse_case_twins(snapshot, &mut problems);
    let (file, settings) = read_settings(snapshot, &mut problems);
    let repository = settings.repository.as_ref().map(|name| name.value.clone()).unwrap_or_default();
    let read_settings = ReadSettings {
        repository: repository.clone(),
        moved: settings.moved.clone(),
        external: settings.external.clone(),
        dialect: settings.dialect,
        template_changes: settings.template_changes,
    };
    let mut all = Reading::default();
    for kind in kinds {
        let Reading { units, sites } = kind.read(snapshot, &read_settings, &mut problems);
        all.units.extend(units);
        all.sites.extend(sites);
    }
    let graph = Graph::build(all.units, all.sites, &mut problems);
    let environments = environments(file, &settings, &mut problems);
    if graph.members().next().is_none() && problems.errors.is_empty() {
        let message = "nothing is declared: there is no stack below `stacks/` and no workload below `clusters/`";
        let hint = "is this the root of the repository, and is what you wrote committed?";
        problems.warn(Problem::new(Place::file(file), message).hint(hint));
    }
    tell_homeless_units(&graph, &environments, file, &mut problems);
    tell_unknown_units(&settings.ignore, &graph, &mut problems);
    problems.sort();
    (
        Declaration {
            commit: snapshot.commit().clone(),
            repository,
            environments,
            ignore: settings.ignore,
            access: settings.access,
            owners: Owners::read(snapshot),
            graph,
        },
        problems,
    )
}

fn read_settings(snapshot: &Snapshot, problems: &mut Problems) -> (&'static str, RepositorySettings) {
    let there = SETTINGS.iter().filter_map(|name| Some((*name, snapshot.file(name)?)));
    let found: Vec<_> = there.collect();
    let Some((name, bytes)) = found.first() else { return (SETTINGS[0], RepositorySettings::default()) };
    if let Some((second, _)) = found.get(1) {
        problems.error(
            Problem::new(Place::file(*second), format!("there is `{name}` as well")).hint("keep one of the two"),
        );
    }
    let settings = match yaml::parse_one(name, bytes) {
        Ok(node) => problems.keep(yaml::read(&node)),
        Err(broken) => {
            problems.errors.extend(broken);
            None
        }
    };
    (name, settings.unwrap_or_default())
}

fn environments(file: &str, settings: &RepositorySettings, problems: &mut Problems) -> Vec<Environment> {
    if settings.environments.is_empty() {
        return vec![Environment::default_one()];
    }
    settings
        .environments
        .iter()
        .filter_map(|(name, settings)| Environment::of(file, name, settings, problems))
        .collect()
}

fn tell_homeless_units(graph: &Graph, environments: &[Environment], file: &str, problems: &mut Problems) {
    for member in graph.members().filter(|member| !member.declared.unit.is_external()) {
        let unit = &member.declared;
        match membership(&unit.id, environments) {
            Membership::One(_) => {}
            Membership::None => {
                let message = format!("`{}` belongs to no environment, so nothing ever syncs it", unit.id);
                problems.warn(
                    Problem::new(Place::file(&unit.file), message).hint(format!("add its path to one in {file}")),
                );
            }
            Membership::Many(many) => {
                let names: Vec<_> = many.iter().map(|environment| format!("`{}`", environment.name)).collect();
                let message = format!("`{}` belongs to {}", unit.id, names.join(" and "));
                problems.error(
                    Problem::new(Place::file(&unit.file), message)
                        .hint(format!("let the paths in {file} name it once")),
                );
            }
        }
    }
}

fn membership<'a>(id: &UnitId, environments: &'a [Environment]) -> Membership<'a> {
    let mut holding: Vec<_> = environments.iter().filter(|environment| environment.holds(id)).collect();
    match holding.len() {
        0 => Membership::None,
        1 => Membership::One(holding.remove(0)),
        _ => Membership::Many(holding),
    }
}

fn tell_unknown_units(rules: &[IgnoreRule], graph: &Graph, problems: &mut Problems) {
    let known: Vec<_> = graph.members().map(|member| member.declared.id.clone()).collect();
    for rule in rules {
        if !known.iter().any(|id| id.ends_with(&rule.unit.value)) {
            let problem = rule.unit.problem(format!("there is no unit `{}`", rule.unit.value));
            problems.error(problem.did_you_mean(&rule.unit.value, known.iter().map(UnitId::as_str)));
        }
    }
}

impl Declaration {
    pub fn environment(&self, name: &str) -> Option<&Environment> {
        self.environments.iter().find(|environment| environment.name.as_str() == name)
    }
}
