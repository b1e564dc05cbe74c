use proptest::prelude::*;

use super::*;

const JAVA: &str = "java.lang.IllegalStateException: order 17 of 0x7f3a has no total
\tat com.example.orders.Totals$.$anonfun$add$2(Totals.scala:41)
\tat com.example.orders.Totals$$$Lambda$1523/0x00000008409c1c40.apply(Unknown Source)
\tat org.apache.spark.sql.catalyst.expressions.GeneratedClass$GeneratedIteratorForCodegenStage3.project_doConsume_0$(Unknown Source)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.lang.NullPointerException
\tat com.example.orders.Order.total(Order.scala:12)
\t... 11 more
";

const PYTHON: &str = "org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File \"/mnt/yarn/container_17_0001_01_000002/pyspark.zip/pyspark/worker.py\", line 2044, in main
    process()
  File \"/tmp/jobs/payments.py\", line 52, in reconcile
    raise ValueError(f\"payment {key}\")
ValueError: payment 3: \"booked\"
\tdifference: 480

\tat org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException(PythonRunner.scala:581)
";

fn fingerprint(text: &str) -> Option<String> {
    Stack::parse(text).fingerprint()
}

fn innermost(text: &str) -> Option<&str> {
    Stack::parse(text).innermost().map(|link| link.class)
}

fn frames(text: &str) -> Vec<Vec<String>> {
    Stack::parse(text).links.into_iter().map(|link| link.frames).collect()
}

#[test]
fn a_stack_is_its_classes_and_frames() {
    assert_eq!(
        Stack::parse(JAVA).classes().collect::<Vec<_>>(),
        ["java.lang.IllegalStateException", "java.lang.NullPointerException"]
    );
    assert_eq!(
        frames(JAVA),
        [
            vec![
                "com.example.orders.Totals$.$anonfun$add$",
                "com.example.orders.Totals$$$Lambda.apply",
                "org.apache.spark.sql.catalyst.expressions.GeneratedClass\
                 $GeneratedIteratorForCodegenStage.project_doConsume_$",
                "java.lang.Thread.run",
            ],
            vec!["com.example.orders.Order.total"],
        ]
    );
    assert_eq!(innermost(JAVA), Some("java.lang.NullPointerException"));
    assert_eq!(fingerprint(JAVA).map(|text| text.len()), Some(16));
}

#[test]
fn a_traceback_within_a_stack_is_its_cause() {
    assert_eq!(
        Stack::parse(PYTHON).classes().collect::<Vec<_>>(),
        ["org.apache.spark.api.python.PythonException", "ValueError"]
    );
    assert_eq!(
        frames(PYTHON)[1],
        [
            "worker.py main",
            "payments.py reconcile",
            "org.apache.spark.api.python.BasePythonRunner$ReaderIterator.handlePythonException",
        ]
    );
    assert_eq!(innermost(PYTHON), Some("ValueError"));
    let elsewhere = PYTHON.replace("container_17_0001_01_000002", "container_18_0004_02_000071");
    assert_eq!(fingerprint(&elsewhere), fingerprint(PYTHON));
}

#[test]
fn python_names_the_first_cause_first() {
    let chained = "Traceback (most recent call last):
  File \"a.py\", line 1, in f
KeyError: 'k'

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File \"a.py\", line 3, in f
my.module.Broken: no k
";
    assert_eq!(innermost(chained), Some("KeyError"));
    assert_eq!(Stack::parse(chained).classes().last(), Some("my.module.Broken"));
}

#[test]
fn a_stage_has_the_fingerprint_of_its_task() {
    for stack in [JAVA, PYTHON] {
        let stage = format!(
            "Job aborted due to stage failure: Task 3 in stage 4.0 failed 4 times, most recent \
             failure: Lost task 3.3 in stage 4.0 (TID 29) (localhost executor driver): {stack}\n\
             Driver stacktrace:"
        );
        let job = format!(
            "org.apache.spark.SparkException: {stage}\n\tat org.apache.spark.scheduler.DAGScheduler\
             .abortStage(DAGScheduler.scala:2)\nCaused by: {stack}"
        );
        // Spark 2 has host and executor in the same brackets.
        let old = stage.replace("(TID 29) (localhost executor", "(TID 29, localhost, executor");
        for text in [stage, job, old] {
            assert_eq!(fingerprint(&text), fingerprint(stack), "{text}");
        }
    }
}

#[test]
fn a_text_without_a_stack_has_none() {
    for text in [
        "",
        "Command exited with code 137",
        "Executor heartbeat timed out after 131215 ms",
        "[USER_RAISED_EXCEPTION] amount is negative SQLSTATE: P0001",
        "Reason: lost",
        "Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent failure: \
         Lost task 0.3 in stage 1.0 (TID 9) (h executor 1): ExecutorLostFailure (executor 1 exited \
         caused by one of the running tasks) Reason: Command exited with code 137",
    ] {
        assert_eq!(fingerprint(text), None, "{text}");
        assert_eq!(innermost(text), None, "{text}");
    }
    // A class alone is enough, and so are frames alone.
    assert_eq!(
        innermost("java.lang.OutOfMemoryError: Java heap space"),
        Some("java.lang.OutOfMemoryError")
    );
    assert!(fingerprint("java.lang.OutOfMemoryError").is_some());
    assert!(fingerprint("\tat a.B.c(B.scala:1)").is_some());
}

#[test]
fn the_reason_is_the_line_of_the_first_cause() {
    for (text, expected) in [
        (JAVA, Some("java.lang.NullPointerException")),
        (PYTHON, Some("ValueError: payment 3: \"booked\"")),
        ("\n The executor with id 3 exited\n", Some("The executor with id 3 exited")),
        (" \n", None),
    ] {
        assert_eq!(reason(text), expected);
    }
}

#[test]
fn how_the_jvm_calls_a_method_and_how_deep_does_not_matter() {
    let stack = |frames: &str| format!("a.E: m\n{frames}\tat a.B.c(B.java:1)\n");
    let native =
        "\tat java.base/jdk.internal.reflect.NativeMethodAccessorImpl.invoke0(Native Method)\n";
    let generated = "\tat jdk.internal.reflect.GeneratedMethodAccessor12.invoke(Unknown Source)\n";
    assert_eq!(fingerprint(&stack(native)), fingerprint(&stack(generated)));
    let once = "\tat a.B.walk(B.java:7)\n";
    assert_eq!(fingerprint(&stack(once)), fingerprint(&stack(&once.repeat(9))));
    assert_ne!(fingerprint(&stack(once)), fingerprint(&stack("")));
    let lambda = |name: &str| fingerprint(&stack(&format!("\tat a.B{name}.apply(B.java)\n")));
    assert_eq!(lambda("$$Lambda$12/0x000a"), lambda("$$Lambda/0x000000b800"));
    assert_eq!(lambda("$$Lambda$12/1283"), lambda("$$Lambda$4/99"));
    // Numbers of the user's own stay.
    assert_ne!(lambda("Step1"), lambda("Step2"));
}

#[test]
fn a_message_of_many_lines_is_no_cause() {
    let one = "a.b.Failed: first\n\tat a.B.c(B.scala:1)\n";
    let two = "a.b.Failed: first\nx.y.Other: 3\n  Traceback of nothing\n\tat a.B.c(B.scala:1)\n";
    assert_eq!(fingerprint(one), fingerprint(two));
}

prop_compose! {
    fn numbers()(numbers in proptest::collection::vec(any::<u32>(), 7)) -> Vec<u32> {
        numbers
    }
}

fn java(n: &[u32]) -> String {
    format!(
        "com.example.Bad: value {} at 0x{:x}\nsecond line {}
\tat com.example.Job$.$anonfun$run${}(Job.scala:{})
\tat com.example.Job$$$Lambda${}/0x{:x}.apply(Unknown Source)
\tat org.apache.spark.sql.catalyst.expressions.GeneratedClass$GeneratedIteratorForCodegenStage{}.processNext(Unknown Source)
\t... {} more
",
        n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[0], n[1]
    )
}

fn python(n: &[u32]) -> String {
    format!(
        "org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File \"/tmp/container_{}/job.py\", line {}, in run
    check({})
  File \"<command-{}>\", line {}, in check
ValueError: {} is not {}

\tat org.apache.spark.api.python.PythonRunner$$anon${}.read(PythonRunner.scala:{})
",
        n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[0], n[1]
    )
}

proptest! {
    #[test]
    fn numbers_do_not_change_it(one in numbers(), other in numbers()) {
        prop_assert_eq!(fingerprint(&java(&one)), fingerprint(&java(&other)));
        prop_assert_eq!(fingerprint(&python(&one)), fingerprint(&python(&other)));
    }

    #[test]
    fn another_frame_does(n in numbers(), name in "[a-z]{1,8}", line in 1..9999_u32) {
        let stack = java(&n);
        let more = format!("{stack}\tat com.example.{name}.Step.run(Step.scala:{line})\n");
        prop_assert_ne!(fingerprint(&more), fingerprint(&stack));
        let stack = python(&n);
        let frame = format!("  File \"{name}_step.py\", line {line}, in f\nValueError");
        prop_assert_ne!(fingerprint(&stack.replace("ValueError", &frame)), fingerprint(&stack));
    }

    #[test]
    fn any_text_is_read(text in "(\\PC|\n|\t|at a.B\\(|File \"|Caused by: |Traceback \\(most recent call last\\):\n){0,40}") {
        let _ = fingerprint(&text);
        let _ = (innermost(&text), reason(&text));
    }
}
