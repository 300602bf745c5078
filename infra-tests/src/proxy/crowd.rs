//! Many stacks like one: an account as large as no emulator makes it within a test's time.
//!
//! DescribeStacks tells the copies a hundred to a page, as AWS does; GetTemplate of a copy is that of
//! the one. Nothing else is known of them.

use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;

use super::answer::Answer;
use super::form::Form;
use super::supplied::Asked;
use super::xml::Element;

const PAGE: usize = 100;

#[derive(Default)]
pub(super) struct Crowd(Mutex<Option<Many>>);

#[derive(Clone)]
struct Many {
    like: String,
    count: usize,
}

impl Crowd {
    /// Tells `count` stacks, `LIKE-0` and so on, instead of all there are.
    pub(super) fn gather(&self, like: &str, count: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Many { like: like.to_owned(), count });
    }

    pub(super) async fn answer(&self, asked: Asked<'_>) -> anyhow::Result<Option<Answer>> {
        let many = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(many) = many else { return Ok(None) };
        match (asked.call.action.as_str(), asked.call.form.get("StackName")) {
            ("DescribeStacks", None) => many.describe(asked).await.map(Some),
            ("GetTemplate", Some(name)) if name.contains(&format!("/{}-", many.like)) => {
                let of_one = asked.call.form.clone().without("StackName").with("StackName", &many.like);
                asked.upstream.ask(asked.headers, &of_one).await.map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Many {
    async fn describe(&self, asked: Asked<'_>) -> anyhow::Result<Answer> {
        let one = Form::action("DescribeStacks").with("StackName", &self.like);
        let answer = asked.upstream.ask(asked.headers, &one).await?;
        if answer.status != StatusCode::OK {
            return Ok(answer);
        }
        let envelope = Element::parse(&answer.text())?;
        let result = envelope.child("DescribeStacksResult").cloned().unwrap_or_default();
        let [one] = result.members("Stacks") else { return Ok(answer) };
        let from: usize = asked.call.form.get("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let to = (from + PAGE).min(self.count);
        let copies = (from..to).map(|number| renamed(one, &self.like, &format!("{}-{number}", self.like)));
        let list = Element::new("Stacks").with_all(copies);
        let next = (to < self.count).then(|| Element::new("DescribeStacksResult").leaf("NextToken", &to.to_string()));
        let next = next.into_iter().flat_map(|element| element.children);
        Ok(Answer::cloudformation("DescribeStacks", std::iter::once(list).chain(next).collect()))
    }
}

/// Its name, its id and its mark; what it holds may stay the one's.
fn renamed(one: &Element, like: &str, name: &str) -> Element {
    let mut copy = one.clone();
    if copy.name == "StackName" && copy.text == like {
        copy.text = name.to_owned();
    }
    copy.text = copy.text.replace(&format!(":stack/{like}/"), &format!(":stack/{name}/"));
    copy.text = copy.text.replace(&format!("/{like}.yaml"), &format!("/{name}.yaml"));
    copy.children = copy.children.iter().map(|child| renamed(child, like, name)).collect();
    copy
}
