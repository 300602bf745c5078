//! From a snapshot to its clusters and workloads, offline.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::check::{Checked, check_manifests};
use super::claims::{self, Claims};
use super::cluster_file::read_cluster;
use super::connect::{Clusters, Where};
use super::folders::cluster_folders;
use super::leave::LeaveRule;
use super::mark::Mark;
use super::moved::Moves;
use super::noted::Key;
use super::program::Programs;
use super::ready::{HealthRule, HealthRules};
use super::recipe::Recipe;
use super::site::ClusterSite;
use super::sources::{Source, read_values};
use super::spec::WorkloadSpec;
use super::unread::{self, Making, Manifests};
use super::wanted::Wanted;
use super::workload::Workload;
use super::workload_file::WorkloadFile;
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

/// What a workload declares, as far as that was asked for.
#[derive(Default)]
struct Objects {
    manifests: Manifests,
    claims: Claims,
    /// None where nothing of it may be noted.
    key: Option<Key>,
    wanted: Option<Wanted>,
}

impl WorkloadReader<'_> {
    fn read(&self, mark: Mark, problems: &mut Problems) -> Option<(Workload, Claims)> {
        let errors = problems.errors.len();
        let file = WorkloadFile::read(self.snapshot, self.folder, problems);
        let WorkloadFile { spec, node } = &file;
        let mut references = self.references.to_vec();
        let mut values = BTreeMap::new();
        let mut timeout = DEFAULT_TIMEOUT;
        if let Some(node) = node {
            for unit in node.get("dependsOn").map(Node::items).unwrap_or_default() {
                references.extend(problems.keep(depends_on(unit)));
            }
            if let Some(node) = node.get("values") {
                values = read_values(node, self.place, &mut references, problems);
            }
            timeout = problems.keep(read_timeout(node, spec.timeout.as_deref())).unwrap_or(timeout);
        }
        let rules = read_rules(spec, node.as_ref(), problems);
        let leave = read_leave(spec, node.as_ref(), problems);
        let namespace = file.namespace().to_owned();
        let service_account = problems.keep(read_account(spec, node.as_ref(), &namespace)).flatten();
        let (making, recipe) = self.making(&file, problems).unzip();
        let read = self.objects((&mark, &namespace), making, &values, node.as_ref(), problems);
        if problems.errors.len() == errors && read.claims.is_empty() {
            problems.error(
                Problem::new(Place::file(self.folder), format!("`{}` holds no object", self.folder))
                    .hint("an empty workload would delete everything it had: remove the folder if that is meant"),
            );
        }
        let workload = Workload {
            mark,
            clusters: self.clusters.clone(),
            place: self.place.clone(),
            manifests: Arc::new(read.manifests),
            key: read.key,
            recipe: recipe.flatten().map(Arc::new),
            // What does not wait for a value is rendered once.
            rendered: Arc::new(Mutex::new(read.wanted.filter(|_| values.values().all(Source::is_text)))),
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
        (problems.errors.len() == errors).then_some((workload, read.claims))
    }

    /// Whether the files are manifests, or a chart or a kustomization makes them.
    fn making(&self, file: &WorkloadFile, problems: &mut Problems) -> Option<(Making, Option<Recipe>)> {
        match file.rendering(self.snapshot, self.programs, self.folder) {
            None => self.refuse_what_stands_below(problems).map(|()| (Making::Plain, None)),
            Some(Ok(rendering)) => {
                let recipe = Recipe::new(self.folder, self.programs, &rendering);
                Some((Making::Rendered(rendering), Some(recipe)))
            }
            Some(Err(problem)) => {
                problems.error(problem);
                None
            }
        }
    }

    /// The objects it declares, and what is wrong with them; from a note where the same was read before.
    fn objects(
        &self,
        (mark, namespace): (&Mark, &str),
        making: Option<Making>,
        values: &BTreeMap<String, Source>,
        node: Option<&Node>,
        problems: &mut Problems,
    ) -> Objects {
        let Some(making) = making else { return Objects::default() };
        let (snapshot, folder, programs) = (self.snapshot, self.folder, self.programs);
        let key = making.key((snapshot, folder), programs, (mark, self.place), values);
        if let Some(claims) = key.as_ref().and_then(|key| unread::claims(mark, self.place, key)) {
            return Objects {
                manifests: Manifests::unread(making, snapshot, folder, programs),
                claims,
                key,
                wanted: None,
            };
        }
        let said = problems.errors.len() + problems.warnings.len();
        let manifests = making.read(snapshot, folder, programs, problems);
        let Checked { claims, wanted } = check_manifests(&manifests, values, (mark, namespace), node, problems);
        let is_silent = problems.errors.len() + problems.warnings.len() == said && wanted.is_some();
        let holds_secrets = claims.iter().any(|(id, _)| id.is_secret()) || manifests.iter().any(|one| one.sealed);
        let key = key.filter(|_| is_silent && !holds_secrets);
        if let Some(key) = &key {
            unread::note(mark, self.place, key, &claims);
        }
        Objects { manifests: Manifests::read_already(manifests), claims, key, wanted }
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

#[cfg(test)]
mod tests {
    use super::super::noted;
    use super::*;
    use crate::aws::{Aws, AwsSettings};
    use crate::repo::CommitId;

    const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {tier: '${TIER}'}\n";
    const GOLD: &str = "values: {TIER: gold}\n";

    /// Whether the manifests had to be read, and what they claim.
    fn read_of(folder: &str, workload: &str, manifests: &str) -> (bool, Workload, Claims) {
        let files = [(format!("{folder}/workload.yaml"), workload), (format!("{folder}/all.yaml"), manifests)];
        let snapshot = Snapshot::of_files(CommitId::new("c"), files);
        let clusters = Arc::new(Clusters::new(Aws::new(AwsSettings::default()), None));
        let programs = Arc::new(Programs::from_environment());
        let place = &Where::Kubeconfig { context: "test".into(), uid: None };
        let (clusters, programs, references) = (&clusters, &programs, &[][..]);
        let reader = WorkloadReader { snapshot: &snapshot, clusters, programs, folder, place, references };
        // Of this process alone: notes of earlier ones stand beside.
        let mark = Mark::new(&std::process::id().to_string(), &UnitId::new(folder));
        let mut problems = Problems::default();
        let (workload, claims) = reader.read(mark, &mut problems).unwrap_or_else(|| panic!("{:?}", problems.errors));
        (workload.manifests.are_read(), workload, claims)
    }

    #[test]
    fn what_was_read_without_a_word_to_say_is_not_read_again_until_it_is_needed() {
        let (is_read, first, claims) = read_of("clusters/a/web", GOLD, MAP);
        assert!(is_read && claims.len() == 1);
        let (is_read, again, noted) = read_of("clusters/a/web", GOLD, MAP);
        assert!(!is_read && noted == claims);
        assert_eq!(again.masked().expect("it is right"), first.masked().expect("it is right"));
        assert!(again.manifests.are_read());
        for (workload, manifests) in [
            (GOLD, MAP.replace("name: web", "name: wob")),
            ("values: {TIER: iron}\n", MAP.to_owned()),
            ("values: {TIER: gold}\nnamespace: shop\n", MAP.to_owned()),
        ] {
            assert!(read_of("clusters/a/web", workload, &manifests).0, "{workload}{manifests}");
        }
        noted::forget(&unread::name(&again.mark, &again.place));
    }

    #[test]
    fn what_has_a_warning_or_a_secret_is_read_each_time() {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {a: '${TIER}'}\n";
        for (folder, workload, manifests) in [
            ("clusters/b/unused", "values: {TIER: gold, UNUSED: a}\n", MAP),
            ("clusters/b/secret", GOLD, secret),
            ("clusters/b/asked", "values: {TIER: {output: data/db.Tier}}\n", MAP),
        ] {
            assert!(read_of(folder, workload, manifests).0 && read_of(folder, workload, manifests).0, "{folder}");
        }
    }
}
