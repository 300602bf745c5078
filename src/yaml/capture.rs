//! How a type in the middle of a serde tree gets hold of the node it is made from.
//!
//! Serde's data model has no places. A type that wants its node asks for a newtype of a name that
//! nobody else uses; our reader knows the name, leaves the node in a slot of this thread, and the
//! type takes it from there. Other deserializers ignore the name.

use std::cell::RefCell;

use super::node::{Node, Span};

pub(super) const NODE: &str = "$groundplan::yaml::Node";
pub(super) const SCALAR: &str = "$groundplan::yaml::Scalar";
pub(super) const SPANNED: &str = "$groundplan::yaml::Spanned";

thread_local! {
    static CAPTURED: RefCell<Option<Node>> = const { RefCell::new(None) };
    static SPAN: RefCell<Option<Span>> = const { RefCell::new(None) };
    static NEAREST: RefCell<Option<Span>> = const { RefCell::new(None) };
}

pub(super) fn leave_node(node: &Node) {
    CAPTURED.set(Some(node.clone()));
}

pub(super) fn take_node() -> Option<Node> {
    CAPTURED.take()
}

pub(super) fn leave_span(span: &Span) {
    SPAN.set(Some(span.clone()));
}

/// The span just left; where serde reads from a buffer (`untagged`, `flatten`), that of the node it
/// buffered last, which is the one concerned or the mapping around it.
pub(super) fn take_span() -> Option<Span> {
    SPAN.take().or_else(|| NEAREST.with_borrow(Clone::clone))
}

/// Notes a node that serde may have put into a buffer.
pub(super) fn buffered(span: &Span) {
    NEAREST.set(Some(span.clone()));
}

/// Forgets everything, so that no later reading takes what belongs to this one.
pub(super) fn forget() {
    CAPTURED.set(None);
    SPAN.set(None);
    NEAREST.set(None);
}
