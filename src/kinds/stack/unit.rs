//! One declared stack.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::action::Action;
use super::address::Address;
use super::author;
use super::authored;
use super::create::settled;
use super::expression::Known;
use super::iam;
use super::import;
use super::policy::Policy;
use super::realm::Realm;
use super::recover::hands_off;
use super::site::Mark;
use super::spec::{DependsOn, ParameterValue, Spec};
use super::status::Standing;
use super::template::Template;
use super::upload;
use super::wait;
use crate::repo::{Files, Snapshot};
use crate::unit::{
    Difference, Inputs, KindError, Look, Need, Prepared, Promised, Reference, Target, TemplateChanges, Unit, Who, Why,
    Word,
};

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
    pub(super) template_changes: TemplateChanges,
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
        let mut words = iam::of_template(self.template.as_deref(), &self.capabilities());
        words.extend(import::words(&import::pending(&self.spec.import, self.template.as_deref(), &[])));
        words
    }

    fn authored(&self, snapshot: &Snapshot, difference: &Difference) -> Result<Files, String> {
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
        let live = Box::pin(settled(&self.realm, &self.address.name, self.longest())).await?;
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

    pub(super) fn capabilities(&self) -> Vec<String> {
        self.spec.capabilities.union(&self.realm.aws.settings().capabilities).cloned().collect()
    }

    /// How long one operation of it is waited for.
    pub(super) fn longest(&self) -> Duration {
        let said = self.spec.timeout.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
        said.unwrap_or_else(|| wait::longest(&self.realm))
    }

    /// What the file has run after each deployment, allowed or not.
    pub(super) fn actions(&self) -> Vec<Action> {
        self.spec.actions.iter().map(|(action, _)| action.clone()).collect()
    }
}
