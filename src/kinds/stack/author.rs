//! Who is likely to have changed a resource by hand, as CloudTrail's event history has it.
//!
//! The history keeps ninety days of management events, minutes late; a look-up takes one attribute
//! and is limited to two a second in an account and region (`LookupEvents` in CloudTrail's API
//! reference). So it is asked after people were told, one resource at a time, and a little of it.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use serde_json::Value;

use super::realm::Realm;
use super::resources;
use crate::aws::{Api, failure};
use crate::unit::{Confidence, Difference, Evidence, KindError, Who};

/// Of one stack no more resources are asked for.
const MOST_RESOURCES: usize = 5;
/// The newest are told first, and who changed it last is among them.
const EVENTS: i32 = 50;

/// The likely author of each difference, in their order.
pub(super) async fn authors(
    realm: &Realm,
    stack: &str,
    differences: &[Difference],
) -> Result<Vec<Option<Who>>, KindError> {
    let Some(live) = realm.stack(stack).await? else { return Ok(vec![None; differences.len()]) };
    let resources = resources::of(realm, &live).await?;
    let mut events: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
    for difference in differences {
        let logical_id = logical_id(&difference.item);
        if events.contains_key(logical_id) || events.len() >= MOST_RESOURCES {
            continue;
        }
        let Some(resource) = resources.iter().find(|resource| resource.logical_id == logical_id) else { continue };
        events.insert(logical_id, look_up(realm, &resource.physical_id).await?);
    }
    let author = |difference: &Difference| judge(events.get(logical_id(&difference.item))?, &difference.path);
    Ok(differences.iter().map(author).collect())
}

/// `Jobs (AWS::SQS::Queue)`, as differences name a resource.
fn logical_id(item: &str) -> &str {
    item.split(' ').next().unwrap_or(item)
}

/// The events that name a resource, the newest first.
async fn look_up(realm: &Realm, physical_id: &str) -> Result<Vec<Record>, KindError> {
    let session = realm.session().await?;
    let client = Client::new(session.for_reading());
    let mut records = Vec::new();
    // Services name a resource in their events by its id, its address, or the last part of it.
    let last = physical_id.rsplit(['/', ':']).next().filter(|last| *last != physical_id);
    for name in std::iter::once(physical_id).chain(last) {
        let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName);
        let attribute = attribute.attribute_value(name).build().expect("key and value are set");
        let call = || client.lookup_events().lookup_attributes(attribute.clone()).max_results(EVENTS).send();
        let answer = session.call(Api::Trail, call).await;
        let answer = answer.map_err(|error| session.name_the_target(failure("cannot ask CloudTrail", error)))?;
        records.extend(answer.events.unwrap_or_default().iter().filter_map(Record::of));
        if !records.is_empty() {
            break;
        }
    }
    Ok(records)
}

/// What of an event says who did what.
#[derive(Clone, PartialEq, Debug)]
struct Record {
    who: String,
    /// The role behind a session.
    role: Option<String>,
    action: String,
    time: String,
    parameters: Value,
}

impl Record {
    /// None for what changed nothing, and for what AWS did itself: CloudFormation's own calls are
    /// ours, not somebody's by hand.
    fn of(event: &Event) -> Option<Self> {
        Self::parse(&serde_json::from_str(event.cloud_trail_event.as_deref()?).ok()?)
    }

    fn parse(event: &Value) -> Option<Self> {
        let identity = &event["userIdentity"];
        let by_service = identity["invokedBy"].is_string() || identity["type"] == "AWSService";
        let failed = event["errorCode"].is_string();
        if event["readOnly"] == true || by_service || failed {
            return None;
        }
        let role = identity["sessionContext"]["sessionIssuer"]["userName"].as_str();
        let session = identity["arn"].as_str().and_then(|arn| arn.rsplit('/').next());
        let who = match identity["type"].as_str()? {
            "AssumedRole" => session?,
            "Root" => "root",
            _ => identity["userName"].as_str().or(session)?,
        };
        if role.is_some_and(|role| role.starts_with("AWSServiceRole")) {
            return None;
        }
        Some(Self {
            who: who.to_owned(),
            role: role.map(str::to_owned),
            action: event["eventName"].as_str()?.to_owned(),
            time: event["eventTime"].as_str()?.to_owned(),
            parameters: event["requestParameters"].clone(),
        })
    }

