//! One declared stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_cloudformation::types::ChangeSetType;

use super::address::Address;
use super::adopted;
use super::author;
use super::authored;
use super::capability::{self, Missing};
use super::changeset::{self, ChangeSet, Made};
use super::create::{Create, settled};
use super::diff::{Quick, Sent, creation, quick};
use super::drift::{self, Found};
use super::expression::Known;
use super::iam;
use super::live::Live;
use super::policy::Policy;
use super::protection;
use super::realm::Realm;
use super::recover::hands_off;
use super::site::{MARK, Mark};
use super::spec::{DependsOn, ParameterValue, Spec};
use super::status::Standing;
use super::template::Template;
use super::update::Update;
use super::upload;
use super::veil::Veil;
use super::wanted::Wanted;
use crate::aws::{Session, partition, ssm};
use crate::repo::Snapshot;
use crate::unit::{
    Change, Coverage, Difference, Inputs, KindError, Look, Need, Planned, Prepared, Promised, Reference, Secret,
    Target, Text, Unit, Who, Why, Word,
};
use crate::yaml::Edit;

/// What is sent as the template.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Body {
    Text(String),
    Url(String),
}

impl Body {
    /// What is sent, where it is not kept elsewhere.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Body::Text(text) => Some(text),
            Body::Url(_) => None,
        }
    }
}

/// The account and region that an SSM parameter is read from, where the file says one.
type Elsewhere = Option<(String, String)>;

/// One declared stack, and its way to AWS.
pub(super) struct StackUnit {
    pub(super) file: String,
    pub(super) address: Address,
    pub(super) spec: Spec,
    pub(super) policy: Option<Policy>,
    /// None where it is kept in a bucket outside.
    pub(super) template: Option<Arc<Template>>,
    pub(super) body: Body,
    pub(super) known: Known,
    pub(super) mark: Mark,
    /// Of the paths that the file had before.
    pub(super) earlier: Vec<String>,
    /// CloudGenesis reads SSM parameters where it runs, not where the stack lives.
    pub(super) reads_ssm_at_home: bool,
    pub(super) realm: Arc<Realm>,
}

#[async_trait]
impl Unit for StackUnit {
    fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for parameter in self.spec.parameters.values() {
            if let ParameterValue::Output(name) = &parameter.value {
                references.push(Reference {
                    why: Why::Output(name.output.clone()),
                    target: Target::Output(name.clone()),
                    need: Need::Must,
                    place: parameter.place.clone(),
                    line_text: parameter.line_text.clone(),
                });
            }
        }
        for (name, node) in self.template.iter().flat_map(|template| template.imported(&self.known)) {
            let problem = node.problem("");
            references.push(Reference {
                target: Target::Offer(self.offer("export", &name)),
                why: Why::Import(name),
                need: Need::May,
                place: problem.place,
                line_text: problem.line_text,
            });
        }
        for depends in &self.spec.depends {
            let (target, need) = match &depends.on {
                DependsOn::Unit(unit) => (Target::Unit(unit.clone()), Need::Must),
                DependsOn::Stack(name) => (Target::Offer(self.offer("stack", name)), Need::Should),
            };
            let (place, line_text) = (depends.place.clone(), depends.line_text.clone());
            references.push(Reference { target, why: Why::Declared, need, place, line_text });
        }
        references
    }

    fn offers(&self) -> Vec<String> {
        let exports = self.template.iter().flat_map(|template| template.exports(&self.known));
        let exports = exports.map(|name| self.offer("export", &name));
        exports.chain([self.offer("stack", &self.address.name)]).collect()
    }

    fn promised(&self) -> Promised {
        match &self.template {
            Some(template) if !template.is_transformed => Promised::Exactly(template.outputs.keys().cloned().collect()),
            Some(_) | None => Promised::Unknown,
        }
    }

    fn words(&self) -> Vec<Word> {
        iam::of_template(self.template.as_deref(), &self.capabilities())
    }

    fn authored(&self, snapshot: &Snapshot, difference: &Difference) -> Result<(String, Edit), String> {
        authored::authored(self, snapshot, difference)
    }

    fn is_made_from(&self, file: &str) -> bool {
        file == self.file || self.template.as_ref().is_some_and(|template| template.path == file)
    }

    /// Parameters are kept of a stack, and so is its template; what they change is told by itself.
    fn is_record(&self, difference: &Difference) -> bool {
        matches!(difference.item.as_str(), "Parameters" | "Template")
    }

    async fn authors(&self, differences: &[Difference]) -> Result<Vec<Option<Who>>, KindError> {
        Box::pin(author::authors(&self.realm, &self.address.name, differences)).await
    }

    async fn prepare(&self, inputs: &Inputs, look: Look) -> Result<Prepared, KindError> {
        let wanted = Box::pin(self.wanted(inputs)).await?;
        upload::check(&self.realm, &wanted.body)?;
        let live = Box::pin(settled(&self.realm, &self.address.name)).await?;
        let Some(live) = live else { return Box::pin(self.creation(wanted, None)).await };
        match live.status.standing() {
            Standing::Absent => Box::pin(self.creation(wanted, None)).await,
            Standing::Review | Standing::NeverCreated => Box::pin(self.creation(wanted, Some(live))).await,
            Standing::Ready => Box::pin(self.change(wanted, live, look)).await,
            Standing::Busy => Err(KindError::failed(format!("the stack `{}` does not come to rest", live.name))),
            Standing::HandsOff { .. } => {
                Err(Box::pin(hands_off(&self.realm, &live, &wanted.veil, self.template.as_deref())).await)
            }
        }
    }
}

