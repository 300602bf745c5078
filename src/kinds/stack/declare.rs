//! From a snapshot to the stacks it declares.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::address::{Address, StackPath, check_name, is_region};
use super::description::with_description;
use super::dialect::{Dialect, Hints, STACKCTL_CONFIG};
use super::expression::Known;
use super::external::{self, ExternalStack};
use super::import;
use super::limits;
use super::memory::Memory;
use super::moved::Moves;
use super::policy::Policy;
use super::realm::Realm;
use super::site::{Here, Mark, StackSite};
use super::spec::{self, Parameter, ParameterValue, Spec, TemplateAt};
use super::template::{MOST_BYTES, Template};
use super::unit::{Body, StackUnit};
use crate::aws::{Aws, is_account, partition};
use crate::kinds::workload::is_about_workloads;
use crate::problem::{Place, Problem, Problems};
use crate::repo::{Entry, Snapshot};
use crate::unit::{Declared, External, Moved, ReadSettings, Reading, Site, SiteName, TemplateChanges, UnitId};
use crate::yaml::{self, Node};

/// A stack file that could be parsed.
struct Parsed<'s> {
    path: StackPath<'s>,
    file: &'s str,
    node: Node,
}

/// Reads every stack the snapshot declares.
pub(super) fn read(
    aws: &Aws,
    memory: &Arc<Memory>,
    snapshot: &Snapshot,
    settings: &ReadSettings,
    problems: &mut Problems,
) -> Reading {
    let parsed: Vec<Parsed> =
        snapshot.below("stacks").filter_map(|(file, entry)| parse(file, entry, problems)).collect();
    let hints = parsed.iter().map(|parsed| Hints::of(parsed.path.account_segment, &parsed.node));
    let dialect = Dialect::of(snapshot, settings.dialect, hints);
    let defaults = Defaults::read(snapshot, dialect, problems);
    let files: Vec<&str> = parsed.iter().map(|parsed| parsed.file).collect();
    // Workloads have moves of their own.
    let moved: Vec<Moved> = settings.moved.iter().filter(|entry| !is_about_workloads(entry)).cloned().collect();
    let moves = Moves::read(&moved, &files, dialect, problems);
    let mut assembly = Assembly {
        aws,
        memory,
        snapshot,
        settings,
        dialect,
        defaults,
        moves,
        problems,
        files: BTreeMap::new(),
        realms: BTreeMap::new(),
        templates: BTreeMap::new(),
        units: Vec::new(),
        here: BTreeMap::new(),
    };
    if settings.template_changes == TemplateChanges::Ignored && !parsed.is_empty() {
        let said = "a template that changes alone is not deployed (`templateChanges: ignored`)";
        let hint = "it goes with the next change to its stack file; without the line it is planned as any other change";
        assembly.problems.warn(Problem::new(Place::file("groundplan.yaml"), said).hint(hint));
    }
    parsed.iter().for_each(|parsed| assembly.add(parsed));
    settings.external.iter().for_each(|(name, external)| assembly.add_external(name, external));
    assembly.finish()
}

fn parse<'s>(file: &'s str, entry: &Entry, problems: &mut Problems) -> Option<Parsed<'s>> {
    let bytes = match entry {
        Entry::Blob(_) if is_nearly_a_stack_file(file) => {
            problems.warn(Problem::new(Place::file(file), "is passed over").hint("name it .yaml"));
            return None;
        }
        Entry::Blob(bytes) if file.ends_with(".yaml") => bytes,
        // What is no plain file is named by the declaration, wherever it stands.
        Entry::Blob(_) | Entry::Symlink(_) | Entry::Submodule | Entry::LfsPointer => return None,
    };
    let path = problems.keep(StackPath::split(file));
    match yaml::parse_one(file, bytes) {
        Ok(node) => Some(Parsed { path: path?, file, node }),
        Err(found) => {
            found.into_iter().for_each(|problem| problems.error(problem));
            None
        }
    }
}

