//! From a snapshot to its clusters and workloads, offline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use super::claims::{self, Claims};
use super::cluster_file::read_cluster;
use super::connect::{Clusters, Where};
use super::depends;
use super::folders::cluster_folders;
use super::hooks;
use super::leave::LeaveRule;
use super::manifest::{Manifest, read_folder};
use super::mark::Mark;
use super::moved::Moves;
use super::object::Object;
use super::policy;
use super::program::Programs;
use super::ready::{HealthRule, HealthRules};
use super::recipe::Recipe;
use super::render::render;
use super::rendering::rendering_of;
use super::site::ClusterSite;
use super::sources::{Source, read_values};
use super::spec::WorkloadSpec;
use super::substitute::Values;
use super::workload::{Wanted, Workload};
use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};
use crate::unit::{Declared, KindName, Need, ReadSettings, Reading, Reference, SiteName, Target, UnitId, Why};
use crate::yaml::{self, Node};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// Reads every cluster and workload below `clusters/`.
pub(super) fn read(
    snapshot: &Snapshot,
    settings: &ReadSettings,
    kind: &KindName,
    (clusters, programs): (&Arc<Clusters>, &Arc<Programs>),
    problems: &mut Problems,
) -> Reading {
    let mut reading = Reading::default();
    let folders = cluster_folders(snapshot);
    let declared: BTreeSet<String> = folders.values().flat_map(|folder| folder.workloads.keys().cloned()).collect();
    let moves = Arc::new(Moves::read(&settings.moved, &declared, problems));
    for (path, folder) in folders {
        for stray in &folder.stray {
            problems.error(
                Problem::new(Place::file(stray), "this file stands beside cluster.yaml and belongs to no workload")
                    .hint(format!("put it into a folder of its own, as `{path}/shop/`")),
            );
        }
        let Some((place, references)) = read_cluster(snapshot, &path, &folder, problems) else { continue };
        let site = SiteName::new(path.as_str());
        let mut claims = Vec::new();
        for (id, file) in &folder.workloads {
            let mark = Mark::new(&settings.repository, &UnitId::new(moves.origin(id)));
            let reader =
                WorkloadReader { snapshot, clusters, programs, folder: id, place: &place, references: &references };
            if let Some((workload, claimed)) = reader.read(mark, problems) {
                claims.push((id.clone(), claimed));
                reading.units.push(Declared {
                    id: UnitId::new(id.as_str()),
                    kind: kind.clone(),
                    site: site.clone(),
                    file: file.clone(),
                    unit: Arc::new(workload),
                });
            }
        }
        claims::check(&claims, problems);
        reading.sites.push(Arc::new(ClusterSite {
            name: site,
            kind: kind.clone(),
            repository: settings.repository.clone(),
            moves: moves.clone(),
            clusters: clusters.clone(),
            place,
            references,
        }));
    }
    reading
}

/// One document of a file, or nothing and its problems.
pub(super) fn document(snapshot: &Snapshot, path: &str, problems: &mut Problems) -> Option<Node> {
    let bytes = match snapshot.entry(path)? {
        Entry::Blob(bytes) => bytes,
        // The declaration names them, wherever they stand.
        Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => return None,
    };
    match yaml::parse_one(path, bytes) {
        Ok(node) => Some(node),
        Err(found) => {
            found.into_iter().for_each(|problem| problems.error(problem));
            None
        }
    }
}

/// The file in which a workload's folder says what its manifests cannot.
pub(super) fn workload_file(folder: &str) -> String {
    format!("{folder}/workload.yaml")
}

/// A reference with the place where it is written.
pub(super) fn reference(at: &Node, target: Target, why: Why) -> Reference {
    let problem = at.problem("");
    Reference { target, why, need: Need::Must, place: problem.place, line_text: problem.line_text }
}

/// Reads one workload's folder.
struct WorkloadReader<'a> {
    snapshot: &'a Snapshot,
    clusters: &'a Arc<Clusters>,
    programs: &'a Arc<Programs>,
    folder: &'a str,
    place: &'a Where,
    /// Those of the cluster.
    references: &'a [Reference],
}

