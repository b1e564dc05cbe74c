//! Where a lake is: a folder, or a place in a bucket.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, LazyLock};

use aws_config::meta::region::ProvideRegion;
use deltalake_core::logstore::{StorageConfig, object_store_factories};
use deltalake_core::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use futures::future::try_join_all;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore};
use stagelight_tables::{SOURCES, Table, all};
use url::Url;

use crate::error::LakeError;
use crate::lake::facts;

/// What names an endpoint other than AWS' own, of S3 alone or of every service.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

const NO_CREDENTIALS: &str =
    "no credentials are where AWS' own tools look for them: environment, profile, role";

/// delta-rs knows S3 once it has been told to.
static S3: LazyLock<()> = LazyLock::new(|| deltalake_aws::register_handlers(None));

/// Where a lake is.
#[derive(Debug)]
pub(crate) struct Place {
    /// As a URL that ends with a slash.
    pub(crate) root: Url,
    /// The store that holds the lake and nothing else, its paths seen from the lake's root.
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The store that the lake is a part of, one client for all tables; none for a folder.
    bucket: Option<Arc<dyn ObjectStore>>,
}

impl Place {
    /// The place at `uri`: a path, `file://`, `s3://`, or what else delta-rs has been told of.
    pub(crate) async fn at(uri: &str) -> Result<Self, LakeError> {
        match uri.split_once("://") {
            None => Self::folder(uri, FilePath::new(uri)),
            Some(("file", _)) => Self::folder(uri, &local_path(uri)?),
            Some((scheme, _)) => Self::in_bucket(uri, scheme).await,
        }
    }

    /// Makes the folder at `uri`; a place in a bucket needs no making.
    pub(crate) fn make(uri: &str) -> Result<(), LakeError> {
        let path = match uri.split_once("://") {
            None => PathBuf::from(uri),
            Some(("file", _)) => local_path(uri)?,
            Some(_) => return Ok(()),
        };
        std::fs::create_dir_all(path)
            .map_err(|error| address(uri, format!("its folder cannot be made: {error}")))
    }

    fn folder(uri: &str, path: &FilePath) -> Result<Self, LakeError> {
        let path = path.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => LakeError::Missing { uri: uri.to_owned() },
            _ => address(uri, error),
        })?;
        let store = LocalFileSystem::new_with_prefix(&path).map_err(|e| address(uri, e))?;
        let root = Url::from_directory_path(&path)
            .map_err(|()| address(uri, "it is not an absolute path"))?;
        Ok(Self { root, store: Arc::new(store), bucket: None })
    }

    async fn in_bucket(uri: &str, scheme: &str) -> Result<Self, LakeError> {
        LazyLock::force(&S3);
        let mut root = Url::parse(uri).map_err(|e| address(uri, e))?;
        if !root.path().ends_with('/') {
            root.set_path(&format!("{}/", root.path()));
        }
        let factory = Url::parse(&format!("{scheme}://"))
            .ok()
            .and_then(|scheme| Some(object_store_factories().get(&scheme)?.value().clone()))
            .ok_or_else(|| address(uri, format!("{scheme}:// is not supported")))?;
        if root.host_str().is_none_or(str::is_empty) {
            return Err(address(uri, "it names no bucket"));
        }
        let config =
            StorageConfig::parse_options(s3_options().await).map_err(|e| address(uri, e))?;
        let (bucket, prefix) =
            factory.parse_url_opts(&root, &config).map_err(|e| address(uri, e))?;
        let store = Arc::new(PrefixStore::new(Arc::clone(&bucket), prefix));
        Ok(Self { root, store, bucket: Some(bucket) })
    }

    /// A table of the lake as delta-rs knows it, nothing of it read yet.
    pub(crate) fn table(&self, table: &Table) -> Result<DeltaTable, DeltaTableError> {
        let location = self.root.join(&format!("{}/", table.name)).map_err(|e| {
            DeltaTableError::generic(format!("{} cannot hold {}: {e}", self.root, table.name))
        })?;
        let builder = DeltaTableBuilder::from_url(location.clone())?;
        let table = match &self.bucket {
            Some(bucket) => builder.with_storage_backend(Arc::clone(bucket), location).build()?,
            None => builder.build()?,
        };
        // Two ways to be the only one who writes a version are none.
        match table.log_store().name().as_str() {
            "DefaultLogStore" => Ok(table),
            name => Err(DeltaTableError::generic(format!(
                "{name} is asked for, and a lake is committed to with conditional puts alone; unset \
                 AWS_S3_LOCKING_PROVIDER"
            ))),
        }
    }

    /// Whether there is a lake.
    pub(crate) async fn has_lake(&self, uri: &str) -> Result<bool, LakeError> {
        let log = Path::from(format!("{}/_delta_log", SOURCES.name));
        let first = self.store.list(Some(&log)).try_next().await;
        Ok(first.map_err(|e| unlisted(uri, e))?.is_some())
    }

    /// A place with other things in it is none for a lake: who names it has likely mistaken it.
    /// Hidden ones, and folders with the names of tables, are none of these.
    pub(crate) async fn refuse_other_things(&self, uri: &str) -> Result<(), LakeError> {
        if self.has_lake(uri).await? {
            return Ok(());
        }
        let there = self.store.list_with_delimiter(None).await.map_err(|e| unlisted(uri, e))?;
        let files = there.objects.iter().map(|object| &object.location);
        for path in there.common_prefixes.iter().chain(files) {
            let name = path.filename().unwrap_or_default();
            // Somebody else may be making the lake; and a volume has things of its own.
            let is_of_lake = all().any(|table| name == table.name);
            if !is_of_lake && !name.starts_with('.') && name != "lost+found" {
                return Err(address(uri, format!("it is not empty, and no lake: it has {name}")));
            }
        }
        self.refuse_without_ledger(uri).await
    }

    /// Refuses a place whose tables have data, and no ledger says of what.
    pub(crate) async fn refuse_without_ledger(&self, uri: &str) -> Result<(), LakeError> {
        let have_data = try_join_all(facts().map(async |table| {
            let files = self.store.list(Some(&Path::from(table.name)));
            let is_data = async |file: ObjectMeta| file.location.as_ref().ends_with(".parquet");
            files.try_any(is_data).await.map_err(|error| unlisted(uri, error))
        }));
        // Who makes a lake makes the ledger before a table has data.
        let is_gone = have_data.await?.contains(&true) && !self.has_lake(uri).await?;
        match is_gone {
            true => Err(LakeError::TableGone { table: SOURCES.name, uri: uri.to_owned() }),
            false => Ok(()),
        }
    }

    /// Refuses a folder that has none for `table`: who stores there makes it again, where the lake was
    /// moved away or deleted.
    pub(crate) fn check_folder(&self, table: &Table) -> Result<(), LakeError> {
        let Ok(folder) = self.root.to_file_path() else { return Ok(()) };
        match folder.join(table.name).try_exists() {
            Ok(false) => Err(LakeError::Missing { uri: self.root.to_string() }),
            // Why it cannot be seen is for who stores to find out.
            _ => Ok(()),
        }
    }

    /// Folders for the tables; in a bucket there are none.
    pub(crate) fn make_tables(&self, uri: &str) -> Result<(), LakeError> {
        let Ok(folder) = self.root.to_file_path() else { return Ok(()) };
        all().try_for_each(|table| {
            std::fs::create_dir_all(folder.join(table.name)).map_err(|e| address(uri, e))
        })
    }
}

