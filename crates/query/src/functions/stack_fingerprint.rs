//! `stack_fingerprint(text)`, `stack_exception(text)` and `failure_reason(text)`: which exception a
//! stack trace is of, whatever values it was thrown for; its class; the line that names it.
//!
//! Texts are those of Spark: what a JVM prints of a `Throwable`, what Python prints of an exception,
//! the second within the first (`PythonException`), and each within the message of a job or a stage
//! ("Job aborted due to stage failure: ... Lost task 3.3 in stage 4.0 (TID 29) (...): ").

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ScalarUDF;
use sha2::{Digest, Sha256};

use super::signature::{About, scalar};

/// The functions.
pub(super) fn functions() -> [ScalarUDF; 3] {
    let fingerprint = text_about(
        "stack_fingerprint",
        "16 hexadecimal digits that are the same for the same exception at the same place, whatever \
         values it was thrown for, and in every run: of classes and frames, without messages, lines, \
         and what compilers and the JVM number. NULL of a text without exception and stack trace. \
         Texts are those of Spark, of the JVM and of Python.",
        "SELECT stack_fingerprint('ValueError: 1') = stack_fingerprint('ValueError: 2');  -- true",
    );
    let exception = text_about(
        "stack_exception",
        "The class of the exception that a stack trace is of: of the first cause, where there are \
         several. NULL of a text without one.",
        "SELECT stack_exception('java.io.IOException: disk is gone');  -- java.io.IOException",
    );
    let reason_of = text_about(
        "failure_reason",
        "The line of a message or a stack trace that names the first cause; of a text without an \
         exception, its first line.",
        "SELECT failure_reason('Command exited with code 137');  -- Command exited with code 137",
    );
    [
        text_function(fingerprint, |text| Stack::parse(text).fingerprint()),
        text_function(exception, |text| {
            Stack::parse(text).innermost().map(|link| link.class.to_owned())
        }),
        text_function(reason_of, |text| reason(text).map(str::to_owned)),
    ]
}

/// What a function says of itself that makes a text of a text.
pub(super) fn text_about(
    name: &'static str,
    description: &'static str,
    example: &'static str,
) -> About {
    let arguments = vec![("text", DataType::Utf8, "a message or a stack trace")];
    About { name, arguments, returns: DataType::Utf8, description, example }
}

/// A function from text to text; NULL gives NULL.
pub(super) fn text_function(about: About, function: fn(&str) -> Option<String>) -> ScalarUDF {
    scalar(about, move |columns| {
        let texts = columns[0].as_string::<i32>();
        Arc::new(texts.iter().map(|text| text.and_then(function)).collect::<StringArray>())
    })
}

/// What a text says of an exception and its causes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stack<'a> {
    /// The exception and its causes, in the text's order.
    links: Vec<Link<'a>>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Link<'a> {
    /// Class of the exception; empty for frames that stand before any.
    class: &'a str,
    /// The class with the message's first line.
    line: &'a str,
    /// Python names the first cause first, the JVM last.
    is_python: bool,
    /// Without what differs between runs.
    frames: Vec<String>,
}

impl<'a> Stack<'a> {
    /// Reads a text. What is not part of a stack trace is passed over.
    pub(super) fn parse(text: &'a str) -> Self {
        let mut links: Vec<Link<'a>> = Vec::new();
        // Frames of a traceback come before the class of its exception.
        let mut traceback: Option<Vec<String>> = None;
        for line in of_task(text).lines() {
            let trimmed = line.trim_start();
            let is_indented = trimmed.len() < line.len();
            if let Some(frames) = &mut traceback {
                if is_indented {
                    frames.extend(python_frame(trimmed));
                    continue;
                }
                if let Some(class) = class(line) {
                    let frames = std::mem::take(frames);
                    links.push(Link { class, line, is_python: true, frames });
                    traceback = None;
                    continue;
                }
            }
            if let Some(frame) = java_frame(trimmed) {
                if links.is_empty() {
                    links.push(Link::default());
                }
                if let Some(link) = links.last_mut() {
                    link.frames.push(frame);
                }
            } else {
                let cause = trimmed
                    .strip_prefix("Caused by: ")
                    // What Py4J says of the JVM's exception.
                    .or_else(|| line.strip_prefix(": "));
                let header = match cause {
                    Some(line) => class(line).map(|class| (class, line)),
                    // Any other line may be one of a message.
                    None if links.is_empty() && !is_indented => first_class(line),
                    None => None,
                };
                links.extend(header.map(|(class, line)| Link { class, line, ..Link::default() }));
            }
            if line.contains("Traceback (most recent call last)") {
                traceback = Some(Vec::new());
            }
        }
        Self { links }
    }

