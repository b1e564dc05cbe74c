//! What a scraper gets, in the format and encoding that it asks for.

use std::io::Write;

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::exposition::{Exposition, Format};

/// The format that a request asks for: OpenMetrics only where it is named.
pub(crate) fn format(headers: &HeaderMap) -> Format {
    let open = quality(headers, &ACCEPT, |kind, parameters| {
        let is_known = |version: &str| version == "1.0.0" || version == "1.0";
        let mut versions = parameters.iter().filter(|(name, _)| *name == "version");
        kind == "application/openmetrics-text" && versions.all(|(_, version)| is_known(version))
    });
    let text = quality(headers, &ACCEPT, |kind, parameters| {
        let is_known = |version: &str| version == "0.0.4";
        let mut versions = parameters.iter().filter(|(name, _)| *name == "version");
        matches!(kind, "text/plain" | "text/*" | "*/*")
            && versions.all(|(_, version)| is_known(version))
    });
    if open > 0.0 && open >= text { Format::OpenMetrics } else { Format::Text }
}

/// Answers with `exposition` to a request with these `headers`.
pub(crate) fn answer(headers: &HeaderMap, format: Format, exposition: Exposition) -> Response {
    let text = exposition.finish();
    let described = [(CONTENT_TYPE, format.content_type()), (VARY, "Accept, Accept-Encoding")];
    let takes_gzip = quality(headers, &ACCEPT_ENCODING, |coding, _| coding == "gzip") > 0.0;
    match takes_gzip.then(|| gzip(&text)) {
        Some(Ok(packed)) => (described, [(CONTENT_ENCODING, "gzip")], packed).into_response(),
        _ => (described, text).into_response(),
    }
}

/// Quick rather than small: a scrape waits for it.
fn gzip(text: &str) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 8), Compression::fast());
    encoder.write_all(text.as_bytes())?;
    encoder.finish()
}

/// The greatest quality, from 0 to 1, that a header gives to what `is_meant` (RFC 9110, 12.4.2).
fn quality(
    headers: &HeaderMap,
    header: &HeaderName,
    is_meant: impl Fn(&str, &[(&str, &str)]) -> bool,
) -> f64 {
    let values = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    let items = values.flat_map(|value| value.split(','));
    let qualities = items.filter_map(|item| {
        let mut parts = item.split(';').map(str::trim);
        let kind = parts.next()?.to_ascii_lowercase();
        let parameters: Vec<(&str, &str)> = parts
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim().trim_matches('"')))
            .collect();
        let (weights, others): (Vec<_>, Vec<_>) =
            parameters.into_iter().partition(|(name, _)| name.eq_ignore_ascii_case("q"));
        let weight = weights.first().map_or(Some(1.0), |(_, weight)| weight.parse().ok())?;
        is_meant(&kind, &others).then_some(weight)
    });
    qualities.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a header"))])
    }

    #[test]
    fn openmetrics_is_for_who_asks_for_it() {
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                            version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
                            application/openmetrics-text;version=0.0.1;q=0.5,text/plain;\
                            version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,\
                            */*;q=0.2";
        for (accept, expected) in [
            (prometheus_2, Format::OpenMetrics),
            (prometheus_3, Format::OpenMetrics),
            ("application/openmetrics-text", Format::OpenMetrics),
            ("application/openmetrics-text; version=0.0.1", Format::Text),
            ("application/openmetrics-text;q=0.1, text/plain;q=0.9", Format::Text),
            ("application/openmetrics-text;q=0", Format::Text),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
        ] {
            assert_eq!(format(&headers(ACCEPT, accept)), expected, "{accept}");
        }
        assert_eq!(format(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn gzip_is_for_who_takes_it() {
        let packed = |accept: &str| {
            let mut exposition = Exposition::default();
            exposition.family("x", "gauge", "X.");
            let answer = answer(&headers(ACCEPT_ENCODING, accept), Format::Text, exposition);
            answer.headers().contains_key(CONTENT_ENCODING)
        };
        for accept in ["gzip", "deflate, GZIP;q=0.5", "br;q=1.0, gzip;q=0.8, *;q=0.1"] {
            assert!(packed(accept), "{accept}");
        }
        for accept in ["", "identity", "gzip;q=0", "gzip;q=much", "br"] {
            assert!(!packed(accept), "{accept}");
        }
    }
}
