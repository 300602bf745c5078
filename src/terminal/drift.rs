//! A drift report for people.

use std::fmt::Write;

use super::plan::differences_text;
use super::style::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, count, paint};
use crate::drift::{DriftReport, UnitDrift, Verdict, Watched};

pub fn drift_text(report: &DriftReport) -> String {
    let title = format!("Drift in {} at {}", report.environment, report.commit.short());
    let mut text = format!("{}\n\n", paint(BOLD, title));
    for unit in &report.units {
        unit_text(&mut text, unit);
    }
    text + &summary(report)
}

fn unit_text(text: &mut String, unit: &UnitDrift) {
    let (sign, what) = match &unit.verdict {
        Verdict::Clean if unit.ignored.is_empty() => return,
        Verdict::Clean => (paint(GREEN, "="), "clean but for what is ignored".to_owned()),
        Verdict::Foreign => (paint(CYAN, "i"), "others keep fields beside ours; nothing of ours changed".to_owned()),
        Verdict::Pending => (paint(CYAN, "…"), "pending: Git is ahead, `groundplan sync` applies it".to_owned()),
        Verdict::Gone => (paint(RED, "!"), "gone: it was applied once, and is not there any more".to_owned()),
        Verdict::Drifted => (paint(YELLOW, "~"), "drifted".to_owned()),
        Verdict::Unverifiable(reason) => (paint(RED, "?"), format!("unverifiable: {reason}")),
    };
    _ = writeln!(text, "{sign} {}  {}", unit.unit, paint(DIM, what));
    *text += &differences_text(&unit.drifted);
    if !unit.pending.is_empty() && unit.verdict == Verdict::Drifted {
        _ = writeln!(text, "    and {} from Git pending", count(unit.pending.len(), "change"));
    }
    for difference in &unit.foreign {
        let who = difference.who.as_ref().map_or("somebody", |who| who.name.as_str());
        _ = writeln!(text, "    i {} {}  kept by {who}", difference.item, difference.path);
    }
    for ignored in &unit.ignored {
        let until = ignored.until.as_ref().map(|day| format!(" until {day}")).unwrap_or_default();
        _ = writeln!(
            text,
            "    = {} {}  ignored{until}: {}",
            ignored.difference.item, ignored.difference.path, ignored.reason
        );
    }
}

/// One unit that stands otherwise than before: the instant, then what a report would say of it.
pub fn watched_text(watched: &Watched, before: Option<&UnitDrift>) -> String {
    let at = paint(DIM, format!("{:.0}", watched.at));
    let mut text = String::new();
    unit_text(&mut text, &watched.drift);
    if text.is_empty() {
        let again = if before.is_some() { "clean again" } else { "clean" };
        text = format!("{} {}  {}\n", paint(GREEN, "="), watched.drift.unit, paint(DIM, again));
    }
    format!("{at} {text}")
}

fn summary(report: &DriftReport) -> String {
    let drifted = report.drifted().count();
    let unverifiable = report.unverifiable().count();
    let mut text = match drifted {
        0 => format!("No drift in {}", count(report.units.len(), "unit")),
        _ => format!("\nDrift in {drifted} of {}", count(report.units.len(), "unit")),
    };
    if unverifiable > 0 {
        text += &format!("; {} could not be verified", count(unverifiable, "unit"));
    }
    let coverage = &report.coverage;
    text += &format!(
        ". {} of {} checked.\n",
        coverage.checked,
        count(coverage.total, "resource and object").replace("resource and objects", "resources and objects")
    );
    for what in &coverage.unchecked {
        text += &paint(DIM, format!("  not checked: {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drift::Ignored;
    use crate::repo::CommitId;
    use crate::unit::{Cause, Coverage, Difference, Effect, Shown, UnitId};

    fn unit(id: &str, verdict: Verdict) -> UnitDrift {
        UnitDrift {
            unit: UnitId::new(id),
            verdict,
            drifted: Vec::new(),
            pending: Vec::new(),
            foreign: Vec::new(),
            ignored: Vec::new(),
            coverage: Coverage::default(),
        }
    }

    #[test]
    fn a_change_of_a_verdict_is_told_with_its_instant() {
        let at = "2026-11-21T12:00:00.5Z".parse().expect("an instant");
        let told = |verdict, before: Option<&UnitDrift>| {
            let watched = Watched { at, commit: CommitId::new("c0ffee"), drift: unit("clusters/shop/web", verdict) };
            anstream::adapter::strip_str(&watched_text(&watched, before)).to_string()
        };
        let drifted = unit("clusters/shop/web", Verdict::Drifted);
        assert_eq!(told(Verdict::Clean, None), "2026-11-21T12:00:00Z = clusters/shop/web  clean\n");
        assert_eq!(told(Verdict::Clean, Some(&drifted)), "2026-11-21T12:00:00Z = clusters/shop/web  clean again\n");
        assert_eq!(told(Verdict::Drifted, None), "2026-11-21T12:00:00Z ~ clusters/shop/web  drifted\n");
    }

    #[test]
    fn a_report_tells_each_verdict_and_never_calls_the_unchecked_clean() {
        let changed = Difference {
            item: "Jobs (AWS::SQS::Queue)".to_owned(),
            path: "/Properties/VisibilityTimeout".to_owned(),
            from: Some(Shown::text("77")),
            to: Some(Shown::text("30")),
            cause: Cause::Drifted,
            effect: Effect::InPlace,
            who: None,
        };
        let ignored = Ignored {
            difference: changed.clone(),
            reason: "tuned by hand".to_owned(),
            until: Some("2027-03-31".to_owned()),
        };
        let report = DriftReport {
            environment: "production".parse().expect("a name"),
            commit: CommitId::new("c0ffee1234567"),
            units: vec![
                UnitDrift { drifted: vec![changed], ..unit("stacks/1/eu-west-1/jobs", Verdict::Drifted) },
                UnitDrift { ignored: vec![ignored], ..unit("stacks/1/eu-west-1/mail", Verdict::Clean) },
                unit("stacks/1/eu-west-1/vpc", Verdict::Clean),
                unit("stacks/1/eu-west-1/gone", Verdict::Gone),
                unit("clusters/shop/web", Verdict::Pending),
                unit("clusters/shop/far", Verdict::Unverifiable("the API server does not answer".to_owned())),
            ],
            coverage: Coverage { checked: 4, total: 5, unchecked: vec!["vpc: Vpc (AWS::EC2::VPC)".to_owned()] },
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&drift_text(&report)).to_string());
    }
}