impl WorkloadReader<'_> {
    fn read(&self, mark: Mark, problems: &mut Problems) -> Option<(Workload, Claims)> {
        let errors = problems.errors.len();
        let file = workload_file(self.folder);
        let node = document(self.snapshot, &file, problems);
        let spec = match &node {
            Some(node) => problems.keep(yaml::read::<WorkloadSpec>(node)).unwrap_or_default(),
            None => WorkloadSpec::default(),
        };
        let mut references = self.references.to_vec();
        let mut values = BTreeMap::new();
        let mut timeout = DEFAULT_TIMEOUT;
        if let Some(node) = &node {
            for unit in node.get("dependsOn").map(Node::items).unwrap_or_default() {
                references.extend(problems.keep(depends_on(unit)));
            }
            if let Some(node) = node.get("values") {
                values = read_values(node, self.place, &mut references, problems);
            }
            timeout = problems.keep(read_timeout(node, spec.timeout.as_deref())).unwrap_or(timeout);
        }
        let rules = read_rules(&spec, node.as_ref(), problems);
        let leave = read_leave(&spec, node.as_ref(), problems);
        let namespace = spec.namespace.clone().unwrap_or_else(|| "default".into());
        let service_account = problems.keep(read_account(&spec, node.as_ref(), &namespace)).flatten();
        let (manifests, recipe) = self.manifests(&spec, node.as_ref(), &namespace, problems);
        if problems.errors.len() == errors && manifests.is_empty() {
            problems.error(
                Problem::new(Place::file(self.folder), format!("`{}` holds no object", self.folder))
                    .hint("an empty workload would delete everything it had: remove the folder if that is meant"),
            );
        }
        let checked = check_manifests(&manifests, &values, (&mark, &namespace), node.as_ref(), problems);
        let workload = Workload {
            mark,
            clusters: self.clusters.clone(),
            place: self.place.clone(),
            manifests: Arc::new(manifests),
            recipe: recipe.map(Arc::new),
            // What does not wait for a value is rendered once.
            rendered: Arc::new(Mutex::new(checked.wanted.filter(|_| values.values().all(Source::is_text)))),
            values,
            references,
            namespace,
            prune: spec.prune.unwrap_or(true),
            timeout,
            rules,
            leave,
            conflicts: spec.conflicts.unwrap_or_default(),
            service_account,
        };
        (problems.errors.len() == errors).then_some((workload, checked.claims))
    }

    /// The manifests themselves, or what a chart or a kustomization makes of its files.
    fn manifests(
        &self,
        spec: &WorkloadSpec,
        node: Option<&Node>,
        namespace: &str,
        problems: &mut Problems,
    ) -> (Vec<Manifest>, Option<Recipe>) {
        let chart = spec.chart.as_ref().zip(node.and_then(|node| node.get("chart")));
        match rendering_of(self.snapshot, self.programs, self.folder, chart, namespace) {
            None => match self.refuse_what_stands_below(problems) {
                Some(()) => (read_folder(self.snapshot, self.programs, self.folder, problems), None),
                None => (Vec::new(), None),
            },
            Some(Ok(rendering)) => {
                let recipe = Recipe::new(self.folder, self.programs, &rendering);
                (rendering.run(self.programs, problems), Some(recipe))
            }
            Some(Err(problem)) => {
                problems.error(problem);
                (Vec::new(), None)
            }
        }
    }

    /// A kustomization below plain manifests: its files would be sent as they are.
    fn refuse_what_stands_below(&self, problems: &mut Problems) -> Option<()> {
        let mut found = None;
        for (path, _) in self.snapshot.below(self.folder) {
            let what = match path.rsplit('/').next().unwrap_or(path) {
                "kustomization.yaml" | "kustomization.yml" | "Kustomization" => "a kustomization",
                "Chart.yaml" => "a Helm chart",
                _ => continue,
            };
            problems.error(
                Problem::new(
                    Place::file(path),
                    format!("{what} stands inside `{}`, whose manifests are plain", self.folder),
                )
                .hint("give it a folder beside that one, or a kustomization above both"),
            );
            found = Some(path);
        }
        match found {
            Some(_) => None,
            None => Some(()),
        }
    }
}

