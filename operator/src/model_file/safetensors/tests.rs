use super::{Header, Index, SafetensorsError, header_length};
use proptest::prelude::*;

const HEADER: &str = r#"{"__metadata__":{"format":"pt","n":"1"},
    "b":{"dtype":"F32","shape":[3],"data_offsets":[16,28]},
    "a":{"dtype":"BF16","shape":[2,4],"data_offsets":[0,16]},
    "f4":{"dtype":"F4","shape":[4],"data_offsets":[28,30]}}"#;

fn parse(json: &str, data: u64) -> Result<Header, SafetensorsError> {
    Header::parse(json.as_bytes(), 8 + json.len() as u64 + data)
}

#[test]
fn tensors_are_added_up_in_whatever_order_they_come() {
    assert_eq!(parse(HEADER, 30), Ok(Header { tensors: 3, parameters: 15, bytes: 30 }));
}

#[test]
fn headers_beyond_reason_are_refused_before_they_are_read() {
    assert_eq!(header_length(1000_u64.to_le_bytes()), Ok(1000));
    for length in [0, 1, 1 << 26, 1 << 60, u64::MAX] {
        let refused = Err(SafetensorsError::HeaderLength { length, limit: 1 << 25 });
        assert_eq!(header_length(length.to_le_bytes()), refused);
    }
}

#[test]
fn what_does_not_add_up_is_refused() {
    let tensor = |dtype: &str, shape: &str, from: u64, to: u64| {
        format!(r#""dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]"#)
    };
    let one = |body: &str| format!(r#"{{"t":{{{body}}}}}"#);
    let size = |start, end| SafetensorsError::Size { tensor: "t".to_owned(), start, end };
    for (json, data, error) in [
        ("{}".to_owned(), 0, SafetensorsError::Empty),
        (one(&tensor("F32", "[2]", 0, 8)), 7, SafetensorsError::Length { size: 0, wanted: 0 }),
        (one(&tensor("F32", "[2]", 0, 7)), 7, size(0, 7)),
        (one(&tensor("F32", "[2]", 8, 0)), 8, size(8, 0)),
        (one(&tensor("F4", "[3]", 0, 2)), 2, size(0, 2)),
        (one(&tensor("F32", "[4294967296,4294967296]", 0, 8)), 8, size(0, 8)),
        (one(&tensor("F32", "[2]", 8, 16)), 16, SafetensorsError::Layout { at: 0 }),
        (
            one(&tensor("F5", "[2]", 0, 8)),
            8,
            SafetensorsError::Dtype { tensor: "t".to_owned(), found: "F5".to_owned() },
        ),
        (
            format!(r#"{{"t":{{{0}}},"t":{{{0}}}}}"#, tensor("U8", "[0]", 0, 0)),
            0,
            SafetensorsError::Duplicate { tensor: "t".to_owned() },
        ),
        (
            format!(r#"{{"t":{{{}}},"u":{{{}}}}}"#, tensor("U8", "[8]", 0, 8), tensor("U8", "[8]", 4, 12)),
            12,
            SafetensorsError::Layout { at: 4 },
        ),
    ] {
        let expected = match error {
            SafetensorsError::Length { .. } => {
                let head = 8 + json.len() as u64;
                SafetensorsError::Length { size: head + data, wanted: head + 8 }
            }
            other => other,
        };
        assert_eq!(parse(&json, data), Err(expected), "{json}");
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let deep = format!("{}{}", r#"{"__metadata__":"#, "[".repeat(100_000));
    let many = format!(r#"{{"t":{{"dtype":"U8","shape":[{}1],"data_offsets":[0,1]}}}}"#, "1,".repeat(17));
    for json in [
        "",
        "[]",
        "{",
        r#"{"t":1}"#,
        r#"{"t":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        &deep,
        &many,
    ] {
        assert!(matches!(parse(json, 4), Err(SafetensorsError::Json { .. })), "{json:.40}");
    }
}

const INDEX: &str = r#"{"metadata":{"total_size":30},"weight_map":{"a":"x-1.safetensors","b":"x-2.safetensors","c":"x-1.safetensors"}}"#;

#[test]
fn an_index_names_size_and_files() {
    let index = Index::parse(INDEX.as_bytes()).unwrap();
    assert_eq!((index.bytes, index.tensors), (30, 3));
    assert_eq!(index.files.iter().collect::<Vec<_>>(), ["x-1.safetensors", "x-2.safetensors"]);
    let float = Index::parse(INDEX.replace("30", "1.5e10").as_bytes()).unwrap();
    assert_eq!(float.bytes, 15_000_000_000);
}

#[test]
fn an_index_without_a_size_or_with_files_elsewhere_is_refused() {
    for size in ["0", "-1", "0.5", "1e300", "null"] {
        let json = INDEX.replace("30", size);
        assert_eq!(Index::parse(json.as_bytes()), Err(SafetensorsError::TotalSize), "{size}");
    }
    let bare = r#"{"weight_map":{"a":"b"}}"#;
    assert_eq!(Index::parse(bare.as_bytes()), Err(SafetensorsError::TotalSize));
    for file in ["", "..", "../x", "/etc/passwd", "a/b"] {
        let json = INDEX.replace("x-2.safetensors", file);
        assert_eq!(Index::parse(json.as_bytes()), Err(SafetensorsError::Shard { file: file.to_owned() }));
    }
    let empty = Index::parse(br#"{"metadata":{"total_size":1},"weight_map":{}}"#);
    assert_eq!(empty, Err(SafetensorsError::Empty));
}

proptest! {
    #[test]
    fn damaged_headers_give_an_answer(at in 0..HEADER.len(), byte in any::<u8>(), size in any::<u64>()) {
        let mut json = HEADER.as_bytes().to_vec();
        json[at] = byte;
        if let Ok(header) = Header::parse(&json, size) {
            prop_assert!(header.bytes < size);
        }
    }
}
