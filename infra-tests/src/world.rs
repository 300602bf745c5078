//! A world in memory: the engine's scenarios in microseconds, with time that only moves when all
//! are asleep.
//!
//! Two kinds, `stack` and `workload`, read one-file units of a tiny format and keep what they bring
//! about in a map. They obey the same three traits as the real ones, and nothing else is faked: the
//! repository is a [`Snapshot`], the graph, plan, approval and apply are the product's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use groundplan::problem::Problems;
use groundplan::repo::Snapshot;
use groundplan::unit::{
    Cause, Change, Coverage, Declared, Deed, Difference, Effect, Inputs, Kind, KindError, KindName, Look, Need,
    OutputName, Outputs, Owned, Owner, Planned, Prepared, Progress, Promised, ReadSettings, Reading, Reference, Shown,
    Site, SiteName, Target, Unit, UnitId, Why,
};
use groundplan::yaml::{self, Spanned};
use serde::Deserialize;
use tokio::time::Instant;

/// What exists, and what happened, in order.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<State>>);

#[derive(Default)]
pub struct State {
    /// By id: as applied, and as it is now.
    pub things: BTreeMap<UnitId, Thing>,
    /// `begin ID` and `end ID` of every deed, with the time.
    pub journal: Vec<(Instant, String)>,
    /// Sites that do not answer.
    pub unreachable: Vec<SiteName>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Thing {
    pub applied: String,
    pub live: String,
    kind: KindName,
    site: SiteName,
}

/// One unit's file.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// What the thing holds; `{unit.Output}` stands for another's output.
    #[serde(default)]
    holds: String,
    #[serde(default)]
    outputs: BTreeMap<String, String>,
    /// Outputs it is made from.
    #[serde(default)]
    takes: Vec<Spanned<String>>,
    /// Units to wait for.
    #[serde(default)]
    after: Vec<Spanned<String>>,
    #[serde(default)]
    fails: bool,
    #[serde(default)]
    seconds: u64,
}

impl World {
    pub fn kinds(&self) -> Vec<Arc<dyn Kind>> {
        let kind = |name, folder| {
            Arc::new(MemoryKind { name: KindName::new(name), folder, world: self.clone() }) as Arc<dyn Kind>
        };
        vec![kind("stack", "stacks"), kind("workload", "clusters")]
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, what: String) {
        self.state().journal.push((Instant::now(), what));
    }

    fn reach(&self, site: &SiteName) -> Result<(), KindError> {
        match self.state().unreachable.contains(site) {
            true => Err(KindError::unreachable(format!("{site} does not answer"))),
            false => Ok(()),
        }
    }
}

struct MemoryKind {
    name: KindName,
    folder: &'static str,
    world: World,
}

impl Kind for MemoryKind {
    fn name(&self) -> KindName {
        self.name.clone()
    }

    fn schemas(&self) -> Vec<(&'static str, schemars::Schema)> {
        Vec::new()
    }

    fn read(&self, snapshot: &Snapshot, _settings: &ReadSettings, problems: &mut Problems) -> Reading {
        let mut reading = Reading::default();
        for (path, _) in snapshot.below(self.folder) {
            let node = yaml::parse_one(path, snapshot.file(path).expect("tests write plain files"));
            let file = node.map_err(|broken| problems.errors.extend(broken)).ok();
            let Some(file) = file.and_then(|node| problems.keep(yaml::read::<File>(&node))) else { continue };
            let id = UnitId::new(path.trim_end_matches(".yaml"));
            let site = site_of(&id);
            let unit = MemoryUnit {
                id: id.clone(),
                kind: self.name.clone(),
                site: site.clone(),
                file,
                world: self.world.clone(),
            };
            reading.units.push(Declared {
                id,
                kind: self.name.clone(),
                site: site.clone(),
                file: path.to_owned(),
                unit: Arc::new(unit),
            });
            if !reading.sites.iter().any(|known| known.name() == site) {
                reading.sites.push(Arc::new(MemorySite {
                    name: site,
                    kind: self.name.clone(),
                    world: self.world.clone(),
                }));
            }
        }
        reading
    }
}

/// The first two parts of a path: `stacks/111111111111`, `clusters/shop`.
fn site_of(id: &UnitId) -> SiteName {
    SiteName::new(id.as_str().split('/').take(2).collect::<Vec<_>>().join("/"))
}

#[derive(Clone)]
struct MemoryUnit {
    id: UnitId,
    kind: KindName,
    site: SiteName,
    file: File,
    world: World,
}

