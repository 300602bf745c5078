//! Who it was, asked after people were told: the records of the cloud come minutes late, and an
//! alert does not wait for them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Service, TellError};
use crate::cases::{Case, CaseUnit};
use crate::plan::chain;
use crate::store::{KeptCase, Step};
use crate::unit::{Confidence, Difference, UnitId, Who};

/// When the records are asked for, counted from the first sight; after the last it stays unknown.
pub const ASK_AFTER: [SignedDuration; 3] =
    [SignedDuration::from_mins(1), SignedDuration::from_mins(6), SignedDuration::from_mins(20)];
const LOOK_EVERY: Duration = Duration::from_secs(5);

impl Service {
    /// Asks who it was whenever a case is due for it, until it is dropped.
    pub(super) async fn keep_attributing(&self) -> Infallible {
        loop {
            if let Err(error) = self.attribute(Timestamp::now()).await {
                tracing::warn!(error = chain(&error), "who it was could not be kept");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks for each open case that is due, and lets its message say what was learnt.
    pub async fn attribute(&self, now: Timestamp) -> Result<(), TellError> {
        for kept in self.store.every_open_case().await? {
            if is_due(&kept.case, &self.ask_after, now) {
                self.ask_who(kept).await?;
            }
        }
        Ok(())
    }

    async fn ask_who(&self, kept: KeptCase) -> Result<(), TellError> {
        let found = match self.declaration(&kept.case.commit).await {
            Ok(declaration) => {
                let mut found = BTreeMap::new();
                for CaseUnit { id, differences, .. } in &kept.case.units {
                    let Some(member) = declaration.graph.member(id) else { continue };
                    match member.declared.unit.authors(differences).await {
                        Ok(authors) => {
                            let all = differences.iter().zip(authors);
                            let surer = |(difference, author)| self.surer(difference, author);
                            found.insert(id.clone(), all.map(surer).collect());
                        }
                        Err(error) => {
                            tracing::info!(case = kept.case.id, error = chain(&error), "nobody could say who")
                        }
                    }
                }
                found
            }
            Err(error) => {
                tracing::warn!(case = kept.case.id, error = chain(&error), "the case's commit could not be read");
                BTreeMap::new()
            }
        };
        let mut case = kept.case.clone();
        case.asked_who += 1;
        let learnt = learn(&mut case.units, &found);
        // What people agreed to is the same: who it was makes no revision.
        let step = Step { before: Some(case.revision), tell: learnt && !case.quiet, audit: None, case };
        self.store.keep(&[step], &[], Timestamp::now()).await?;
        self.news.notify_one();
        Ok(())
    }

    /// The author that the unit knows of, or who an audit log says it was.
    fn surer(&self, difference: &Difference, author: Option<Who>) -> Option<Who> {
        let at = difference.who.as_ref().and_then(|who| who.time.as_ref()).and_then(|time| time.parse().ok());
        author.or_else(|| self.records.author(&difference.item, at))
    }
}

/// Whether it is time to ask once more.
fn is_due(case: &Case, ask_after: &[SignedDuration], now: Timestamp) -> bool {
    let unsure = |difference: &&Difference| difference.who.as_ref().is_none_or(|who| who.confidence < Confidence::High);
    let is_unsure = case.units.iter().flat_map(|unit| &unit.differences).any(|difference| unsure(&difference));
    let after = ask_after.get(usize::from(case.asked_who));
    is_unsure && !case.state.is_resolved() && after.is_some_and(|after| now.duration_since(case.first_seen) >= *after)
}

/// Keeps what is surer than what was known; says whether anything is.
fn learn(units: &mut [CaseUnit], found: &BTreeMap<UnitId, Vec<Option<Who>>>) -> bool {
    let mut learnt = false;
    for unit in units {
        let authors = found.get(&unit.id).map(Vec::as_slice).unwrap_or_default();
        for (difference, author) in unit.differences.iter_mut().zip(authors) {
            let known = difference.who.as_ref().map(|who| who.confidence);
            if let Some(author) = author.as_ref().filter(|author| Some(author.confidence) > known) {
                difference.who = Some(author.clone());
                learnt = true;
            }
        }
    }
    learnt
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::{CaseState, open_case};
    use crate::unit::{Cause, Coverage, Effect, Evidence};

    fn difference(who: Option<Confidence>) -> Difference {
        let who = who.map(|confidence| Who { confidence, ..Who::manager("kubectl-edit", "Update", None) });
        let (item, path) = ("Jobs (AWS::SQS::Queue)".to_owned(), "/Properties/VisibilityTimeout".to_owned());
        Difference { item, path, from: None, to: None, cause: Cause::Drifted, effect: Effect::InPlace, who }
    }

    fn unit(who: Option<Confidence>) -> CaseUnit {
        CaseUnit { id: UnitId::new("queue"), differences: vec![difference(who)], coverage: Coverage::default() }
    }

    fn case(who: Option<Confidence>, asked_who: u8) -> Case {
        Case { units: vec![unit(who)], asked_who, ..open_case() }
    }

    #[test]
    fn who_it_was_is_asked_after_a_minute_six_and_twenty_and_then_no_more() {
        let due = |asked, minutes| {
            let case = case(None, asked);
            is_due(&case, &ASK_AFTER, case.first_seen + SignedDuration::from_mins(minutes))
        };
        assert_eq!(
            [due(0, 0), due(0, 1), due(1, 5), due(1, 6), due(2, 19), due(2, 20)],
            [false, true, false, true, false, true]
        );
        assert!(!due(3, 1000));
    }

    #[test]
    fn nobody_is_asked_about_what_is_sure_or_over() {
        let late = |case: &Case| is_due(case, &ASK_AFTER, case.first_seen + SignedDuration::from_hours(1));
        assert!(late(&case(Some(Confidence::Medium), 0)));
        assert!(!late(&case(Some(Confidence::High), 0)));
        let state = CaseState::Resolved { how: crate::cases::How::HealedItself, by: None };
        assert!(!late(&Case { state, ..case(None, 0) }));
    }

    #[test]
    fn only_what_is_surer_is_learnt() {
        let author = |confidence| {
            let evidence = Evidence::CloudTrail;
            Some(Who { evidence, confidence, ..Who::manager("ada", "SetQueueAttributes", None) })
        };
        let learns = |known, told| {
            let mut units = [unit(known)];
            learn(&mut units, &[(UnitId::new("queue"), vec![author(told)])].into())
        };
        assert!(learns(None, Confidence::Low));
        assert!(learns(Some(Confidence::Low), Confidence::High));
        assert!(!learns(Some(Confidence::High), Confidence::High));
        assert!(!learns(Some(Confidence::High), Confidence::Medium));
    }
}
