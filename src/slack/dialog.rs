//! A dialog for the one who pressed. What is sent back carries the button that was pressed, so it is as bound to
//! revision and plan as the press itself.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::button::{ButtonValue, plain};
use super::{Press, Slack, SlackError};
use crate::cases::{Action, Case};

/// The `callback_id` of every dialog.
pub(super) const NAME: &str = "case_confirm";

/// One field of a dialog: the block it stands in, and its name there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Field {
    pub(super) block: &'static str,
    pub(super) name: &'static str,
}

/// What a dialog carries from the press to what is sent back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Carried {
    pub(super) button: ButtonValue,
    pub(super) channel: String,
    pub(super) ts: String,
    /// What was typed into the dialog before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) typed: Option<String>,
}

/// A dialog before it is shown.
pub(super) struct Dialog {
    pub(super) action: Action,
    pub(super) title: &'static str,
    pub(super) submit: &'static str,
    pub(super) blocks: Vec<Value>,
}

impl Slack {
    /// Shows a dialog to the one who pressed. Slack forgets the press as a reason for a dialog after three seconds.
    pub(super) async fn ask(&self, case: &Case, press: &Press, dialog: Dialog) -> Result<(), SlackError> {
        let deed = format!("ask about case `{}`", case.id);
        let trigger = press.trigger.as_deref().unwrap_or_default();
        let body = json!({"trigger_id": trigger, "view": dialog.view(case, press)});
        self.call("views.open", &deed, self.bot_token()?, &body).await.map(drop)
    }
}

impl Dialog {
    /// The view as `views.open` takes it.
    fn view(self, case: &Case, press: &Press) -> Value {
        let Self { action, title, submit, blocks } = self;
        let button = ButtonValue::of(case, action);
        let Press { channel, ts, typed, .. } = press;
        let carried = Carried { button, channel: channel.clone(), ts: ts.clone(), typed: typed.clone() };
        json!({
            "type": "modal",
            "callback_id": NAME,
            "private_metadata": serde_json::to_string(&carried).expect("words and numbers are JSON"),
            "title": plain(title),
            "submit": plain(submit),
            "close": plain("Cancel"),
            "blocks": blocks,
        })
    }
}

impl Field {
    /// A field to fill in; `element` says what it is.
    pub(super) fn input(self, label: &str, mut element: Value) -> Value {
        element["action_id"] = json!(self.name);
        json!({"type": "input", "block_id": self.block, "label": plain(label), "element": element})
    }

    /// What stands in it, in the values of a view that was sent back; `key` is where its kind keeps it.
    pub(super) fn of<'v>(self, values: &'v Value, key: &str) -> Option<&'v str> {
        values[self.block][self.name][key].as_str()
    }
}
