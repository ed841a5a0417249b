//! The description of the API as OpenAPI 3.1.
//!
//! It is written by hand and not derived: paths, codes and limits come from the tables that the service itself
//! uses, so it cannot be behind them, and nothing more has to be compiled.

use serde_json::{Map, Value, json};

use super::config::PublishingConfig;
use super::error::ErrorCode;
use super::keys::Verb;
use super::route::Route;

/// The description, for an API at this path with these limits.
pub(super) fn document(config: &PublishingConfig, path: &str) -> Value {
    let paths: Map<String, Value> = Route::API
        .iter()
        .map(|(at, route)| ((*at).to_owned(), path_item(*route, config)))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Publishing over HTTP",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Events to the sockets of a Socket.IO server, and what else a program without a socket does there.",
            "description": "Every error is `{\"error\":{\"code\":\"..\",\"message\":\"..\"}}`; the message says what to do.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": path, "description": "This server."}],
        "security": [{"key": []}],
        "tags": [
            {"name": "change", "description": "What is done with sockets."},
            {"name": "read", "description": "What there is on this server."},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "sk_<id>_<secret>",
                    "description": "A key that whoever runs the server has made, with a scope of namespaces and verbs.",
                },
            },
            "parameters": parameters(config),
            "headers": {
                "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
                "Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}},
                "WwwAuthenticate": {"description": "How to authenticate (RFC 6750).", "schema": {"type": "string"}},
            },
            "schemas": schemas(config),
        },
    })
}

fn path_item(route: Route, config: &PublishingConfig) -> Value {
    let (operation_id, summary, answer) = match route {
        Route::Operation(Verb::Publish) => ("publish", "Send an event to sockets", "Published"),
        Route::Operation(Verb::Join) => ("join", "Make sockets join rooms", "Joined"),
        Route::Operation(Verb::Leave) => ("leave", "Make sockets leave rooms", "Left"),
        Route::Operation(_) => ("disconnect", "Disconnect sockets", "Disconnected"),
        Route::Batch => ("batch", "Do several operations in their order", "Results"),
        Route::Sockets => {
            ("sockets", "List the sockets of a namespace or room on this server", "Sockets")
        }
        _ => ("rooms", "List the rooms of a namespace on this server", "Rooms"),
    };
    let mut responses = errors(route);
    responses.insert("200".to_owned(), json!({"description": "Done.", "content": content(answer)}));
    let mut operation = json!({
        "operationId": operation_id,
        "summary": summary,
        "tags": [if route.is_read() { "read" } else { "change" }],
        "responses": responses,
    });
    if route.is_read() {
        let names: &[&str] = match route {
            Route::Sockets => &["namespace", "room", "from", "limit"],
            _ => &["namespace", "from", "limit"],
        };
        operation["parameters"] = names.iter().map(|name| reference("parameters", name)).collect();
        return json!({"get": operation});
    }
    let request = match route {
        Route::Operation(verb) => pascal(verb.as_str()),
        _ => "Batch".to_owned(),
    };
    operation["parameters"] = json!([reference("parameters", "idempotencyKey")]);
    operation["requestBody"] = json!({
        "required": true,
        "description": format!("At most {} bytes.", config.body_bytes_max),
        "content": content(&request),
    });
    json!({"post": operation})
}

/// The responses of a path for what can go wrong, by status, with every code of it.
fn errors(route: Route) -> Map<String, Value> {
    let mut responses = Map::new();
    let codes = ErrorCode::ALL.iter().filter(|code| may_have(route, **code));
    for code in codes.copied() {
        let status = code.status();
        let response = responses.entry(status.as_str()).or_insert_with(|| {
            let mut headers = Map::new();
            match status.as_u16() {
                401 | 403 => headers
                    .insert("WWW-Authenticate".into(), reference("headers", "WwwAuthenticate")),
                405 => headers.insert("Allow".into(), reference("headers", "Allow")),
                429 => headers.insert("Retry-After".into(), reference("headers", "RetryAfter")),
                _ => None,
            };
            json!({"description": "", "headers": headers, "content": content("Error")})
        });
        let text = response["description"].as_str().unwrap_or_default();
        let gap = if text.is_empty() { "" } else { "\n\n" };
        response["description"] =
            format!("{text}{gap}`{}`: {}", code.as_str(), code.advice()).into();
    }
    responses
}

/// Whether a path answers with a code.
pub(super) fn may_have(route: Route, code: ErrorCode) -> bool {
    use ErrorCode as Code;

    let is_operation = matches!(route, Route::Operation(_));
    match code {
        // Elsewhere than at the paths that there are.
        Code::UnknownRoute => true,
        Code::BadIdempotencyKey
        | Code::IdempotencyMismatch
        | Code::IdempotencyFull
        | Code::ContentType => !route.is_read(),
        // A batch is answered with 200, with the errors of its operations within.
        Code::ReservedEvent => route == Route::Operation(Verb::Publish),
        Code::UnknownSocket | Code::ClusterUnavailable => is_operation,
        Code::UnknownNamespace | Code::OutOfScope => is_operation || route.is_read(),
        _ => true,
    }
}

fn parameters(config: &PublishingConfig) -> Value {
    let query = |name, description, schema| json!({"name": name, "in": "query", "required": false, "description": description, "schema": schema});
    let limit = config.page_items_max.max(1);
    json!({
        "namespace": query("namespace", "The namespace.", json!({"type": "string", "pattern": "^/", "default": "/"})),
        "room": query("room", "Only the sockets in this room.", json!({"type": "string"})),
        "from": query("from", "The `next` of the page before; without it the first page.", json!({"type": "string", "pattern": "^[0-9]{1,19}$"})),
        "limit": query("limit", "How many at most.", json!({"type": "integer", "minimum": 1, "maximum": limit, "default": limit.min(100)})),
        "idempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": format!(
                "A text of your own for this request. If it is sent again with the same text and body within {} seconds \
                 it is not done again, and answered as it was.",
                config.idempotency_window.as_secs()
            ),
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        },
    })
}

