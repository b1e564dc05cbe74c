//! `stagelight serve` as it starts and ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::stagelight::{Stagelight, log};

/// A server that listens, its port, and what it says from then on.
fn start(stagelight: &Stagelight, args: &[&str]) -> (Child, u16, BufReader<impl Read>) {
    let mut command = stagelight.command(&["serve", "--listen", "127.0.0.1:0", "--refresh", "1s"]);
    let mut child = command.args(args).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut said = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it says where it listens");
    let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
    (child, port.unwrap_or_else(|| panic!("{line}")), said)
}

fn terminate(child: &mut Child) -> Option<i32> {
    let pid = child.id().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().expect("there is a kill");
    assert!(kill.success());
    child.wait().expect("it ends").code()
}

#[test]
fn a_lake_that_is_not_there_is_waited_for_and_said_once() {
    let stagelight = Stagelight::new();
    let (mut child, _, mut said) = start(&stagelight, &[]);
    let mut line = String::new();
    said.read_line(&mut line).expect("it says what it waits for");
    let reason = format!("there is no lake at {}", stagelight.lake().display());
    assert!(line.contains(&reason) && line.trim().ends_with("waiting for it"), "{line}");
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(terminate(&mut child), Some(0));
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert_eq!(rest, "", "it is said once");
}

#[test]
fn what_is_wrong_without_a_lake_is_not_waited_with() {
    let stagelight = Stagelight::new();
    let run = stagelight.run(&["serve", "--listen", "127.0.0.1:0", "--threshold", "nope=1"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("there is no threshold `nope`"), "{}", run.stderr);
    let stagelight = Stagelight::with(&[&log("billing-plain-35")]);
    let run = stagelight.run(&["maintain", "--dry-run", "--threshold", "nope=1"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert!(run.stderr.contains("there is no threshold `nope`"), "{}", run.stderr);
}
