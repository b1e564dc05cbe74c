//! The graph that the History Server draws of a physical plan.
//!
//! Spark: `SparkPlanGraph`, `SparkPlanInfo`.

use simd_json::Node;

use crate::decode::{elements_at, entries, text_at};

/// Nodes and edges of a plan.
#[derive(Default)]
pub(crate) struct PlanGraph<'a> {
    pub(crate) nodes: Vec<PlanNode<'a>>,
    pub(crate) edges: Vec<PlanEdge>,
    /// Exchanges and subqueries, which other parts of the plan may use again.
    shared: Vec<(&'a [Node<'a>], i64)>,
}

/// A node of a plan.
#[derive(Clone, Copy)]
pub(crate) struct PlanNode<'a> {
    /// Its number, from the root on.
    pub(crate) id: i64,
    /// The WholeStageCodegen that it is part of.
    pub(crate) cluster: Option<i64>,
    /// Its `SparkPlanInfo`.
    pub(crate) plan: &'a [Node<'a>],
}

/// From a node to the one that takes its rows.
#[derive(Clone, Copy)]
pub(crate) struct PlanEdge {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// A subtree that is still to be drawn.
struct Step<'a> {
    plan: &'a [Node<'a>],
    parent: Option<i64>,
    cluster: Option<i64>,
}

impl<'a> PlanGraph<'a> {
    /// The graph of the plan that `event` has; empty where it has none.
    pub(crate) fn of(event: &'a [Node<'a>]) -> Self {
        let mut graph = Self::default();
        if let Some((_, plan)) = entries(event).find(|(key, _)| *key == "sparkPlanInfo") {
            graph.draw(plan);
        }
        graph
    }

    /// Draws from the root on, a child's subtree before the next child. The steps that wait are
    /// kept apart from the stack, since plans can be deeper than it.
    fn draw(&mut self, root: &'a [Node<'a>]) {
        let mut waiting = vec![Step { plan: root, parent: None, cluster: None }];
        while let Some(step) = waiting.pop() {
            let Step { plan, parent, cluster } = step;
            let name = text_at(plan, "nodeName").unwrap_or_default();
            let child = || elements_at(plan, "children").next();
            let (used_again, cluster) = match name {
                "BroadcastQueryStage" | "ShuffleQueryStage" | "ReusedExchange" => (child(), None),
                // A subquery is no part of the code that is generated for its parent.
                "Subquery" => (Some(plan), None),
                _ => (None, cluster),
            };
            if let Some(id) = used_again.and_then(|plan| self.shared(plan)) {
                self.edge(id, parent);
                continue;
            }
            match name {
                "InputAdapter"
                | "BroadcastQueryStage"
                | "ShuffleQueryStage"
                | "TableCacheQueryStage"
                | "ResultQueryStage" => {
                    waiting.extend(child().map(|plan| Step { plan, parent, cluster: None }));
                }
                "ReusedSubquery" => {
                    waiting.extend(child().map(|plan| Step { plan, parent, cluster }));
                }
                _ if name.starts_with("WholeStageCodegen") => {
                    let id = self.node(plan, None);
                    waiting.extend(child().map(|plan| Step { plan, parent, cluster: Some(id) }));
                }
                _ => {
                    let cluster = if name == "ReusedExchange" { step.cluster } else { cluster };
                    let id = self.node(plan, cluster);
                    if name.contains("Exchange") || name == "Subquery" {
                        self.shared.push((plan, id));
                    }
                    self.edge(id, parent);
                    let first = waiting.len();
                    waiting.extend(elements_at(plan, "children").map(|plan| Step {
                        plan,
                        parent: Some(id),
                        cluster,
                    }));
                    waiting[first..].reverse();
                }
            }
        }
    }

    fn node(&mut self, plan: &'a [Node<'a>], cluster: Option<i64>) -> i64 {
        let id = self.nodes.len() as i64;
        self.nodes.push(PlanNode { id, cluster, plan });
        id
    }

    fn edge(&mut self, from: i64, parent: Option<i64>) {
        if let Some(to) = parent {
            self.edges.push(PlanEdge { from, to });
        }
    }

    /// The node that was drawn last for an equal plan.
    fn shared(&self, plan: &'a [Node<'a>]) -> Option<i64> {
        self.shared.iter().rev().find(|(known, _)| is_equal(known, plan)).map(|(_, id)| *id)
    }
}

/// `SparkPlanInfo.equals`: names, descriptions and children, but no metrics.
fn is_equal<'a>(a: &'a [Node<'a>], b: &'a [Node<'a>]) -> bool {
    let mut waiting = vec![(a, b)];
    while let Some((a, b)) = waiting.pop() {
        if std::ptr::eq(a, b) {
            continue;
        }
        let is_same = |key| text_at(a, key) == text_at(b, key);
        if !is_same("simpleString") || !is_same("nodeName") {
            return false;
        }
        let mut others = elements_at(b, "children");
        for child in elements_at(a, "children") {
            match others.next() {
                Some(other) => waiting.push((child, other)),
                None => return false,
            }
        }
        if others.next().is_some() {
            return false;
        }
    }
    true
}
