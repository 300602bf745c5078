//! A pressed button, parsed from what Slack says of it.

use jiff::civil::Date;
use serde::Deserialize;
use serde_json::Value;

use super::button::ButtonValue;
use super::dialog::{self, Carried};
use super::{confirm, reason};
use crate::cases::Action;

/// Somebody pressed a button of ours. A wish, not a permission: who may do what is decided
/// elsewhere, on a case that is read again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Press {
    pub case: String,
    pub revision: u64,
    pub action: Action,
    /// The first letters of the hash of the plan that was shown.
    pub plan: String,
    /// For how long, where the menu asks that.
    pub hours: Option<u16>,
    /// For three seconds, what a dialog may be opened with.
    pub trigger: Option<String>,
    /// What was typed into the dialog before a sync that may hurt, or before a rule.
    pub typed: Option<String>,
    /// The last day that was chosen for a rule.
    pub until: Option<Date>,
    /// Why a sync cannot wait for the hours of its rule, where they were asked.
    pub break_glass: Option<String>,
    pub user_id: String,
    /// The workspace the user belongs to: another than the app's for a guest of a shared channel.
    pub user_team: Option<String>,
    /// The workspace the app is installed in.
    pub team: Option<String>,
    pub app_id: Option<String>,
    pub channel: String,
    /// The message, for the update that shows that the press was heard.
    pub ts: String,
}

/// Why a payload is no press of ours.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PressError {
    /// Another app's shortcut, a modal, a link button: nothing to do.
    #[error("a `{0}` is no press of a button of ours")]
    NotOurs(String),
    #[error("the payload of a press lacks what every press has")]
    Malformed,
}

#[derive(Deserialize)]
struct Payload {
    user: User,
    #[serde(default)]
    team: Option<Named>,
    #[serde(default)]
    api_app_id: Option<String>,
    #[serde(default)]
    trigger_id: Option<String>,
    #[serde(default)]
    container: Option<Container>,
    #[serde(default)]
    actions: Vec<Pressed>,
    #[serde(default)]
    view: Option<View>,
}

/// A dialog that was sent back.
#[derive(Deserialize)]
struct View {
    callback_id: String,
    private_metadata: String,
    state: Value,
}

/// What was put into a dialog.
#[derive(Default)]
struct Said {
    typed: Option<String>,
    until: Option<Date>,
    break_glass: Option<String>,
}

#[derive(Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    team_id: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Container {
    channel_id: String,
    message_ts: String,
}

#[derive(Deserialize)]
struct Pressed {
    action_id: String,
    #[serde(default)]
    value: Option<String>,
    /// Of a menu.
    #[serde(default)]
    selected_option: Option<Chosen>,
}

#[derive(Deserialize)]
struct Chosen {
    value: String,
}

impl Press {
    /// From the payload that both transports carry.
    pub fn parse(payload: &Value) -> Result<Press, PressError> {
        let read = |payload| Payload::deserialize(payload).map_err(|_| PressError::Malformed);
        let (payload, button, place, said) = match payload["type"].as_str() {
            Some("block_actions") => {
                let mut payload = read(payload)?;
                let place = payload.container.take().ok_or(PressError::Malformed)?;
                let pressed = payload.actions.pop().ok_or(PressError::Malformed)?;
                (payload, pressed.button()?, place, Said::default())
            }
            Some("view_submission") => {
                let mut payload = read(payload)?;
                let (carried, said) = payload.view.take().ok_or(PressError::Malformed)?.carried()?;
                let place = Container { channel_id: carried.channel, message_ts: carried.ts };
                (payload, carried.button, place, said)
            }
            Some(other) => return Err(PressError::NotOurs(other.chars().take(40).collect())),
            None => return Err(PressError::Malformed),
        };
        let Payload { user, team, api_app_id, trigger_id, .. } = payload;
        if user.id.is_empty() {
            return Err(PressError::Malformed);
        }
        Ok(Press {
            case: button.case,
            revision: button.rev,
            action: button.action,
            plan: button.plan,
            hours: button.hours,
            trigger: trigger_id,
            typed: said.typed,
            until: said.until,
            break_glass: said.break_glass,
            user_id: user.id,
            user_team: user.team_id,
            team: team.map(|team| team.id),
            app_id: api_app_id,
            channel: place.channel_id,
            ts: place.message_ts,
        })
    }
}

impl Pressed {
    fn button(self) -> Result<ButtonValue, PressError> {
        let value = self.value.or(self.selected_option.map(|chosen| chosen.value));
        let button = value.as_deref().and_then(ButtonValue::parse);
        let ours = button.filter(|button| button.action.id() == self.action_id);
        ours.ok_or_else(|| PressError::NotOurs("block_actions".to_owned()))
    }
}

