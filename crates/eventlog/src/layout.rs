//! Which values of an event are wanted, and into which slots they go.

/// What of an event becomes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// The event itself, one row.
    Event,
    /// Each element of the array at one of these paths, or the object that stands there alone. A
    /// path leads through arrays: it goes on in each of their elements.
    Elements(&'static [&'static str]),
    /// As [`Items::Elements`], without the elements whose text at `key` begins with `prefix`.
    ElementsExcept {
        /// The paths.
        at: &'static [&'static str],
        /// The key.
        key: &'static str,
        /// How its text begins in what is left out.
        prefix: &'static str,
    },
    /// As [`Items::Elements`]; an event that has none of the paths is an item itself.
    ElementsOrEvent(&'static [&'static str]),
    /// Each entry of each object that stands at one of these paths.
    Entries(&'static [&'static str]),
    /// Each node of the graph of the event's physical plan.
    PlanNodes,
    /// Each edge of that graph. It has no item, only [`Slot::NodeId`] and [`Slot::ToNodeId`].
    PlanEdges,
    /// Each metric of each node of that graph, and each metric that the event adds to the plan.
    PlanMetrics,
}

/// Where a slot's value comes from. A path is keys joined by `/`; several are tried, `|` between
/// them, and the one that the event has is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A path from the root of the event.
    Event(&'static str),
    /// A path from the item, see [`Items`]. Empty: the item itself. The elements of an array have
    /// the keys `0`, `1` and so on.
    Item(&'static str),
    /// A path from the innermost array element that the path to the item leads through.
    Outer(&'static str),
    /// With [`Items::Entries`], the key that the object stands at.
    Section,
    /// With [`Items::Entries`], the key of the entry.
    Key,
    /// With items of a plan, the id of the node, as the History Server numbers nodes.
    NodeId,
    /// With [`Items::PlanNodes`], the id of the WholeStageCodegen node that the node is part of.
    ClusterId,
    /// With [`Items::PlanEdges`], the id of the node that the edge leads to.
    ToNodeId,
}

/// The slots of one table, ready to be matched against parsed events.
#[derive(Debug)]
pub struct Layout {
    pub(crate) items: Items,
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
    pub(crate) outer: NodeId,
    pub(crate) item: NodeId,
    /// The slots of an item: another item has other values or none.
    pub(crate) item_slots: Vec<u16>,
    pub(crate) whole_item: Option<u16>,
    pub(crate) section: Option<u16>,
    pub(crate) key: Option<u16>,
    pub(crate) node_id: Option<u16>,
    pub(crate) cluster_id: Option<u16>,
    pub(crate) to_node_id: Option<u16>,
    pub(crate) slots: usize,
}

pub(crate) type NodeId = u16;

/// The wanted keys of one object.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) keys: Vec<Key>,
}

#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) slots: Vec<u16>,
    pub(crate) node: Option<NodeId>,
}

impl Layout {
    /// The layout that fills slot `n` from the `n`th of `slots`.
    pub fn new(items: Items, slots: impl IntoIterator<Item = Slot>) -> Self {
        let mut layout = Self {
            items,
            nodes: vec![Node::default(), Node::default(), Node::default()],
            root: 0,
            outer: 1,
            item: 2,
            item_slots: Vec::new(),
            whole_item: None,
            section: None,
            key: None,
            node_id: None,
            cluster_id: None,
            to_node_id: None,
            slots: 0,
        };
        for (slot, source) in (0..).zip(slots) {
            match source {
                Slot::Event(paths) => layout.want(layout.root, paths, slot),
                Slot::Item("") => layout.whole_item = Some(slot),
                Slot::Item(paths) => layout.want(layout.item, paths, slot),
                Slot::Outer(paths) => layout.want(layout.outer, paths, slot),
                Slot::Section => layout.section = Some(slot),
                Slot::Key => layout.key = Some(slot),
                Slot::NodeId => layout.node_id = Some(slot),
                Slot::ClusterId => layout.cluster_id = Some(slot),
                Slot::ToNodeId => layout.to_node_id = Some(slot),
            }
            if !matches!(source, Slot::Event(_)) {
                layout.item_slots.push(slot);
            }
            layout.slots += 1;
        }
        layout
    }

    fn want(&mut self, from: NodeId, paths: &'static str, slot: u16) {
        for path in paths.split('|') {
            let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
            let node = parents
                .split('/')
                .filter(|key| !key.is_empty())
                .fold(from, |node, key| self.child(node, key));
            let at = self.key(node, name);
            self.nodes[usize::from(node)].keys[at].slots.push(slot);
        }
    }

    fn child(&mut self, node: NodeId, name: &'static str) -> NodeId {
        let at = self.key(node, name);
        if let Some(child) = self.nodes[usize::from(node)].keys[at].node {
            return child;
        }
        let child = NodeId::try_from(self.nodes.len()).expect("a layout has few nodes");
        self.nodes.push(Node::default());
        self.nodes[usize::from(node)].keys[at].node = Some(child);
        child
    }

    fn key(&mut self, node: NodeId, name: &'static str) -> usize {
        let keys = &mut self.nodes[usize::from(node)].keys;
        keys.iter().position(|key| key.name == name).unwrap_or_else(|| {
            keys.push(Key { name, slots: Vec::new(), node: None });
            keys.len() - 1
        })
    }
}
