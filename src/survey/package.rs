//! The function that probes deploy: as small as one can be that says where it runs and which version it is.

use std::io::Write;

use crate::target::Packaging;

/// The runtime and the entry point of the stack's own functions.
pub const HANDLER: &str = "bootstrap";

/// A custom runtime in a few lines of shell, after AWS's own tutorial ("Building a custom runtime", Lambda developer
/// guide): it answers everything with its Region and its VERSION, as a proxy's answer with status 503.
const BOOTSTRAP: &str = r#"#!/bin/sh
API="http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation"
while true; do
  HEADERS="$(mktemp)"
  EVENT="$(curl -sS -L -D "$HEADERS" "$API/next")"
  ID="$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)"
  rm -f "$HEADERS"
  echo "blackstart probe $VERSION was invoked: ${#EVENT} bytes"
  BODY="{\\\"region\\\":\\\"$AWS_REGION\\\",\\\"version\\\":\\\"$VERSION\\\"}"
  curl -sS -o /dev/null "$API/$ID/response" -d "{\"statusCode\":503,\"headers\":{\"content-type\":\"application/json\"},\"body\":\"$BODY\"}"
done
"#;

/// The package for a target: where functions are linked in, the manifest that names the order API, whose `/health`
/// answers the same without its table; a custom runtime elsewhere.
pub fn package(packaging: &Packaging) -> Result<Vec<u8>, String> {
    let (name, text) = if *packaging == Packaging::Linked {
        ("Cargo.toml", "[package]\nname = \"orders\"\n")
    } else {
        (HANDLER, BOOTSTRAP)
    };
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
    let options = options.last_modified_time(zip::DateTime::default());
    let failed = |error: zip::result::ZipError| format!("the function cannot be packaged: {error}");
    archive.start_file(name, options).map_err(failed)?;
    archive.write_all(text.as_bytes()).map_err(|error| failed(error.into()))?;
    Ok(archive.finish().map_err(failed)?.into_inner())
}
