//! A part of the graph, with what it needs.

use std::collections::BTreeSet;

use petgraph::graph::NodeIndex;

use super::resolve::nearest_tail;
use super::{Graph, Role};
use crate::unit::{SiteName, UnitId};

/// A name after `--only` that no unit answers to.
#[derive(Debug, thiserror::Error)]
#[error("there is no unit `{name}`{}", hint.as_ref().map(|near| format!("; did you mean `{near}`?")).unwrap_or_default())]
pub struct UnknownUnit {
    pub name: String,
    pub hint: Option<String>,
}

impl Graph {
    /// The units that belong to an environment, and read-only what they need from outside of it.
    pub fn of_environment(&self, belongs: impl Fn(&UnitId) -> bool) -> Self {
        let own =
            self.members().map(|member| &member.declared).filter(|unit| belongs(&unit.id) && !unit.unit.is_external());
        let own: BTreeSet<_> = own.filter_map(|unit| self.by_id.get(&unit.id).copied()).collect();
        let mut part = self.with_upstream(own);
        for node in part.units.node_weights_mut() {
            if !belongs(&node.declared.id) || node.declared.unit.is_external() {
                node.role = Role::ReadOnly;
            }
        }
        let homes: BTreeSet<_> = part
            .members()
            .filter(|member| member.role == Role::Managed)
            .map(|member| member.declared.site.clone())
            .collect();
        // A site whose last unit has gone is still looked at: what that unit left behind is there.
        let peopled: BTreeSet<_> = self.members().map(|member| &member.declared.site).collect();
        let is_deserted = |name: &SiteName| !peopled.contains(name) && belongs(&UnitId::new(format!("{name}/last")));
        part.sites.retain(|name, _| homes.contains(name) || is_deserted(name));
        part
    }

    /// The units that these names mean, each with all that it waits for.
    pub fn only(&self, names: &[String]) -> Result<Self, UnknownUnit> {
        let mut chosen = BTreeSet::new();
        for name in names {
            let named: Vec<_> = self.by_id.iter().filter(|(id, _)| id.ends_with(name)).map(|(_, node)| *node).collect();
            if named.is_empty() {
                return Err(UnknownUnit { name: name.clone(), hint: nearest_tail(name, self.by_id.keys()) });
            }
            chosen.extend(named);
        }
        Ok(self.with_upstream(chosen))
    }

    /// Some units by id, each with all that it waits for.
    pub fn of_units<'a>(&self, ids: impl IntoIterator<Item = &'a UnitId>) -> Self {
        self.with_upstream(ids.into_iter().filter_map(|id| self.by_id.get(id).copied()).collect())
    }

    /// The units whose outputs must be known before every site can be asked.
    pub fn needed_by_sites(&self) -> Self {
        let needed =
            self.sites.values().flat_map(|place| place.made_from()).filter_map(|id| self.by_id.get(id).copied());
        self.with_upstream(needed.collect())
    }

    fn with_upstream(&self, mut chosen: BTreeSet<NodeIndex>) -> Self {
        let mut open: Vec<_> = chosen.iter().copied().collect();
        while let Some(node) = open.pop() {
            let upstream = self.units.neighbors_directed(node, petgraph::Incoming);
            open.extend(upstream.filter(|node| chosen.insert(*node)));
        }
        let units = self
            .units
            .filter_map(|node, member| chosen.contains(&node).then(|| member.clone()), |_, why| Some(why.clone()));
        let by_id = units.node_indices().map(|node| (units[node].declared.id.clone(), node)).collect();
        Self { units, by_id, sites: self.sites.clone() }
    }
}
