//! What a metric's file declares.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};

use crate::engine::alike;
use crate::error::QueryError;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../sql/metrics");

/// The type of a family, as Prometheus has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyType {
    /// A value that goes up and down.
    Gauge,
    /// A value that only goes up; its name ends in `_total`.
    Counter,
    /// How many observations were at most as great as each of some bounds.
    Histogram,
    /// A value of which the name does not say what it is.
    Unknown,
}

impl FamilyType {
    /// Whether what it says only goes up.
    pub fn is_cumulative(self) -> bool {
        matches!(self, Self::Counter | Self::Histogram)
    }
}

/// What becomes of the series of a family that are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// They become one series with their sum.
    Sum,
    /// They become one series with the greatest of their values.
    Max,
    /// They are left out: a sum or a maximum would mean nothing.
    None,
}

/// The declaration of a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Name of the family.
    pub family: String,
    /// Type of the family.
    pub family_type: FamilyType,
    /// What it means.
    pub help: String,
    /// Unit of its values, in Prometheus' words; `1` where they have none.
    pub unit: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Those of them that what becomes of the rest has too: they have few values.
    pub kept: Vec<String>,
    /// It has so many series at most.
    pub budget: usize,
    /// What becomes of the others.
    pub rest: Rest,
    /// From which events and settings the numbers come; empty where the help says it all.
    pub source: String,
    pub(super) is_embedded: bool,
    pub(super) sql: String,
    pub(super) file: String,
}

impl Metric {
    /// The metrics that are part of the binary, by family.
    ///
    /// # Errors
    ///
    /// [`QueryError::Metric`] where a file's header is wrong.
    pub fn embedded() -> Result<Vec<Self>, QueryError> {
        let mut metrics = Vec::new();
        let mut folders = vec![&FILES];
        while let Some(folder) = folders.pop() {
            for entry in folder.entries() {
                match entry {
                    DirEntry::Dir(folder) => folders.push(folder),
                    DirEntry::File(file) => {
                        let name = file.path().display().to_string();
                        let sql = file.contents_utf8().unwrap_or_default();
                        metrics.push(Self { is_embedded: true, ..Self::parse(&name, sql)? });
                    }
                }
            }
        }
        metrics.sort_by(|a, b| a.family.cmp(&b.family));
        Ok(metrics)
    }

    /// The metrics in the `.sql` files of a folder, by family.
    ///
    /// # Errors
    ///
    /// [`QueryError::Metric`] where the folder or a file cannot be read, or a header is wrong.
    pub fn in_folder(folder: &Path) -> Result<Vec<Self>, QueryError> {
        let error = |path: &Path| {
            let file = path.display().to_string();
            move |error: std::io::Error| QueryError::Metric { file, reason: error.to_string() }
        };
        let mut metrics = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(error(folder))? {
            let path = entry.map_err(error(folder))?.path();
            if path.extension().is_some_and(|extension| extension == "sql") {
                let sql = std::fs::read_to_string(&path).map_err(error(&path))?;
                metrics.push(Self::parse(&path.display().to_string(), &sql)?);
            }
        }
        metrics.sort_by(|a, b| a.family.cmp(&b.family));
        Ok(metrics)
    }

    fn parse(file: &str, sql: &str) -> Result<Self, QueryError> {
        let header = Header::parse(file, sql)?;
        let family_type = header.one_of(
            "type",
            "no type of a family",
            &[
                ("gauge", FamilyType::Gauge),
                ("counter", FamilyType::Counter),
                ("histogram", FamilyType::Histogram),
                ("unknown", FamilyType::Unknown),
            ],
        )?;
        let rest = header.one_of(
            "rest",
            "nothing that a rest can become",
            &[("sum", Rest::Sum), ("max", Rest::Max), ("none", Rest::None)],
        )?;
        let unit = header.one_of("unit", "no unit", &UNITS.map(|unit| (unit, unit)))?;
        let budget = header.text("budget").parse().ok().filter(|budget| *budget > 0);
        let budget = budget.ok_or_else(|| {
            header.error("budget", format!("`{}` is no number of series", header.text("budget")))
        })?;
        let (labels, kept) = (header.names("labels"), header.names("kept"));
        if let Some(label) = kept.iter().find(|label| !labels.contains(label)) {
            return Err(
                header.error("kept", format!("it keeps `{label}`, which is none of its labels"))
            );
        }
        Ok(Self {
            family: header.text("family").to_owned(),
            family_type,
            help: header.text("help").to_owned(),
            unit: unit.to_owned(),
            labels,
            kept,
            budget,
            rest,
            source: source(sql),
            is_embedded: false,
            sql: sql.to_owned(),
            file: file.to_owned(),
        })
    }
}

/// Where in a file there may be any comment.
const BELOW: &str = "what is for people goes below it, after an empty `--`";

/// What a metric's values may be in; those that are not Prometheus' own are of Spark's names.
const UNITS: [&str; 6] = ["seconds", "bytes", "ratio", "1", "milliseconds", "mebibytes"];

