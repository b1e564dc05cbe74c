//! Which values of an event are wanted, and into which slots they go.

/// What of an event becomes a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Items {
    /// The event itself, one row.
    Event,
    /// Each element of the array at one of these keys, or the object that stands there alone.
    Elements(&'static [&'static str]),
    /// Each entry of each object that stands at one of these keys.
    Entries(&'static [&'static str]),
}

/// Where a slot's value comes from. A path is keys joined by `/`; several are tried, `|` between
/// them, and the one that the event has is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// A path from the root of the event.
    Event(&'static str),
    /// A path from the item, see [`Items`]. Empty: the item itself.
    Item(&'static str),
    /// With [`Items::Entries`], the key that the object stands at.
    Section,
    /// With [`Items::Entries`], the key of the entry.
    Key,
}

/// The slots of one table, ready to be matched against parsed events.
#[derive(Debug)]
pub struct Layout {
    pub(crate) items: Items,
    pub(crate) nodes: Vec<Node>,
    pub(crate) root: NodeId,
    pub(crate) item: NodeId,
    pub(crate) item_slots: Vec<u16>,
    pub(crate) whole_item: Option<u16>,
    pub(crate) section: Option<u16>,
    pub(crate) key: Option<u16>,
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
    pub(crate) slot: Option<u16>,
    pub(crate) node: Option<NodeId>,
}

impl Layout {
    /// The layout that fills slot `n` from the `n`th of `slots`.
    pub fn new(items: Items, slots: impl IntoIterator<Item = Slot>) -> Self {
        let mut layout = Self {
            items,
            nodes: vec![Node::default(), Node::default()],
            root: 0,
            item: 1,
            item_slots: Vec::new(),
            whole_item: None,
            section: None,
            key: None,
            slots: 0,
        };
        for (slot, source) in (0..).zip(slots) {
            match source {
                Slot::Event(paths) => layout.want(layout.root, paths, slot),
                Slot::Item("") => layout.whole_item = Some(slot),
                Slot::Item(paths) => {
                    layout.want(layout.item, paths, slot);
                    layout.item_slots.push(slot);
                }
                Slot::Section => layout.section = Some(slot),
                Slot::Key => layout.key = Some(slot),
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
            self.nodes[usize::from(node)].keys[at].slot = Some(slot);
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
            keys.push(Key { name, slot: None, node: None });
            keys.len() - 1
        })
    }
}
