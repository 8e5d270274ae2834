// corim-judge FILE: the reference values that Trustee's extractor takes from a CoRIM, by the library that it uses, as JSON:
// {"VENDOR/MODEL/KEY/digests": [["hex", ...], ...]}: a list for each measurement, of which its store keeps the last.
use corim_rs::{ConciseMidTag, ConciseTagTypeChoice, Corim, ExtensionValue, MeasuredElementTypeChoice};
use serde_json::{json, Map, Value};

fn extract(comid: &ConciseMidTag, to: &mut Map<String, Value>) {
    for triple in comid.triples.reference_triples.iter().flatten() {
        let mut base = vec![];
        if let Some(class) = &triple.ref_env.class {
            base.extend(class.vendor.iter().map(|v| v.to_string()));
            base.extend(class.model.iter().map(|m| m.to_string()));
        }
        for claim in &triple.ref_claims {
            let mut path = base.clone();
            match &claim.mkey {
                Some(MeasuredElementTypeChoice::Tstr(key)) => path.push(key.to_string()),
                Some(MeasuredElementTypeChoice::UInt(key)) => path.push(format!("claim{key}")),
                _ => (),
            }
            if let Some(digests) = &claim.mval.digests {
                path.push("digests".to_string());
                let hex: Vec<String> = digests.iter().map(|d| hex::encode(d.val.as_ref())).collect();
                let list = to.entry(path.join("/")).or_insert(json!([]));
                list.as_array_mut().unwrap().push(json!(hex));
            }
        }
    }
}

fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let bytes = std::fs::read(path).expect("readable");
    let corim = Corim::from_cbor(&bytes[..]).unwrap_or_else(|e| {
        eprintln!("{e}");
        std::process::exit(1);
    });
    let map = corim.as_map_ref();
    let mut values = Map::new();
    for tag in &map.tags {
        match tag {
            ConciseTagTypeChoice::Mid(comid) => extract(comid.as_ref(), &mut values),
            ConciseTagTypeChoice::Extension(ExtensionValue::Bytes(bytes)) => {
                let comid: ConciseMidTag = ciborium::from_reader::<ConciseMidTag, &[u8]>(bytes.as_ref()).expect("a CoMID");
                extract(&comid, &mut values);
            }
            _ => {
                eprintln!("a tag that is no CoMID");
                std::process::exit(1);
            }
        }
    }
    println!("{}", Value::Object(values));
}