impl View {
    /// The press that the dialog was opened for, and what was put into it.
    fn carried(self) -> Result<(Carried, Said), PressError> {
        if self.callback_id != dialog::NAME {
            return Err(PressError::NotOurs("view_submission".to_owned()));
        }
        let carried: Carried = serde_json::from_str(&self.private_metadata).map_err(|_| PressError::Malformed)?;
        let values = &self.state["values"];
        let until = reason::UNTIL.of(values, "selected_date").map(str::parse).transpose();
        let until = until.map_err(|_| PressError::Malformed)?;
        let glass = reason::GLASS.of(values, "value").map(str::trim);
        // A dialog without the field has it from the one before; one that was sent back empty asks no second time.
        let typed = confirm::TYPED.of(values, "value").map(str::trim).or(carried.typed.as_deref());
        let typed = typed.or(glass.is_none().then_some("")).map(str::to_owned);
        let break_glass = glass.filter(|reason| !reason.is_empty()).map(str::to_owned);
        Ok((carried, Said { typed, until, break_glass }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(action_id: &str, value: &str) -> Value {
        json!({
            "type": "block_actions",
            "user": {"id": "U0OPERATOR", "username": "operator", "team_id": "T0HOME"},
            "api_app_id": "A0GROUND",
            "team": {"id": "T0HOME", "domain": "home"},
            "container": {"type": "message", "message_ts": "1.000100", "channel_id": "C0ALERTS"},
            "actions": [{"type": "button", "action_id": action_id, "value": value}],
        })
    }

    const VALUE: &str = r#"{"v":1,"case":"d_1","rev":7,"action":"sync","plan":"4f0d"}"#;

    #[test]
    fn a_press_says_who_pressed_what_on_which_revision() {
        let press = Press::parse(&payload("case_sync", VALUE)).expect("a press of ours");
        assert_eq!((press.case.as_str(), press.revision, press.plan.as_str()), ("d_1", 7, "4f0d"));
        assert_eq!((press.user_id.as_str(), press.user_team.as_deref()), ("U0OPERATOR", Some("T0HOME")));
        assert_eq!((press.channel.as_str(), press.ts.as_str()), ("C0ALERTS", "1.000100"));
    }

    fn submission(typed: &str) -> Value {
        let carried = json!({"button": serde_json::from_str::<Value>(VALUE).expect("JSON"), "channel": "C0ALERTS", "ts": "1.000100"});
        json!({
            "type": "view_submission",
            "user": {"id": "U0OPERATOR", "username": "operator", "team_id": "T0HOME"},
            "api_app_id": "A0GROUND",
            "team": {"id": "T0HOME", "domain": "home"},
            "view": {
                "callback_id": dialog::NAME,
                "private_metadata": carried.to_string(),
                "state": {"values": {confirm::TYPED.block: {confirm::TYPED.name: {"type": "plain_text_input", "value": typed}}}},
            },
        })
    }

    #[test]
    fn a_dialog_that_is_sent_back_is_the_press_it_was_opened_for_with_what_was_typed() {
        let press = Press::parse(&submission(" production ")).expect("a press of ours");
        assert_eq!((press.case.as_str(), press.revision, press.plan.as_str()), ("d_1", 7, "4f0d"));
        assert_eq!((press.channel.as_str(), press.ts.as_str()), ("C0ALERTS", "1.000100"));
        assert_eq!((press.typed.as_deref(), press.until), (Some("production"), None));
        let mut dated = submission("ticket 7");
        dated["view"]["state"]["values"][reason::UNTIL.block] =
            json!({reason::UNTIL.name: {"selected_date": "2026-12-24"}});
        assert_eq!(Press::parse(&dated).expect("a press of ours").until, Some(jiff::civil::date(2026, 12, 24)));
        dated["view"]["state"]["values"][reason::UNTIL.block][reason::UNTIL.name]["selected_date"] = json!("some day");
        assert_eq!(Press::parse(&dated), Err(PressError::Malformed));
    }

    #[test]
    fn another_button_and_a_value_under_a_foreign_name_are_not_ours() {
        assert!(matches!(Press::parse(&payload("case_sync", "hello")), Err(PressError::NotOurs(_))));
        assert!(matches!(Press::parse(&payload("other", VALUE)), Err(PressError::NotOurs(_))));
        assert!(matches!(Press::parse(&json!({"type": "shortcut"})), Err(PressError::NotOurs(_))));
        let mut dialog = submission("production");
        dialog["view"]["callback_id"] = json!("another_apps");
        assert!(matches!(Press::parse(&dialog), Err(PressError::NotOurs(_))));
    }

    #[test]
    fn no_payload_however_broken_is_more_than_malformed() {
        for whole in [payload("case_sync", VALUE), submission("production")] {
            let text = whole.to_string();
            for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                for put in ["", "0", "\"", "{", "null", "[]"] {
                    let broken = format!("{}{put}{}", &text[..cut], text.get(cut + 1..).unwrap_or_default());
                    let Ok(read) = serde_json::from_str::<Value>(&broken) else { continue };
                    // Whatever it is taken for, it names somebody, and a case in the form of one.
                    if let Ok(press) = Press::parse(&read) {
                        assert!(!press.user_id.is_empty(), "{broken}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_press_without_a_person_or_a_message_is_malformed() {
        let without = |pointer: &str| {
            let mut payload = payload("case_sync", VALUE);
            *payload.pointer_mut(pointer).expect("it is there") = json!("");
            Press::parse(&payload)
        };
        assert_eq!(without("/user"), Err(PressError::Malformed));
        assert_eq!(without("/user/id"), Err(PressError::Malformed));
        assert_eq!(without("/container"), Err(PressError::Malformed));
        assert_eq!(Press::parse(&json!([])), Err(PressError::Malformed));
    }
}
