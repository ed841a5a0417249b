//! Arguments as JSON in which bytes are `{"$bytes": "<base64>"}`, and back.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sockeye::RawArgs;

/// The arguments of an event.
pub(crate) fn of(args: &RawArgs) -> Vec<Value> {
    let mut values: Vec<Value> =
        serde_json::from_str(&format!("[{}]", args.json())).unwrap_or_default();
    values.iter_mut().for_each(|value| put_bytes_in(value, args));
    values
}

/// The first argument: what an answer is between nodes.
pub(crate) fn first(args: &RawArgs) -> Value {
    of(args).into_iter().next().unwrap_or_default()
}

fn put_bytes_in(value: &mut Value, args: &RawArgs) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| put_bytes_in(value, args)),
        Value::Object(fields) if fields.get("_placeholder") == Some(&true.into()) => {
            let number = fields.get("num").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let bytes = usize::try_from(number).ok().and_then(|at| args.attachments().get(at));
            *value = bytes.map_or(Value::Null, |it| json!({"$bytes": BASE64_STANDARD.encode(it)}));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| put_bytes_in(value, args)),
        _ => {}
    }
}

/// The arguments that are said as JSON.
///
/// # Errors
/// What stands for bytes is not base64.
pub(crate) fn args(values: &[Value]) -> Result<RawArgs, base64::DecodeError> {
    let (mut values, mut attachments) = (values.to_vec(), Vec::new());
    for value in &mut values {
        take_bytes_out(value, &mut attachments)?;
    }
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    let attachments: Vec<_> = attachments.into_iter().map(Into::into).collect();
    Ok(RawArgs::new(&texts.join(","), &attachments))
}

fn take_bytes_out(
    value: &mut Value,
    attachments: &mut Vec<Vec<u8>>,
) -> Result<(), base64::DecodeError> {
    match value {
        Value::Array(values) => {
            values.iter_mut().try_for_each(|value| take_bytes_out(value, attachments))
        }
        Value::Object(fields) => {
            if let (1, Some(Value::String(text))) = (fields.len(), fields.get("$bytes")) {
                let bytes = BASE64_STANDARD.decode(text)?;
                *value = json!({"_placeholder": true, "num": attachments.len()});
                attachments.push(bytes);
                return Ok(());
            }
            fields.values_mut().try_for_each(|value| take_bytes_out(value, attachments))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_and_read() {
        let said = [json!(1), json!({"a": [{"$bytes": "AQID"}], "b": null}), json!({"$bytes": ""})];
        let read = args(&said).unwrap();
        assert_eq!(read.attachments().len(), 2);
        assert_eq!(&read.attachments()[0][..], [1, 2, 3]);
        assert_eq!(of(&read), said);
        assert_eq!(first(&read), 1);
        assert_eq!(first(&RawArgs::default()), Value::Null);
        assert!(args(&[json!({"$bytes": "?"})]).is_err());
    }
}
