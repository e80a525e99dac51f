//! Packaging: local paths of a template become objects in a bucket, its OpenAPI document becomes part of it.
//!
//! The template's text is changed only where a path stands, by the place the parser gives; the rest stays as
//! its author wrote it, comments included.

use std::io::Write;
use std::path::{Path, PathBuf};

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};
use sha2::{Digest, Sha256};

use super::{DeployError, layout};
use crate::target::Packaging;

/// A template ready for CloudFormation, and what must be uploaded before it is used.
#[derive(Clone, Debug)]
pub struct Packaged {
    pub body: String,
    pub uploads: Vec<Upload>,
}

/// One artifact; its key holds its digest, so the same content is uploaded once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    pub key: String,
    pub bytes: Vec<u8>,
}

/// Something in the template's text to put something else in the place of.
#[derive(Debug)]
enum Splice {
    /// The value of a `CodeUri`.
    Code { line: usize, columns: (usize, usize), path: String },
    /// An `AWS::Include` of a local file: its lines give way to the file's.
    Include { lines: (usize, usize), indent: usize, path: String },
}

/// Packages the template at `path` for a bucket in the Region it will be deployed to.
pub fn package(path: &Path, bucket: &str, packaging: &Packaging) -> Result<Packaged, DeployError> {
    let text = layout::read(path)?;
    let template = |message: String| DeployError::Template { path: path.to_owned(), message };
    let documents = MarkedYaml::load_from_str(&text).map_err(|error| template(error.to_string()))?;
    let root = documents.first().ok_or_else(|| template("it is empty".to_owned()))?;
    let mut splices = Vec::new();
    find(root, &mut splices);
    splices.sort_by_key(|splice| std::cmp::Reverse(splice.line()));

    let base = path.parent().unwrap_or(Path::new("."));
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut uploads: Vec<Upload> = Vec::new();
    for splice in splices {
        match splice {
            Splice::Code { line, columns, path } => {
                let upload = zip_function(&base.join(path), packaging)?;
                let uri = format!("s3://{bucket}/{}", upload.key);
                replace_columns(&mut lines, line, columns, &uri);
                uploads.push(upload);
            }
            Splice::Include { lines: (first, last), indent, path } => {
                let included = layout::read(&base.join(path))?;
                let inlined = included.lines().map(|line| match line {
                    "" => String::new(),
                    line => format!("{:indent$}{line}", ""),
                });
                lines.splice(first..=last, inlined);
            }
        }
    }
    uploads.reverse();
    uploads.dedup();
    Ok(Packaged { body: lines.join("\n") + "\n", uploads })
}

/// The types of a template's resources.
pub fn types(path: &Path, body: &str) -> Result<Vec<String>, DeployError> {
    let template = |message: String| DeployError::Template { path: path.to_owned(), message };
    let documents = MarkedYaml::load_from_str(body).map_err(|error| template(error.to_string()))?;
    let section = documents.first().and_then(|root| root.data.as_mapping_get("Resources"));
    let Some(YamlData::Mapping(entries)) = section.map(|section| &section.data) else { return Ok(Vec::new()) };
    let kind = |resource: &MarkedYaml<'_>| Some(resource.data.as_mapping_get("Type")?.data.as_str()?.to_owned());
    Ok(entries.values().filter_map(kind).collect())
}

/// The names of a template's parameters.
pub fn parameters(path: &Path, body: &str) -> Result<Vec<String>, DeployError> {
    let template = |message: String| DeployError::Template { path: path.to_owned(), message };
    let documents = MarkedYaml::load_from_str(body).map_err(|error| template(error.to_string()))?;
    let section = documents.first().and_then(|root| root.data.as_mapping_get("Parameters"));
    let Some(YamlData::Mapping(entries)) = section.map(|section| &section.data) else { return Ok(Vec::new()) };
    Ok(entries.keys().filter_map(|key| key.data.as_str().map(str::to_owned)).collect())
}