/// Whether an author may have meant a stack by it, and neither tool takes it for one.
fn is_nearly_a_stack_file(file: &str) -> bool {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    ending != "yaml" && ["yml", "yaml", "json"].iter().any(|near| ending.eq_ignore_ascii_case(near))
}

/// What stackctl's configuration gives to every stack.
#[derive(Default)]
struct Defaults {
    parameters: BTreeMap<String, Parameter>,
    tags: BTreeMap<String, String>,
}

impl Defaults {
    fn read(snapshot: &Snapshot, dialect: Dialect, problems: &mut Problems) -> Self {
        let found = STACKCTL_CONFIG.iter().find_map(|path| Some((*path, snapshot.file(path)?)));
        let Some((file, bytes)) = found else { return Self::default() };
        match yaml::parse_one(file, bytes) {
            Ok(node) => {
                let (parameters, tags) = spec::defaults(&node, dialect, problems);
                Self { parameters, tags }
            }
            Err(found) => {
                found.into_iter().for_each(|problem| problems.error(problem));
                Self::default()
            }
        }
    }
}

/// The stacks read so far, and what they share.
struct Assembly<'a> {
    aws: &'a Aws,
    memory: &'a Arc<Memory>,
    snapshot: &'a Snapshot,
    settings: &'a ReadSettings,
    dialect: Dialect,
    defaults: Defaults,
    moves: Moves,
    problems: &'a mut Problems,
    files: BTreeMap<Address, String>,
    realms: BTreeMap<(String, String), Arc<Realm>>,
    templates: BTreeMap<String, Option<Arc<Template>>>,
    units: Vec<Declared>,
    /// By account and region.
    here: BTreeMap<(String, String), Here>,
}