#[async_trait]
impl Unit for MemoryUnit {
    fn references(&self) -> Vec<Reference> {
        let reference = |text: &Spanned<String>, target, why| Reference {
            target,
            why,
            need: Need::Must,
            place: text.place.clone(),
            line_text: text.line_text.clone(),
        };
        let takes = self.file.takes.iter().map(|text| {
            let name: OutputName = text.value.parse().expect("tests write UNIT.OUTPUT");
            reference(text, Target::Output(name.clone()), Why::Output(name.output))
        });
        let after = self.file.after.iter().map(|text| reference(text, Target::Unit(text.value.clone()), Why::Declared));
        takes.chain(after).collect()
    }

    fn promised(&self) -> Promised {
        Promised::Exactly(self.file.outputs.keys().cloned().collect())
    }

    async fn prepare(&self, inputs: &Inputs, look: Look) -> Result<Prepared, KindError> {
        self.world.reach(&self.site)?;
        let desired = self.filled(inputs);
        let thing = self.world.state().things.get(&self.id).cloned();
        let differ = |from: &str, cause| Difference {
            item: "thing".to_owned(),
            path: "holds".to_owned(),
            from: Some(Shown::text(from)),
            to: Some(Shown::text(&desired)),
            cause,
            effect: Effect::InPlace,
            who: None,
        };
        let change = match &thing {
            None => Change::Create(Vec::new()),
            Some(thing) if thing.applied != desired => Change::Update(vec![differ(&thing.live, Cause::Declared)]),
            Some(thing) if thing.live != desired && look == Look::Close => {
                Change::Update(vec![differ(&thing.live, Cause::Drifted)])
            }
            Some(_) => Change::Nothing,
        };
        let deed =
            (change != Change::Nothing).then(|| Box::new(MemoryDeed { unit: self.clone(), desired }) as Box<dyn Deed>);
        let coverage = Coverage { checked: 1, total: 1, unchecked: Vec::new() };
        let outputs = thing.map(|_| self.file.outputs.clone());
        Ok(Prepared { planned: Planned { coverage, outputs, ..Planned::new(change) }, deed })
    }
}

impl MemoryUnit {
    fn filled(&self, inputs: &Inputs) -> String {
        self.file.takes.iter().fold(self.file.holds.clone(), |text, taken| {
            let name: OutputName = taken.value.parse().expect("read before");
            text.replace(&format!("{{{}}}", taken.value), inputs.get(&name).unwrap_or_default())
        })
    }
}

struct MemoryDeed {
    unit: MemoryUnit,
    desired: String,
}

#[async_trait]
impl Deed for MemoryDeed {
    async fn perform(self: Box<Self>, _owner: &Owner, progress: &Progress) -> Result<Outputs, KindError> {
        let MemoryUnit { id, kind, site, file, world } = self.unit;
        world.note(format!("begin {id}"));
        progress.say("working");
        tokio::time::sleep(Duration::from_secs(file.seconds)).await;
        if file.fails {
            return Err(KindError::failed(format!("{id} was told to fail")));
        }
        let thing = Thing { applied: self.desired.clone(), live: self.desired, kind, site };
        world.state().things.insert(id.clone(), thing);
        world.note(format!("end {id}"));
        Ok(file.outputs)
    }
}

struct MemorySite {
    name: SiteName,
    kind: KindName,
    world: World,
}

#[async_trait]
impl Site for MemorySite {
    fn name(&self) -> SiteName {
        self.name.clone()
    }

    async fn owned(&self, _inputs: &Inputs) -> Result<Vec<Owned>, KindError> {
        self.world.reach(&self.name)?;
        let state = self.world.state();
        let here = state.things.iter().filter(|(_, thing)| thing.site == self.name && thing.kind == self.kind);
        let owned = here.map(|(id, thing)| Owned {
            id: id.clone(),
            kind: thing.kind.clone(),
            site: thing.site.clone(),
            handle: id.to_string(),
            created: None,
            guards: Vec::new(),
            needed_by: Vec::new(),
        });
        Ok(owned.collect())
    }

    async fn destroy(&self, owned: &Owned, _inputs: &Inputs, _progress: &Progress) -> Result<(), KindError> {
        self.world.reach(&self.name)?;
        self.world.note(format!("destroy {}", owned.id));
        self.world.state().things.remove(&owned.id);
        Ok(())
    }
}
