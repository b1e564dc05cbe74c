//! What S3 and SQS have in common: where the settings come from, and what errors mean.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// To begin a connection may take so long.
const CONNECT: Duration = Duration::from_secs(5);

/// The same where somebody waits, and for how long then.
const CONNECT_SOON: Duration = Duration::from_secs(3);
const ATTEMPT: Duration = Duration::from_secs(4);
const OPERATION: Duration = Duration::from_secs(8);

/// Codes that say that the credentials are no good, or no longer.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];
const NOT_KNOWN: [&str; 4] = [
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// Codes that say that a bucket is in another region.
const ELSEWHERE: [&str; 3] =
    ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"];

/// Codes that say that somebody has to give rights or set something up.
const NOT_ALLOWED: [&str; 10] = [
    "AccessDenied",
    "AccessDeniedException",
    "AccountProblem",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// AWS' settings, from AWS' own places: environment, profile, web identity (IRSA), container
/// credentials (EKS Pod Identity), instance metadata.
pub async fn settings() -> SdkConfig {
    aws_config::from_env()
        .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
        .load()
        .await
}

/// As [`settings`], for a question to which somebody waits for the answer: it is asked twice at most.
pub async fn impatient_settings() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_SOON)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build();
    settings()
        .await
        .to_builder()
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts)
        .build()
}

/// Whether a service is elsewhere than AWS has it: an emulator, or another store that speaks S3.
pub(crate) fn has_endpoint(settings: &SdkConfig, service: &str) -> bool {
    let of_service = format!("AWS_ENDPOINT_URL_{service}");
    settings.endpoint_url().is_some()
        || [&of_service, "AWS_ENDPOINT_URL"].iter().any(|name| std::env::var_os(name).is_some())
}

/// An error of a service, in short.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The service's code, where it answered.
    pub(crate) code: String,
    /// The HTTP status, where it answered.
    pub(crate) status: Option<u16>,
    /// What it says.
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = error.code().unwrap_or_default().to_owned();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let message = match (error.message(), code.is_empty()) {
            (Some(message), false) => format!("{code}: {message}"),
            (None, false) => code.clone(),
            _ => without_code(error),
        };
        Self { code, status, message }
    }

    /// Whether there is no such queue.
    pub(crate) fn is_without_queue(&self) -> bool {
        self.code.ends_with("NonExistentQueue")
            || self.code.ends_with("QueueDoesNotExist")
            || self.code == "InvalidAddress"
    }

    /// What to do about it; `right` where a right is missing.
    pub(crate) fn remedy(&self, right: &str) -> String {
        let code = self.code.as_str();
        let says = |text: &str| self.message.contains(text);
        match self.status {
            _ if EXPIRED.contains(&code) => {
                "get new credentials, as `aws sso login` does, and look at the clock of this machine"
            }
            _ if NOT_KNOWN.contains(&code) => {
                "the credentials are not those of this service: look at AWS_PROFILE, AWS_ACCESS_KEY_ID and \
                 AWS_ENDPOINT_URL"
            }
            _ if code == "NoSuchBucket" => {
                "look for a mistake in the bucket's name, and at AWS_ENDPOINT_URL; or make the bucket"
            }
            _ if self.is_without_queue() => {
                "look for a mistake in --queue-url: region, account, name; or make the queue"
            }
            Some(301) => "set AWS_REGION to the region of the bucket",
            _ if ELSEWHERE.contains(&code) => "set AWS_REGION to the region of the bucket",
            _ if self.is_not_allowed() => right,
            Some(500..) => "try again in a while; if it stays, the service's status page may know why",
            Some(_) => "look at AWS_ENDPOINT_URL: what answers may be another service, or lack this request",
            None if says("no credentials") => {
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run this where a role is given \
                 (a pod with an association, an instance with a profile)"
            }
            None if says("egion") => "set AWS_REGION",
            None => "look at AWS_REGION, AWS_ENDPOINT_URL, and whether the network lets this machine through",
        }
        .to_owned()
    }

    /// Whether somebody has to give rights or set something up.
    pub(crate) fn is_not_allowed(&self) -> bool {
        NOT_ALLOWED.contains(&self.code.as_str()) || matches!(self.status, Some(401 | 403))
    }
}

/// An error for which the service has no code: what it is, what caused that, and what to look at.
fn without_code<E>(error: &SdkError<E, HttpResponse>) -> String
where
    E: std::error::Error + 'static,
{
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !said.contains(&more) {
            said = format!("{said}: {more}");
        }
        cause = error.source();
    }
    match error {
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            format!("{said}; it is looked for where AWS_REGION and AWS_ENDPOINT_URL say")
        }
        SdkError::DispatchFailure(_) if said.contains("no credentials found") => {
            "no credentials are where AWS' own tools look for them: environment, profile, role"
                .to_owned()
        }
        SdkError::ResponseError(response) => {
            format!("{said}: HTTP status {}", response.raw().status())
        }
        SdkError::ServiceError(service) => {
            format!("{said}: HTTP status {}", service.raw().status())
        }
        _ => said,
    }
}