fn depends_on(unit: &Node) -> Result<Reference, Problem> {
    match unit.text() {
        Some(name) if !name.is_empty() => Ok(reference(unit, Target::Unit(name.to_owned()), Why::Declared)),
        _ => Err(unit.problem("this names no unit").hint("write its id, or the shortest tail of it: `network/vpc`")),
    }
}

/// What the author says of the health of kinds; each expression that is none is told where it stands.
fn read_rules(spec: &WorkloadSpec, node: Option<&Node>, problems: &mut Problems) -> HealthRules {
    let nodes = node.and_then(|node| node.get("health")).map(Node::items).unwrap_or_default();
    let mut rules = Vec::new();
    for (rule, node) in spec.health.iter().zip(nodes) {
        match HealthRule::of(rule) {
            Ok(rule) => rules.push(rule),
            Err((key, why)) => problems.error(
                node.get(key)
                    .unwrap_or(node)
                    .problem(format!("`{key}` is no expression: {why}"))
                    .hint("write CEL over the fields of the object, as `status.phase == 'Ready'`"),
            ),
        }
    }
    HealthRules::new(rules)
}

fn read_leave(spec: &WorkloadSpec, node: Option<&Node>, problems: &mut Problems) -> Vec<LeaveRule> {
    let nodes = node.and_then(|node| node.get("leave")).map(Node::items).unwrap_or_default();
    let mut rules = Vec::new();
    for (rule, node) in spec.leave.iter().zip(nodes) {
        match LeaveRule::of(rule) {
            Some(rule) => rules.push(rule),
            None => problems.error(
                node.get("path")
                    .unwrap_or(node)
                    .problem(format!("`{}` is no path", rule.path))
                    .hint("write it as `plan` does: `spec.template.spec.containers[name=web].image`"),
            ),
        }
    }
    rules
}

/// `NAME` or `NAMESPACE/NAME`.
fn read_account(
    spec: &WorkloadSpec,
    node: Option<&Node>,
    namespace: &str,
) -> Result<Option<(String, String)>, Problem> {
    let (Some(text), Some(node)) = (&spec.service_account, node) else { return Ok(None) };
    let (namespace, name) = text.split_once('/').unwrap_or((namespace, text));
    let fits = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    };
    match fits(namespace) && fits(name) {
        true => Ok(Some((namespace.to_owned(), name.to_owned()))),
        false => Err(node
            .get("serviceAccount")
            .unwrap_or(node)
            .problem(format!("`{text}` is no name of a service account"))
            .hint("write `deployer` or `shop/deployer`")),
    }
}

fn read_timeout(node: &Node, text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(DEFAULT_TIMEOUT) };
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    let at = node.get("timeout").unwrap_or(node);
    match parsed {
        Some(duration) if (1..=24 * 3600).contains(&duration.as_secs()) => Ok(duration),
        _ => {
            Err(at.problem(format!("`{text}` is no time to wait")).hint("write it as `90s`, `5m` or `1h`, up to a day"))
        }
    }
}

/// What a workload comes to, as far as that can be said offline.
struct Checked {
    claims: Claims,
    /// None where something is wrong with it.
    wanted: Option<Wanted>,
}

