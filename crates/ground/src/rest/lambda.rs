//! Lambda: `/<date>/functions/<function>/<collection>/<item>` and the method name the operation.

/// The operation, as AWS spells it; "" where there is none of that shape.
pub fn operation(method: &str, function: &str, collection: &str, item: &str) -> &'static str {
    match (method, function, collection, item) {
        ("POST", "", "", _) => "CreateFunction",
        ("GET", "", "", _) => "ListFunctions",
        ("GET", _, "", _) => "GetFunction",
        ("DELETE", _, "", _) => "DeleteFunction",
        ("GET", _, "configuration", _) => "GetFunctionConfiguration",
        ("PUT", _, "configuration", _) => "UpdateFunctionConfiguration",
        ("PUT", _, "code", _) => "UpdateFunctionCode",
        ("POST", _, "invocations", _) => "Invoke",
        ("POST", _, "versions", _) => "PublishVersion",
        ("GET", _, "versions", _) => "ListVersionsByFunction",
        ("POST", _, "aliases", "") => "CreateAlias",
        ("GET", _, "aliases", "") => "ListAliases",
        ("GET", _, "aliases", _) => "GetAlias",
        ("PUT", _, "aliases", _) => "UpdateAlias",
        ("DELETE", _, "aliases", _) => "DeleteAlias",
        ("POST", _, "policy", "") => "AddPermission",
        ("GET", _, "policy", "") => "GetPolicy",
        ("DELETE", _, "policy", _) => "RemovePermission",
        ("PUT", _, "concurrency", _) => "PutFunctionConcurrency",
        ("GET", _, "concurrency", _) => "GetFunctionConcurrency",
        ("DELETE", _, "concurrency", _) => "DeleteFunctionConcurrency",
        ("PUT", _, "event-invoke-config", "") => "PutFunctionEventInvokeConfig",
        ("POST", _, "event-invoke-config", "") => "UpdateFunctionEventInvokeConfig",
        ("GET", _, "event-invoke-config", "") => "GetFunctionEventInvokeConfig",
        ("DELETE", _, "event-invoke-config", "") => "DeleteFunctionEventInvokeConfig",
        _ => "",
    }
}
