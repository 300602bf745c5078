//! `groundplan drift --watch`: goes on looking until somebody ends it.

use std::collections::BTreeMap;

use futures::StreamExt;
use jiff::Zoned;

use super::exit::{Done, Exit};
use super::output::print;
use super::session::{Session, interrupted};
use crate::drift::{self, UnitDrift, Verdict, Watched};
use crate::graph::Stop;
use crate::repo::CommitId;
use crate::terminal::watched_text;
use crate::unit::{Moment, UnitId};

/// What was told of each unit last.
type Told = BTreeMap<UnitId, UnitDrift>;

/// Tells every change of a verdict, until Ctrl-C. The exit code says how things stood then.
pub(super) async fn keep_watching(session: &Session) -> Done {
    let mut told = Told::new();
    tokio::select! {
        done = follow(session, &mut told) => return done,
        () = interrupted() => {}
    }
    Ok(match (told.values().any(is_drifted), told.values().any(is_unverifiable)) {
        (true, _) => Exit::Changes,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

fn is_drifted(drift: &UnitDrift) -> bool {
    matches!(drift.verdict, Verdict::Drifted | Verdict::Gone)
}

fn is_unverifiable(drift: &UnitDrift) -> bool {
    matches!(drift.verdict, Verdict::Unverifiable(_))
}

/// Watches one commit; whenever somebody applied a unit, Git is read again first.
async fn follow(session: &Session, told: &mut Told) -> Done {
    let mut is_first = true;
    loop {
        let declaration = session.declaration().await?;
        let selection = session.select(&declaration)?;
        let mut watch = session.engine.watch(&selection, &Stop::default()).await;
        // What was read from Git is large, and the watch has taken what it needs of it.
        let (commit, ignore) = (declaration.commit.clone(), declaration.ignore.clone());
        drop(selection);
        drop(declaration);
        if is_first {
            tell_beginning(&watch, &commit);
            is_first = false;
        }
        while let Some((unit, moment)) = watch.moments.next().await {
            if let Moment::Applied { at } = moment {
                anstream::eprintln!("{at:.0} {unit} was applied: reading Git again");
                break;
            }
            let Some((at, finding)) = drift::finding_of(moment) else { continue };
            let drift = drift::verdict_of(&unit, &finding, &ignore, Zoned::now().date());
            if told.get(&unit) == Some(&drift) {
                continue;
            }
            let before = told.insert(unit, drift.clone());
            let watched = Watched { at, commit: commit.clone(), drift };
            match session.wants_json() {
                true => print(&(serde_json::to_string(&watched)? + "\n"))?,
                false => print(&watched_text(&watched, before.as_ref()))?,
            }
        }
    }
}

fn tell_beginning(watch: &drift::Watch, commit: &CommitId) {
    anstream::eprintln!("Watching at {}; Ctrl-C ends it.", commit.short());
    if !watch.unwatched.is_empty() {
        let names: Vec<&str> = watch.unwatched.iter().map(UnitId::as_str).collect();
        anstream::eprintln!(
            "Not watched, because they can only be asked: {}. `groundplan drift` asks.",
            names.join(", ")
        );
    }
}