/// What delta-rs does not find out by itself: which region the process is in, that an endpoint without
/// TLS is meant, and that credentials are where AWS' own tools have them, whatever the endpoint.
async fn s3_options() -> HashMap<String, String> {
    let forced = ("AWS_FORCE_CREDENTIAL_LOAD".to_owned(), "true".to_owned());
    let mut options = HashMap::from([forced]);
    let endpoint = ENDPOINTS.iter().find_map(|name| std::env::var(name).ok());
    if let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.is_empty()) {
        if endpoint.starts_with("http://") {
            options.insert("aws_allow_http".to_owned(), "true".to_owned());
        }
        options.insert("aws_endpoint".to_owned(), endpoint);
    }
    let given = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| std::env::var(name).is_ok());
    if !given && !options.contains_key("aws_endpoint") {
        let region = aws_config::default_provider::region::default_provider().region().await;
        options.extend(region.map(|region| ("aws_region".to_owned(), region.to_string())));
    }
    options
}

fn local_path(uri: &str) -> Result<PathBuf, LakeError> {
    Url::parse(uri)
        .ok()
        .and_then(|url| url.to_file_path().ok())
        .ok_or_else(|| address(uri, "it is no path of this machine"))
}

pub(crate) fn address(uri: &str, reason: impl ToString) -> LakeError {
    LakeError::Address { uri: uri.to_owned(), reason: reason.to_string() }
}

/// Why there is nothing to be seen at `uri`: because of what it is, or for a moment.
fn unlisted(uri: &str, source: object_store::Error) -> LakeError {
    let reason = reason(&source);
    match source {
        object_store::Error::Generic { .. } if !is_refused(&reason) => {
            LakeError::Store { path: uri.to_owned(), source }
        }
        // Credentials are what delta-rs' S3 says this of.
        object_store::Error::NotSupported { .. } if reason.contains("no credentials found") => {
            address(uri, NO_CREDENTIALS)
        }
        _ => address(uri, answered(&reason).unwrap_or(reason)),
    }
}

/// Whether S3 has refused to list: there is no such bucket, or no right to see it. `object_store`
/// says so in its text alone.
fn is_refused(reason: &str) -> bool {
    reason.contains("status code: 40") && !reason.contains("408 Request Timeout")
}

/// What a store says, with what it says of the cause.
fn reason(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// The code and the message of S3's answer in a `reason`, where it has one.
fn answered(reason: &str) -> Option<String> {
    Some(format!("{}: {}", element(reason, "Code")?, element(reason, "Message")?))
}

/// The text of the first XML element of that name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}