impl StackUnit {
    fn offer(&self, what: &str, name: &str) -> String {
        format!("{what}:{}/{}/{name}", self.address.account, self.address.region)
    }

    async fn wanted(&self, inputs: &Inputs) -> Result<Wanted, KindError> {
        let from_ssm = self.read_from_ssm().await?;
        let mut parameters = BTreeMap::new();
        for (name, parameter) in &self.spec.parameters {
            let value = match &parameter.value {
                ParameterValue::Text(text) => self.plain(name, text),
                ParameterValue::Ssm { path, at } => {
                    from_ssm.get(&(at, path)).cloned().expect("every path was read or an error")
                }
                ParameterValue::Output(output) => match inputs.get(output) {
                    Some(value) => self.plain(name, value),
                    None => return Err(KindError::failed(format!("the output `{output}` is not known yet"))),
                },
            };
            parameters.insert(name.clone(), value);
        }
        let settings = self.realm.aws.settings();
        let capabilities = self.capabilities();
        let mut tags = self.spec.tags.clone();
        tags.insert(MARK.to_owned(), self.mark.value.clone());
        let partition = partition::of(&self.address.region).name();
        let role = settings.service_role.as_ref();
        Ok(Wanted {
            name: self.address.name.clone(),
            body: self.body.clone(),
            protection: self.spec.protection,
            policy: self.policy.clone(),
            notifications: self.spec.notifications.clone(),
            tags,
            earlier: self.earlier.clone(),
            capabilities,
            role: role.map(|role| format!("arn:{partition}:iam::{}:role/{role}", self.address.account)),
            veil: Veil::over(parameters.values()),
            parameters,
        })
    }

    fn capabilities(&self) -> Vec<String> {
        self.spec.capabilities.union(&self.realm.aws.settings().capabilities).cloned().collect()
    }

    /// What the template calls `NoEcho` is hidden, wherever it comes from.
    fn plain(&self, name: &str, value: &str) -> Text {
        let declared = self.template.as_ref().and_then(|template| template.parameters.get(name));
        match declared.is_some_and(|declared| declared.no_echo) {
            true => Text::Secret(Secret::new(value)),
            false => Text::Plain(value.to_owned()),
        }
    }

    /// By where it says to read from, and the path.
    async fn read_from_ssm(&self) -> Result<BTreeMap<(&Elsewhere, &String), Text>, KindError> {
        let mut paths: BTreeMap<&Elsewhere, BTreeSet<String>> = BTreeMap::new();
        for parameter in self.spec.parameters.values() {
            match &parameter.value {
                ParameterValue::Ssm { path, at } => _ = paths.entry(at).or_default().insert(path.clone()),
                ParameterValue::Text(_) | ParameterValue::Output(_) => {}
            }
        }
        let mut values = BTreeMap::new();
        for (at, paths) in &paths {
            values.insert(*at, ssm::read(&self.ssm_session(at).await?, paths).await?);
        }
        let read = self.spec.parameters.values().filter_map(|parameter| match &parameter.value {
            ParameterValue::Ssm { path, at } => Some(((at, path), values.get(at)?.get(path)?.clone())),
            ParameterValue::Text(_) | ParameterValue::Output(_) => None,
        });
        Ok(read.collect())
    }

    async fn ssm_session(&self, at: &Elsewhere) -> Result<Session, KindError> {
        match at {
            Some((account, region)) => Box::pin(self.realm.aws.session(account, region)).await,
            None if self.reads_ssm_at_home => self.realm.aws.home(&self.address.region).await,
            None => self.realm.session().await,
        }
    }

    /// No change set is made: it would leave a stack in review behind.
    async fn creation(&self, wanted: Wanted, found: Option<Live>) -> Result<Prepared, KindError> {
        self.check_that_no_other_is_it().await?;
        self.check_capabilities(&wanted)?;
        let words = iam::of_template(self.template.as_deref(), &wanted.capabilities);
        let planned = Planned { words, ..Planned::new(Change::Create(creation(self.template.as_deref()))) };
        let create = Create { realm: self.realm.clone(), wanted, template: self.template.clone(), found };
        Ok(Prepared { planned, deed: Some(Box::new(create)) })
    }

