//! Which operation a request of a REST protocol names: its method, path and query, for the services that name none in
//! a header or a parameter. Pure; the twin routes by it, and the proxy tells calls apart by it.

pub mod lambda;
pub mod route53;
pub mod s3;
