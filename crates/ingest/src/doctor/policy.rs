//! Whether the policy of a queue lets a service send to it.

use serde_json::Value;

/// What has to be allowed.
const ACTION: &str = "sqs:sendmessage";

/// A message that a service would send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'a> {
    /// The service's principal, as `s3.amazonaws.com`.
    pub(super) service: &'a str,
    /// The ARN of the queue.
    pub(super) queue: &'a str,
    /// The ARN of what it sends for, where it is known.
    pub(super) source: Option<&'a str>,
    /// The account of what it sends for, where it is known.
    pub(super) account: Option<&'a str>,
}

/// What a policy, or a part of it, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    /// It depends on what cannot be seen here.
    Unseen(String),
}

impl Answer {
    fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (unseen, _) => unseen,
        }
    }

    fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            unseen => unseen,
        }
    }

    fn all(answers: impl Iterator<Item = Self>) -> Self {
        answers.fold(Self::Yes, Self::and)
    }

    fn any(answers: impl Iterator<Item = Self>) -> Self {
        answers.fold(Self::No, Self::or)
    }
}

/// Whether `policy` lets `sending` happen: something allows it, and nothing denies it.
pub(super) fn lets(policy: &str, sending: &Sending<'_>) -> Answer {
    if policy.is_empty() {
        return Answer::No;
    }
    let Ok(policy) = serde_json::from_str::<Value>(policy) else {
        return Answer::Unseen("it is no JSON".to_owned());
    };
    let some = |effect: &str| {
        let of_effect = list(&policy["Statement"]).into_iter().filter(|of| of["Effect"] == effect);
        Answer::any(of_effect.map(|statement| applies(statement, sending)))
    };
    some("Allow").and(some("Deny").not())
}

fn applies(statement: &Value, sending: &Sending<'_>) -> Answer {
    let is_action = |pattern: &str| is_like(ACTION, &pattern.to_lowercase());
    let is_queue = |pattern: &str| is_like(sending.queue, pattern);
    named(statement, "Action", is_action)
        .and(named(statement, "Resource", is_queue))
        .and(principal(statement, sending.service))
        .and(conditions(&statement["Condition"], sending))
}

/// Whether `name` of a statement names what is meant, or its `Not…` does not.
fn named(statement: &Value, name: &str, is_meant: impl Fn(&str) -> bool) -> Answer {
    let names = |value: &Value| texts(value).iter().any(|text| is_meant(text));
    match (&statement[name], &statement[format!("Not{name}")]) {
        (Value::Null, Value::Null) => Answer::Yes,
        (Value::Null, others) => Answer::of(!names(others)),
        (meant, _) => Answer::of(names(meant)),
    }
}

fn principal(statement: &Value, service: &str) -> Answer {
    let is_named = |principal: &Value| {
        let all = principal.as_object().into_iter().flatten();
        principal == "*"
            || all.flat_map(|(_, names)| texts(names)).any(|name| {
                // In China, some services have names of their own.
                name == "*" || name.strip_suffix(".cn").unwrap_or(&name) == service
            })
    };
    match (&statement["Principal"], &statement["NotPrincipal"]) {
        (Value::Null, Value::Null) => Answer::No,
        (Value::Null, others) if is_named(others) => Answer::No,
        // AWS says of roles and users what this means, and not of services.
        (Value::Null, _) => Answer::Unseen("it has NotPrincipal".to_owned()),
        (named, _) => Answer::of(is_named(named)),
    }
}

/// All of them have to hold.
fn conditions(all: &Value, sending: &Sending<'_>) -> Answer {
    let operators = all.as_object().into_iter().flatten();
    Answer::all(operators.flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(|(key, values)| condition(operator, key, &texts(values), sending))
    }))
}