    /// A stack that was made from this very file under another name would be left over without anybody
    /// who declares or deletes it.
    async fn check_that_no_other_is_it(&self) -> Result<(), KindError> {
        let stacks = self.realm.stacks().await?;
        let is_it = |live: &&Live| {
            let is_there = live.status.standing() != Standing::Absent && !live.is_nested;
            is_there
                && live.name != self.address.name
                && live.tags.get(MARK).is_some_and(|mark| self.mark.is_surely(mark))
        };
        let Some(other) = stacks.values().find(is_it) else { return Ok(()) };
        let (name, other) = (&self.address.name, &other.name);
        let said = format!("the stack `{other}` was made from this file, which calls it `{name}` now");
        Err(KindError::refused(said).hint(match self.earlier.is_empty() {
            true => format!("CloudFormation cannot rename a stack: keep its entry under `moved:`, write `StackName: {other}`, or delete `{other}` first"),
            false => "remove the entry under `moved:`, which is out of date, or delete that stack first".to_owned(),
        }))
    }

    fn check_capabilities(&self, wanted: &Wanted) -> Result<(), KindError> {
        let template = self.template.as_deref();
        let Some(missing) = template.and_then(|template| capability::missing(template, &wanted.capabilities)) else {
            return Ok(());
        };
        let Missing { capability, resource, r#type, place } = missing;
        let (file, line) = (&place.file, place.line);
        let said =
            format!("`{resource}`, {type} ({file}:{line}) needs `{capability}`, and the stack file does not give it");
        Err(KindError::refused(said).hint(format!("add `Capabilities: [{capability}]` to {}", self.file)))
    }

    async fn change(&self, wanted: Wanted, live: Live, look: Look) -> Result<Prepared, KindError> {
        self.check_mark(&live)?;
        let (mut differences, mut set) = self.declared(&wanted, &live).await?;
        let protect = wanted.protection.filter(|wanted| *wanted != live.is_protected);
        differences.extend(protect.map(protection::difference));
        let policy = match self.policy_change(&wanted, &live).await {
            Ok(change) => change,
            Err(error) => {
                self.put_away(set.as_ref()).await;
                return Err(error);
            }
        };
        let policy = policy.map(|(policy, difference)| {
            differences.push(difference);
            policy
        });
        let (found, mut coverage) = match look {
            Look::Quick => (Vec::new(), Coverage::default()),
            Look::Close => match drift::detect(&self.realm, &live).await {
                Ok(detected) => (drifted(&detected.found), drift::coverage(&detected)),
                Err(error) => {
                    self.put_away(set.as_ref()).await;
                    return Err(error);
                }
            },
        };
        differences.extend(drift::differences(&found, &wanted.veil));
        if let Some(plain) = &set
            && let Some(aware) = Box::pin(self.aware(&wanted, &live, plain, look, &found)).await
        {
            adopted::without_synced(&mut differences, &aware);
            set = Some(aware);
            if differences.is_empty() {
                differences.push(self.outputs_only());
            }
        }
        coverage.unchecked.iter_mut().for_each(|line| *line = wanted.veil.sentence(line));
        let change = if differences.is_empty() { Change::Nothing } else { Change::Update(differences) };
        let is_quiet = change == Change::Nothing;
        let version = live.version();
        let outputs = live.status.has_outputs().then_some(live.outputs);
        let kept = outputs.clone().unwrap_or_default();
        let words = set.iter().flat_map(|set| iam::of_changes(&set.changes, &wanted.capabilities)).collect();
        let planned = Planned { coverage, outputs, words, ..Planned::new(change) };
        let update = Update {
            realm: self.realm.clone(),
            version,
            sent: wanted.body.text().map(str::to_owned),
            protect,
            policy,
            outputs: kept,
            name: wanted.name,
            set,
            drifted: found,
            veil: wanted.veil,
            template: self.template.clone(),
        };
        Ok(Prepared { planned, deed: if is_quiet { None } else { Some(Box::new(update)) } })
    }

    async fn policy_change(&self, wanted: &Wanted, live: &Live) -> Result<Option<(Policy, Difference)>, KindError> {
        let Some(policy) = &wanted.policy else { return Ok(None) };
        let difference = policy.difference(&self.realm, &live.name).await?;
        Ok(difference.map(|difference| (policy.clone(), difference)))
    }

    /// A stack of another repository is not taken over because its name is the same.
    fn check_mark(&self, live: &Live) -> Result<(), KindError> {
        match live.tags.get(MARK) {
            Some(found) if self.mark.is_foreign(found) => {
                let said = format!("the stack `{}` is marked as `{found}`, which is not this repository's", live.name);
                let named = found.split_once("/stacks/").map(|(repository, _)| repository);
                Err(KindError::refused(said).hint(match named {
                    Some(repository) => format!("if it is, set `repository: {repository}` in groundplan.yaml"),
                    None => "if it is, remove `repository:` from groundplan.yaml".to_owned(),
                }))
            }
            Some(found) if self.has_moved_from_elsewhere(found) => {
                let said = format!("the stack `{}` is marked as `{found}`, and `moved:` says another path", live.name);
                Err(KindError::refused(said).hint("correct `from:` of the entry in groundplan.yaml"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the file has moved, and from none of the paths by which the stack is known.
    fn has_moved_from_elsewhere(&self, found: &str) -> bool {
        !self.earlier.is_empty() && found != self.mark.value && !self.earlier.iter().any(|mark| mark == found)
    }

    /// What Git changed, by a cheap look first and by a change set where that shows anything.
    async fn declared(&self, wanted: &Wanted, live: &Live) -> Result<(Vec<Difference>, Option<ChangeSet>), KindError> {
        let sent = match &self.body {
            Body::Text(text) if self.realm.has_template(live, text).await? => Sent::Same,
            Body::Text(_) | Body::Url(_) => Sent::Other,
        };
        let known = match quick(wanted, self.template.as_deref(), live, sent) {
            Quick::Equal => return Ok((Vec::new(), None)),
            Quick::Ask => Vec::new(),
            Quick::Differs(known) => known,
        };
        self.check_capabilities(wanted)?;
        changeset::sweep(&self.realm, &live.name).await?;
        let name = wanted.change_set_name();
        let body = Box::pin(upload::placed(&self.realm, &wanted.body)).await?;
        let made = changeset::make(&self.realm, &live.name, &name, true, |call| {
            // Asked for only where it tells something: AWS keeps the nested ones that have no changes.
            let nested = self.template.as_ref().is_none_or(|template| template.has_nested());
            let call = call.change_set_type(ChangeSetType::Update).set_include_nested_stacks(nested.then_some(true));
            wanted.fill(&body, call)
        });
        let made = made.await.map_err(|error| KindError { message: wanted.veil.sentence(&error.message), ..error })?;
        let Made::Ready(set) = made else {
            // Written otherwise, and the same to CloudFormation: no reason to ask again.
            if let (Some(text), true) = (self.body.text(), known.iter().all(|known| known.item == "Template")) {
                self.realm.memory.learn(live, text);
            }
            return Ok((Vec::new(), None));
        };
        let resources: Vec<Difference> =
            set.changes.iter().flat_map(|changed| changed.differences(&wanted.veil)).collect();
        let mut differences: Vec<Difference> = known.into_iter().filter(|known| known.item != "Template").collect();
        differences.extend(resources);
        if differences.is_empty() {
            differences.push(self.outputs_only());
        }
        Ok((differences, Some(set)))
    }

    /// The change set that leaves alone what is there already, where Git came to say it.
    ///
    /// Asked for only where both Git and the world moved: a quick look goes by what the last detection
    /// said, and puts nothing back.
    async fn aware(
        &self,
        wanted: &Wanted,
        live: &Live,
        plain: &ChangeSet,
        look: Look,
        found: &[Found],
    ) -> Option<ChangeSet> {
        let is_nested = self.template.as_ref().is_none_or(|template| template.has_nested());
        let drifted = match look {
            Look::Quick => live.drift.status == "DRIFTED",
            Look::Close => !found.is_empty(),
        };
        if is_nested || !drifted {
            return None;
        }
        let body = Box::pin(upload::placed(&self.realm, &wanted.body)).await.ok()?;
        Box::pin(adopted::aware(&self.realm, (wanted, &body), plain, found)).await
    }

    /// A change that touches no resource: outputs, conditions, a value nobody may see.
    fn outputs_only(&self) -> Difference {
        Difference {
            item: "Template".to_owned(),
            path: String::new(),
            from: None,
            to: Some(crate::unit::Shown::text(format!("as {} says now; no resource changes", self.file))),
            cause: crate::unit::Cause::Declared,
            effect: crate::unit::Effect::InPlace,
            who: None,
        }
    }

    async fn put_away(&self, set: Option<&ChangeSet>) {
        if let Some(set) = set {
            // The error that brought us here is the one to tell; the next run sweeps.
            let _ = changeset::delete(&self.realm, &set.stack_id, &set.id).await;
        }
    }
}

fn drifted(found: &[Found]) -> Vec<Found> {
    found.iter().filter(|found| found.is_drifted()).cloned().collect()
}
