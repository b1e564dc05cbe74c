//! Rows of an event, found the slow way.

use stagelight_eventlog::{Items, Slot};

use super::json::Json;

/// What becomes a row.
struct Item<'j> {
    json: &'j Json,
    /// The innermost array element around it.
    around: Option<&'j Json>,
    /// The keys of its section and of itself.
    keys: Option<(&'j str, &'j str)>,
}

/// The rows that `event` has in a layout; `None` where that is of a plan.
pub fn rows(items: Items, slots: &[Slot], event: &Json) -> Option<Vec<Vec<Option<Json>>>> {
    let elements = |at: &[&str]| {
        let mut places = Vec::new();
        find(event, at, None, &mut places);
        let items = places.iter().flat_map(|(_, around, json)| match json {
            Json::Array(elements) => elements.iter().map(|json| (json, *around)).collect(),
            other => vec![(*other, *around)],
        });
        let items = items.map(|(json, around)| Item { json, around, keys: None });
        (items.collect::<Vec<_>>(), !places.is_empty())
    };
    let items = match items {
        Items::Event => return Some(vec![row(slots, event, None)]),
        Items::Elements(at) => elements(at).0,
        Items::ElementsExcept { at, key, prefix } => {
            let (mut items, _) = elements(at);
            items.retain(|item| !item.json.text_at(key).is_some_and(|t| t.starts_with(prefix)));
            items
        }
        Items::ElementsOrEvent(at) => match elements(at) {
            (items, true) => items,
            (_, false) => vec![Item { json: event, around: None, keys: None }],
        },
        Items::Entries(at) => {
            let mut sections = Vec::new();
            find(event, at, None, &mut sections);
            let entries = sections.iter().flat_map(|(section, _, json)| {
                json.entries().iter().map(|(key, json)| (*section, key.as_str(), json))
            });
            let items = entries.map(|(section, key, json)| Item {
                json,
                around: None,
                keys: Some((section, key)),
            });
            items.collect()
        }
        Items::PlanNodes | Items::PlanEdges | Items::PlanMetrics => return None,
    };
    Some(items.iter().map(|item| row(slots, event, Some(item))).collect())
}

/// A place of an event: its key, the innermost array element around it, and what stands there.
type Place<'j> = (&'j str, Option<&'j Json>, &'j Json);

fn find<'j>(json: &'j Json, paths: &[&str], around: Option<&'j Json>, places: &mut Vec<Place<'j>>) {
    for (key, json) in json.entries() {
        for path in paths {
            if path == key {
                places.push((key, around, json));
            } else if let Some(rest) = path.strip_prefix(&format!("{key}/")) {
                match json {
                    Json::Array(elements) => elements
                        .iter()
                        .for_each(|element| find(element, &[rest], Some(element), places)),
                    other => find(other, &[rest], around, places),
                }
            }
        }
    }
}

fn row(slots: &[Slot], event: &Json, item: Option<&Item<'_>>) -> Vec<Option<Json>> {
    let text = |text: &str| Json::Text(text.to_owned());
    let cell = |slot: &Slot| match *slot {
        Slot::Event(paths) => last(event, paths),
        Slot::Item("") => Some(item?.json.clone()),
        Slot::Item(paths) => last(item?.json, paths),
        Slot::Outer(paths) => last(item?.around?, paths),
        Slot::Section => Some(text(item?.keys?.0)),
        Slot::Key => Some(text(item?.keys?.1)),
        Slot::NodeId | Slot::ClusterId | Slot::ToNodeId => None,
    };
    slots.iter().map(|slot| cell(slot).map(|json| json.as_value())).collect()
}

/// What stands at the last place of `json` that one of `paths` leads to.
fn last(json: &Json, paths: &str) -> Option<Json> {
    let paths: Vec<Vec<_>> = paths.split('|').map(|path| path.split('/').collect()).collect();
    let paths: Vec<_> = paths.iter().map(Vec::as_slice).collect();
    last_at(json, &paths).cloned()
}

fn last_at<'j>(json: &'j Json, paths: &[&[&str]]) -> Option<&'j Json> {
    let under = |key: &str, json: &'j Json| {
        let paths: Vec<_> = paths
            .iter()
            .filter_map(|path| path.split_first().filter(|(first, _)| **first == key))
            .map(|(_, rest)| rest)
            .collect();
        let here = paths.iter().any(|path| path.is_empty()).then_some(json);
        if paths.is_empty() { None } else { last_at(json, &paths).or(here) }
    };
    let entries = json.entries().iter().filter_map(|(key, json)| under(key, json));
    let elements = json.elements().iter().enumerate();
    entries.chain(elements.filter_map(|(at, json)| under(&at.to_string(), json))).last()
}
