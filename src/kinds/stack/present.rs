//! Plans the change of a stack that is there.

use aws_sdk_cloudformation::types::ChangeSetType;

use super::action::{self, Action};
use super::adopted;
use super::changeset::{self, ChangeSet, Made};
use super::diff::{Quick, Sent, quick};
use super::drift::{self, Found};
use super::due::Due;
use super::iam;
use super::import::{self, Import};
use super::leftover;
use super::live::Live;
use super::policy::Policy;
use super::protection;
use super::resources;
use super::site::MARK;
use super::sweep;
use super::unit::{Body, StackUnit};
use super::update::Update;
use super::upload;
use super::wanted::Wanted;
use crate::unit::{Change, Coverage, Difference, KindError, Look, Planned, Prepared, TemplateChanges, Word};

/// What Git changed of a stack.
#[derive(Default)]
struct Asked {
    differences: Vec<Difference>,
    /// What would bring it about.
    set: Option<ChangeSet>,
    /// What that takes over.
    imports: Vec<Import>,
}

impl StackUnit {
    pub(super) async fn change(&self, wanted: Wanted, live: Live, look: Look) -> Result<Prepared, KindError> {
        self.check_mark(&live)?;
        let Asked { mut differences, mut set, imports } = self.declared(&wanted, &live).await?;
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
            Look::Close => {
                match Box::pin(sweep::look(&self.realm, &live, self.template.as_deref().zip(self.body.text()))).await {
                    Ok((found, coverage)) => (drifted(&found), coverage),
                    Err(error) => {
                        self.put_away(set.as_ref()).await;
                        return Err(error);
                    }
                }
            }
        };
        differences.extend(drift::differences(&found, &wanted.veil));
        if let Some(plain) = &set
            && imports.is_empty()
            && let Some(aware) = Box::pin(self.aware(&wanted, &live, plain, look, &found)).await
        {
            adopted::without_synced(&mut differences, &aware);
            set = Some(aware);
            if differences.is_empty() {
                differences.push(self.outputs_only());
            }
        }
        let actions = match set.is_some() {
            true => self.actions(),
            false => self.left_actions(&live).await?,
        };
        let allowed = &self.realm.aws.settings().actions;
        differences.extend(action::differences(&actions, allowed));
        coverage.unchecked.iter_mut().for_each(|line| *line = wanted.veil.sentence(line));
        let change = if differences.is_empty() { Change::Nothing } else { Change::Update(differences) };
        let is_quiet = change == Change::Nothing;
        let version = live.version();
        let outputs = live.status.has_outputs().then_some(live.outputs);
        let kept = outputs.clone().unwrap_or_default();
        let mut words: Vec<Word> =
            set.iter().flat_map(|set| iam::of_changes(&set.changes, &wanted.capabilities)).collect();
        words.extend(import::words(&imports));
        let planned = Planned { coverage, outputs, words, ..Planned::new(change) };
        let update = Update {
            realm: self.realm.clone(),
            version,
            sent: wanted.body.text().map(str::to_owned),
            protect,
            policy,
            outputs: kept,
            name: wanted.name,
            stack_id: live.id,
            longest: wanted.longest,
            imports: !imports.is_empty(),
            actions,
            set,
            drifted: found,
            veil: wanted.veil,
            template: self.template.clone(),
        };
        Ok(Prepared { planned, deed: if is_quiet { None } else { Some(Box::new(update)) } })
    }

    /// What an earlier run left to be run of what is allowed still.
    async fn left_actions(&self, live: &Live) -> Result<Vec<Action>, KindError> {
        let allowed = &self.realm.aws.settings().actions;
        let actions: Vec<Action> = self.actions().into_iter().filter(|action| action.is_allowed(allowed)).collect();
        match actions.is_empty() {
            true => Ok(actions),
            false => Due::of(&self.realm, &live.id).left(&self.realm, live, &actions).await,
        }
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
    async fn declared(&self, wanted: &Wanted, live: &Live) -> Result<Asked, KindError> {
        let sent = match &self.body {
            Body::Text(text) if self.realm.has_template(live, text).await? => Sent::Same,
            Body::Text(_) | Body::Url(_) => Sent::Other,
        };
        let known = match quick(wanted, self.template.as_deref(), live, sent) {
            Quick::Equal => return Ok(Asked::default()),
            Quick::Ask => Vec::new(),
            Quick::Differs(known) if self.leaves_alone(&known) => return Ok(Asked::default()),
            Quick::Differs(known) => known,
        };
        self.check_capabilities(wanted)?;
        self.check_exports(live).await?;
        let imports = self.pending_imports(live).await?;
        changeset::sweep(&self.realm, &live.name).await?;
        let name = wanted.change_set_name();
        let body = Box::pin(upload::placed(&self.realm, &wanted.body)).await?;
        let made = changeset::make(&self.realm, &live.name, &name, true, |call| {
            // Asked for only where it tells something: AWS keeps the nested ones that have no changes.
            let nested = self.template.as_ref().is_none_or(|template| template.has_nested());
            let call = wanted.fill(&body, call);
            match imports.is_empty() {
                true => call.change_set_type(ChangeSetType::Update).set_include_nested_stacks(nested.then_some(true)),
                false => import::into(call, &imports, Some(live)),
            }
        });
        let made = made.await.map_err(|error| {
            let error = KindError { message: wanted.veil.sentence(&error.message), ..error };
            if imports.is_empty() { error } else { error.hint(import::ALONE) }
        })?;
        let Made::Ready(set) = made else {
            // Written otherwise, and the same to CloudFormation: no reason to ask again.
            if let (Some(text), true) = (self.body.text(), known.iter().all(|known| known.item == "Template")) {
                self.realm.memory.learn(live, text);
            }
            return Ok(Asked::default());
        };
        let changed = set.changes.iter().filter(|changed| changed.action != "Import");
        let resources: Vec<Difference> = changed.flat_map(|changed| changed.differences(&wanted.veil)).collect();
        // The template's own difference is told by its resources, and no tag changes while something is imported.
        let is_made = |known: &Difference| known.item != "Template" && (imports.is_empty() || known.item != "Tags");
        let mut differences: Vec<Difference> = known.into_iter().filter(is_made).collect();
        differences.extend(resources);
        differences.extend(imports.iter().map(Import::difference));
        if differences.is_empty() {
            differences.push(self.outputs_only());
        }
        Ok(Asked { differences, set: Some(set), imports })
    }

    /// Whether nothing but the template differs, where the repository says that this is no reason.
    fn leaves_alone(&self, known: &[Difference]) -> bool {
        match self.template_changes {
            TemplateChanges::Deployed => false,
            TemplateChanges::Ignored => known.iter().all(|known| known.item == "Template"),
        }
    }

    /// As far as the names of its exports can be worked out.
    async fn check_exports(&self, live: &Live) -> Result<(), KindError> {
        let Some(template) = self.template.as_ref().filter(|template| !template.is_transformed) else { return Ok(()) };
        let kept = template.exports(&self.known);
        match kept.len() == template.outputs.values().flatten().count() {
            true => leftover::check_exports_kept(&self.realm, live, &kept).await,
            false => Ok(()),
        }
    }

    /// Asked of AWS only where the file names something to import and the stack is not as declared.
    async fn pending_imports(&self, live: &Live) -> Result<Vec<Import>, KindError> {
        if self.spec.import.is_empty() {
            return Ok(Vec::new());
        }
        let held = resources::of(&self.realm, live).await?;
        Ok(import::pending(&self.spec.import, self.template.as_deref(), &held))
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