/// The lines that declare a metric.
struct Header<'a> {
    file: &'a str,
    /// By key: the line, and what it says.
    values: BTreeMap<&'a str, (usize, &'a str)>,
}

impl<'a> Header<'a> {
    const NEEDED: [&'static str; 6] = ["family", "type", "help", "unit", "budget", "rest"];
    const OTHERS: [&'static str; 2] = ["labels", "kept"];

    /// Reads the comment at the top, up to its first empty line.
    fn parse(file: &'a str, sql: &'a str) -> Result<Self, QueryError> {
        let mut header = Self { file, values: BTreeMap::new() };
        let lines = sql.lines().map_while(|line| line.strip_prefix("--"));
        for (line, text) in (1..).zip(lines.map(str::trim)).take_while(|(_, text)| !text.is_empty())
        {
            let error = |reason| error_at(file, Some(line), reason);
            let Some((key, value)) = text.split_once(':') else {
                let reason = format!("`{text}` is no `key: value`: {BELOW}");
                return Err(error(reason));
            };
            let (key, value) = (key.trim(), value.trim());
            let known: Vec<String> =
                Self::NEEDED.iter().chain(&Self::OTHERS).map(ToString::to_string).collect();
            if !known.iter().any(|known| known == key) {
                let meant = alike(key, known.iter());
                let advice = match meant {
                    Some(like) => format!("did you mean `{like}:`?"),
                    None => BELOW.to_owned(),
                };
                return Err(error(format!("a header has no `{key}:`, {advice}")));
            }
            if value.is_empty() {
                continue;
            }
            if header.values.insert(key, (line, value)).is_some() {
                return Err(error(format!("`{key}:` is there twice")));
            }
        }
        let missing: Vec<_> =
            Self::NEEDED.iter().filter(|key| !header.values.contains_key(*key)).collect();
        if !missing.is_empty() {
            let missing: Vec<_> = missing.iter().map(|key| format!("`{key}:`")).collect();
            let reason = format!("its header has no {}", missing.join(", "));
            return Err(error_at(file, None, reason));
        }
        Ok(header)
    }

    fn text(&self, key: &str) -> &'a str {
        self.values.get(key).map_or("", |(_, value)| value)
    }

    fn names(&self, key: &str) -> Vec<String> {
        let names = self.text(key).split(',').map(str::trim);
        names.filter(|_| !self.text(key).is_empty()).map(str::to_owned).collect()
    }

    /// What the value of `key` stands for; it is `no` such thing where it is none of `all`.
    fn one_of<T: Copy>(&self, key: &str, no: &str, all: &[(&str, T)]) -> Result<T, QueryError> {
        let text = self.text(key);
        let found = all.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
            let (last, others) = names.split_last().expect("there are some");
            self.error(key, format!("`{text}` is {no}: {} or {last}", others.join(", ")))
        })
    }

    /// An error in the line of `key`.
    fn error(&self, key: &str, reason: String) -> QueryError {
        error_at(self.file, self.values.get(key).map(|(line, _)| *line), reason)
    }
}

fn error_at(file: &str, line: Option<usize>, reason: String) -> QueryError {
    let file = match line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    };
    QueryError::Metric { file, reason }
}

/// What the comment says below the declaration.
fn source(sql: &str) -> String {
    let comment = sql.lines().map_while(|line| line.strip_prefix("--")).map(str::trim);
    comment.skip_while(|line| !line.is_empty()).skip(1).collect::<Vec<_>>().join(" ")
}

/// What the page of metrics begins with.
const INTRODUCTION: &str = "\
# Metrics of `stagelight serve`

Each is an SQL file. To add one of your own, put it into a folder, and start `serve` with
`--metrics-dir FOLDER`:

```sql
-- family: my_team_stage_failures
-- type: gauge
-- help: Stage attempts of an application that failed.
-- unit: 1
-- labels: namespace, app_name, app_id
-- budget: 100
-- rest: sum
SELECT namespace, app_name, app_id, count(*) AS value
FROM recent.stages
WHERE status = 'FAILED'
GROUP BY namespace, app_name, app_id
```

- `type` is `gauge`, `counter` (its name ends in `_total`), `histogram` or `unknown`; `unit` is `seconds`,
  `bytes`, `ratio`, or `1` for none.
- The header ends with the first `--` that has nothing behind it: what follows is for people. A header that is
  wrong is told with file and line, and `serve` does not start.
- The query has a column for each of `labels` (none without that line), and `value`; a row is a series. NULL
  is no series.
- Of a histogram a row is a bucket: `le`, its bound, the last one `CAST('Infinity' AS DOUBLE)`; `value`, how
  many observations were not above it; `sum`, that of all of them, the same in each row of a series.
- There are no more series than `budget`: those with the greatest values. `rest` says what becomes of the
  others: `sum` or `max`, in a series whose labels are `other`, or `none`. Labels that `kept` names are not
  `other` there, as in `-- kept: status`.
