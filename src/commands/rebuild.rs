//! `groundplan rebuild`: bring a lost environment back from Git alone.

use clap::Args;
use jiff::Timestamp;

use super::arguments::{Approval, Target};
use super::case::login;
use super::exit::{CommandError, Done};
use super::serve::service;
use super::session::{Session, stop_on_interrupt};
use super::settings::OperatorArguments;
use super::sync::{Work, carry_out};
use crate::declaration::SyncPolicy;
use crate::engine::Selection;
use crate::graph::Stop;
use crate::serve::{Card, Service};
use crate::unit::Look;

/// Bring back an environment that was lost, from the repository alone.
///
/// The same line as a sync, over a world that is empty or half empty: what is missing is made in
/// the order of the graph, what is there and changed by hand is put back, and nothing is deleted.
/// Always asks, also where the environment syncs by itself.
#[derive(Args)]
pub struct RebuildArguments {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    approval: Approval,

    /// Tell it in Slack as one message that is kept up to date, and look at everything once more at
    /// the end.
    #[arg(long)]
    notify: bool,
}

pub(super) async fn run(operator: OperatorArguments, arguments: RebuildArguments) -> Done {
    let RebuildArguments { target, approval, notify } = arguments;
    let session = Session::begin(&operator, target).await?;
    let declaration = session.declaration().await?;
    let selection = session.select(&declaration)?;
    let stop = stop_on_interrupt();
    let mut plan = session.engine.plan(&selection, Look::Close, &stop).await;
    // Whoever rebuilds has lost enough: leftovers wait for a sync.
    plan.deletions.clear();
    let mut work = Work::new("rebuild", &approval, SyncPolicy::Approval);
    if !notify {
        return carry_out(&session, &selection, plan, work, stop).await;
    }
    let service = service(&session).await?;
    if service.slack.is_none() {
        anstream::eprintln!("warning: Slack is not set up, so nobody is told");
    }
    let card = Card::new(&selection, &login(), Timestamp::now());
    work.also = card.watch();
    let carried_out = async {
        let done = carry_out(&session, &selection, plan, work, stop).await;
        card.end();
        done
    };
    let (done, kept) = tokio::join!(carried_out, service.keep_card(&card));
    if let Err(error) = kept {
        anstream::eprintln!("warning: the rebuild is not told: {}", crate::plan::chain(&error));
    }
    if card.is_begun() {
        verify(&selection, &service, &card).await?;
    }
    done
}

/// Looks at everything once more: what the card says at its end is what the world says. The cases
/// that nobody was told of meanwhile are told now.
async fn verify(selection: &Selection<'_>, service: &Service, card: &Card) -> Result<(), CommandError> {
    let seen = service.look_closely(selection, &Stop::default()).await?;
    service.tell(selection, &seen, Timestamp::now()).await?;
    anstream::eprintln!("{}", service.end_card(card, &seen.report).await?);
    Ok(())
}