fn condition(operator: &str, key: &str, values: &[String], sending: &Sending<'_>) -> Answer {
    let unseen = || Answer::Unseen(format!("it has the condition {operator} of {key}"));
    let value = match key.to_lowercase().as_str() {
        "aws:sourcearn" => sending.source,
        "aws:sourceaccount" => sending.account,
        // AWS' services use TLS.
        "aws:securetransport" | "aws:principalisawsservice" => Some("true"),
        "aws:principalservicename" => Some(sending.service),
        _ => None,
    };
    let Some(value) = value else { return unseen() };
    // A variable.
    if values.iter().any(|pattern| pattern.contains("${")) {
        return unseen();
    }
    let operator = operator.to_lowercase();
    let any = |is: fn(&str, &str) -> bool| Answer::of(values.iter().any(|of| is(value, of)));
    let equal = |value: &str, of: &str| value == of;
    let equal_but_for_case = |value: &str, of: &str| value.eq_ignore_ascii_case(of);
    match operator.strip_suffix("ifexists").unwrap_or(&operator) {
        "stringequals" => any(equal),
        "stringnotequals" => any(equal).not(),
        "stringequalsignorecase" | "bool" => any(equal_but_for_case),
        "stringnotequalsignorecase" => any(equal_but_for_case).not(),
        "stringlike" | "arnlike" | "arnequals" => any(is_like),
        "stringnotlike" | "arnnotlike" | "arnnotequals" => any(is_like).not(),
        _ => unseen(),
    }
}

/// Whether a text is as a pattern of IAM says: `*` is any text, and `?` a character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<_>, Vec<_>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Behind the last `*`, and from where on it has not taken the text.
    let mut star = None;
    while at < text.len() {
        match (pattern.get(of), star) {
            (Some('*'), _) => {
                of += 1;
                star = Some((of, at));
            }
            (Some(c), _) if *c == '?' || *c == text[at] => (at, of) = (at + 1, of + 1),
            (_, Some((behind, taken))) => {
                (at, of) = (taken + 1, behind);
                star = Some((behind, taken + 1));
            }
            _ => return false,
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    }
}

