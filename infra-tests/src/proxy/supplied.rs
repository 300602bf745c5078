//! The list of what the proxy supplies because the emulator lacks it.
//!
//! One row a behaviour, each with the AWS document that defines it; what is not in the list is the
//! emulator's own answer, byte for byte.

use axum::http::HeaderMap;

use super::answer::Answer;
use super::call::Call;
use super::capabilities;
use super::nested::Nested;
use super::property_values;
use super::revert_drift::RevertDrift;
use super::upstream::Upstream;

/// A behaviour of AWS that the emulator lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Behaviour {
    pub name: &'static str,
    /// The document that defines the behaviour and its shapes.
    pub document: &'static str,
}

/// Everything that the proxy supplies.
pub const SUPPLIED: &[Behaviour] = &[
    Behaviour {
        name: "change sets with DeploymentMode=REVERT_DRIFT",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html",
    },
    Behaviour {
        name: "DescribeChangeSet with IncludePropertyValues",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html",
    },
    Behaviour {
        name: "CreateChangeSet with IncludeNestedStacks: change sets of the nested stacks",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html",
    },
    Behaviour {
        name: "ExecuteChangeSet, DeleteStack and others with a ClientRequestToken: once, however often they are called",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ExecuteChangeSet.html",
    },
    Behaviour {
        name: "an update that takes away an export in use: rolled back",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html",
    },
    Behaviour {
        name: "DescribeEvents of a change set that early validation refused",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeEvents.html",
    },
    Behaviour {
        name: "stack statuses and events that a test asks for",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html",
    },
    Behaviour {
        name: "operations that last as long as a test asks for",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html",
    },
    Behaviour {
        name: "stacks left out of an answer, and results told otherwise, as a test asks for",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html",
    },
    Behaviour {
        name: "an account with as many stacks as a test asks for, a hundred to a page",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html",
    },
    Behaviour {
        name: "CreateChangeSet without the capability that its template asks for",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html",
    },
    Behaviour {
        name: "LookupEvents by the name of a resource",
        document: "https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html",
    },
    Behaviour {
        name: "Throttling beyond a rate that a test sets",
        document: "https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html",
    },
];

/// One call with what is needed to answer it.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) upstream: &'a Upstream,
    pub(super) headers: &'a HeaderMap,
    pub(super) call: &'a Call,
}

/// What the supplied behaviours remember.
#[derive(Default)]
pub(super) struct Supplies {
    revert_drift: RevertDrift,
    nested: Nested,
}

impl Supplies {
    /// The answer of the first behaviour that knows the call; none leaves it to the emulator.
    pub(super) async fn answer(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        if asked.call.service != "cloudformation" {
            return Ok(None);
        }
        if let Some(refused) = capabilities::answer(asked) {
            return Ok(Some(refused));
        }
        match self.revert_drift.answer(asked).await? {
            Some(answer) => Ok(Some(answer)),
            None => match self.nested.answer(asked).await? {
                Some(answer) => Ok(Some(answer)),
                None => property_values::answer(asked).await,
            },
        }
    }
}