fn schemas(config: &PublishingConfig) -> Value {
    let mut schemas = json!({
        "Error": {
            "type": "object",
            "required": ["error"],
            "properties": {
                "error": {
                    "type": "object",
                    "required": ["code", "message"],
                    "properties": {
                        "code": {"type": "string", "enum": ErrorCode::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>()},
                        "message": {"type": "string", "description": "What is wrong, and what to do."},
                    },
                },
            },
        },
        "RoomNames": {
            "description": "The name of a room, or several.",
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": config.rooms_max},
            ],
        },
        "Published": done("published"),
        "Joined": done("joined"),
        "Left": done("left"),
        "Disconnected": done("disconnected"),
        "Batch": batch(config),
        "Results": {
            "type": "object",
            "required": ["results"],
            "properties": {"results": {
                "type": "array",
                "description": "The answer of each operation, in their order.",
                "items": {"type": "object"},
            }},
        },
        "Sockets": page("sockets", json!({
            "type": "object",
            "required": ["id", "rooms", "rooms_count"],
            "properties": {
                "id": {"type": "string"},
                "rooms": {"type": "array", "items": {"type": "string"}, "maxItems": 100, "description": "Without that of its own id."},
                "rooms_count": {"type": "integer", "minimum": 0, "description": "How many there are, listed or not."},
            },
        })),
        "Rooms": page("rooms", json!({
            "type": "object",
            "required": ["room", "sockets"],
            "properties": {
                "room": {"type": "string"},
                "sockets": {"type": "integer", "minimum": 1},
            },
        })),
    });
    for verb in [Verb::Publish, Verb::Join, Verb::Leave, Verb::Disconnect] {
        schemas[pascal(verb.as_str())] = operation(verb, config);
    }
    schemas
}

/// The body of several operations.
fn batch(config: &PublishingConfig) -> Value {
    json!({
        "type": "object",
        "required": ["operations"],
        "additionalProperties": false,
        "properties": {
            "operations": {
                "type": "array",
                "minItems": 1,
                "maxItems": config.operations_max,
                "items": {"description": "The body of an operation with its `verb`: publish, join, leave or \
                          disconnect. What is none is answered with an error in the place of its result."},
            },
        },
        "examples": [{"operations": [
            {"verb": "publish", "event": "news", "data": ["hello"]},
            {"verb": "join", "room": "lobby", "to": "game-1"},
        ]}],
    })
}

/// The body of an operation.
fn operation(verb: Verb, config: &PublishingConfig) -> Value {
    let rooms = || reference("schemas", "RoomNames");
    let (own, required, example) = match verb {
        Verb::Publish => (
            json!({
                "event": {"type": "string", "not": {"enum": [
                    "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
                ]}},
                "data": {
                    "type": "array",
                    "default": [],
                    "description": format!(
                        "The arguments. Anywhere in it `{{\"base64\":\"..\"}}` stands for bytes, {} times at most; it is \
                         nested {} deep at most.", config.attachments_max, config.depth_max
                    ),
                },
                "volatile": {"type": "boolean", "default": false, "description": "Only to sockets with nothing queued."},
            }),
            json!(["event"]),
            json!({"namespace": "/", "room": "lobby", "event": "news", "data": ["hello"]}),
        ),
        Verb::Join => {
            (json!({"to": rooms()}), json!(["to"]), json!({"room": "lobby", "to": ["game-1"]}))
        }
        Verb::Leave => {
            (json!({"from": rooms()}), json!(["from"]), json!({"room": "lobby", "from": ["lobby"]}))
        }
        _ => (
            json!({"close": {"type": "boolean", "default": false, "description": "End the whole session, with all its namespaces."}}),
            json!([]),
            json!({"room": "lobby", "close": false}),
        ),
    };
    let mut properties = json!({
        "namespace": {"type": "string", "pattern": "^/", "default": "/"},
        "room": {"type": "string", "description": "The sockets in this room."},
        "rooms": {"allOf": [rooms()], "description": "The sockets in any of these rooms."},
        "socket": {"type": "string", "minLength": 1, "description": "The socket of this id."},
        "everybody": {"const": true, "description": "All sockets of the namespace."},
        "except": {
            "description": "Not those that are in these rooms.",
            "oneOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "maxItems": config.rooms_max},
            ],
        },
    });
    if let (Some(properties), Value::Object(own)) = (properties.as_object_mut(), own) {
        properties.extend(own);
    }
    let mut whom: Vec<Value> = ["room", "rooms", "socket", "everybody"]
        .iter()
        .map(|name| json!({"required": [name]}))
        .collect();
    if verb == Verb::Publish {
        let any = json!({"not": {"anyOf": whom.clone()}});
        whom.push(any);
    }
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
        "oneOf": whom,
        "examples": [example],
    })
}

fn done(name: &str) -> Value {
    json!({"type": "object", "required": [name], "properties": {name: {"const": true}}})
}

fn page(name: &str, item: Value) -> Value {
    json!({
        "type": "object",
        "required": [name, "next"],
        "properties": {
            name: {"type": "array", "items": item},
            "next": {"type": ["string", "null"], "description": "`from` of the next page; null: there is none."},
        },
    })
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": reference("schemas", schema)}})
}

fn reference(kind: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{kind}/{name}")})
}

fn pascal(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_ascii_uppercase() + rest
}