- Schema `recent` has what the last day's applications are, and `live` what all add up to
  (`live.application_totals`); all views can be asked as well, but for the recent applications alone, as in
  `WHERE array_has($app_ids, app_id)`: the query runs whenever the lake has news.
";

/// The metrics as a page in Markdown.
///
/// # Errors
///
/// As [`Metric::embedded`].
pub fn metrics_reference() -> Result<String, QueryError> {
    let mut page = INTRODUCTION.to_owned();
    for metric in Metric::embedded()? {
        let Metric { family, family_type, help, unit, labels, budget, rest, source, .. } = metric;
        let family_type = format!("{family_type:?}").to_lowercase();
        let unit = if unit == "1" { String::new() } else { format!(" in {unit}") };
        let rest = match rest {
            Rest::Sum => "the rest is summed up",
            Rest::Max => "the rest has its maximum",
            Rest::None => "the rest is left out",
        };
        page.push_str(&format!(
            "\n## {family}\n\n{help} {source}\n\nA {family_type}{unit} by {}. At most {budget} series; \
             {rest}.\n",
            labels.join(", ")
        ));
    }
    Ok(page.replace(" \n", "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_metric_has_a_whole_header() {
        let metrics = Metric::embedded().expect("headers are whole");
        assert!(!metrics.is_empty());
        for metric in metrics {
            let family = &metric.family;
            let set = if family.starts_with("stagelight_") { "stagelight" } else { "spark" };
            assert!(metric.file.starts_with(set), "{family} in {}", metric.file);
            let is_total = metric.family_type == FamilyType::Counter;
            assert_eq!(is_total, family.ends_with("_total"), "{family}");
            // The others have the names that Spark's own metrics would have.
            if set == "stagelight" && metric.unit != "1" {
                let name = family.trim_end_matches("_total");
                assert!(name.ends_with(&format!("_{}", metric.unit)), "{family}");
                assert!(["seconds", "bytes", "ratio"].contains(&&*metric.unit), "{family}");
            }
        }
    }

    #[test]
    fn a_header_that_is_not_whole_says_why() {
        const HEADER: &str = "-- family: x\n-- type: gauge\n-- help: X.\n-- unit: 1\n-- labels: a, b\n\
                              -- kept: b\n-- budget: 10\n-- rest: sum\nSELECT 1";
        let metric = Metric::parse("a.sql", HEADER).expect("the header is whole");
        assert_eq!((metric.labels.len(), metric.budget, metric.rest), (2, 10, Rest::Sum));
        for (line, instead, said) in [
            ("-- help: X.\n", "", "a.sql: its header has no `help:`"),
            (
                "type: gauge",
                "type: sum",
                "a.sql:2: `sum` is no type of a family: gauge, counter, histogram or unknown",
            ),
            (
                "unit: 1",
                "unit: second",
                "a.sql:4: `second` is no unit: seconds, bytes, ratio, 1, milliseconds or mebibytes",
            ),
            ("budget: 10", "budget: many", "a.sql:7: `many` is no number of series"),
            ("budget: 10", "budget: 0", "a.sql:7: `0` is no number of series"),
            (
                "rest: sum",
                "rest: mean",
                "a.sql:8: `mean` is nothing that a rest can become: sum, max or none",
            ),
            ("kept: b", "kept: c", "a.sql:6: it keeps `c`, which is none of its labels"),
            ("kept: b", "keep: b", "a.sql:6: a header has no `keep:`, did you mean `kept:`?"),
            (
                "kept: b",
                "colour: b",
                "a.sql:6: a header has no `colour:`, what is for people goes below it, after an empty \
                 `--`",
            ),
            ("kept: b", "type: counter", "a.sql:6: `type:` is there twice"),
            (
                "kept: b",
                "All of them.",
                "a.sql:6: `All of them.` is no `key: value`: what is for people goes below it, after an \
                 empty `--`",
            ),
        ] {
            let header = HEADER.replace(line, instead);
            let error = Metric::parse("a.sql", &header).expect_err(said).to_string();
            assert_eq!(error, format!("metric {said}"));
        }
        let told = HEADER.replace("SELECT", "--\n-- From: somewhere.\nSELECT");
        Metric::parse("a.sql", &told).expect("what is below the declaration is for people");
    }

    #[test]
    fn a_folder_may_have_more() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("notes.md"), "no metric").expect("a file");
        assert_eq!(Metric::in_folder(folder.path()).expect("a folder"), []);
        let file = folder.path().join("mine.sql");
        std::fs::write(&file, "SELECT 1").expect("a file");
        let error = Metric::in_folder(folder.path()).expect_err("no header").to_string();
        assert!(error.contains("mine.sql: its header has no `family:`, `type:`"), "{error}");
        let error = Metric::in_folder(&file).expect_err("no folder").to_string();
        assert!(error.contains("mine.sql: Not a directory"), "{error}");
    }
}