impl Splice {
    fn line(&self) -> usize {
        match self {
            Self::Code { line, .. } => *line,
            Self::Include { lines, .. } => lines.0,
        }
    }
}

/// Finds the local paths below a node. Lines and columns count from 0.
fn find(node: &MarkedYaml<'_>, splices: &mut Vec<Splice>) {
    match &node.data {
        YamlData::Mapping(entries) => {
            for (key, value) in entries {
                match key.data.as_str() {
                    Some("CodeUri") => splices.extend(local_code(value)),
                    Some("Fn::Transform") if local_include(key, value).is_some() => {
                        splices.extend(local_include(key, value));
                    }
                    _ => find(value, splices),
                }
            }
        }
        YamlData::Sequence(items) => items.iter().for_each(|item| find(item, splices)),
        YamlData::Tagged(_, inner) => find(inner, splices),
        _ => {}
    }
}

fn local_code(value: &MarkedYaml<'_>) -> Option<Splice> {
    let path = value.data.as_str().filter(|path| !path.starts_with("s3://"))?;
    let (start, end) = (value.span.start, value.span.end);
    Some(Splice::Code { line: start.line() - 1, columns: (start.col(), end.col()), path: path.to_owned() })
}

fn local_include(key: &MarkedYaml<'_>, value: &MarkedYaml<'_>) -> Option<Splice> {
    let get = |node: &MarkedYaml<'_>, name: &str| -> Option<(String, usize)> {
        let YamlData::Mapping(entries) = &node.data else { return None };
        let (_, found) = entries.iter().find(|(key, _)| key.data.as_str() == Some(name))?;
        Some((found.data.as_str()?.to_owned(), found.span.start.line() - 1))
    };
    let YamlData::Mapping(entries) = &value.data else { return None };
    let (name, name_line) = get(value, "Name")?;
    let (_, parameters) = entries.iter().find(|(key, _)| key.data.as_str() == Some("Parameters"))?;
    let (path, path_line) = get(parameters, "Location")?;
    if name != "AWS::Include" || path.starts_with("s3://") {
        return None;
    }
    let first = key.span.start.line() - 1;
    Some(Splice::Include { lines: (first, name_line.max(path_line)), indent: key.span.start.col(), path })
}

fn replace_columns(lines: &mut [String], line: usize, (from, to): (usize, usize), with: &str) {
    if let Some(text) = lines.get_mut(line) {
        let head: String = text.chars().take(from).collect();
        let tail: String = text.chars().skip(to).collect();
        *text = format!("{head}{with}{tail}");
    }
}

/// Zips what a target needs of the function in `directory`.
fn zip_function(directory: &Path, packaging: &Packaging) -> Result<Upload, DeployError> {
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let manifest = manifest(directory)?;
    let files = match packaging {
        Packaging::Linked => sources(directory, manifest)?,
        Packaging::Bootstrap { folder } => vec![bootstrap(folder, &name)?, manifest],
    };
    let zipped = |error: zip::result::ZipError| DeployError::Zip { path: directory.to_owned(), error };
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    // A fixed time, so that the same content is the same archive.
    let options = zip::write::SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for file in &files {
        let inside = file.strip_prefix(directory).ok().or_else(|| file.file_name().map(Path::new)).unwrap_or(file);
        let runs = inside == Path::new(BOOTSTRAP);
        let options = options.unix_permissions(if runs { 0o755 } else { 0o644 });
        archive.start_file(inside.to_string_lossy().replace('\\', "/"), options).map_err(zipped)?;
        let bytes = std::fs::read(file).map_err(|error| DeployError::Read { path: file.clone(), error })?;
        archive.write_all(&bytes).map_err(|error| zipped(error.into()))?;
    }
    let bytes = archive.finish().map_err(zipped)?.into_inner();
    let digest = Sha256::digest(&bytes);
    let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(Upload { key: format!("functions/{name}-{digest}.zip"), bytes })
}