/// Renders once with stand-ins, so that what is wrong whatever the values are is said offline.
fn check_manifests(
    manifests: &[Manifest],
    values: &BTreeMap<String, Source>,
    (mark, namespace): (&Mark, &str),
    node: Option<&Node>,
    problems: &mut Problems,
) -> Checked {
    let stand_in = |(name, source): (&String, &Source)| {
        let value = match source {
            Source::Text(text) => text.clone(),
            // Two values must not make two names look the same, here or in another workload.
            Source::Output(_) | Source::Ssm { .. } => {
                format!("value-of-{}-{}", name.to_lowercase().replace('_', "-"), mark.label())
            }
        };
        (name.clone(), value)
    };
    let values: Values = values.iter().map(stand_in).collect();
    let rendered = render(manifests, &values, &BTreeSet::new());
    let is_whole = rendered.problems.is_empty();
    rendered.problems.into_iter().for_each(|problem| problems.error(problem));
    let unused: BTreeSet<&String> = values.keys().filter(|name| !rendered.used.contains(*name)).collect();
    for (key, _) in node.and_then(|node| node.get("values")).into_iter().flat_map(Node::entries) {
        if let Some(name) = key.text().filter(|name| unused.iter().any(|unused| unused == name)) {
            problems.warn(key.problem(format!("no manifest uses `${{{name}}}`")).hint("remove it, or use it"));
        }
    }
    rendered.objects.iter().flat_map(policy::misspelt).for_each(|problem| problems.error(problem));
    warn_of_scaled_replicas(&rendered.objects, problems);
    rendered.objects.iter().filter_map(too_large).for_each(|problem| problems.error(problem));
    let claim = |object: &Object| (claims::claimed(&object.id, namespace), object.place.clone());
    let claims = rendered.objects.iter().map(claim).collect();
    let (objects, hooks) = hooks::split(rendered.objects, &mut problems.warnings);
    depends::check(&objects, &hooks, namespace).into_iter().for_each(|problem| problems.error(problem));
    Checked { claims, wanted: is_whole.then_some(Wanted { objects, hooks }) }
}

/// What the API server would refuse for its size, told before anything else of the workload is sent.
fn too_large(object: &Object) -> Option<Problem> {
    /// Of all values of a ConfigMap or a Secret.
    const MOST_DATA: usize = 1024 * 1024;
    /// What etcd takes of one object, as it is started everywhere.
    const MOST_BYTES: usize = 1536 * 1024;
    let holds_data = object.id.is("", "ConfigMap") || object.id.is_secret();
    let texts = object.json["data"].as_object().into_iter().flat_map(|data| data.values());
    let data: usize = texts.filter_map(|value| value.as_str()).map(str::len).sum();
    // The values of a Secret are counted as they are, and written with four letters for three bytes.
    let data = if object.id.is_secret() { data / 4 * 3 } else { data };
    let (bytes, most) = match holds_data && data > MOST_DATA {
        true => (data, MOST_DATA),
        false if at_most(&object.json) <= MOST_BYTES => return None,
        false => (object.json.to_string().len(), MOST_BYTES),
    };
    let problem =
        Problem::new(object.place.clone(), format!("`{}` has {bytes} bytes, and a cluster takes {most}", object.id));
    (bytes > most).then(|| problem.hint("split it, or keep the data elsewhere and name it here"))
}

/// More bytes than a value can take as JSON: hardly any object has to be written out to be measured.
fn at_most(value: &Value) -> usize {
    /// The longest escape stands for one byte.
    const ESCAPED: usize = 6;
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 32,
        Value::String(text) => text.len() * ESCAPED + 2,
        Value::Array(items) => items.iter().map(|item| at_most(item) + 1).sum::<usize>() + 2,
        Value::Object(map) => {
            map.iter().map(|(key, value)| key.len() * ESCAPED + at_most(value) + 4).sum::<usize>() + 2
        }
    }
}

fn warn_of_scaled_replicas(objects: &[Object], problems: &mut Problems) {
    for scaler in objects.iter().filter(|object| object.id.is("autoscaling", "HorizontalPodAutoscaler")) {
        let target = &scaler.json["spec"]["scaleTargetRef"];
        let declares = |object: &&Object| {
            target["kind"] == object.id.kind.as_str()
                && target["name"] == object.id.name.as_str()
                && object.id.namespace == scaler.id.namespace
                && !object.json["spec"]["replicas"].is_null()
        };
        if let Some(object) = objects.iter().find(declares) {
            problems.warn(
                Problem::new(object.place.clone(), format!("`{}` says how many replicas it has, and `{}` scales it", object.id, scaler.id))
                    .hint("the number is used once, at its creation; leave `replicas` out before the first apply to avoid even that"),
            );
        }
    }
}