impl Assembly<'_> {
    fn add(&mut self, parsed: &Parsed<'_>) {
        let Some((address, warnings)) = self.problems.keep(parsed.path.address(self.dialect)) else { return };
        warnings.into_iter().for_each(|problem| self.problems.warn(problem));
        let Some(mut spec) = spec::read(&parsed.node, self.dialect, &address, self.problems) else { return };
        self.apply_defaults(&mut spec);
        let began = self.moves.of(parsed.file).map(|origin| origin.name.clone());
        let name = spec.name.clone().or(began).unwrap_or_else(|| address.name.clone());
        let address = Address { name, ..address };
        if let Some(other) = self.files.insert(address.clone(), parsed.file.to_owned()) {
            let Address { account, region, name } = &address;
            let said = format!("`{other}` declares the same stack, `{name}` in {account}/{region}");
            self.problems.error(Problem::new(Place::file(parsed.file), said).hint("rename one of the two files"));
            return;
        }
        if let Some(unit) = self.unit(parsed, address, spec) {
            self.units.push(unit);
        }
    }

    /// What cannot be asked there is not a place where leftovers are looked for: only those who take
    /// an output wait for it.
    fn add_external(&mut self, name: &str, external: &External) {
        let External { account, region, stack } = external;
        let named = stack.as_ref().map_or(name, |stack| stack.value.as_str());
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
        let wrong = match () {
            () if name.is_empty() || !name.chars().all(fits) => {
                Some(account.problem(format!("`{name}` is no name: write letters, digits, dashes and slashes")))
            }
            () if !is_account(&account.value) => {
                Some(account.problem(format!("`{}` is no account: write its twelve digits in quotes", account.value)))
            }
            () if !is_region(&region.value) => Some(region.problem(format!("`{}` is no region", region.value))),
            () => check_name(named).err().map(|why| stack.as_ref().unwrap_or(account).problem(why)),
        };
        if let Some(problem) = wrong {
            self.problems.error(problem);
            return;
        }
        let address = Address { account: account.value.clone(), region: region.value.clone(), name: named.to_owned() };
        if let Some(file) = self.files.get(&address) {
            let problem = account.problem(format!("`{file}` declares this stack, so it is not somebody else's"));
            self.problems.error(problem.hint("remove the entry, and take the outputs of that file's stack"));
            return;
        }
        self.here(&address).leave(named);
        let key = (address.account.clone(), address.region.clone());
        let new = || Arc::new(Realm::new(self.aws.clone(), self.memory.clone(), &address.account, &address.region));
        let realm = self.realms.get(&key).cloned().unwrap_or_else(new);
        self.units.push(Declared {
            id: UnitId::new(format!("{}/{name}", external::FOLDER)),
            kind: super::kind_name(),
            site: SiteName::new(format!("{}/{}", address.account, address.region)),
            file: account.place.file.clone(),
            unit: Arc::new(ExternalStack { name: name.to_owned(), stack: address.name, realm }),
        });
    }

    fn here(&mut self, address: &Address) -> &mut Here {
        self.here.entry((address.account.clone(), address.region.clone())).or_default()
    }

    fn apply_defaults(&self, spec: &mut Spec) {
        for (name, parameter) in &self.defaults.parameters {
            spec.parameters.entry(name.clone()).or_insert_with(|| parameter.clone());
        }
        for (name, value) in &self.defaults.tags {
            spec.tags.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    fn unit(&mut self, parsed: &Parsed<'_>, address: Address, spec: Spec) -> Option<Declared> {
        let template = match &spec.template {
            TemplateAt::Repository { path, node } => Some(self.template(path, node)?),
            TemplateAt::Url(_) => None,
        };
        if let Some(template) = &template {
            self.check_parameters(&spec, template, &parsed.node);
        }
        if let Some(template) = &template {
            import::check(&spec.import, template).into_iter().for_each(|problem| self.problems.error(problem));
        }
        let allowed = &self.aws.settings().actions;
        let refused = spec.actions.iter().filter_map(|(action, node)| action.refusal(node, allowed));
        refused.for_each(|problem| self.problems.warn(problem));
        limits::of_stack(&spec, &parsed.node).into_iter().for_each(|problem| self.problems.error(problem));
        let policy = spec.policy.as_ref().map(|(file, named)| Policy::read(self.snapshot, file, named));
        let policy = policy.and_then(|read| self.problems.keep(read));
        let body = self.body(&spec, template.as_deref(), parsed.file)?;
        let realm = self.realm(&address);
        let known = known(&address, &spec, template.as_deref());
        let id = UnitId::new(parsed.file.strip_suffix(".yaml").unwrap_or(parsed.file));
        let site = SiteName::new(format!("{}/{}", address.account, address.region));
        let stateful = template.as_ref().map(|template| template.stateful()).unwrap_or_default();
        self.here(&address).declare(&address.name, &id, stateful);
        let earlier = self.moves.of(parsed.file).map(|origin| origin.files.as_slice()).unwrap_or_default();
        let unit = StackUnit {
            file: parsed.file.to_owned(),
            mark: Mark::of(&self.settings.repository, parsed.file),
            earlier: earlier.iter().map(|file| Mark::of(&self.settings.repository, file).value).collect(),
            reads_ssm_at_home: self.dialect == Dialect::CloudGenesis,
            template_changes: self.settings.template_changes,
            address,
            spec,
            policy,
            template,
            body,
            known,
            realm,
        };
        Some(Declared { id, kind: super::kind_name(), site, file: parsed.file.to_owned(), unit: Arc::new(unit) })
    }

    fn template(&mut self, path: &str, named: &Node) -> Option<Arc<Template>> {
        if let Some(read) = self.templates.get(path) {
            // A file that is not there is told at every place that names it.
            if read.is_none() && self.snapshot.entry(path).is_none() {
                let again = Template::read(self.snapshot, path, named).err().unwrap_or_default();
                again.into_iter().for_each(|problem| self.problems.error(problem));
            }
            return read.clone();
        }
        let read = match Template::read(self.snapshot, path, named) {
            Ok(template) => {
                limits::of_template(&template).into_iter().for_each(|problem| self.problems.error(problem));
                Some(Arc::new(template))
            }
            Err(found) => {
                found.into_iter().for_each(|problem| self.problems.error(problem));
                None
            }
        };
        self.templates.insert(path.to_owned(), read.clone());
        read
    }

    fn check_parameters(&mut self, spec: &Spec, template: &Template, file: &Node) {
        for (name, parameter) in &spec.parameters {
            if !template.parameters.contains_key(name) {
                let said = format!("the template `{}` has no parameter `{name}`", template.path);
                let problem =
                    Problem { line_text: parameter.line_text.clone(), ..Problem::new(parameter.place.clone(), said) };
                self.problems.error(problem.did_you_mean(name, template.parameters.keys().map(String::as_str)));
            }
        }
        let at = file.get("Parameters").or(file.get("Template")).unwrap_or(file);
        for (name, declared) in &template.parameters {
            if declared.default.is_none() && !spec.parameters.contains_key(name) {
                let said = format!("the template `{}` needs the parameter `{name}`", template.path);
                self.problems.error(at.problem(said).hint(format!("add `{{Name: {name}, Value: …}}` to `Parameters`")));
            }
        }
    }

    fn body(&mut self, spec: &Spec, template: Option<&Template>, file: &str) -> Option<Body> {
        match (&spec.template, template) {
            (TemplateAt::Url(url), _) => Some(Body::Url(url.clone())),
            (TemplateAt::Repository { .. }, None) => None,
            (TemplateAt::Repository { .. }, Some(template)) => {
                let text = with_description(template, spec.description.as_deref());
                if text.len() > MOST_BYTES {
                    let said = format!(
                        "with its description the template has {} bytes, and CloudFormation takes {MOST_BYTES}",
                        text.len()
                    );
                    self.problems.error(Problem::new(Place::file(file), said));
                    return None;
                }
                Some(Body::Text(text))
            }
        }
    }

    fn realm(&mut self, address: &Address) -> Arc<Realm> {
        let key = (address.account.clone(), address.region.clone());
        let new = || Arc::new(Realm::new(self.aws.clone(), self.memory.clone(), &address.account, &address.region));
        self.realms.entry(key).or_insert_with(new).clone()
    }

    /// The sites that files name, and those the operator names: what was left there has no file any more.
    fn finish(mut self) -> Reading {
        for (account, region) in &self.aws.settings().sites {
            let new = || Arc::new(Realm::new(self.aws.clone(), self.memory.clone(), account, region));
            self.realms.entry((account.clone(), region.clone())).or_insert_with(new);
        }
        let mut site = |realm: &Arc<Realm>| {
            let here = self.here.remove(&(realm.account.clone(), realm.region.clone())).unwrap_or_default();
            Arc::new(StackSite::new(realm.clone(), &self.settings.repository, here)) as Arc<dyn Site>
        };
        Reading { sites: self.realms.values().map(&mut site).collect(), units: self.units }
    }
}

/// What the names of exports and imports can be worked out from.
fn known(address: &Address, spec: &Spec, template: Option<&Template>) -> Known {
    let partition = partition::of(&address.region);
    let mut known = BTreeMap::from([
        ("AWS::AccountId".to_owned(), address.account.clone()),
        ("AWS::Region".to_owned(), address.region.clone()),
        ("AWS::StackName".to_owned(), address.name.clone()),
        ("AWS::Partition".to_owned(), partition.name().to_owned()),
        ("AWS::URLSuffix".to_owned(), partition.dns_suffix().to_owned()),
    ]);
    for (name, declared) in template.into_iter().flat_map(|template| &template.parameters) {
        if let Some(default) = declared.default.as_ref().filter(|_| !declared.no_echo) {
            known.insert(name.clone(), default.clone());
        }
    }
    for (name, parameter) in &spec.parameters {
        match &parameter.value {
            ParameterValue::Text(text) => known.insert(name.clone(), text.clone()),
            // Known only later: a default must not stand in for it.
            ParameterValue::Ssm { .. } | ParameterValue::Output(_) => known.remove(name),
        };
    }
    Known(known)
}

#[cfg(test)]
#[path = "declare_tests.rs"]
mod tests;
