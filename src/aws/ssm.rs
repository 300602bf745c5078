//! Values kept in SSM's parameter store, read with decryption.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{Parameter, ParameterType};

use super::{Api, Session, failure};
use crate::unit::{KindError, Secret, Text};

/// As many names as one call takes.
const BATCH: usize = 10;

/// Reads all of these; those that are not there are named together.
pub async fn read(session: &Session, names: &BTreeSet<String>) -> Result<BTreeMap<String, Text>, KindError> {
    let mut found = BTreeMap::new();
    let mut missing = Vec::new();
    if names.is_empty() {
        return Ok(found);
    }
    let client = aws_sdk_ssm::Client::new(session.for_reading());
    let names: Vec<&String> = names.iter().collect();
    for batch in names.chunks(BATCH) {
        let _turn = session.turn(Api::Ssm).await;
        let call = client.get_parameters().set_names(Some(batch.iter().map(|name| (*name).clone()).collect()));
        let answer = call.with_decryption(true).send().await;
        let answer = answer.map_err(|error| session.name_the_target(failure("cannot read SSM parameters", error)))?;
        missing.extend(answer.invalid_parameters.unwrap_or_default());
        found.extend(answer.parameters.unwrap_or_default().into_iter().filter_map(value));
    }
    match missing.is_empty() {
        true => Ok(found),
        false => {
            Err(session.name_the_target(KindError::failed(format!("SSM has no parameter {}", missing.join(", ")))))
        }
    }
}

fn value(parameter: Parameter) -> Option<(String, Text)> {
    let text = parameter.value?;
    let value = match parameter.r#type {
        Some(ParameterType::SecureString) | None => Text::Secret(Secret::new(text)),
        Some(_) => Text::Plain(text),
    };
    Some((parameter.name?, value))
}
