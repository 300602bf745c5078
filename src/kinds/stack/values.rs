//! Every value a stack is made from, read from wherever its file says that it is kept.

use std::collections::{BTreeMap, BTreeSet};

use super::site::MARK;
use super::spec::ParameterValue;
use super::unit::StackUnit;
use super::veil::Veil;
use super::wanted::Wanted;
use crate::aws::{Session, partition, ssm};
use crate::unit::{Inputs, KindError, Secret, Text};

/// The account and region that an SSM parameter is read from, where the file says one.
type Elsewhere = Option<(String, String)>;

impl StackUnit {
    pub(super) async fn wanted(&self, inputs: &Inputs) -> Result<Wanted, KindError> {
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
            longest: self.longest(),
            parameters,
        })
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
}