/// The texts of a value; accounts may stand there as numbers, and `true` without quotes.
fn texts(value: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    list(value).into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUE: &str = "arn:aws:sqs:eu-central-1:1:logs";
    const FROM_S3: &str =
        r#""Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage""#;

    /// What a policy of these statements says of S3, for the bucket `acme-logs` of account 1.
    fn said(statements: &[&str]) -> Answer {
        let policy = format!(r#"{{"Statement": [{}]}}"#, statements.join(", "));
        serde_json::from_str::<Value>(&policy).expect("JSON");
        lets(&policy, &sending())
    }

    fn sending() -> Sending<'static> {
        Sending {
            service: "s3.amazonaws.com",
            queue: QUEUE,
            source: Some("arn:aws:s3:::acme-logs"),
            account: Some("1"),
        }
    }

    fn allow(rest: &str) -> String {
        format!(r#"{{"Effect": "Allow", {rest}}}"#)
    }

    fn deny(rest: &str) -> String {
        format!(r#"{{"Effect": "Deny", {rest}}}"#)
    }

    #[test]
    fn what_allows_has_to_mean_the_service_the_queue_and_the_source() {
        let s3_if = |condition: &str| allow(&format!(r#"{FROM_S3}, "Condition": {{{condition}}}"#));
        let s3_to = |resource: &str| allow(&format!("{FROM_S3}, {resource}"));
        for (statement, answer) in [
            (allow(FROM_S3), Answer::Yes),
            (allow(r#""Principal": "*", "Action": "sqs:*""#), Answer::Yes),
            (allow(r#""Principal": {"AWS": "*"}, "Action": ["x", "SQS:Send*"]"#), Answer::Yes),
            (allow(r#""Principal": {"AWS": ["2"]}, "Action": "*""#), Answer::No),
            (allow(r#""Principal": {"Service": "sns.amazonaws.com"}, "Action": "*""#), Answer::No),
            (allow(r#""Principal": "*", "Action": "sqs:ReceiveMessage""#), Answer::No),
            (allow(r#""Principal": "*", "NotAction": "sqs:ReceiveMessage""#), Answer::Yes),
            (allow(r#""Principal": "*", "NotAction": "sqs:Send*""#), Answer::No),
            (s3_to(&format!(r#""Resource": "{QUEUE}""#)), Answer::Yes),
            (s3_to(r#""Resource": "arn:aws:sqs:*:*:other""#), Answer::No),
            (s3_to(r#""NotResource": "arn:aws:sqs:*:*:other""#), Answer::Yes),
            (s3_if(r#""ArnEquals": {"aws:SourceArn": "arn:*:s3:::acme-*"}"#), Answer::Yes),
            (
                s3_if(r#""ArnLike": {"AWS:SourceArn": ["x", "arn:aws:s3:::acme-logs"]}"#),
                Answer::Yes,
            ),
            (s3_if(r#""ArnLike": {"aws:SourceArn": "arn:aws:s3:::other"}"#), Answer::No),
            (s3_if(r#""StringEquals": {"aws:SourceArn": "arn:aws:s3:::acme-*"}"#), Answer::No),
            (s3_if(r#""StringEqualsIfExists": {"aws:SourceAccount": 1}"#), Answer::Yes),
            (s3_if(r#""StringEquals": {"aws:SourceAccount": "2"}"#), Answer::No),
            (s3_if(r#""StringNotEquals": {"aws:SourceAccount": "2"}"#), Answer::Yes),
            (s3_if(r#""Bool": {"aws:SecureTransport": true}"#), Answer::Yes),
        ] {
            assert_eq!(said(&[&statement]), answer, "{statement}");
        }
        assert_eq!(lets("", &sending()), Answer::No, "of itself a queue lets nobody");
        assert_eq!(said(&[]), Answer::No);
    }

    #[test]
    fn what_denies_wins() {
        let all = allow(FROM_S3);
        for (denied, answer) in [
            (
                r#""Principal": "*", "Action": "sqs:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#,
                Answer::Yes,
            ),
            (r#""Principal": "*", "Action": "sqs:DeleteMessage""#, Answer::Yes),
            (r#""Principal": "*", "NotAction": "sqs:ReceiveMessage""#, Answer::No),
            (r#""Principal": "*", "Action": "sqs:*""#, Answer::No),
            (
                r#""Principal": "*", "Action": "*", "Condition": {"ArnNotLike": {"aws:SourceArn": "arn:aws:s3:::acme-*"}}"#,
                Answer::Yes,
            ),
            (
                r#""Principal": "*", "Action": "*", "Condition": {"ArnNotEquals": {"aws:SourceArn": "arn:aws:s3:::other"}}"#,
                Answer::No,
            ),
            (r#""NotPrincipal": {"Service": "s3.amazonaws.com"}, "Action": "*""#, Answer::Yes),
        ] {
            assert_eq!(said(&[&all, &deny(denied)]), answer, "{denied}");
            assert_eq!(said(&[&deny(denied)]), Answer::No, "{denied}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_neither() {
        let unseen = |answer: &Answer| matches!(answer, Answer::Unseen(_));
        let organization = r#""Condition": {"StringEquals": {"aws:SourceOrgID": "o-1"}}"#;
        let maybe = allow(&format!("{FROM_S3}, {organization}"));
        let maybe_not = deny(&format!(r#""Principal": "*", "Action": "*", {organization}"#));
        let variable = allow(&format!(
            r#"{FROM_S3}, "Condition": {{"ArnLike": {{"aws:SourceArn": "arn:aws:s3:::${{aws:x}}"}}}}"#
        ));
        let not_principal = deny(r#""NotPrincipal": {"AWS": "1"}, "Action": "*""#);
        let all = allow(FROM_S3);
        assert!(unseen(&said(&[&maybe])) && unseen(&said(&[&variable])));
        assert!(unseen(&said(&[&all, &maybe_not])) && unseen(&said(&[&all, &not_principal])));
        assert_eq!(said(&[&all, &maybe]), Answer::Yes);
        assert_eq!(said(&[&maybe_not]), Answer::No);
        let but_if = allow(&format!(
            r#"{FROM_S3}, "Condition": {{"StringEquals": {{"aws:SourceOrgID": "o-1", "aws:SourceAccount": "2"}}}}"#
        ));
        assert_eq!(said(&[&but_if]), Answer::No, "one of two does not hold");
        let of_account = allow(&format!(
            r#"{FROM_S3}, "Condition": {{"StringEquals": {{"aws:SourceAccount": "1"}}}}"#
        ));
        let policy = format!(r#"{{"Statement": {of_account}}}"#);
        assert!(unseen(&lets(&policy, &Sending { account: None, ..sending() })));
        assert!(unseen(&lets("{", &sending())));
    }

    #[test]
    fn patterns_are_those_of_iam() {
        for (text, pattern, is) in [
            ("", "", true),
            ("a", "*", true),
            ("", "*", true),
            ("arn:aws:s3:::logs", "arn:*:s3:::l?gs", true),
            ("arn:aws:s3:::logs", "arn:*:s3:::l?g", false),
            ("é", "?", true),
            ("abcb", "a*b", true),
            ("abc", "a*b", false),
        ] {
            assert_eq!(is_like(text, pattern), is, "{text} {pattern}");
        }
        let (text, pattern) = ("a".repeat(200), "*a".repeat(30) + "b");
        assert!(!is_like(&text, &pattern), "and that is found soon");
    }
}