    /// The classes of the exception and of its causes.
    pub(super) fn classes(&self) -> impl Iterator<Item = &'a str> {
        self.links.iter().map(|link| link.class).filter(|class| !class.is_empty())
    }

    /// The first cause.
    fn innermost(&self) -> Option<&Link<'a>> {
        let last = self.links.iter().rposition(|link| !link.class.is_empty())?;
        let mut first = last;
        while first > 0 && self.links[last].is_python && self.links[first - 1].is_python {
            first -= 1;
        }
        Some(&self.links[first])
    }

    /// 16 hexadecimal digits of what stays the same; `None` of a text without exception and stack.
    fn fingerprint(&self) -> Option<String> {
        if self.links.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        for link in &self.links {
            hash.update(stable(link.class));
            hash.update("\n");
            // How deep a recursion goes depends on values, too.
            let mut seen = HashSet::new();
            for frame in link.frames.iter().filter(|frame| seen.insert(frame.as_str())) {
                hash.update(" ");
                hash.update(frame);
                hash.update("\n");
            }
        }
        Some(hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// The line that names the first cause, else the first that says anything.
fn reason(text: &str) -> Option<&str> {
    let stack = Stack::parse(text);
    let line = stack.innermost().map(|link| link.line);
    line.or_else(|| text.lines().map(str::trim).find(|line| !line.is_empty()))
}

/// What the message of a stage or of a job says of the task, without the stack of the driver; all of
/// any other text. Spark: `TaskSetManager.handleFailedTask`, `DAGScheduler.abortStage`.
fn of_task(text: &str) -> &str {
    let Some((_, task)) = text.split_once("Lost task ") else { return text };
    let Some((_, task)) = task.split_once("(TID ") else { return text };
    let Some((_, task)) = task.split_once("): ") else { return text };
    task.split_once("\nDriver stacktrace:").map_or(task, |(task, _)| task)
}

/// The class at the beginning of `ClassName` or `ClassName: message`.
fn class(line: &str) -> Option<&str> {
    let end = line
        .find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '_' | '$'))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let is_name = name.split('.').all(|part| !part.is_empty())
        && name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && (rest.is_empty() || rest.starts_with(':'));
    is_name.then_some(name)
}

/// The class at the beginning of a text, which need not have one: a word that is followed by a colon
/// is no class, unless it looks like one.
fn first_class(line: &str) -> Option<(&str, &str)> {
    let line = match line.strip_prefix("Exception in thread \"") {
        Some(rest) => rest.split_once("\" ")?.1,
        None => line,
    };
    let name = class(line)?;
    let simple = name.rsplit(['.', '$']).next()?;
    let looks_like_one = simple.ends_with("Exception") || simple.ends_with("Error");
    let is_in_package = name.contains('.') && simple.starts_with(|c: char| c.is_uppercase());
    (looks_like_one || is_in_package).then_some((name, line))
}

/// Class and method of `at module/package.Class.method(File.scala:12)`.
///
/// Frames of reflection are left out: the JVM calls a method natively at first, and through a class
/// that it generates when it has done so a few times.
fn java_frame(line: &str) -> Option<String> {
    let (path, _) = line.strip_prefix("at ")?.split_once('(')?;
    if path.contains(char::is_whitespace) || !path.contains('.') {
        return None;
    }
    let path = without_addresses(path);
    let is_reflection = ["java.lang.reflect.", "jdk.internal.reflect.", "sun.reflect."]
        .iter()
        .any(|package| path.starts_with(package));
    (!is_reflection).then(|| stable(&path))
}

/// File and function of `File "/a/b.py", line 12, in f`; the folder differs between containers.
fn python_frame(line: &str) -> Option<String> {
    let (path, rest) = line.strip_prefix("File \"")?.split_once("\", line ")?;
    let file = path.rsplit(['/', '\\']).next()?;
    let function = rest.split_once(", in ").map_or("", |(_, function)| function.trim_end());
    // Cells of notebooks are numbered: `<command-12>`, `<ipython-input-5-0a1b>`, `4711.py`.
    let file = match file.find(|c: char| c.is_ascii_digit()) {
        Some(digit) if file.starts_with('<') || digit == 0 => &file[..digit],
        _ => file,
    };
    Some(format!("{file} {function}"))
}

/// Without the number of a hidden class: `Lambda$12/0x0000` and `Lambda$12/815` are `Lambda$12`.
fn without_addresses(path: &str) -> String {
    let mut parts = path.split('/');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_at(part.find('.').unwrap_or(part.len()));
        let is_number = match number.strip_prefix("0x") {
            Some(hex) => hex.chars().all(|c| c.is_ascii_hexdigit()),
            None => number.chars().all(|c| c.is_ascii_digit()),
        };
        if is_number {
            kept.push_str(rest);
        } else {
            // A module or a loader stands before.
            kept = part.to_owned();
        }
    }
    kept
}

/// A class or a method without the numbers that compilers, the JVM, Spark's code generation and its
/// shell give: `$anonfun$f$2`, `$$Lambda$12`, `$Proxy3`, `$line7`, `GeneratedIteratorForCodegenStage1`
/// with its `project_doConsume_0$`.
fn stable(path: &str) -> String {
    let is_generated = path.contains("GeneratedClass$") || path.contains(".Generated");
    if is_generated {
        return path.replace(|c: char| c.is_ascii_digit(), "");
    }
    let mut stable = String::with_capacity(path.len());
    let mut is_inner = false;
    for name in path.split_inclusive(['.', '$']) {
        let (name, mark) = match name.strip_suffix(['.', '$']) {
            Some(name_only) => (name_only, &name[name_only.len()..]),
            None => (name, ""),
        };
        let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_counted = is_inner && matches!(word, "" | "Proxy" | "line");
        stable.push_str(if is_counted { word } else { name });
        stable.push_str(mark);
        is_inner = mark == "$";
    }
    // `$$Lambda$12` and, from Java 21, `$$Lambda`.
    stable.replace("$$Lambda$", "$$Lambda")
}

#[cfg(test)]
mod tests;