    fn who(&self, confidence: Confidence) -> Who {
        let operation = match &self.role {
            Some(role) => format!("{} as {role}", self.action),
            None => self.action.clone(),
        };
        let (name, time) = (self.who.clone(), Some(self.time.clone()));
        Who { name, operation, time, evidence: Evidence::CloudTrail, confidence }
    }
}

/// The last who named what changed; else the last who changed anything of the resource.
fn judge(records: &[Record], path: &str) -> Option<Who> {
    let property = path.split(['/', '.', '[']).rfind(|part| part.chars().any(char::is_alphabetic)).unwrap_or_default();
    let names_it = |record: &&Record| !property.is_empty() && names(&record.parameters, &property.to_lowercase());
    let named = records.iter().find(names_it).map(|record| record.who(Confidence::High));
    named.or_else(|| records.first().map(|record| record.who(Confidence::Medium)))
}

/// Whether a key, or a value that stands for one (`attributeName: …`), is this.
fn names(parameters: &Value, property: &str) -> bool {
    match parameters {
        Value::Object(object) => {
            object.iter().any(|(key, value)| key.to_lowercase() == property || names(value, property))
        }
        Value::Array(list) => list.iter().any(|value| names(value, property)),
        Value::String(text) => text.to_lowercase() == property,
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, parameters: Value) -> Value {
        json!({
            "eventName": name,
            "eventTime": "2026-11-21T05:41:00Z",
            "readOnly": false,
            "requestParameters": parameters,
            "userIdentity": {
                "type": "AssumedRole",
                "arn": "arn:aws:sts::111122223333:assumed-role/OpsBreakGlass/ada@example.com",
                "sessionContext": {"sessionIssuer": {"userName": "OpsBreakGlass"}},
            },
        })
    }

    fn record(name: &str, parameters: Value) -> Record {
        Record::parse(&event(name, parameters)).expect("somebody's change")
    }

    #[test]
    fn the_event_that_names_the_property_is_surer_than_one_that_names_the_resource() {
        let tags = record("TagQueue", json!({"queueUrl": "q", "tags": {"team": "x"}}));
        let timeout = record("SetQueueAttributes", json!({"queueUrl": "q", "attributes": {"VisibilityTimeout": "45"}}));
        let who = judge(&[tags.clone(), timeout], "/Properties/VisibilityTimeout").expect("somebody");
        assert_eq!((who.name.as_str(), who.confidence), ("ada@example.com", Confidence::High));
        assert_eq!(who.operation, "SetQueueAttributes as OpsBreakGlass");
        let who = judge(&[tags], "/Properties/VisibilityTimeout").expect("somebody");
        assert_eq!((who.operation.as_str(), who.confidence), ("TagQueue as OpsBreakGlass", Confidence::Medium));
        assert_eq!(judge(&[], "/Properties/VisibilityTimeout"), None);
    }

    #[test]
    fn what_read_failed_or_was_done_by_aws_itself_is_nobodys_change() {
        let change = event("SetQueueAttributes", json!({}));
        let with = |pointer: &str, value: Value| {
            let mut event = change.clone();
            match pointer.split_once('/') {
                Some((outer, inner)) => event[outer][inner] = value,
                None => event[pointer] = value,
            }
            Record::parse(&event)
        };
        assert_eq!(with("readOnly", json!(true)), None);
        assert_eq!(with("errorCode", json!("AccessDenied")), None);
        assert_eq!(with("userIdentity/invokedBy", json!("cloudformation.amazonaws.com")), None);
        assert_eq!(with("userIdentity/type", json!("AWSService")), None);
        assert!(with("readOnly", json!(false)).is_some());
    }

    #[test]
    fn a_user_and_root_are_told_by_their_names() {
        let mut user = event("PutBucketPolicy", json!({}));
        user["userIdentity"] = json!({"type": "IAMUser", "userName": "bob", "arn": "arn:aws:iam::1:user/team/bob"});
        assert_eq!(Record::parse(&user).map(|record| record.who), Some("bob".to_owned()));
        user["userIdentity"] = json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root"});
        assert_eq!(Record::parse(&user).map(|record| record.who), Some("root".to_owned()));
    }
}