/// What Lambda's custom runtimes start (Lambda developer guide, "Building a custom runtime").
const BOOTSTRAP: &str = "bootstrap";

/// The executable of a function, as cargo-lambda leaves it.
fn bootstrap(folder: &Path, name: &str) -> Result<PathBuf, DeployError> {
    let path = folder.join(name).join(BOOTSTRAP);
    if path.is_file() { Ok(path) } else { Err(DeployError::NoPackage { path, name: name.to_owned() }) }
}

fn manifest(directory: &Path) -> Result<PathBuf, DeployError> {
    let manifest = directory.join("Cargo.toml");
    if manifest.is_file() {
        return Ok(manifest);
    }
    let error = std::io::Error::new(std::io::ErrorKind::NotFound, "a function's CodeUri must be a Rust crate");
    Err(DeployError::Read { path: manifest, error })
}

/// The manifest and the sources of a crate, in name order.
fn sources(directory: &Path, manifest: PathBuf) -> Result<Vec<PathBuf>, DeployError> {
    let mut files = vec![manifest];
    let mut open = vec![directory.join("src")];
    while let Some(folder) = open.pop() {
        let unreadable = |error| DeployError::Read { path: folder.clone(), error };
        for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_template_is_packaged_whole() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack/region.yaml");
        let packaged = package(&path, "artifacts", &Packaging::Linked).unwrap();
        assert!(packaged.body.contains("CodeUri: s3://artifacts/functions/orders-"));
        assert!(packaged.body.contains("\n        openapi: 3.0.3\n"), "the document stands where the include stood");
        assert!(!packaged.body.contains("AWS::Include"));
        assert!(packaged.body.contains("      Tags:\n        Project: !Ref Project\n"), "what follows is untouched");
        assert_eq!(packaged.uploads.len(), 1);
        let again = package(&path, "artifacts", &Packaging::Linked).unwrap();
        assert_eq!(packaged.uploads, again.uploads, "the same content is the same artifact");
        MarkedYaml::load_from_str(&packaged.body).unwrap();
    }

    #[test]
    fn a_bootstrap_is_zipped_as_lambda_starts_it() {
        let stack = Path::new(env!("CARGO_MANIFEST_DIR")).join("stack/rotation.yaml");
        let folder = tempfile::tempdir().unwrap();
        let packaging = Packaging::Bootstrap { folder: folder.path().to_owned() };
        let error = package(&stack, "b", &packaging).unwrap_err().to_string();
        let missing = folder.path().join("rotation/bootstrap");
        assert!(error.contains(&missing.display().to_string()), "{error}");
        assert!(error.contains("cargo lambda build --release --arm64 --package rotation"), "{error}");

        std::fs::create_dir(folder.path().join("rotation")).unwrap();
        std::fs::write(&missing, b"\x7fELF").unwrap();
        let packaged = package(&stack, "b", &packaging).unwrap();
        let [upload] = packaged.uploads.as_slice() else { panic!("{} uploads", packaged.uploads.len()) };
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(upload.bytes.clone())).unwrap();
        assert_eq!(archive.len(), 2);
        assert_eq!(archive.by_name("bootstrap").unwrap().unix_mode().unwrap() & 0o777, 0o755);
        let mut manifest = String::new();
        std::io::Read::read_to_string(&mut archive.by_name("Cargo.toml").unwrap(), &mut manifest).unwrap();
        assert!(manifest.contains("name = \"rotation\""));
    }

    #[test]
    fn a_missing_function_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.yaml");
        std::fs::write(&path, "Resources:\n  F:\n    Properties:\n      CodeUri: functions/none\n").unwrap();
        let error = package(&path, "b", &Packaging::Linked).unwrap_err().to_string();
        assert!(error.contains("functions/none/Cargo.toml"), "{error}");
    }
}
